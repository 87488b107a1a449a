//! What people say: the bodies of `MSG`.
//!
//! ```text
//! MIME-Version: 1.0
//! Content-Type: text/plain; charset=UTF-8
//! X-MMS-IM-Format: FN=Segoe%20UI; EF=B; CO=ff; CS=0; PF=22
//!
//! Hello
//! ```
//! Reading is lenient and never fails: what is not known is handed on as [`Said::Other`].

mod body;
pub mod chunk;
mod endpoint;
mod extra;
mod format;
mod look;
mod object;
mod personal;
mod split;

pub(crate) use self::endpoint::{PLACES_LIMIT, place_of};
pub use self::{
    body::Body,
    endpoint::{Endpoint, plain_id, read_endpoints},
    extra::{Emoticon, Extra, Ink, Invitation},
    format::{Colour, Format},
    look::Look,
    object::{Media, Object},
    personal::{PersonalMessage, read_shown},
    split::{PAYLOAD_LIMIT, split},
};

/// One message of a conversation, read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// Something that is neither words nor an attention call.
    Extra(Extra),
    /// An attention call.
    Nudge,
    /// Something this crate does not read, by its content type.
    Other {
        /// The content type without parameters, lower case.
        content_type: String,
    },
    /// Words.
    Text(Text),
    /// The sender is writing; lapses after some six seconds.
    Typing,
}

/// Words with one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The words; lines end in `\n`.
    pub words: String,
    /// Their look.
    pub format: Format,
    /// A name the sender wants shown for this message; decoration, never identity.
    pub shown_as: Option<String>,
}

impl Said {
    /// Reads a payload.
    pub fn read(payload: &[u8]) -> Self {
        let body = Body::read(payload);
        match body.content_type().as_str() {
            "text/plain" | "" => Self::Text(Text::read(&body)),
            "text/x-msmsgscontrol" => match body.header("TypingUser") {
                Some(_) => Self::Typing,
                None => Self::other(&body),
            },
            "text/x-msnmsgr-datacast" => {
                let inner = Body::read_headers(body.content());
                match inner.header("ID") {
                    Some("1") => Self::Nudge,
                    _ => Self::other(&body),
                }
            }
            _ => Self::other(&body),
        }
    }

    fn other(body: &Body<'_>) -> Self {
        match Extra::read(body) {
            Some(extra) => Self::Extra(extra),
            None => Self::Other { content_type: body.content_type() },
        }
    }
}

impl Text {
    /// Makes words without a look.
    pub fn plain(words: impl Into<String>) -> Self {
        Self { words: words.into(), ..Self::default() }
    }

    /// Writes the payload of a `MSG`; longer than [`PAYLOAD_LIMIT`] when the words are: see
    /// [`split`].
    pub fn write(&self) -> Vec<u8> {
        let mut out =
            String::from("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n");
        if let Some(name) = &self.shown_as {
            out.push_str("P4-Context: ");
            out.extend(name.chars().filter(|c| !c.is_control()));
            out.push_str("\r\n");
        }
        out.push_str("X-MMS-IM-Format: ");
        self.format.write(&mut out);
        out.push_str("\r\n\r\n");
        for (number, line) in self.words.lines().enumerate() {
            if number > 0 {
                out.push_str("\r\n");
            }
            out.push_str(line);
        }
        out.into_bytes()
    }

    fn read(body: &Body<'_>) -> Self {
        Self {
            words: body.text(),
            format: body.header("X-MMS-IM-Format").map(Format::read).unwrap_or_default(),
            shown_as: body.header("P4-Context").map(str::to_owned),
        }
    }
}

/// Writes the payload that says the account is writing.
pub fn write_typing(account: &str) -> Vec<u8> {
    let account: String = account.chars().filter(|c| !c.is_control()).collect();
    format!(
        "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgscontrol\r\nTypingUser: {account}\r\n\r\n\r\n"
    )
    .into_bytes()
}

/// Writes the payload of an attention call.
pub fn write_nudge() -> Vec<u8> {
    b"MIME-Version: 1.0\r\nContent-Type: text/x-msnmsgr-datacast\r\n\r\nID: 1\r\n\r\n".to_vec()
}
