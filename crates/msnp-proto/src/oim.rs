//! Offline messages: what a server tells of those that wait, and the messages themselves, which are mail.
//!
//! ```text
//! S: MSG Hotmail Hotmail 560⏎…Content-Type: text/x-msmsgsinitialmdatanotification…
//!    Mail-Data: <MD>…<M><T>11</T><RT>2026-11-23T02:26:15.000Z</RT><E>ada@example.com</E><I>MSG…</I>…</M></MD>
//! ```
//! All fields but the id and the sender may be missing, and the list itself where it is long (docs:
//! protocol, offline messages).

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mailparse::{MailHeaderMap as _, ParsedMail};

use crate::{
    clock,
    msg::Body,
    xml::{self, Element},
};

/// Kinds of notices that list what waits.
const NOTICES: [&str; 2] =
    ["text/x-msmsgsinitialmdatanotification", "text/x-msmsgsoimnotification"];
/// What stands for a list that is too long to be told.
const TOO_LARGE: &str = "too-large";
/// Most messages of one list; the next sign-in tells of the others.
const LISTED_LIMIT: usize = 100;
/// Most bytes of a mail: what is longer was written by no client, and may have a part every few bytes.
const MAIL_LIMIT: usize = 256 * 1024;
/// Most characters of a message's text; more is cut off.
const TEXT_LIMIT: usize = 16 * 1024;
/// Most characters of a sender's name (docs: protocol, offline messages, sending).
const NAME_LIMIT: usize = 48;
/// Longest line of the encoded text.
const LINE: usize = 76;
/// Seconds from 1601, where Windows begins to count, to 1970.
const WINDOWS_EPOCH: u64 = 11_644_473_600;

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name it is fetched by, case kept.
    pub id: String,
    /// The sender's address.
    pub from: String,
    /// When it was sent, in seconds since 1970.
    pub sent: Option<u64>,
}

/// What a notice tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// All that wait, or those that came just now.
    Listed(Vec<Listed>),
    /// There are too many to be listed; they must be asked for.
    TooMany,
}

/// A message said while the account was away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineMessage {
    /// The name it is deleted by.
    pub id: String,
    /// The sender's address, lower case.
    pub from: String,
    /// Her name of then.
    pub name: Option<String>,
    /// The words; lines end in `\n`.
    pub text: String,
    /// When she said it, in seconds since 1970.
    pub sent: Option<u64>,
    /// What it was said in one go with.
    pub run: String,
    /// Its place among those, from 1.
    pub number: u32,
}

/// Reads the payload of a notice; none when it is about something else.
pub fn read_notice(payload: &[u8]) -> Option<Waiting> {
    let body = Body::read(payload);
    if !NOTICES.contains(&body.content_type().as_str()) {
        return None;
    }
    let inner = Body::read_headers(body.content());
    match inner.header("Mail-Data")? {
        TOO_LARGE => Some(Waiting::TooMany),
        document => Some(Waiting::Listed(read_list(&xml::parse(document.as_bytes()).ok()?))),
    }
}

/// Reads the list in a document, wherever it is, escaped as a text too.
pub fn read_list(document: &Element) -> Vec<Listed> {
    let text = document.whole_text().trim();
    let inner = text.starts_with('<').then(|| xml::parse(text.as_bytes()));
    match inner {
        // A text within the text is not looked at: each could hold another.
        Some(Ok(inner)) => read_elements(&inner),
        _ => read_elements(document),
    }
}

fn read_elements(document: &Element) -> Vec<Listed> {
    let listed = |message: &Element| {
        let sent = message.text_of(&["RT"]).and_then(clock::seconds);
        Some(Listed {
            id: message.text_of(&["I"]).filter(|id| !id.is_empty())?.to_owned(),
            from: message.text_of(&["E"]).unwrap_or_default().to_lowercase(),
            sent,
        })
    };
    document.descendants("M").filter_map(listed).take(LISTED_LIMIT).collect()
}

/// Reads a message; none when it is no mail with a text, or longer than 256 KiB.
pub fn read_message(listed: &Listed, mail: &str) -> Option<OfflineMessage> {
    if mail.len() > MAIL_LIMIT {
        return None;
    }
    let mail = mailparse::parse_mail(mail.trim_start().as_bytes()).ok()?;
    let text = text_part(&mail)?.get_body().ok()?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text: String = text.trim_end_matches('\n').chars().take(TEXT_LIMIT).collect();
    let header = |name: &str| mail.headers.get_first_value(name);
    let sender = header("From").unwrap_or_default();
    let (name, address) = sender.rsplit_once('<').unwrap_or(("", &sender));
    let address = address.trim_end_matches('>').trim().to_lowercase();
    let name = name.trim().trim_matches('"').to_owned();
    let arrival = header("X-OriginalArrivalTime").as_deref().and_then(windows_time);
    let date = || header("Date").and_then(|date| mailparse::dateparse(&date).ok());
    Some(OfflineMessage {
        id: listed.id.clone(),
        from: if listed.from.is_empty() { address } else { listed.from.clone() },
        name: Some(name).filter(|name| !name.is_empty()),
        text,
        sent: listed.sent.or(arrival).or_else(|| date().and_then(|date| u64::try_from(date).ok())),
        run: header("X-OIM-Run-Id").unwrap_or_default(),
        number: header("X-OIM-Sequence-Num").and_then(|number| number.parse().ok()).unwrap_or(1),
    })
}

/// Puts messages in the order they were said: what was said in one go stays together.
pub fn sort(messages: &mut [OfflineMessage]) {
    let mut begins: BTreeMap<String, Option<u64>> = BTreeMap::new();
    for message in messages.iter() {
        let begin = begins.entry(message.run.clone()).or_insert(message.sent);
        *begin = (*begin).min(message.sent);
    }
    messages.sort_by_cached_key(|message| {
        let begin = begins.get(&message.run).copied().flatten();
        (begin, message.run.clone(), message.number, message.sent)
    });
}

/// Writes a message to be stored: the text in a run, numbered from 1 (lines end in `\r\n`).
pub fn write_message(text: &str, run: &str, number: u32) -> String {
    let encoded = STANDARD.encode(text);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(LINE).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!(
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\
         Content-Transfer-Encoding: base64\r\nX-OIM-Message-Type: OfflineMessage\r\n\
         X-OIM-Run-Id: {{{run}}}\r\nX-OIM-Sequence-Num: {number}\r\n\r\n{}",
        lines.join("\r\n")
    )
}

/// Writes a name as a header may hold it.
pub fn encoded_name(name: &str) -> String {
    let name: String = name.chars().take(NAME_LIMIT).collect();
    format!("=?utf-8?B?{}?=", STANDARD.encode(name))
}

/// Writes a time as lists have it: `2026-11-24T02:45:35Z`.
pub fn time(seconds: u64) -> String {
    clock::text(seconds)
}

fn text_part<'m, 'a>(mail: &'m ParsedMail<'a>) -> Option<&'m ParsedMail<'a>> {
    if mail.subparts.is_empty() {
        return Some(mail);
    }
    mail.subparts.iter().find(|part| part.ctype.mimetype == "text/plain")
}

/// Reads `… FILETIME=[LOW:HIGH]`, tenths of microseconds since 1601 in hexadecimal digits.
fn windows_time(text: &str) -> Option<u64> {
    let (_, times) = text.split_once("FILETIME=[")?;
    let (low, high) = times.split_once(']')?.0.split_once(':')?;
    let part = |digits: &str| u64::from_str_radix(digits, 16).ok().filter(|_| digits.len() <= 8);
    ((part(high)? << 32 | part(low)?) / 10_000_000).checked_sub(WINDOWS_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> Listed {
        Listed { id: "MSG1".to_owned(), from: String::new(), sent: None }
    }

    #[test]
    fn a_message_written_reads_back_and_its_lines_are_short() {
        let text = "Grüße ☃\n".repeat(30);
        let mail = write_message(&text, "6B29FC40-CA47-1067-B31D-00DD010662DA", 3);
        assert!(mail.starts_with("MIME-Version: 1.0\r\n") && mail.lines().all(|l| l.len() <= 76));
        let read = read_message(&listed(), &mail).expect("it is mail");
        assert_eq!(read.text, text.trim_end());
        assert_eq!((read.number, read.run.len()), (3, 38));
    }

    #[test]
    fn names_charsets_and_times_of_other_clients_are_read() {
        let mail = "From: =?windows-1252?Q?B=F6b?= <Bob@Example.com>\n\
                    Content-Type: text/plain; charset=windows-1252\n\
                    Content-Transfer-Encoding: quoted-printable\n\
                    X-OriginalArrivalTime: 15 Nov 2005 22:24:27.0 (UTC) FILETIME=[56C65F80:01C5EA33]\n\
                    Date: 15 Nov 2005 14:24:27 -0800\n\ncaf=E9";
        let read = read_message(&listed(), mail).expect("it is mail");
        assert_eq!(read.name.as_deref(), Some("Böb"));
        assert_eq!((read.from.as_str(), read.text.as_str()), ("bob@example.com", "café"));
        assert_eq!(read.sent, Some(1_132_093_467));
        let undated = mail.replace("X-OriginalArrivalTime", "X-Other");
        let read = read_message(&listed(), &undated).expect("it is mail");
        assert_eq!(read.sent, Some(1_132_093_467));
    }

    #[test]
    fn of_many_parts_the_plain_text_is_taken() {
        let mail = "From: <bob@example.com>\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\
                    Content-Type: application/vnd.ms-msnipg\n\nno\n--x\nContent-Type: text/plain\n\n\
                    yes\n--x--\n";
        assert_eq!(read_message(&listed(), mail).expect("it is mail").text, "yes");
    }

    #[test]
    fn lists_are_read_as_elements_and_as_text() {
        let md = "<MD><E><I>1</I><IU>1</IU></E><M><T>11</T><RT>2026-11-23T02:26:15.000Z</RT>\
                  <E>Ada@example.com</E><I>MSGx</I></M><M><E>bob@example.com</E></M></MD>";
        let wanted = Listed {
            id: "MSGx".to_owned(),
            from: "ada@example.com".to_owned(),
            sent: Some(1_795_400_775),
        };
        let inside = format!("<R><G>{md}</G></R>");
        let escaped = format!("<R>{}</R>", xml::escaped(md));
        for text in [md, &inside, &escaped] {
            let document = xml::parse(text.as_bytes()).expect("a document");
            assert_eq!(read_list(&document), std::slice::from_ref(&wanted), "{text}");
        }
        let notice = |data: &str| {
            format!(
                "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsinitialmdatanotification; \
                 charset=UTF-8\r\n\r\nMail-Data: {data}\r\nInbox-URL: x\r\n"
            )
        };
        let read = |data: &str| read_notice(notice(data).as_bytes());
        assert_eq!(read(md), Some(Waiting::Listed(vec![wanted])));
        assert_eq!(read("too-large"), Some(Waiting::TooMany));
        assert_eq!(read("<MD>"), None);
        assert_eq!(read_notice(b"Content-Type: text/x-msmsgsprofile\r\n\r\n"), None);
    }

    #[test]
    fn what_was_said_in_one_go_stays_together() {
        let message = |run: &str, number, sent| OfflineMessage {
            id: format!("{run}{number}"),
            from: String::new(),
            name: None,
            text: String::new(),
            sent: Some(sent),
            run: run.to_owned(),
            number,
        };
        let mut all = [message("a", 2, 9), message("b", 1, 5), message("a", 1, 3)];
        sort(&mut all);
        assert_eq!(all.map(|message| message.id), ["a1", "a2", "b1"]);
    }
}
