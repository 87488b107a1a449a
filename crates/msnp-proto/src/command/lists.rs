//! Contact lists: entries at sign-in, and changes.
//!
//! ```text
//! S: LST N=bob@example.com F=Bob C=f74b7ac1-… 11 1 5d5ab0b0-…
//! S: ADC 0 RL N=carol@example.com F=Carol
//! ```

use std::borrow::Cow;

use super::{DecodeError, Line, TransactionId};
use crate::{arg::Arguments, version::Version};

/// One of the five lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// `AL`: may see and write to the account.
    Allow,
    /// `BL`: may not.
    Block,
    /// `FL`: the account's contacts.
    Forward,
    /// `PL`: asked to be a contact and waits for an answer.
    Pending,
    /// `RL`: has the account as a contact.
    Reverse,
}

impl List {
    /// Gives the two letters of the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Allow => "AL",
            Self::Block => "BL",
            Self::Forward => "FL",
            Self::Pending => "PL",
            Self::Reverse => "RL",
        }
    }

    /// Gives the list's bit in a [`Lists`] sum.
    pub fn bit(self) -> u8 {
        match self {
            Self::Forward => 1,
            Self::Allow => 2,
            Self::Block => 4,
            Self::Reverse => 8,
            Self::Pending => 16,
        }
    }

    pub(crate) fn from_code(code: &[u8]) -> Option<Self> {
        [Self::Allow, Self::Block, Self::Forward, Self::Pending, Self::Reverse]
            .into_iter()
            .find(|list| list.code().as_bytes() == code)
    }
}

/// A set of lists, as the sum the wire writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lists(pub u8);

impl Lists {
    /// Tells whether a list is in the set.
    pub fn has(self, list: List) -> bool {
        self.0 & list.bit() != 0
    }

    /// Tells whether somebody on these was allowed or blocked.
    pub(crate) fn answered(self) -> bool {
        self.has(List::Allow) || self.has(List::Block)
    }

    /// Gives the set with a list put in or taken out.
    #[must_use]
    pub fn with(self, list: List, present: bool) -> Self {
        Self(if present { self.0 | list.bit() } else { self.0 & !list.bit() })
    }
}

/// `LST`: somebody on the account's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry<'a> {
    /// The address.
    pub account: &'a str,
    /// The name as the server keeps it.
    pub name: Cow<'a, str>,
    /// The contact's GUID, if on the forward list and the version has them.
    pub id: Option<&'a str>,
    /// The lists.
    pub lists: Lists,
    /// Ids of groups, parted by commas; empty for none.
    pub groups: &'a str,
}

impl<'a> ListEntry<'a> {
    pub(super) fn decode(
        arguments: &mut Arguments<'_, 'a>,
        version: Version,
    ) -> Result<Self, DecodeError> {
        let mut entry = if version.has_guids() {
            let (account, name, id) = tagged(arguments)?;
            let account = account.ok_or_else(|| arguments.malformed("an address"))?;
            Self { account, name: name.unwrap_or_default(), id, lists: Lists(0), groups: "" }
        } else {
            let (account, name) = (arguments.raw()?, arguments.text()?);
            Self { account, name, id: None, lists: Lists(0), groups: "" }
        };
        entry.lists = Lists(arguments.number()?);
        if version.has_network_in_list() {
            let _network: Option<u8> = arguments.number_if_any();
        }
        entry.groups = arguments.raw_if_any()?.unwrap_or_default();
        Ok(entry)
    }

    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let mut line = Line::new(out, "LST");
        if version.has_guids() {
            line = write_tagged(line, Some(self.account), Some(&self.name), self.id);
        } else {
            line = line.raw(self.account).text(&self.name);
        }
        line = line.number(self.lists.0);
        if version.has_network_in_list() {
            line = line.raw("1");
        }
        if !self.groups.is_empty() {
            line = line.raw(self.groups);
        }
        line.end();
    }
}

/// A line's place in a list whose lines are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The request's number.
    pub trid: TransactionId,
    /// The list's number.
    pub serial: u32,
    /// The line's number, from 1; 0 in the one line of an empty list.
    pub index: u32,
    /// How many lines there are.
    pub count: u32,
}

impl Place {
    pub(super) fn decode(a: &mut Arguments<'_, '_>) -> Result<Self, DecodeError> {
        let (trid, serial) = (a.number()?, a.number()?);
        Ok(Self { trid, serial, index: a.number()?, count: a.number()? })
    }
}

/// `LST` before MSNP8: one line of one list, or the only line of an empty one.
///
/// ```text
/// S: LST 9 FL 27 1 2 bob@example.com Bob 1
/// S: LST 9 BL 27 0 0
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedEntry<'a> {
    /// The list.
    pub list: List,
    /// The line's place.
    pub place: Place,
    /// The address and the name; absent in the line of an empty list.
    pub who: Option<(&'a str, Cow<'a, str>)>,
    /// Ids of groups, parted by commas; only on the forward list, from MSNP7.
    pub groups: &'a str,
}

impl<'a> NumberedEntry<'a> {
    pub(super) fn decode(
        arguments: &mut Arguments<'_, 'a>,
        version: Version,
    ) -> Result<Self, DecodeError> {
        let trid = arguments.number()?;
        let list = arguments.word("a list", List::from_code)?;
        let (serial, index) = (arguments.number()?, arguments.number()?);
        let place = Place { trid, serial, index, count: arguments.number()? };
        let account = arguments.raw_if_any()?;
        let who = account.map(|account| (account, arguments.text_if_any().unwrap_or_default()));
        let groups = if version.has_groups() { arguments.raw_if_any()? } else { None };
        Ok(Self { list, place, who, groups: groups.unwrap_or_default() })
    }

    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let Place { trid, serial, index, count } = self.place;
        let line = Line::new(out, "LST").number(trid).raw(self.list.code()).number(serial);
        let line = line.number(index).number(count);
        let Some((account, name)) = &self.who else {
            return line.end();
        };
        let line = line.raw(account).text(name);
        let groups = Some(self.groups).filter(|groups| !groups.is_empty());
        line.raw_if(groups.filter(|_| version.has_groups())).end();
    }
}

/// `ADD`, `ADC`, `REM`: somebody put on a list or taken off it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChange<'a> {
    /// Whether she was put on it.
    pub add: bool,
    /// The list.
    pub list: List,
    /// The list's new version number, where the version has them and it comes from a server.
    pub serial: Option<u32>,
    /// The address; absent where only the GUID is told.
    pub account: Option<&'a str>,
    /// The name.
    pub name: Option<Cow<'a, str>>,
    /// The contact's GUID.
    pub id: Option<&'a str>,
    /// The group she was put in or taken out of.
    pub group: Option<&'a str>,
}

impl<'a> ListChange<'a> {
    pub(super) fn verb(&self, version: Version) -> &'static str {
        match (self.add, version.has_guids()) {
            (true, true) => "ADC",
            (true, false) => "ADD",
            (false, _) => "REM",
        }
    }

    pub(super) fn decode(
        arguments: &mut Arguments<'_, 'a>,
        add: bool,
        version: Version,
        from_server: bool,
    ) -> Result<Self, DecodeError> {
        let list = arguments.word("a list", List::from_code)?;
        let mut change =
            Self { add, list, serial: None, account: None, name: None, id: None, group: None };
        if version.has_guids() {
            if add {
                (change.account, change.name, change.id) = tagged(arguments)?;
            } else {
                let who = arguments.raw()?;
                let plain = who.strip_prefix("N=").unwrap_or(who);
                let id = plain.strip_prefix("C=").unwrap_or(plain);
                if plain.contains('@') && !plain.starts_with("N=") {
                    change.account = Some(plain);
                } else if id.is_empty() || id.contains('=') {
                    return Err(arguments.malformed("an address or an id"));
                } else {
                    change.id = Some(id);
                }
            }
        } else {
            // A server's answer has the list's number first, or should; the account is known by its `@`
            // where a server leaves either out.
            if from_server && arguments.next_is_number() {
                change.serial = Some(arguments.number()?);
            }
            change.account = arguments.raw_if_any()?;
            if add {
                change.name = arguments.text_if_any();
            }
        }
        change.group = arguments.raw_if_any()?;
        Ok(change)
    }

    pub(super) fn encode(&self, trid: u32, version: Version, out: &mut Vec<u8>) {
        let mut line = Line::new(out, self.verb(version)).number(trid).raw(self.list.code());
        if version.has_guids() {
            line = if self.add {
                write_tagged(line, self.account, self.name.as_deref(), self.id)
            } else {
                line.raw(self.id.or(self.account).unwrap_or_default())
            };
        } else {
            if let Some(serial) = self.serial {
                line = line.number(serial);
            }
            line = line.raw(self.account.unwrap_or_default());
            if let (true, Some(name)) = (self.add, &self.name) {
                line = line.text(name);
            }
        }
        line.raw_if(self.group).end();
    }
}

/// `ADG`, `REG`, `RMG`: a group made, renamed or removed. Servers differ in the order of what they
/// answer, so an answer is known by its request; only a new group's id is read from it, by
/// [`new_group_id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupChange {
    /// `ADG`.
    Add,
    /// `RMG`.
    Remove,
    /// `REG`.
    Rename,
}

impl GroupChange {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Add => "ADG",
            Self::Remove => "RMG",
            Self::Rename => "REG",
        }
    }
}

/// Finds the id of a new group in the words of an answer to `ADG`, whatever the server's order.
///
/// ```text
/// S: ADG 14 5 My%20Friends 1 0                                      (MSNP8)
/// S: ADG 15 My%20Friends 59aa5448-506a-4fe0-98fb-bb5049af611e 0     (one server)
/// S: ADG 15 1 My%20Friends f2b91343-1059-f2ad-f509-9acd8a131bbe     (another)
/// ```
pub fn new_group_id<'w>(
    words: &'w [Cow<'_, str>],
    name: &str,
    version: Version,
) -> Option<&'w str> {
    let place = words.iter().position(|word| word == name);
    // A server that gives the name back otherwise still gives it where its number is not.
    let place = place.or_else(|| words.iter().position(|word| !is_number(word) && !is_guid(word)));
    let others = words.iter().enumerate().filter(|(at, _)| Some(*at) != place);
    if version.has_guids() {
        others.map(|(_, word)| &**word).find(|word| is_guid(word))
    } else {
        words.get(place? + 1).map(|word| &**word).filter(|word| is_number(word))
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a word looks like a GUID, with braces or without.
fn is_guid(word: &str) -> bool {
    let word = word.strip_prefix('{').and_then(|word| word.strip_suffix('}')).unwrap_or(word);
    let dashes = [8, 13, 18, 23];
    word.len() == 36
        && word.bytes().enumerate().all(|(at, byte)| {
            if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() }
        })
}

type Tagged<'a> = (Option<&'a str>, Option<Cow<'a, str>>, Option<&'a str>);

/// Takes the leading `N=`, `F=` and `C=` arguments, in any order.
fn tagged<'a>(arguments: &mut Arguments<'_, 'a>) -> Result<Tagged<'a>, DecodeError> {
    let (mut account, mut name, mut id) = (None, None, None);
    while let Some((mark, value)) = arguments.marked(&[b"N=", b"F=", b"C="]) {
        match mark {
            b"F=" => name = Some(crate::escape::decode(value)),
            mark => {
                let text = str::from_utf8(value).map_err(|_| arguments.malformed("UTF-8"))?;
                if mark == b"N=" { account = Some(text) } else { id = Some(text) }
            }
        }
    }
    Ok((account, name, id))
}

fn write_tagged<'o>(
    line: Line<'o>,
    account: Option<&str>,
    name: Option<&str>,
    id: Option<&str>,
) -> Line<'o> {
    let tag = |line: Line<'o>, tag: &str, value: Option<&str>| match value {
        Some(value) => line.raw(&format!("{tag}={value}")),
        None => line,
    };
    let line = tag(line, "N", account);
    let line = tag(line, "F", name.map(crate::escape::encode).as_deref());
    tag(line, "C", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_groups_id_is_found_in_each_servers_order() {
        let guid = "59aa5448-506a-4fe0-98fb-bb5049af611e";
        let old = Version::Msnp8;
        let new = Version::Msnp12;
        for (line, version, wanted) in [
            ("5|Pals|1|0", old, Some("1")),
            ("Pals|1|0", old, Some("1")),
            ("6|7|8|0", old, Some("8")),
            ("Pals|59aa5448-506a-4fe0-98fb-bb5049af611e|0", new, Some(guid)),
            ("1|Pals|59aa5448-506a-4fe0-98fb-bb5049af611e", new, Some(guid)),
            ("Pals", new, None),
            ("", old, None),
        ] {
            let words: Vec<Cow<'_, str>> = line.split('|').map(Cow::from).collect();
            let name = if line.starts_with('6') { "7" } else { "Pals" };
            assert_eq!(new_group_id(&words, name, version), wanted, "{line}");
        }
        // A name may look like an id itself.
        let other = "00000000-0000-4000-8000-000000000001";
        let words = [Cow::from(other), Cow::from(guid), Cow::from("0")];
        assert_eq!(new_group_id(&words, other, new), Some(guid));
    }
}
