//! Charsets of old clients. They are read, never written: what this crate writes is UTF-8.
//!
//! ```text
//! Content-Type: text/plain; charset=windows-1251
//! X-MMS-IM-Format: FN=Tahoma; EF=; CO=0; CS=cc; PF=22
//! ```

use std::borrow::Cow;

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, MACINTOSH, SHIFT_JIS, WINDOWS_874, WINDOWS_1250, WINDOWS_1251,
    WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257,
    WINDOWS_1258,
};

/// Reads bytes in the charset that is declared. Where none is, or one that is not known, they are UTF-8 if
/// they can be, else in the charset of the font, else Windows-1252.
///
/// `font` gives the number of the font's character set, `CS` on the wire. What cannot be read becomes U+FFFD.
/// The text has at most three times as many bytes.
pub fn decode<'a>(
    bytes: &'a [u8],
    declared: Option<&str>,
    font: impl FnOnce() -> u8,
) -> Cow<'a, str> {
    let declared =
        declared.and_then(|label| Encoding::for_label_no_replacement(label.trim().as_bytes()));
    let encoding = match (declared, str::from_utf8(bytes)) {
        (Some(declared), _) => declared,
        (None, Ok(text)) => return text.into(),
        (None, Err(_)) => of_font(font()),
    };
    encoding.decode_without_bom_handling(bytes).0
}

/// Gives the charset that a font of a character set was written in; Windows-1252 where the number names none
/// (1, 2) or one that is not known here (82, Johab; ff, the machine's own).
fn of_font(number: u8) -> &'static Encoding {
    match number {
        0x4D => MACINTOSH,
        0x80 => SHIFT_JIS,
        0x81 => EUC_KR,
        0x86 => GBK,
        0x88 => BIG5,
        0xA1 => WINDOWS_1253,
        0xA2 => WINDOWS_1254,
        0xA3 => WINDOWS_1258,
        0xB1 => WINDOWS_1255,
        0xB2 => WINDOWS_1256,
        0xBA => WINDOWS_1257,
        0xCC => WINDOWS_1251,
        0xDE => WINDOWS_874,
        0xEE => WINDOWS_1250,
        _ => WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declared_charset_is_read() {
        let privet = b"\xCF\xF0\xE8\xE2\xE5\xF2";
        assert_eq!(decode(privet, Some("windows-1251"), || 0), "Привет");
        assert_eq!(decode(b"\x82\xB1\x82\xF1", Some("Shift_JIS"), || 0), "こん");
        assert_eq!(decode("é☃".as_bytes(), Some("UTF-8"), || 0xCC), "é☃");
    }

    #[test]
    fn without_one_utf_8_goes_before_the_font_and_that_before_western_letters() {
        assert_eq!(decode("Привет".as_bytes(), None, || 0xA1), "Привет");
        assert_eq!(decode(b"\xCF\xF0\xE8\xE2\xE5\xF2", None, || 0xCC), "Привет");
        assert_eq!(decode(b"caf\xE9 \x80", None, || 0), "café €");
        assert_eq!(decode(b"caf\xE9", Some("martian"), || 0xFF), "café");
    }

    #[test]
    fn what_cannot_be_read_is_shown_and_the_rest_stays() {
        assert_eq!(decode(b"a\xFFb", Some("utf-8"), || 0), "a\u{FFFD}b");
        assert_eq!(decode(b"a\x81", Some("shift_jis"), || 0), "a\u{FFFD}");
        // The label of a charset that browsers give up on as a whole.
        assert_eq!(decode(b"a\xE9", Some("iso-2022-kr"), || 0), "aé");
    }
}
