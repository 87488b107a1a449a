//! The journal: what makes a commit durable with one sync of one small write.
//!
//! sled's own flush waits for the disk and still does not sync; a sync of ours after it would be the
//! second wait. So each group of batches is first written here, one write and at most one
//! `fdatasync`, and sled brings its files up to date when it likes. At opening, what the journal
//! holds is done again: batches set and remove values, so doing them twice changes nothing.
//!
//! The file has a fixed size, so that a sync has no metadata to write. A record is its length, a
//! checksum over the journal's turn and the record, and the batches; a record of an earlier turn, or
//! one that was torn, fails its checksum and ends the journal.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

use bridge_core::store::{Key, Operation};

/// Size of the file, in bytes; filled up, sled is synced and the journal begins anew.
const SIZE: usize = 8 * 1024 * 1024;
/// Bytes before a record: its length and its checksum.
const HEAD: usize = 8;

pub(crate) struct Journal {
    file: File,
    /// Which time the journal is filled; part of every checksum.
    turn: u64,
    position: usize,
    /// The record under way.
    record: Vec<u8>,
}

impl Journal {
    /// Opens the journal, or makes one.
    pub(crate) fn open(path: &Path, turn: u64) -> io::Result<Self> {
        let file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        if file.metadata()?.len() != u64::try_from(SIZE).unwrap_or(u64::MAX) {
            file.set_len(0)?;
            file.write_all_at(&vec![0; SIZE], 0)?;
            file.sync_all()?;
        }
        Ok(Self { file, turn, position: 0, record: vec![0; HEAD] })
    }

    /// Gives the operations of the present turn, in order.
    pub(crate) fn replay(&self) -> io::Result<Vec<Operation>> {
        let mut bytes = vec![0; SIZE];
        self.file.read_exact_at(&mut bytes, 0)?;
        let mut rest = bytes.as_slice();
        let mut operations = Vec::new();
        while let Some((head, after)) = rest.split_at_checked(HEAD) {
            let (length, checksum) = head.split_at(HEAD / 2);
            let length = usize::try_from(number(length)).unwrap_or(usize::MAX);
            let Some((record, after)) = after.split_at_checked(length) else {
                break;
            };
            if length == 0 || self.checksum(record) != number(checksum) {
                break;
            }
            let Some(read) = read_operations(record) else {
                break;
            };
            operations.extend(read);
            rest = after;
        }
        Ok(operations)
    }

    /// Adds a batch's operations to the record under way.
    pub(crate) fn note(&mut self, operations: &[Operation]) {
        for operation in operations {
            let (kind, key, value): (u8, &Key, &[u8]) = match operation {
                Operation::Put(key, value) => (1, key, value),
                Operation::Remove(key) => (0, key, &[]),
            };
            self.record.push(kind);
            for part in [key.as_bytes(), value] {
                // Keys and values are short by the batch's own limits.
                let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
                self.record.extend_from_slice(&length.to_le_bytes());
                self.record.extend_from_slice(part);
            }
        }
    }

    /// Tells whether the record under way fits into what is left of the file.
    pub(crate) fn has_room(&self) -> bool {
        self.position + self.record.len() <= SIZE
    }

    /// Writes the record under way, and syncs it if it must last.
    pub(crate) fn write(&mut self, durable: bool) -> io::Result<()> {
        if self.record.len() > HEAD {
            let length = self.record.len() - HEAD;
            let checksum = self.checksum(self.record.get(HEAD..).unwrap_or_default());
            let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
            let head = [length, checksum.to_le_bytes()].concat();
            if let Some(slot) = self.record.get_mut(..HEAD) {
                slot.copy_from_slice(&head);
            }
            let place = u64::try_from(self.position).unwrap_or(u64::MAX);
            self.file.write_all_at(&self.record, place)?;
            self.position += self.record.len();
            self.forget();
        }
        if durable { self.file.sync_data() } else { Ok(()) }
    }

    /// Drops the record under way: what it holds is safe elsewhere.
    pub(crate) fn forget(&mut self) {
        self.record.truncate(HEAD);
    }

    /// Gives the turn after this one, to be stored before [`begin`](Self::begin).
    pub(crate) fn next_turn(&self) -> u64 {
        self.turn + 1
    }

    /// Begins anew, once everything so far is safe elsewhere.
    pub(crate) fn begin(&mut self, turn: u64) {
        self.turn = turn;
        self.position = 0;
    }

    fn checksum(&self, record: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.turn.to_le_bytes());
        hasher.update(record);
        hasher.finalize()
    }
}

fn read_operations(mut record: &[u8]) -> Option<Vec<Operation>> {
    let mut operations = Vec::new();
    while let Some((kind, rest)) = record.split_first() {
        let (key, rest) = read_part(rest)?;
        let (value, rest) = read_part(rest)?;
        operations.push(match kind {
            0 => Operation::Remove(Key::from_bytes(key)),
            _ => Operation::Put(Key::from_bytes(key), value.to_vec()),
        });
        record = rest;
    }
    Some(operations)
}

fn read_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(2)?;
    rest.split_at_checked(usize::try_from(number(length)).ok()?)
}

/// A little-endian number of up to four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use bridge_core::store::{KeyBuilder, TableId};

    use super::*;

    fn put(number: u64) -> Operation {
        Operation::Put(KeyBuilder::new(TableId::Meta).number(number).build(), vec![7; 100])
    }

    fn journal(turn: u64) -> (tempfile::TempDir, Journal) {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::open(&home.path().join("journal"), turn).unwrap();
        (home, journal)
    }

    #[test]
    fn what_is_written_is_read_in_order() {
        let (home, mut journal) = journal(3);
        let remove = Operation::Remove(KeyBuilder::new(TableId::Meta).number(9).build());
        journal.note(&[put(1), put(2)]);
        journal.write(false).unwrap();
        journal.note(std::slice::from_ref(&remove));
        journal.write(true).unwrap();
        let again = Journal::open(&home.path().join("journal"), 3).unwrap();
        assert_eq!(again.replay().unwrap(), [put(1), put(2), remove]);
    }

    #[test]
    fn an_earlier_turn_and_a_torn_record_end_the_journal() {
        let (home, mut journal) = journal(1);
        for number in 0..5 {
            journal.note(&[put(number)]);
            journal.write(true).unwrap();
        }
        journal.begin(2);
        journal.note(&[put(7)]);
        journal.write(true).unwrap();
        assert_eq!(journal.replay().unwrap(), [put(7)]);
        let end = u64::try_from(journal.position).unwrap();
        journal.note(&[put(8)]);
        journal.write(true).unwrap();
        journal.file.write_all_at(&[0xFF], end + 60).unwrap();
        let again = Journal::open(&home.path().join("journal"), 2).unwrap();
        assert_eq!(again.replay().unwrap(), [put(7)]);
    }
}
