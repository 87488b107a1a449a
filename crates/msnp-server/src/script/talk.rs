//! One conversation of a scripted contact: who is there, and what it has yet to write.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use msnp_proto::p2p::Place;
use tokio::{sync::mpsc, time::Instant};

use crate::directory::{ChatPush, Member};

/// How long a scripted contact seems to write.
const WRITING: Duration = Duration::from_millis(300);
/// Most messages it has yet to write; what it would say beyond is not said.
const UNWRITTEN_LIMIT: usize = 1024;
/// Most people whose places are known.
const PLACES_LIMIT: usize = 64;
/// The bit of the second capabilities that says: packets of the second age.
const SECOND_AGE: u64 = 0x20;

pub(super) struct Talk {
    pub(super) pushed: mpsc::Receiver<ChatPush>,
    /// Where the others are, by their addresses in lower case; nobody at first where the contact calls.
    places: BTreeMap<String, Place>,
    unwritten: VecDeque<Vec<u8>>,
    /// When the first of that is written.
    written_at: Option<Instant>,
}

impl Talk {
    pub(super) fn new(pushed: mpsc::Receiver<ChatPush>, present: &[Member]) -> Self {
        let (places, unwritten) = (BTreeMap::new(), VecDeque::new());
        let mut talk = Self { pushed, places, unwritten, written_at: None };
        present.iter().for_each(|member| talk.met(member));
        talk
    }

    pub(super) fn met(&mut self, member: &Member) {
        let account = member.profile.account.to_lowercase();
        let able = member.capabilities.extended.is_some_and(|extended| extended & SECOND_AGE != 0);
        let id = member.place.clone().filter(|_| able);
        if self.places.len() < PLACES_LIMIT {
            self.places.insert(account.clone(), Place { account, id });
        }
    }

    /// Gives where somebody is who is there.
    pub(super) fn place_of(&self, account: &str) -> Option<&Place> {
        self.places.get(&account.to_lowercase())
    }

    /// Will seem to write, then say it.
    pub(super) fn write(&mut self, payload: Vec<u8>) {
        if self.unwritten.len() < UNWRITTEN_LIMIT {
            self.unwritten.push_back(payload);
        }
    }

    /// Begins to write, if there is something and somebody; tells whether it began.
    pub(super) fn begins_to_write(&mut self) -> bool {
        let begins =
            self.written_at.is_none() && !self.unwritten.is_empty() && !self.places.is_empty();
        if begins {
            self.written_at = Some(Instant::now() + WRITING);
        }
        begins
    }

    pub(super) fn written_at(&self) -> Option<Instant> {
        self.written_at
    }

    /// Gives what is written by now.
    pub(super) fn written(&mut self) -> Option<Vec<u8>> {
        self.written_at.take_if(|due| *due <= Instant::now())?;
        self.unwritten.pop_front()
    }
}
