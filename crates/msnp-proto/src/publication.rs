//! Presence and words as documents, from MSNP21: three blocks of headers, then a body.
//!
//! ```text
//! S: NFY PUT 320⏎Routing: 1.0⏎To: 1:ada@example.com⏎From: 1:bob@example.com⏎⏎
//!    Reliability: 1.0⏎Stream: 0⏎⏎Publication: 1.0⏎Uri: /user⏎NotifType: Full⏎…⏎⏎<user>…
//! ```
//! No server that is independent of the documents speaks it: what is here is unconfirmed. The length in
//! the headers may be too short, for one server counts characters; the command's own length rules.

use crate::{
    command::{Capabilities, Status, Whose},
    msg::{Endpoint, PersonalMessage, place_of, plain_id},
    xml::{self, escaped},
};

/// Most header lines of a document.
const HEADERS_LIMIT: usize = 64;

/// A document: whose it is, what it is about, and its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The name of the third block: `Publication`, `Notification` or `Messaging`; empty without one.
    pub kind: String,
    /// The headers of all blocks, names as they came, without the first line of each.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Document {
    /// Reads a document; none when a block is not ended.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut document = Self::default();
        let mut rest = payload;
        for block in 0..3 {
            if block == 2 && rest.is_empty() {
                break; // answers may end here
            }
            let mut first = true;
            loop {
                let end = memchr::memchr(b'\n', rest)?;
                let (line, after) = rest.split_at_checked(end)?;
                rest = after.get(1..).unwrap_or_default();
                let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
                if line.is_empty() {
                    break;
                }
                let (name, value) = line.split_once(':')?;
                if std::mem::take(&mut first) {
                    name.clone_into(&mut document.kind);
                } else if document.headers.len() < HEADERS_LIMIT {
                    document.headers.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
        }
        document.body = rest.to_vec();
        Some(document)
    }

    /// Finds a header, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Gives who sent it.
    pub fn from(&self) -> Option<Whose<'_>> {
        self.header("From").map(Whose::from_text)
    }

    /// Writes a document about an account's presence.
    pub fn write(
        kind: &str,
        to: &str,
        from: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        let plain = |text: &str| text.replace(['\r', '\n'], "");
        let mut out = format!(
            "Routing: 1.0\r\nTo: {}\r\nFrom: {}\r\n\r\nReliability: 1.0\r\n\r\n{kind}: 1.0\r\n",
            plain(to),
            plain(from)
        );
        for (name, value) in headers {
            out.push_str(&format!("{name}: {}\r\n", plain(value)));
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        [out.as_bytes(), body].concat()
    }
}

/// What a `application/user+xml` body tells of an account; what it does not tell stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPresence {
    /// The status.
    pub status: Option<Status>,
    /// The name.
    pub name: Option<String>,
    /// The personal message and what is playing.
    pub personal: Option<PersonalMessage>,
    /// The display picture's description; empty for none.
    pub object: Option<String>,
    /// Where the account is signed in.
    pub endpoints: Vec<Endpoint>,
}

impl UserPresence {
    /// Reads the body; none when it is no such document.
    pub fn read(body: &[u8]) -> Option<Self> {
        let user = xml::parse(body).ok().filter(|user| user.name() == "user")?;
        let mut presence = Self::default();
        for service in user.all("s") {
            let text = |name| service.text_of(&[name]);
            if let Some(code) = text("Status") {
                presence.status = Status::from_code(code.as_bytes());
            }
            if let Some(name) = text("FriendlyName") {
                presence.name = Some(name.to_owned());
            }
            if let Some(object) = text("UserTileLocation") {
                presence.object = Some(object.to_owned());
            }
            if let Some(words) = text("PSM") {
                words.clone_into(&mut presence.personal.get_or_insert_default().text);
            }
            if let Some(media) = text("CurrentMedia") {
                media.clone_into(&mut presence.personal.get_or_insert_default().media);
            }
        }
        for service in user.all("sep") {
            let id = plain_id(service.attribute("epid").unwrap_or_default());
            let Some(place) = place_of(&mut presence.endpoints, id) else {
                break;
            };
            let text = |name| service.text_of(&[name]);
            match service.attribute("n") {
                Some("PD") => {
                    text("EpName").unwrap_or_default().clone_into(&mut place.name);
                    text("ClientType").unwrap_or_default().clone_into(&mut place.client_type);
                    place.idle = text("Idle") == Some("true");
                    place.status =
                        text("State").and_then(|code| Status::from_code(code.as_bytes()));
                }
                Some("IM") => {
                    let told = text("Capabilities").and_then(|text| text.parse().ok());
                    place.capabilities = told.unwrap_or_default();
                }
                _ => {}
            }
        }
        Some(presence)
    }

    /// Writes the body. `with_ids` names the places, as servers do.
    pub fn write(&self, with_ids: bool) -> Vec<u8> {
        let mut out = "<user>".to_owned();
        let personal = self.personal.clone().unwrap_or_default();
        if let Some(status) = self.status {
            out.push_str(&format!(
                "<s n=\"IM\"><Status>{}</Status><CurrentMedia>{}</CurrentMedia></s>",
                status.code(),
                escaped(&personal.media)
            ));
        }
        if let Some(name) = &self.name {
            out.push_str(&format!(
                "<s n=\"PE\"><UserTileLocation>{}</UserTileLocation><FriendlyName>{}</FriendlyName>\
                 <PSM>{}</PSM></s>",
                escaped(self.object.as_deref().unwrap_or_default()),
                escaped(name),
                escaped(&personal.text)
            ));
        }
        for place in &self.endpoints {
            let id = match with_ids {
                true => format!(" epid=\"{{{}}}\"", escaped(&place.id)),
                false => String::new(),
            };
            let Capabilities { bits, extended } = place.capabilities;
            let extended = extended.unwrap_or_default();
            out.push_str(&format!(
                "<sep n=\"IM\"{id}><Capabilities>{bits}:{extended}</Capabilities></sep>\
                 <sep n=\"PD\"{id}><ClientType>{}</ClientType><EpName>{}</EpName><Idle>{}</Idle>\
                 <State>{}</State></sep>",
                escaped(&place.client_type),
                escaped(&place.name),
                place.idle,
                place.status.unwrap_or(Status::Online).code()
            ));
        }
        out.push_str("</user>");
        out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presence_reads_back_out_of_its_document() {
        let place = Endpoint {
            id: "6b2d".to_owned(),
            name: "Desk".to_owned(),
            client_type: "1".to_owned(),
            status: Some(Status::Busy),
            capabilities: "1:2".parse().unwrap(),
            ..Endpoint::default()
        };
        let presence = UserPresence {
            status: Some(Status::Busy),
            name: Some("Bob & ☃".to_owned()),
            personal: Some(PersonalMessage { text: "a < b".to_owned(), media: String::new() }),
            object: Some(String::new()),
            endpoints: vec![place],
        };
        let headers = [("Uri", "/user"), ("NotifType", "Full")];
        let body = presence.write(true);
        let (to, from) = ("1:ada@example.com", "1:bob@example.com;epid={6b2d}");
        let written = Document::write("Publication", to, from, &headers, &body);
        let read = Document::read(&written).unwrap();
        assert_eq!((read.kind.as_str(), read.header("uri")), ("Publication", Some("/user")));
        assert_eq!(read.from().map(|whose| whose.account), Some("bob@example.com"));
        assert_eq!(UserPresence::read(&read.body), Some(presence));
    }

    #[test]
    fn half_a_document_is_none() {
        for half in ["", "Routing: 1.0", "Routing: 1.0\r\n\r\nReliability: 1.0\r\n", "x\r\n\r\n"] {
            assert_eq!(Document::read(half.as_bytes()), None, "{half}");
        }
        let answer = Document::read(b"Routing: 1.0\r\n\r\nReliability: 1.0\r\n\r\n").unwrap();
        assert_eq!(answer.body, b"");
    }
}
