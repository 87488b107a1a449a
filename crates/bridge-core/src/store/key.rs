//! Keys: a table byte, then parts that sort as their values do.

use std::fmt;

use crate::id::{PortalId, RowId};

/// Longest key, in bytes.
pub const MAX_KEY_LENGTH: usize = 512;
/// Longest value, in bytes: larger ones would reach an engine's paths that are not synced.
pub const MAX_VALUE_LENGTH: usize = 4096;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $byte:literal,)+) => {
        /// The tables, one byte each; numbers are for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum TableId {
            $($(#[$doc])* $name = $byte,)+
        }

        impl TableId {
            /// Every table.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

tables! {
    /// Facts about the store itself, such as its schema.
    Meta = 0x01,
    /// What people chose of the options.
    User = 0x02,
    /// Signed-in accounts and their sealed credentials.
    Login = 0x03,
    /// Portals and their legs.
    Portal = 0x04,
    /// Rooms and chats, and the portal each belongs to.
    Endpoint = 0x05,
    /// Message names on a network, by row and leg.
    MessageForward = 0x07,
    /// Rows, by message name.
    MessageReverse = 0x08,
    /// Events seen, against repetitions.
    Dedupe = 0x09,
    /// Accepted events that a leg still needs.
    PortalLog = 0x0A,
    /// How far each leg is.
    Leg = 0x0B,
    /// How far each source was read.
    Cursor = 0x0C,
    /// What admins did in somebody's name.
    Audit = 0x0F,
    /// People who ask to be contacts, and those whose answer the network does not keep.
    Request = 0x0D,
    /// Commands taken and not yet answered, sealed.
    Command = 0x10,
    /// An adapter's own facts.
    Namespace = 0x11,
    /// Values longer than one may be, in pieces.
    Overflow = 0x12,
    /// How a leg treats its people, and since when it leads where it does.
    LegMode = 0x13,
    /// Messages that did not arrive, or may not have, by portal, row and leg.
    Fate = 0x14,
    /// Those messages themselves, in pieces, for another attempt.
    FateRow = 0x17,
    /// What is to be done otherwise with a waiting row.
    Mark = 0x19,
    /// Who was told what becomes of her words in a portal.
    Told = 0x1A,
    /// How accounts shall appear.
    Appearance = 0x18,
    /// Display pictures that accounts shall show, in pieces.
    Picture = 0x21,
    /// What is told of a message whose fate another event was to tell, should it not come.
    Underway = 0x22,
    /// What keeps an account away that its owner was told of.
    Standing = 0x20,
    /// What an account's owner is to be told and does not know yet.
    Notice = 0x15,
    /// Whom an owner wants to hear of when she comes and goes.
    Watch = 0x16,
}

/// A key: at most [`MAX_KEY_LENGTH`] bytes, the first its table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// Takes bytes as an engine stored them.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Gives the bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

/// Builds keys part by part.
#[derive(Clone, Debug)]
pub struct KeyBuilder(Vec<u8>);

impl KeyBuilder {
    /// Begins a key of a table.
    pub fn new(table: TableId) -> Self {
        Self(vec![table_byte(table)])
    }

    /// Adds a number, big-endian so that it sorts.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds a small number, big-endian so that it sorts.
    #[must_use]
    pub fn small(mut self, number: u16) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds a text, ended so that no other text's key begins with it.
    ///
    /// Zero bytes inside the text are escaped; the order of texts is kept.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        for &byte in text.as_bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.0.extend_from_slice(&[0, 0]);
        self
    }

    /// Adds a portal.
    #[must_use]
    pub fn portal(mut self, portal: PortalId) -> Self {
        self.0.extend_from_slice(portal.0.as_bytes());
        self
    }

    /// Adds a row.
    #[must_use]
    pub fn row(mut self, row: RowId) -> Self {
        self.0.extend_from_slice(row.0.as_bytes());
        self
    }

    /// Ends the key.
    pub fn build(self) -> Key {
        Key(self.0)
    }

    /// Ends as the range of all keys that begin with the parts so far.
    pub fn prefix(self) -> KeyRange {
        let end = successor(&self.0);
        KeyRange { start: Key(self.0), end: end.map(Key) }
    }
}

/// Keys from `start` up to, but not including, `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub start: Key,
    /// One past the last; none means to the end of the store.
    pub end: Option<Key>,
}

impl KeyRange {
    /// Narrows the range to keys at or after `start`.
    #[must_use]
    pub fn starting_at(self, start: Key) -> Self {
        Self { start: self.start.max(start), end: self.end }
    }

    /// Tells whether no key can be in the range.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Tells whether a key is in the range.
    pub fn contains(&self, key: &Key) -> bool {
        *key >= self.start && self.end.as_ref().is_none_or(|end| key < end)
    }
}

/// The least byte string greater than all that begin with `prefix`; none when there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let cut = prefix.iter().rposition(|&byte| byte != 0xFF)?;
    let mut end = prefix.get(..=cut)?.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    Some(end)
}

fn table_byte(table: TableId) -> u8 {
    #[expect(clippy::as_conversions, reason = "reads the discriminant of a repr(u8) enum")]
    let byte = table as u8;
    byte
}

impl TableId {
    /// Gives the table's byte.
    pub fn byte(self) -> u8 {
        table_byte(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_sort_as_they_do_outside_keys(a in ".{0,12}", b in ".{0,12}") {
            let key = |text: &str| KeyBuilder::new(TableId::Meta).text(text).build();
            prop_assert_eq!(a.cmp(&b), key(&a).cmp(&key(&b)));
        }

        #[test]
        fn a_prefix_holds_its_own_keys_only(a in "[a-c\u{0}]{0,3}", b in "[a-c\u{0}]{0,3}", n: u64) {
            let range = KeyBuilder::new(TableId::Meta).text(&a).prefix();
            let key = KeyBuilder::new(TableId::Meta).text(&b).number(n).build();
            prop_assert_eq!(range.contains(&key), a == b);
        }
    }

    #[test]
    fn a_prefix_of_the_highest_bytes_has_no_end() {
        assert_eq!(successor(&[0xFF, 0xFF]), None);
        assert_eq!(successor(&[0x01, 0xFF]), Some(vec![0x02]));
    }
}
