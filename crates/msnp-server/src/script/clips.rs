//! A sound and an animation that are made here: a beep, and a cabinet with a picture as winks are.

/// Samples of a second.
const RATE: u32 = 8000;
/// How long the beep is, in samples.
const SAMPLES: u32 = RATE / 2;

/// Makes a beep as a sound of eight bits a sample.
pub(super) fn voice() -> Vec<u8> {
    let mut out = b"RIFF".to_vec();
    out.extend((36 + SAMPLES).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend(RATE.to_le_bytes());
    out.extend(RATE.to_le_bytes());
    out.extend_from_slice(b"\x01\0\x08\0data");
    out.extend(SAMPLES.to_le_bytes());
    // A square of 500 waves a second, not too loud.
    out.extend((0..SAMPLES).map(|at| if at / 8 % 2 == 0 { 0x70 } else { 0x90 }));
    out
}

/// Makes a wink: what says what is in it, and a picture. Nothing plays it, so there is nothing to play.
pub(super) fn wink(picture: &[u8]) -> Vec<u8> {
    let content = br#"<?xml version="1.0" encoding="UTF-8"?>
<Package xmlns="http://messenger.msn.com/messengercontent/1.0" version="1.0" type="wink">
<Item type="thumbnail" mimetype="image/png" file="disc.png"/>
</Package>"#;
    cabinet(&[("content.xml", content), ("disc.png", picture)])
}

/// Puts files into a cabinet, as they are.
fn cabinet(files: &[(&str, &[u8])]) -> Vec<u8> {
    /// Most bytes of a block.
    const BLOCK: usize = 32_768;
    /// Where the entry of the folder is, and where those of the files begin.
    const FILES_AT: u32 = 44;

    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let all: Vec<u8> = files.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    let mut entries = Vec::new();
    let mut at = 0;
    for (name, bytes) in files {
        entries.extend(length(bytes).to_le_bytes());
        entries.extend(u32::to_le_bytes(at));
        entries.extend([0; 8]);
        entries.extend_from_slice(name.as_bytes());
        entries.push(0);
        at += length(bytes);
    }
    let mut data = Vec::new();
    let mut blocks = 0_u16;
    for block in all.chunks(BLOCK) {
        let size = u16::try_from(block.len()).unwrap_or(u16::MAX).to_le_bytes();
        data.extend([0; 4]); // no checksum
        data.extend([size, size].concat());
        data.extend_from_slice(block);
        blocks += 1;
    }
    let data_at = FILES_AT + length(&entries);
    let mut out = b"MSCF\0\0\0\0".to_vec();
    out.extend((data_at + length(&data)).to_le_bytes());
    out.extend([0; 4]);
    out.extend(FILES_AT.to_le_bytes());
    out.extend([0, 0, 0, 0, 3, 1, 1, 0]);
    out.extend(u16::try_from(files.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend([0; 6]);
    out.extend(data_at.to_le_bytes());
    out.extend(blocks.to_le_bytes());
    out.extend([0; 2]);
    out.extend(entries);
    out.extend(data);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_of_a_wink_is_found_by_who_reads_winks() {
        let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 40_000]].concat();
        assert_eq!(msnp_proto::wink::thumbnail(&wink(&picture)), Some(picture));
    }
}
