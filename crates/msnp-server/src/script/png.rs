//! Pictures that are drawn here: a disc as a PNG, its pixels stored as they are.

/// Most bytes of a stored block of pixels.
const BLOCK: usize = 65_535;

/// Draws a disc on a ground of another colour, `side` pixels wide and high; colours are the ground's and
/// the disc's, red, green and blue.
pub(super) fn disc(side: u32, colours: [[u8; 3]; 2]) -> Vec<u8> {
    let mut rows = Vec::new();
    let off_middle = |at: u32| (2 * at + 1).abs_diff(side).pow(2);
    for y in 0..side {
        rows.push(0); // the row is not filtered
        let pixels = (0..side).map(|x| off_middle(x) + off_middle(y) < side.pow(2) * 3 / 4);
        rows.extend(pixels.map(u8::from));
    }
    let size = side.to_be_bytes();
    // Eight bits a pixel, each the number of a colour.
    let header = [size.as_slice(), size.as_slice(), &[8, 3, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"PLTE", colours.as_flattened());
    chunk(&mut png, b"IDAT", &stored(&rows));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], bytes: &[u8]) {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(kind);
    checksum.update(bytes);
    out.extend(u32::try_from(bytes.len()).unwrap_or_default().to_be_bytes());
    out.extend(kind);
    out.extend(bytes);
    out.extend(checksum.finalize().to_be_bytes());
}

/// Writes bytes as zlib does without compression.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or_default();
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(adler32(bytes).to_be_bytes());
    out
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_their_kinds() {
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
        let png = disc(2, [[0; 3]; 2]);
        assert!(png.ends_with(b"\0\0\0\0IEND\xAE\x42\x60\x82"), "{}", png.escape_ascii());
    }
}
