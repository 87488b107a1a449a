//! Cabinets: a header, folders of packed bytes, and files that are parts of folders.

use super::inflate::inflate;

/// What a cabinet begins with.
const MARK: &[u8] = b"MSCF";
/// The flag of one whose parts have room for a signature.
const RESERVES: u16 = 4;
/// Flags of one that goes on in others.
const GOES_ON: u16 = 3;
/// Most folders and files that are looked at.
const FOLDERS: u16 = 16;
const FILES: u16 = 64;
/// Before each block that is packed as deflate does.
const PACKED: &[u8] = b"CK";

/// Finds the first file whose bytes are wanted; none where the cabinet is broken, or unpacks to more than
/// `limit` bytes before it is found.
pub(super) fn find(
    cabinet: &[u8],
    limit: usize,
    wanted: impl Fn(&[u8]) -> bool,
) -> Option<Vec<u8>> {
    let header = cabinet.strip_prefix(MARK)?;
    let header = Reader(header);
    let files_at = usize::try_from(header.word(12)?).ok()?;
    let (folders, files, flags) = (header.half(22)?, header.half(24)?, header.half(26)?);
    if flags & GOES_ON != 0 {
        return None;
    }
    let all = Reader(cabinet);
    let (mut folder_at, mut folder_spare, mut block_spare) = (36, 0, 0);
    if flags & RESERVES != 0 {
        folder_at += 4 + usize::from(all.half(36)?);
        (folder_spare, block_spare) = (usize::from(all.byte(38)?), usize::from(all.byte(39)?));
    }
    let mut left = limit;
    for number in 0..folders.min(FOLDERS) {
        let blocks_at = usize::try_from(all.word(folder_at)?).ok()?;
        let (blocks, kind) = (all.half(folder_at + 4)?, all.half(folder_at + 6)?);
        folder_at += 8 + folder_spare;
        let unpacked = unpack(all, blocks_at, block_spare, (blocks, kind), left);
        let Some(unpacked) = unpacked else { continue };
        left = left.saturating_sub(unpacked.len());
        let mut file_at = files_at;
        for _ in 0..files.min(FILES) {
            let size = usize::try_from(all.word(file_at)?).ok()?;
            let start = usize::try_from(all.word(file_at + 4)?).ok()?;
            let folder = all.half(file_at + 8)?;
            let name = all.0.get(file_at + 16..)?;
            file_at += 17 + name.iter().position(|byte| *byte == 0)?;
            let bytes = unpacked.get(start..start.saturating_add(size));
            if let Some(bytes) = bytes.filter(|bytes| folder == number && wanted(bytes)) {
                return Some(bytes.to_vec());
            }
        }
    }
    None
}

/// Unpacks a folder; none where it is broken, or packed otherwise.
fn unpack(
    all: Reader<'_>,
    mut at: usize,
    spare: usize,
    (blocks, kind): (u16, u16),
    limit: usize,
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for _ in 0..blocks {
        let (packed, unpacked) = (all.half(at + 4)?, usize::from(all.half(at + 6)?));
        let from = at + 8 + spare;
        let bytes = all.0.get(from..from + usize::from(packed))?;
        at = from + usize::from(packed);
        let end = out.len() + unpacked;
        if end > limit {
            return None;
        }
        match kind & 0x0F {
            0 => out.extend_from_slice(bytes),
            // A block may look back into those before it.
            1 => inflate(bytes.strip_prefix(PACKED)?, &mut out, end)?,
            _ => return None,
        }
        if out.len() != end {
            return None;
        }
    }
    Some(out)
}

/// Bytes with numbers in them, the least byte first.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn half(self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn word(self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(*self.0.get(at..)?.first_chunk()?))
    }
}
