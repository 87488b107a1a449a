//! What a file is, told by how its bytes begin.
//!
//! A small table instead of a crate: what is not in it is served as bytes that nothing opens by
//! itself, so a kind that is missing costs a preview and nothing else. HTML, SVG and scripts are left
//! out on purpose: a browser would run them.

/// A kind of file that is known by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its media type.
    pub mime: &'static str,
    /// Endings of its names, the usual one first; none where names of many endings hold it.
    pub endings: &'static [&'static str],
}

/// How many bytes at the beginning tell what a file is.
pub const HEAD: usize = 512;

/// Bytes of no known kind.
pub const BYTES: Kind = Kind { mime: "application/octet-stream", endings: &[] };
/// Words.
const TEXT: Kind = Kind { mime: "text/plain; charset=utf-8", endings: &[] };

const BMP: Kind = Kind { mime: "image/bmp", endings: &["bmp", "dib"] };
const GIF: Kind = Kind { mime: "image/gif", endings: &["gif"] };
const JPEG: Kind = Kind { mime: "image/jpeg", endings: &["jpg", "jpeg", "jpe", "jfif"] };
const MP3: Kind = Kind { mime: "audio/mpeg", endings: &["mp3"] };
const MP4: Kind = Kind { mime: "video/mp4", endings: &["mp4", "m4v"] };

/// Marks at a place in the beginning, and what they tell.
const MARKS: &[(usize, &[u8], Kind)] = &[
    (0, b"\x89PNG\r\n\x1a\n", Kind { mime: "image/png", endings: &["png"] }),
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (0, b"OggS", Kind { mime: "audio/ogg", endings: &["ogg", "oga", "opus", "ogv"] }),
    (0, b"fLaC", Kind { mime: "audio/flac", endings: &["flac"] }),
    (0, b"ID3", MP3),
    (0, b"\xff\xfb", MP3),
    (0, b"\xff\xf3", MP3),
    (0, b"#!AMR", Kind { mime: "audio/amr", endings: &["amr"] }),
    (0, b"\x1a\x45\xdf\xa3", Kind { mime: "video/webm", endings: &["webm", "mkv"] }),
    (0, b"%PDF-", Kind { mime: "application/pdf", endings: &["pdf"] }),
    (0, b"PK\x03\x04", Kind { mime: "application/zip", endings: &[] }),
    (0, b"\x1f\x8b", Kind { mime: "application/gzip", endings: &[] }),
    (0, b"7z\xbc\xaf\x27\x1c", Kind { mime: "application/x-7z-compressed", endings: &["7z"] }),
    (4, b"ftypM4A", Kind { mime: "audio/mp4", endings: &["m4a"] }),
    (4, b"ftypqt", Kind { mime: "video/quicktime", endings: &["mov", "qt"] }),
    (4, b"ftyp3g", Kind { mime: "video/3gpp", endings: &["3gp"] }),
    (4, b"ftypheic", Kind { mime: "image/heic", endings: &["heic"] }),
    (4, b"ftypavif", Kind { mime: "image/avif", endings: &["avif"] }),
    (4, b"ftyp", MP4),
];

/// Kinds of a RIFF container, by the word at its eighth byte.
const RIFF: &[(&[u8], Kind)] = &[
    (b"WEBP", Kind { mime: "image/webp", endings: &["webp"] }),
    (b"WAVE", Kind { mime: "audio/wav", endings: &["wav"] }),
    (b"AVI ", Kind { mime: "video/x-msvideo", endings: &["avi"] }),
];

/// How the codec of Messenger's voice clips is told in a container that browsers else play.
const SIREN: [u8; 2] = 0x028E_u16.to_le_bytes();

/// Tells what a file is by its first [`HEAD`] bytes.
pub fn of(head: &[u8]) -> Kind {
    let holds = |at: usize, mark: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(mark));
    if let Some((_, _, kind)) = MARKS.iter().find(|(at, mark, _)| holds(*at, mark)) {
        return *kind;
    }
    if holds(0, b"RIFF")
        && !(holds(8, b"WAVEfmt ") && holds(20, &SIREN))
        && let Some((_, kind)) = RIFF.iter().find(|(mark, _)| holds(8, mark))
    {
        return *kind;
    }
    // Two letters begin many things: the header's size makes it a bitmap.
    if holds(0, b"BM") && holds(14, &[40, 0, 0, 0]) {
        return BMP;
    }
    if is_text(head) { TEXT } else { BYTES }
}

/// Gives the kind of a media type that [`of`] told.
pub(crate) fn known(mime: &str) -> Kind {
    let marks = MARKS.iter().map(|(_, _, kind)| kind);
    let mut all = marks.chain(RIFF.iter().map(|(_, kind)| kind)).chain([&BMP, &TEXT]);
    all.find(|kind| kind.mime == mime).copied().unwrap_or(BYTES)
}

/// Tells whether bytes are words: UTF-8 without controls, and no beginning of a page.
fn is_text(head: &[u8]) -> bool {
    let words = match std::str::from_utf8(head) {
        Ok(words) => words,
        // The last letter may be cut by the end of what is looked at.
        Err(error) if error.error_len().is_none() && head.len() >= HEAD => {
            let whole = head.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let strange = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c');
    !words.is_empty() && !words.contains(strange) && !words.trim_start().starts_with('<')
}

/// Tells whether a browser may show it by itself: pictures, sounds and films, which run nothing.
pub fn is_shown(mime: &str) -> bool {
    ["image/", "audio/", "video/"].iter().any(|shown| mime.starts_with(shown))
}

/// Tells whether a name's ending is that of some kind.
pub(crate) fn is_known_ending(ending: &str) -> bool {
    let marks = MARKS.iter().map(|(_, _, kind)| kind);
    let all = marks.chain(RIFF.iter().map(|(_, kind)| kind)).chain([&BMP]);
    all.flat_map(|kind| kind.endings).any(|known| known.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn beginnings_tell_kinds() {
        let mut bitmap = b"BM\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        bitmap.extend([40, 0, 0, 0]);
        for (head, mime) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], "image/png"),
            (b"GIF89a<html><script>alert(1)</script>", "image/gif"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"RIFF\0\0\0\0WEBP", "image/webp"),
            (b"RIFF\0\0\0\0NONE\x01", "application/octet-stream"),
            (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0", "audio/wav"),
            (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x8e\x02", "application/octet-stream"),
            (b"\0\0\0\x20ftypisom", "video/mp4"),
            (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
            (&bitmap, "image/bmp"),
            (b"BMW is a car", "text/plain; charset=utf-8"),
            (b"<!DOCTYPE html><script>", "application/octet-stream"),
            (b"  <svg onload=alert(1)>", "application/octet-stream"),
            (b"#!/bin/sh\nrm -rf /", "text/plain; charset=utf-8"),
            (b"MZ\x90\0", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(of(head).mime, mime, "{head:?}");
        }
        let cut = format!("{}é", "a".repeat(HEAD - 1));
        assert_eq!(of(cut.as_bytes().get(..HEAD).unwrap()).mime, TEXT.mime);
    }

    proptest! {
        #[test]
        fn nothing_that_a_browser_runs_is_ever_told(head in proptest::collection::vec(any::<u8>(), 0..HEAD)) {
            let mime = of(&head).mime;
            prop_assert!(!["html", "svg", "xml", "script"].iter().any(|bad| mime.contains(bad)));
        }
    }
}
