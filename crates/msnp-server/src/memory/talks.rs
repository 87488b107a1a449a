//! Conversations in memory: who is in them, and what is said.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::mpsc::{self, error::TrySendError};

use super::{Account, Attached, Inner, key};
use crate::directory::{CallError, ChatPush, Member, Push, TalkId};

/// How long what is said waits for somebody who is behind.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something said, on its way to those who are behind.
pub(super) struct Saying {
    heard: bool,
    behind: Vec<(mpsc::Sender<ChatPush>, ChatPush)>,
}

impl Saying {
    /// Waits for those who are behind; tells whether anybody heard it.
    pub(super) async fn finish(self) -> bool {
        let mut heard = self.heard;
        for (pushes, said) in self.behind {
            heard |= pushes.send_timeout(said, PATIENCE).await.is_ok();
        }
        heard
    }
}

impl Inner {
    pub(super) fn open_talk(&mut self) -> TalkId {
        let talk = TalkId(10_000_000 + self.id());
        self.talks.insert(talk, BTreeMap::new());
        talk
    }

    pub(super) fn call(&self, talk: TalkId, caller: &str, callee: &str) -> Result<(), CallError> {
        let (caller, callee) = (key(caller), key(callee));
        let members = self.talks.get(&talk).ok_or(CallError::NotOnline)?;
        if members.contains_key(&callee) {
            return Err(CallError::AlreadyThere);
        }
        let called = self
            .accounts
            .get(&callee)
            .filter(|called| called.is_shown() && !called.blocks(&caller));
        let called = called.ok_or(CallError::NotOnline)?;
        let caller =
            self.accounts.get(&caller).map(Account::profile).ok_or(CallError::NotOnline)?;
        let push = Push::Ring { talk, caller };
        let (takers, others): (Vec<&Attached>, Vec<&Attached>) =
            called.attached.iter().partition(|client| client.takes_datagrams);
        // For an account without others the network comes: once, however many they are.
        let rung = if others.is_empty() { takers.into_iter().take(1).collect() } else { others };
        let rung = rung.iter().filter(|client| client.pushes.try_send(push.clone()).is_ok());
        if rung.count() > 0 { Ok(()) } else { Err(CallError::NotOnline) }
    }

    pub(super) fn join(
        &mut self,
        talk: TalkId,
        account: &str,
        pushes: mpsc::Sender<ChatPush>,
    ) -> Vec<Member> {
        let key = key(account);
        let Some(found) = self.accounts.get(&key) else {
            return Vec::new();
        };
        let newcomer = found.member();
        let Some(members) = self.talks.get_mut(&talk) else {
            return Vec::new();
        };
        for member in members.values() {
            // Whoever does not take what is pushed is cut off by its own link.
            let _ = member.try_send(ChatPush::Joined(newcomer.clone()));
        }
        let present: Vec<String> =
            members.keys().filter(|member| **member != key).cloned().collect();
        members.insert(key, pushes);
        present.iter().filter_map(|member| self.accounts.get(member)).map(Account::member).collect()
    }

    pub(super) fn say(&self, talk: TalkId, from: &str, payload: &Arc<[u8]>) -> Saying {
        let mut saying = Saying { heard: false, behind: Vec::new() };
        let key = key(from);
        let (Some(members), Some(found)) = (self.talks.get(&talk), self.accounts.get(&key)) else {
            return saying;
        };
        let from = found.profile();
        for (_, pushes) in members.iter().filter(|(member, _)| **member != key) {
            let (from, payload) = (from.clone(), Arc::clone(payload));
            match pushes.try_send(ChatPush::Said { from, payload }) {
                Ok(()) => saying.heard = true,
                Err(TrySendError::Full(said)) => saying.behind.push((pushes.clone(), said)),
                Err(TrySendError::Closed(_)) => {}
            }
        }
        saying
    }

    pub(super) fn leave(&mut self, talk: TalkId, account: &str) {
        let Some(members) = self.talks.get_mut(&talk) else {
            return;
        };
        if members.remove(&key(account)).is_none() {
            return;
        }
        for member in members.values() {
            // Whoever does not take what is pushed is cut off by its own link.
            let _ = member.try_send(ChatPush::Left(account.to_owned()));
        }
        if members.is_empty() {
            self.talks.remove(&talk);
        }
    }
}
