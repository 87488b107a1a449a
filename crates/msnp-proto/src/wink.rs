//! Winks: animations that come as cabinets, archives of Windows (docs: protocol, objects).
//!
//! ```text
//! MSCF…  content.xml  3065297f.swf  3065297m.png
//! ```
//! Nothing here plays the animation; the picture beside it is what others can be shown. Whoever sends a wink
//! chooses every number in it: what is unpacked has a bound, and nothing is believed.

mod cabinet;
mod inflate;

/// Most bytes that are unpacked: a wink is one object, which has at most a mebibyte.
const UNPACKED_LIMIT: usize = 4 * 1024 * 1024;

/// Finds the picture in a wink: a PNG, JPEG or GIF; none where there is none, or it is packed in a way that
/// winks are not.
pub fn thumbnail(wink: &[u8]) -> Option<Vec<u8>> {
    let pictures: [&[u8]; 3] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"];
    let is_picture = |bytes: &[u8]| pictures.iter().any(|mark| bytes.starts_with(mark));
    cabinet::find(wink, UNPACKED_LIMIT, is_picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand the rest of it";

    /// A cabinet with one folder of files; each block is packed on its own, as it is or as deflate's stored.
    fn cabinet(files: &[(&str, &[u8])], packed: bool, reserve: bool) -> Vec<u8> {
        let all: Vec<u8> = files.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        let mut data = Vec::new();
        let blocks: Vec<&[u8]> = all.chunks(100).collect();
        for block in &blocks {
            let length = u16::try_from(block.len()).unwrap();
            let mut bytes = Vec::new();
            if packed {
                bytes.extend_from_slice(b"CK\x01");
                bytes.extend(length.to_le_bytes());
                bytes.extend((!length).to_le_bytes());
            }
            bytes.extend_from_slice(block);
            data.extend([0; 4]);
            data.extend(u16::try_from(bytes.len()).unwrap().to_le_bytes());
            data.extend(length.to_le_bytes());
            data.extend(vec![7; if reserve { 3 } else { 0 }]);
            data.extend(bytes);
        }
        let mut entries = Vec::new();
        let mut at = 0_u32;
        for (name, bytes) in files {
            let size = u32::try_from(bytes.len()).unwrap();
            entries.extend(size.to_le_bytes());
            entries.extend(at.to_le_bytes());
            entries.extend([0; 8]);
            entries.extend_from_slice(name.as_bytes());
            entries.push(0);
            at += size;
        }
        let spare: &[u8] = if reserve { &[2, 0, 1, 3, 9, 9] } else { &[] };
        let folder_at = 36 + spare.len();
        let files_at = folder_at + if reserve { 9 } else { 8 };
        let data_at = files_at + entries.len();
        let word = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let half = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
        let mut out = b"MSCF\0\0\0\0".to_vec();
        out.extend(word(data_at + data.len()));
        out.extend([0; 4]);
        out.extend(word(files_at));
        out.extend([0, 0, 0, 0, 3, 1]);
        out.extend(half(1));
        out.extend(half(files.len()));
        out.extend(half(if reserve { 4 } else { 0 }));
        out.extend([0; 4]);
        out.extend_from_slice(spare);
        out.extend(word(data_at));
        out.extend(half(blocks.len()));
        out.extend(half(usize::from(packed)));
        out.extend(vec![5; usize::from(reserve)]);
        out.extend(entries);
        out.extend(data);
        out
    }

    #[test]
    fn the_picture_of_a_wink_is_found_however_it_is_packed() {
        let animation = [b"CWS".as_slice(), &[3; 400]].concat();
        let files: [(&str, &[u8]); 3] =
            [("content.xml", b"<package/>"), ("a.swf", &animation), ("a.png", PNG)];
        for (packed, reserve) in [(false, false), (true, false), (true, true)] {
            let wink = cabinet(&files, packed, reserve);
            assert_eq!(thumbnail(&wink).as_deref(), Some(PNG), "{packed} {reserve}");
        }
        assert_eq!(thumbnail(&cabinet(&files[..2], true, false)), None);
    }

    #[test]
    fn no_cut_and_no_wrong_byte_breaks_it() {
        let wink = cabinet(&[("a.png", PNG), ("b", &[1; 300])], true, true);
        for end in 0..wink.len() {
            let _ = thumbnail(&wink[..end]);
        }
        for at in 0..wink.len() {
            for wrong in [0, 0x7f, 0xff] {
                let mut wink = wink.clone();
                wink[at] = wrong;
                let _ = thumbnail(&wink);
            }
        }
    }
}
