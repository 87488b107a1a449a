//! What a server tells of the account's mail, by which it means letters, not offline messages.
//!
//! ```text
//! S: MSG Hotmail Hotmail 223⏎…Content-Type: text/x-msmsgsemailnotification…
//!    From: Bob⏎Subject: =?utf-8?B?4piD?=⏎From-Addr: bob@example.com⏎…
//! ```
//! *Original* told it; of the revival servers none is known to (docs: protocol, offline messages).

use crate::{msg::Body, xml};

/// Most characters of a field.
const FIELD_LIMIT: usize = 512;

/// What a notice tells of mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// How many letters nobody has read: in the inbox, and in all other folders.
    Unread {
        /// In the inbox.
        inbox: u32,
        /// In all other folders.
        folders: u32,
    },
    /// A letter came.
    Came {
        /// Its writer's name.
        name: String,
        /// Its writer's address.
        address: String,
        /// What it is about.
        subject: String,
    },
}

impl Mail {
    /// Reads the payload of a notice; none when it says nothing about letters.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let body = Body::read(payload);
        let inner = Body::read_headers(body.content());
        let number = |name: &str| inner.header(name).and_then(|value| value.trim().parse().ok());
        match body.content_type().as_str() {
            "text/x-msmsgsinitialemailnotification" => Some(Self::Unread {
                inbox: number("Inbox-Unread")?,
                folders: number("Folders-Unread").unwrap_or_default(),
            }),
            "text/x-msmsgsinitialmdatanotification" => {
                let document = xml::parse(inner.header("Mail-Data")?.as_bytes()).ok()?;
                let count = |name: &str| document.text_of(&["E", name])?.parse::<u32>().ok();
                // Servers count offline messages too, which are told of otherwise.
                let listed = document.descendants("M").count();
                let inbox = count("IU")?.saturating_sub(u32::try_from(listed).unwrap_or(u32::MAX));
                let folders = count("OU").unwrap_or_default();
                (inbox > 0 || folders > 0).then_some(Self::Unread { inbox, folders })
            }
            "text/x-msmsgsemailnotification" => {
                let field = |name: &str| decoded(inner.header(name).unwrap_or_default());
                let address = field("From-Addr");
                // Offline messages are told of in the same way by some servers, without a writer.
                (!address.is_empty()).then(|| Self::Came {
                    name: field("From"),
                    address,
                    subject: field("Subject"),
                })
            }
            _ => None,
        }
    }
}

/// Reads a field whose characters may be written in the way of RFC 2047.
fn decoded(value: &str) -> String {
    let header = format!("X: {value}");
    let decoded = mailparse::parse_header(header.as_bytes()).map(|(header, _)| header.get_value());
    let decoded = decoded.unwrap_or_else(|_| value.to_owned());
    decoded.trim().chars().filter(|char| !char.is_control()).take(FIELD_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted_and_told_of() {
        let first = b"MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsinitialemailnotification; \
            charset=UTF-8\r\n\r\nInbox-Unread: 12\r\nFolders-Unread: 3\r\nInbox-URL: /x\r\n";
        assert_eq!(Mail::read(first), Some(Mail::Unread { inbox: 12, folders: 3 }));
        let lists = b"MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsinitialmdatanotification\r\n\
            \r\nMail-Data: <MD><E><I>9</I><IU>4</IU><O>1</O><OU>1</OU></E><M><I>a</I></M></MD>\r\n";
        assert_eq!(Mail::read(lists), Some(Mail::Unread { inbox: 3, folders: 1 }));
        let offline_only = b"Content-Type: text/x-msmsgsinitialmdatanotification\r\n\r\n\
            Mail-Data: <MD><E><I>1</I><IU>1</IU></E><M><I>a</I></M></MD>\r\n";
        assert_eq!(Mail::read(offline_only), None);
        let came = "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsemailnotification\r\n\r\n\
            From: =?utf-8?B?Qm9iIOKYgw==?=\r\nFrom-Addr: bob@example.com\r\n\
            Subject: =?utf-8?Q?=E2=98=83_in_May?=\r\nDest-Folder: ACTIVE\r\n";
        let letter = Mail::Came {
            name: "Bob ☃".to_owned(),
            address: "bob@example.com".to_owned(),
            subject: "☃ in May".to_owned(),
        };
        assert_eq!(Mail::read(came.as_bytes()), Some(letter));
        assert_eq!(Mail::read(b"Content-Type: text/plain\r\n\r\nInbox-Unread: 1\r\n"), None);
        assert_eq!(Mail::read(b""), None);
    }
}
