//! Contact lists as files, `.ctt`, as Messenger wrote and read them.
//!
//! ```text
//! <?xml version="1.0"?>
//! <messenger><service name=".NET Messenger Service"><contactlist>
//! <contact>bob@example.com</contact>
//! </contactlist></service></messenger>
//! ```
//! A file comes from anywhere: it is read with limits on its size, depth and number of contacts, and
//! without entities of its own.

use quick_xml::{Reader, events::Event};

/// Longest file, in bytes.
pub const SIZE_LIMIT: usize = 1024 * 1024;
/// Most contacts in one.
const CONTACTS_LIMIT: usize = 10_000;
/// Deepest element.
const DEPTH_LIMIT: usize = 8;
/// Longest address in one.
const ADDRESS_LIMIT: usize = 256;

/// Why a file is no contact list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CttError {
    /// It declares entities or a document type: no contact list does.
    #[error("it declares a document type or entities, which no contact list does")]
    Entities,
    /// It is XML, but of something else.
    #[error("it is not a contact list of MSN Messenger")]
    Foreign,
    /// It is not well-formed XML; the number says where.
    #[error("it is not XML: something is wrong near byte {at}")]
    Malformed {
        /// Where reading ended.
        at: u64,
    },
    /// It is not text.
    #[error("it is not text in UTF-8")]
    NotText,
    /// Elements lie in each other too deep.
    #[error("its elements lie deeper in each other than those of a contact list")]
    TooDeep,
    /// It is longer than any contact list.
    #[error("it is longer than any contact list: the limit is {SIZE_LIMIT} bytes")]
    TooLong,
    /// It names more contacts than any account has.
    #[error("it names more than {CONTACTS_LIMIT} contacts")]
    TooMany,
}

/// Reads the addresses of a file, as they stand there.
///
/// # Errors
/// [`CttError`]; a file that is too long is not looked at.
pub fn read(file: &[u8]) -> Result<Vec<String>, CttError> {
    if file.len() > SIZE_LIMIT {
        return Err(CttError::TooLong);
    }
    let text = str::from_utf8(file).map_err(|_| CttError::NotText)?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let (mut depth, mut root) = (0_usize, false);
    let mut addresses = Vec::new();
    let mut address: Option<String> = None;
    loop {
        let event =
            reader.read_event().map_err(|_| CttError::Malformed { at: reader.error_position() })?;
        match event {
            Event::Start(element) => {
                let name = element.local_name().into_inner();
                if depth == 0 && !name.eq_ignore_ascii_case("messenger") {
                    return Err(CttError::Foreign);
                }
                (root, depth) = (true, depth + 1);
                if depth > DEPTH_LIMIT {
                    return Err(CttError::TooDeep);
                }
                if name.eq_ignore_ascii_case("contact") {
                    address = Some(String::new());
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if let Some(address) = address.take().filter(|address| !address.trim().is_empty()) {
                    if addresses.len() >= CONTACTS_LIMIT {
                        return Err(CttError::TooMany);
                    }
                    addresses.push(address.trim().to_owned());
                }
            }
            Event::Text(text) => {
                if depth == 0 && !text.trim().is_empty() {
                    return Err(CttError::Malformed { at: reader.buffer_position() });
                }
                add(&mut address, &text);
            }
            Event::CData(text) => add(&mut address, &text),
            Event::GeneralRef(reference) => match (&*reference, reference.resolve_char_ref()) {
                ("amp", _) => add(&mut address, "&"),
                ("lt", _) => add(&mut address, "<"),
                ("gt", _) => add(&mut address, ">"),
                ("quot", _) => add(&mut address, "\""),
                ("apos", _) => add(&mut address, "'"),
                (_, Ok(Some(character))) => {
                    add(&mut address, character.encode_utf8(&mut [0; 4]));
                }
                _ => return Err(CttError::Entities),
            },
            Event::DocType(_) => return Err(CttError::Entities),
            Event::Eof if !root => return Err(CttError::Malformed { at: 0 }),
            Event::Eof if depth > 0 => {
                return Err(CttError::Malformed { at: reader.buffer_position() });
            }
            Event::Eof => return Ok(addresses),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// Adds text to an address, as far as an address may be.
fn add(address: &mut Option<String>, text: &str) {
    if let Some(address) = address {
        let room = ADDRESS_LIMIT.saturating_sub(address.len());
        address.extend(text.chars().take(room));
    }
}

/// Writes a file of addresses.
pub fn write<'a>(addresses: impl Iterator<Item = &'a str>) -> String {
    let mut text = "<?xml version=\"1.0\"?>\r\n<messenger>\r\n  <service name=\".NET Messenger \
                    Service\">\r\n    <contactlist>\r\n"
        .to_owned();
    for address in addresses {
        text.push_str("      <contact>");
        text.push_str(&quick_xml::escape::escape(address));
        text.push_str("</contact>\r\n");
    }
    text.push_str("    </contactlist>\r\n  </service>\r\n</messenger>\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let addresses = ["bob@example.com", "o'brien&co@example.com", "a<b>@example.com"];
        let text = write(addresses.into_iter());
        assert!(text.contains("<contact>bob@example.com</contact>"));
        assert_eq!(read(text.as_bytes()), Ok(addresses.map(str::to_owned).to_vec()));
        assert_eq!(read(write(std::iter::empty()).as_bytes()), Ok(Vec::new()));
    }

    proptest::proptest! {
        #[test]
        fn any_address_reads_back(addresses in proptest::collection::vec("[ -~é☃]{1,40}", 0..5)) {
            let whole = |address: &String| address.trim().to_owned();
            let wanted: Vec<String> = addresses.iter().map(whole).filter(|a| !a.is_empty()).collect();
            let text = write(addresses.iter().map(String::as_str));
            proptest::prop_assert_eq!(read(text.as_bytes()), Ok(wanted));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), tail in "[<>/a-z!\\[\\]&; ]{0,80}") {
            let _ = read(&bytes);
            let _ = read(format!("<messenger>{tail}").as_bytes());
        }
    }

    #[test]
    fn a_file_of_messengers_own_is_read() {
        let file = "\u{feff}<?xml version=\"1.0\"?>\n<messenger>\n\t<service name=\".NET Messenger \
                    Service\">\n\t<contactlist>\n\t\t<contact type=\"1\"> bob@example.com\n</contact>\
                    <contact/><contact></contact></contactlist></service></messenger>";
        assert_eq!(read(file.as_bytes()), Ok(vec!["bob@example.com".to_owned()]));
    }

    #[test]
    fn hostile_files_are_refused_with_their_reason() {
        let inside = |what: &str| format!("<messenger>{what}</messenger>");
        let bomb = "<!DOCTYPE m [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><messenger>&b;</messenger>";
        let outside = "<!DOCTYPE m SYSTEM \"file:///etc/passwd\"><messenger/>";
        let deep = "<messenger>".repeat(20);
        let many = inside(&"<contact>a@b</contact>".repeat(CONTACTS_LIMIT + 1));
        for (file, wanted) in [
            (bomb.to_owned(), CttError::Entities),
            (outside.to_owned(), CttError::Entities),
            (inside("<contact>&mine;</contact>"), CttError::Entities),
            ("<html></html>".to_owned(), CttError::Foreign),
            (deep, CttError::TooDeep),
            (many, CttError::TooMany),
            ("x".repeat(SIZE_LIMIT + 1), CttError::TooLong),
        ] {
            assert_eq!(read(file.as_bytes()), Err(wanted));
        }
        for file in
            ["", "hello", "<messenger>", "<messenger></contact>", "<messenger><a b=</messenger>"]
        {
            assert!(matches!(read(file.as_bytes()), Err(CttError::Malformed { .. })), "{file}");
        }
        assert_eq!(read(b"\xff\xfe<\0"), Err(CttError::NotText));
    }
}
