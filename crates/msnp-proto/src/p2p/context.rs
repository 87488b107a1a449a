//! What an invitation to a file says of it: a block of bytes, in base64.

use std::borrow::Cow;

/// Longest name, in UTF-16 units.
const NAME_LIMIT: usize = 259;
/// Where the name begins.
const NAME_AT: usize = 20;
/// Bytes of the name's field.
const NAME_LENGTH: usize = 520;
/// Length of the block as it is written: the third form, as the original clients do.
const LENGTH: usize = 638;

/// A file that is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileContext {
    /// Its length in bytes.
    pub size: u64,
    /// Its name as it came: anything may stand in it, see [`safe_name`](Self::safe_name).
    pub name: String,
    /// A small picture of it, often PNG; empty without one.
    pub preview: Vec<u8>,
}

impl FileContext {
    /// Reads the block: at least size and name must be there, the rest is taken as it comes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let at = |at: usize| -> Option<u32> {
            Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
        };
        let length = usize::try_from(at(0)?).ok()?;
        let size = u64::from(at(8)?) | u64::from(at(12)?) << 32;
        let has_preview = at(16)? == 0;
        let name = bytes.get(NAME_AT..NAME_AT + NAME_LENGTH)?;
        let (units, _) = name.as_chunks::<2>();
        let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        let preview = match has_preview {
            true => bytes.get(length.max(NAME_AT + NAME_LENGTH)..).unwrap_or_default().to_vec(),
            false => Vec::new(),
        };
        Some(Self { size, name: String::from_utf16_lossy(&units), preview })
    }

    /// Writes the block; a name that is too long loses its middle, not its ending.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; LENGTH];
        let mut put = |at: usize, bytes: &[u8]| {
            if let Some(place) = out.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        };
        put(0, &u32::try_from(LENGTH).unwrap_or_default().to_le_bytes());
        put(4, &3_u32.to_le_bytes());
        put(8, &self.size.to_le_bytes());
        put(16, &u32::from(self.preview.is_empty()).to_le_bytes());
        let units: Vec<u16> = self.name.encode_utf16().collect();
        let units = match units.len() > NAME_LIMIT {
            true => {
                let (ending, beginning) = (32, NAME_LIMIT - 32);
                let tail = units.get(units.len() - ending..).unwrap_or_default();
                Cow::Owned([units.get(..beginning).unwrap_or_default(), tail].concat())
            }
            false => Cow::Borrowed(units.as_slice()),
        };
        let name: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        put(NAME_AT, &name);
        put(570, &u32::MAX.to_le_bytes());
        out.extend_from_slice(&self.preview);
        out
    }

    /// Gives a name that may stand in a directory: without directories, control characters, characters
    /// that some system forbids, and names some system keeps for its devices; never empty, at most 200
    /// bytes.
    pub fn safe_name(&self) -> String {
        let last = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let forbidden = |c: char| {
            c.is_control()
                || matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|')
                || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        };
        let plain: String = last.chars().filter(|c| !forbidden(*c)).collect();
        let plain = plain.trim_matches(['.', ' ']);
        let (stem, ending) = match plain.rsplit_once('.') {
            Some((stem, ending)) if ending.len() <= 16 => (stem, format!(".{ending}")),
            _ => (plain, String::new()),
        };
        let room = 200 - ending.len();
        let cut = stem.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|at| *at <= room);
        let stem = stem.get(..cut.last().unwrap_or_default()).unwrap_or_default();
        let device = stem.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
        let numbered = |name: &str| {
            let rest = device.strip_prefix(name).and_then(|rest| {
                let mut rest = rest.chars();
                rest.next().filter(|_| rest.next().is_none())
            });
            // Three of the small digits count there too.
            rest.is_some_and(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³'))
        };
        let reserved =
            matches!(device.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
                || numbered("COM")
                || numbered("LPT");
        match (stem.is_empty(), reserved) {
            (true, _) => format!("file{ending}"),
            (false, true) => format!("_{stem}{ending}"),
            (false, false) => format!("{stem}{ending}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_a_directory_or_name_a_device() {
        for (came, safe) in [
            ("photo.jpg", "photo.jpg"),
            ("..\\..\\x", "x"),
            ("/etc/passwd", "passwd"),
            ("a/../..", "file"),
            ("", "file"),
            ("nul", "_nul"),
            ("COM1.txt", "_COM1.txt"),
            ("con.tar.gz", "_con.tar.gz"),
            ("a\u{0}b\u{202E}gpj.exe", "abgpj.exe"),
            ("  .hidden. ", "hidden"),
            ("C:name", "Cname"),
        ] {
            let context = FileContext { name: came.to_owned(), ..FileContext::default() };
            assert_eq!(context.safe_name(), safe, "{came:?}");
        }
        let context = FileContext { name: "ü".repeat(500) + ".jpeg", ..FileContext::default() };
        assert!(context.safe_name().len() <= 200 && context.safe_name().ends_with(".jpeg"));
    }

    #[test]
    fn blocks_read_back_and_long_names_keep_their_ending() {
        let context =
            FileContext { size: 5 << 32, name: "großes Bild.png".to_owned(), preview: vec![1, 2] };
        assert_eq!(FileContext::decode(&context.encode()), Some(context));
        let long = FileContext { name: "x".repeat(400) + ".jpeg", ..FileContext::default() };
        let read = FileContext::decode(&long.encode()).unwrap();
        assert!(read.name.ends_with(".jpeg") && read.name.len() == NAME_LIMIT);
        assert_eq!(FileContext::decode(&[0; 539]), None);
    }
}
