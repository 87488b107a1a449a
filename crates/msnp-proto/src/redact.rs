//! What may be shown of a session: each command by its kind, secrets and words left out.
//!
//! ```text
//! C USR 4 TWN S <secret>
//! S MSG account:5f1c09ab name:77d0e2c4 130 [130 bytes, text/plain]
//! ```
//! What each word of a command is, is known by the command and its place, never by looking for a
//! secret in the text. Of a command that is not known only its name and length are shown.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use md5::{Digest as _, Md5};

use crate::{
    frame::{Frame, Framer, Limits},
    payload::{Direction, LinkKind},
    verb,
    version::Version,
};

/// Longest word that is shown.
const WORD_LIMIT: usize = 200;
/// Most words of a line that are looked at.
const WORDS_LIMIT: usize = 32;
/// Kinds of messages that may be named.
const TYPES: [&str; 11] = [
    "application/x-msnmsgrp2p",
    "text/plain",
    "text/x-clientcaps",
    "text/x-mms-emoticon",
    "text/x-msmsgscontrol",
    "text/x-msmsgsinitialemailnotification",
    "text/x-msmsgsinitialmdatanotification",
    "text/x-msmsgsinvite",
    "text/x-msmsgsoimnotification",
    "text/x-msmsgsprofile",
    "text/x-msnmsgr-datacast",
];

/// What a word of a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Somebody's address.
    Account,
    /// What its shape says, in commands whose words differ between servers.
    ByShape,
    /// What somebody called herself or something: a name, a picture's description.
    Name,
    /// A number, a state, a server's address.
    Plain,
    /// A ticket, an answer to a challenge, anything of a command that is not known.
    Secret,
}

/// Makes the lines of a capture from what links carry.
///
/// Bytes of one link and direction must be given whole and in order, beginning where a frame begins.
#[derive(Debug)]
pub struct Capture {
    framers: BTreeMap<(u64, bool), Framer>,
    /// Makes hashes of one capture alike and those of two different.
    salt: [u8; 16],
    /// Whether addresses and names are shown as they are.
    names: bool,
}

impl Capture {
    /// Makes one; addresses and names become hashes with the salt, unless `names` are to be shown.
    pub fn new(salt: [u8; 16], names: bool) -> Self {
        Self { framers: BTreeMap::new(), salt, names }
    }

    /// Tells whether bytes of a link and direction were given before.
    pub fn knows(&self, link: u64, direction: Direction) -> bool {
        self.framers.contains_key(&(link, direction == Direction::ToClient))
    }

    /// Forgets a link that is gone.
    pub fn forget(&mut self, link: u64) {
        self.framers.retain(|(known, _), _| *known != link);
    }

    /// Forgets what a link said one way: the next bytes begin a frame.
    pub fn forget_side(&mut self, link: u64, direction: Direction) {
        self.framers.remove(&(link, direction == Direction::ToClient));
    }

    /// Takes bytes of a link; gives the lines of the commands that are whole now.
    pub fn take(
        &mut self,
        link: u64,
        kind: LinkKind,
        direction: Direction,
        version: Version,
        bytes: &[u8],
    ) -> Vec<String> {
        let key = (link, direction == Direction::ToClient);
        let fresh = || Framer::new(kind, direction, Limits::default());
        let mut framer = self.framers.remove(&key).unwrap_or_else(fresh);
        framer.push(bytes);
        let side = if direction == Direction::ToClient { 'S' } else { 'C' };
        let mut lines = Vec::new();
        loop {
            match framer.next() {
                Ok(Some(frame)) => {
                    let line = self.line(&frame, kind, direction, version);
                    lines.push(format!("{side} {line}"));
                }
                Ok(None) => break,
                Err(error) => {
                    lines.push(format!("{side} (the framing is broken: {error})"));
                    framer = fresh();
                    break;
                }
            }
        }
        self.framers.insert(key, framer);
        lines
    }

    /// Writes one command.
    fn line(
        &self,
        frame: &Frame<'_>,
        kind: LinkKind,
        direction: Direction,
        version: Version,
    ) -> String {
        let words: Vec<Cow<'_, str>> =
            frame.arguments().take(WORDS_LIMIT).map(String::from_utf8_lossy).collect();
        let number = frame.verb().len() == 3 && frame.verb().iter().all(u8::is_ascii_digit);
        let kinds = if number {
            Some(vec![Kind::Plain])
        } else {
            kinds(verb::code(frame.verb()), &words, kind, direction, version)
        };
        let name = String::from_utf8_lossy(frame.verb());
        let mut line = match &kinds {
            Some(_) => name.into_owned(),
            None => "(unknown)".to_owned(),
        };
        let kinds = kinds.unwrap_or_else(|| vec![Kind::Secret]);
        for (place, word) in words.iter().enumerate() {
            let kind = kinds.get(place).or(kinds.last()).copied().unwrap_or(Kind::Secret);
            line.push(' ');
            self.word(kind, word, &mut line);
        }
        let payload = frame.payload();
        if !payload.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(line, " [{} bytes", payload.len());
            if verb::code(frame.verb()) == verb::MSG {
                let _ = write!(line, ", {}", content_type(payload));
            }
            line.push(']');
        }
        line
    }

    fn word(&self, kind: Kind, word: &str, line: &mut String) {
        match kind {
            Kind::Account if word == "Hotmail" => line.push_str(word),
            Kind::Account => self.person("account", &word.to_lowercase(), word, line),
            Kind::Name => self.person("name", word, word, line),
            Kind::Plain => line.extend(word.chars().filter(|c| !c.is_control()).take(WORD_LIMIT)),
            Kind::Secret => line.push_str("<secret>"),
            Kind::ByShape => match word.split_at_checked(2) {
                Some((tag @ ("N=" | "F="), rest)) => {
                    line.push_str(tag);
                    let kind = if tag == "N=" { Kind::Account } else { Kind::Name };
                    self.word(kind, rest, line);
                }
                Some(("C=", rest)) if is_plain(rest) => line.push_str(word),
                _ if word.contains('@') => self.word(Kind::Account, word, line),
                _ if is_plain(word) => self.word(Kind::Plain, word, line),
                _ => self.word(Kind::Name, word, line),
            },
        }
    }

    fn person(&self, what: &str, hashed: &str, word: &str, line: &mut String) {
        if self.names {
            return self.word(Kind::Plain, word, line);
        }
        let mut hash = Md5::new();
        hash.update(self.salt);
        hash.update(hashed.as_bytes());
        let _ = write!(line, "{what}:");
        for byte in hash.finalize().iter().take(4) {
            let _ = write!(line, "{byte:02x}");
        }
    }
}

/// Whether a word is a number, a list's or property's code, or an id.
fn is_plain(word: &str) -> bool {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    let id = word.len() == 36 && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let ids = word.len() > 36 && word.split(',').all(|id| id.len() == 36 && is_plain(id));
    let code = matches!(
        word,
        "FL" | "AL"
            | "BL"
            | "RL"
            | "PL"
            | "A"
            | "N"
            | "MFN"
            | "PHH"
            | "PHW"
            | "PHM"
            | "MOB"
            | "MBE"
            | "WWE"
            | "HSB"
    );
    digits || id || ids || code
}

/// Says what the words of a command are, the last one for all that follow; none for one not known.
fn kinds(
    code: u32,
    words: &[Cow<'_, str>],
    kind: LinkKind,
    direction: Direction,
    version: Version,
) -> Option<Vec<Kind>> {
    use Kind::{Account, ByShape, Name, Plain, Secret};

    let to_client = direction == Direction::ToClient;
    let third = words.get(2).map(|word| &**word);
    Some(match code {
        verb::USR if kind == LinkKind::Switchboard && to_client => {
            vec![Plain, Plain, Account, Name]
        }
        verb::USR if kind == LinkKind::Switchboard => vec![Plain, Account, Secret],
        verb::USR if to_client && words.get(1).is_some_and(|word| *word == "OK") => {
            let named = version.has_name_in_sign_in();
            let rest = if named { Name } else { Plain };
            vec![Plain, Plain, Account, rest, Plain]
        }
        verb::USR if third == Some("I") => vec![Plain, Plain, Plain, Account, Secret],
        verb::USR if third == Some("S") && !to_client => {
            vec![Plain, Plain, Plain, Secret, Secret, Plain, Secret]
        }
        verb::USR => vec![Plain, Plain, Plain, Secret],
        verb::ANS if to_client => vec![Plain],
        verb::ANS => vec![Plain, Account, Secret, Plain, Secret],
        verb::CAL if to_client => vec![Plain],
        verb::CAL => vec![Plain, Account],
        verb::IRO => vec![Plain, Plain, Plain, Account, Name, Plain],
        verb::JOI => vec![Account, Name, Plain],
        verb::BYE | verb::FLN | verb::UBX | verb::UBN => vec![Account, Plain],
        verb::UUN | verb::UUM => vec![Plain, Account, Plain],
        verb::UBM => vec![Account, Plain, Account, Plain],
        verb::MSG if to_client => vec![Account, Name, Plain],
        verb::XFR if to_client => vec![Plain, Plain, Plain, Plain, Secret, Plain],
        verb::RNG => vec![Plain, Plain, Plain, Secret, Account, Name, Plain],
        verb::NLN | verb::ILN => {
            let mut kinds = if code == verb::ILN { vec![Plain] } else { Vec::new() };
            kinds.extend([Plain, Account]);
            // The network stands between address and name where it is not before the address.
            if version.has_network_in_presence() && !version.has_joined_addresses() {
                kinds.push(Plain);
            }
            kinds.extend([Name, Plain, Name]);
            kinds
        }
        verb::CHG => vec![Plain, Plain, Plain, Name],
        verb::CVR if !to_client => {
            let mut kinds = vec![Plain; 8];
            kinds.push(Account);
            kinds
        }
        verb::LST if version.has_guids() => vec![ByShape],
        verb::LST if version.has_numbered_lists() => {
            vec![Plain, Plain, Plain, Plain, Plain, Account, Name, Plain]
        }
        verb::LST => vec![Account, Name, Plain],
        verb::LSG if version.has_guids() => vec![Name, Plain],
        verb::LSG if version.has_numbered_lists() && words.len() > 3 => {
            vec![Plain, Plain, Plain, Plain, Plain, Name, Plain]
        }
        verb::LSG => vec![Plain, Name, Plain],
        verb::ADC
        | verb::ADD
        | verb::ADG
        | verb::BPR
        | verb::PRP
        | verb::REA
        | verb::REG
        | verb::REM
        | verb::RMG
        | verb::SBP => vec![Plain, ByShape],
        verb::QRY if !to_client => vec![Plain],
        verb::CHL | verb::URL => vec![Plain, Secret],
        verb::ACK
        | verb::ADL
        | verb::BLP
        | verb::CVR
        | verb::DEL
        | verb::FQY
        | verb::GCF
        | verb::GTC
        | verb::INF
        | verb::IPG
        | verb::MSG
        | verb::NAK
        | verb::NFY
        | verb::NOT
        | verb::OUT
        | verb::PNG
        | verb::PUT
        | verb::QNG
        | verb::QRY
        | verb::RML
        | verb::SBS
        | verb::SDG
        | verb::SYN
        | verb::UUX
        | verb::VER
        | verb::XFR => vec![Plain],
        _ => return None,
    })
}

/// Names the kind of a message, if it is one that is known.
fn content_type(payload: &[u8]) -> &'static str {
    let head = payload.get(..payload.len().min(2048)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().take_while(|line| !line.is_empty());
    let found = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type").then(|| value.trim().to_lowercase())
    });
    let found = found.unwrap_or_default();
    let found = found.split(';').next().unwrap_or_default().trim();
    TYPES.into_iter().find(|known| *known == found).unwrap_or("of another kind")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(direction: Direction, kind: LinkKind, version: Version, words: &str) -> String {
        let mut capture = Capture::new([7; 16], false);
        capture.take(1, kind, direction, version, words.as_bytes()).join("\n")
    }

    #[test]
    fn secrets_people_and_words_are_left_out_of_every_command() {
        use Direction::{ToClient, ToServer};
        use LinkKind::{Notification, Switchboard};

        let hidden = "hunter2";
        for (direction, kind, version, words) in [
            (ToServer, Notification, Version::Msnp12, "USR 4 TWN S t=hunter2&p=x\r\n"),
            (ToServer, Notification, Version::Msnp16, "USR 4 SSO S t=1 p {x} hunter2\r\n"),
            (ToServer, Switchboard, Version::Msnp12, "ANS 1 a@b x 77 hunter2\r\n"),
            (ToClient, Notification, Version::Msnp12, "USR 3 TWN S ct=1,hunter2\r\n"),
            (ToServer, Notification, Version::Msnp12, "USR 3 TWN I hunter2@example.com\r\n"),
            (ToClient, Notification, Version::Msnp12, "USR 4 OK hunter2@example.com 1 0\r\n"),
            (ToClient, Notification, Version::Msnp8, "USR 4 OK a@b hunter2 1 0\r\n"),
            (ToServer, Switchboard, Version::Msnp12, "USR 1 a@b hunter2\r\n"),
            (ToServer, Switchboard, Version::Msnp12, "ANS 1 a@b hunter2 77\r\n"),
            (ToClient, Notification, Version::Msnp12, "XFR 8 SB 1.2.3.4:1864 CKI hunter2\r\n"),
            (ToClient, Notification, Version::Msnp12, "RNG 1 x:1 CKI hunter2 b@c hunter2\r\n"),
            (ToServer, Notification, Version::Msnp12, "QRY 8 PROD 7\r\nhunter2"),
            (ToClient, Notification, Version::Msnp12, "CHL 0 hunter2\r\n"),
            (ToServer, Switchboard, Version::Msnp12, "MSG 3 A 9\r\n\r\nhunter2"),
            (ToClient, Switchboard, Version::Msnp12, "MSG hunter2@x hunter2 9\r\n\r\nhunter2"),
            (ToClient, Notification, Version::Msnp12, "LST N=hunter2@x F=hunter2 C=1 11 1\r\n"),
            (ToClient, Notification, Version::Msnp8, "LST hunter2@x hunter2 11 0\r\n"),
            (ToClient, Notification, Version::Msnp8, "LSG 1 hunter2 0\r\n"),
            (ToClient, Notification, Version::Msnp12, "LSG hunter2 1\r\n"),
            (ToServer, Notification, Version::Msnp12, "ADC 9 FL N=hunter2@x F=hunter2\r\n"),
            (ToServer, Notification, Version::Msnp8, "ADD 9 FL hunter2@x hunter2 1\r\n"),
            (ToServer, Notification, Version::Msnp8, "ADG 9 hunter2 0\r\n"),
            (ToServer, Notification, Version::Msnp8, "REA 9 a@b hunter2\r\n"),
            (ToServer, Notification, Version::Msnp12, "PRP 9 MFN hunter2\r\n"),
            (ToServer, Notification, Version::Msnp12, "UUX 9 7\r\nhunter2"),
            (ToClient, Notification, Version::Msnp12, "UBX hunter2@x 7\r\nhunter2"),
            (ToClient, Notification, Version::Msnp12, "NLN NLN hunter2@x hunter2 0 hunter2\r\n"),
            (ToClient, Notification, Version::Msnp12, "ILN 8 NLN hunter2@x hunter2 0\r\n"),
            (ToClient, Switchboard, Version::Msnp12, "IRO 1 1 1 hunter2@x hunter2\r\n"),
            (ToClient, Switchboard, Version::Msnp12, "JOI hunter2@x hunter2\r\n"),
            (ToClient, Notification, Version::Msnp12, "hunter2 is what I said\r\n"),
            (ToClient, Notification, Version::Msnp12, "XYZ hunter2\r\n"),
        ] {
            let line = seen(direction, kind, version, words);
            assert!(!line.is_empty() && !line.contains(hidden), "{words:?}: {line}");
        }
    }

    #[test]
    fn what_helps_to_understand_is_shown() {
        let line = seen(
            Direction::ToClient,
            LinkKind::Switchboard,
            Version::Msnp12,
            "MSG bob@example.com Bob 33\r\nContent-Type: text/plain\r\n\r\nhello",
        );
        let tail = " 33 [33 bytes, text/plain]";
        assert!(line.starts_with("S MSG account:") && line.ends_with(tail), "{line}");
        let line = seen(Direction::ToClient, LinkKind::Notification, Version::Msnp12, "217 9\r\n");
        assert_eq!(line, "S 217 9");
        let mut capture = Capture::new([7; 16], true);
        let (kind, way) = (LinkKind::Notification, Direction::ToServer);
        let words = b"ADC 9 FL N=bob@example.com F=Bob%20B\r\nQRY 1 P";
        let lines = capture.take(1, kind, way, Version::Msnp12, words);
        assert_eq!(lines, ["C ADC 9 FL N=bob@example.com F=Bob%20B"]);
        assert_eq!(
            capture.take(1, kind, way, Version::Msnp12, b"ROD 2\r\nxx"),
            ["C QRY 1 PROD 2 [2 bytes]"]
        );
    }
}
