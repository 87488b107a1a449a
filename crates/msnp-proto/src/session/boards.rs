//! The switchboards of a session, and when the next of them is due: an account may be in a thousand
//! conversations, and each word asks for that.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::{LinkId, board::Board};

/// Boards that were changed and whose deadlines are looked up each time, before they are noted.
const CHANGED: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Boards {
    boards: BTreeMap<LinkId, Noted>,
    /// When which is due, but for the changed ones.
    due: BTreeSet<(Instant, LinkId)>,
    changed: Vec<LinkId>,
}

#[derive(Debug)]
struct Noted {
    board: Board,
    /// Where it stands in `due`.
    due: Option<Instant>,
}

impl Boards {
    pub(super) fn get(&self, link: &LinkId) -> Option<&Board> {
        self.boards.get(link).map(|noted| &noted.board)
    }

    pub(super) fn get_mut(&mut self, link: &LinkId) -> Option<&mut Board> {
        if !self.changed.contains(link) {
            if self.changed.len() >= CHANGED {
                self.note_changed();
            }
            self.changed.push(*link);
        }
        self.boards.get_mut(link).map(|noted| &mut noted.board)
    }

    pub(super) fn contains_key(&self, link: &LinkId) -> bool {
        self.boards.contains_key(link)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &LinkId> {
        self.boards.keys()
    }

    pub(super) fn insert(&mut self, link: LinkId, board: Board) {
        self.boards.insert(link, Noted { board, due: None });
        self.get_mut(&link);
    }

    pub(super) fn remove(&mut self, link: &LinkId) -> Option<Board> {
        let Noted { board, due } = self.boards.remove(link)?;
        if let Some(due) = due {
            self.due.remove(&(due, *link));
        }
        Some(board)
    }

    pub(super) fn into_values(self) -> impl Iterator<Item = Board> {
        self.boards.into_values().map(|noted| noted.board)
    }

    /// Tells when the first of them is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let noted = self.due.iter().find(|(_, link)| !self.changed.contains(link));
        let changed = self.changed.iter().filter_map(|link| self.get(link)?.deadline());
        changed.chain(noted.map(|(due, _)| *due)).min()
    }

    /// Lists those that are due by now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<LinkId> {
        self.note_changed();
        self.due.iter().take_while(|(due, _)| *due <= now).map(|(_, link)| *link).collect()
    }

    fn note_changed(&mut self) {
        for link in self.changed.drain(..) {
            let Some(noted) = self.boards.get_mut(&link) else { continue };
            let due = noted.board.deadline();
            if let Some(before) = std::mem::replace(&mut noted.due, due) {
                self.due.remove(&(before, link));
            }
            self.due.extend(due.map(|due| (due, link)));
        }
    }
}
