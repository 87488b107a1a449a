//! Names that are safe on disks, in headers and in addresses, with the ending of what a file is.

use bridge_core::model::shown_file_name;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::kind::{self, Kind};

/// What stays as it is in an address and in an extended header value.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Makes a sender's name one for a file of a kind: a picture called `song.mp3` is none.
///
/// Where the kind has no endings of its own (words, archives, unknown bytes) the name keeps its own,
/// for there the ending is all that tells what it is.
pub(crate) fn for_kind(name: &str, kind: Kind) -> String {
    let name = shown_file_name(name);
    let Some(usual) = kind.endings.first() else {
        return name;
    };
    match name.rsplit_once('.') {
        Some((_, ending)) if kind.endings.iter().any(|one| one.eq_ignore_ascii_case(ending)) => {
            name
        }
        Some((stem, ending)) if !stem.is_empty() && kind::is_known_ending(ending) => {
            format!("{stem}.{usual}")
        }
        _ => format!("{name}.{usual}"),
    }
}

/// Writes a name for an address.
pub(crate) fn in_address(name: &str) -> String {
    utf8_percent_encode(name, KEPT).to_string()
}

/// Writes the header that says whether a file is shown or saved, and under which name.
pub(crate) fn disposition(name: &str, shown: bool) -> String {
    let how = if shown { "inline" } else { "attachment" };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._ ()".contains(c);
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    format!("{how}; filename=\"{ascii}\"; filename*=UTF-8''{}", in_address(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_kind_decides_the_ending() {
        let png = kind::of(b"\x89PNG\r\n\x1a\n");
        for (given, wanted) in [
            ("cat.png", "cat.png"),
            ("cat.PNG", "cat.PNG"),
            ("cat.jpg", "cat.png"),
            ("cat.exe", "cat.exe.png"),
            ("cat", "cat.png"),
            ("../cat.html", "cat.html.png"),
            ("", "file.png"),
        ] {
            assert_eq!(for_kind(given, png), wanted, "{given}");
        }
        assert_eq!(for_kind("notes.docx", kind::of(b"PK\x03\x04")), "notes.docx");
        assert_eq!(for_kind("page.html", kind::BYTES), "page.html");
    }

    proptest! {
        #[test]
        fn a_header_of_any_name_is_one_line_of_plain_letters(name in "\\PC{0,80}|[\\x00-\\x7f]{0,40}") {
            let header = disposition(&for_kind(&name, kind::BYTES), false);
            prop_assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", header);
            prop_assert_eq!(header.matches('"').count(), 2);
        }
    }
}
