//! Datagrams to people in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Attached, MemoryDirectory, key};
use crate::{
    circle::{Circle, CircleError, CircleId},
    datagrams::{Datagrams, Heard},
    directory::{Push, SessionId},
};

#[async_trait]
impl Datagrams for MemoryDirectory {
    async fn take_datagrams(&self, account: &str, session: SessionId) {
        let mut inner = self.inner();
        let found = inner.accounts.get_mut(&key(account));
        let mut clients = found.into_iter().flat_map(|found| &mut found.attached);
        if let Some(client) = clients.find(|client| client.session == session) {
            client.takes_datagrams = true;
        }
    }

    async fn send(
        &self,
        (from, session): (&str, Option<SessionId>),
        to: &str,
        place: Option<&str>,
        payload: Arc<[u8]>,
    ) -> Heard {
        let inner = self.inner();
        let (from, to, push) = (key(from), key(to), Push::Datagram(payload));
        let Some(found) = inner.accounts.get(&to).filter(|found| !found.blocks(&from)) else {
            return Heard::default();
        };
        let pass = |client: &Attached| {
            let is_other = client.takes_datagrams && Some(client.session) != session;
            is_other && client.pushes.try_send(push.clone()).is_ok()
        };
        let own = inner.accounts.get(&from).filter(|_| from != to && place.is_none());
        for client in own.into_iter().flat_map(|own| &own.attached) {
            pass(client);
        }
        if from != to && !found.is_shown() {
            return Heard::default();
        }
        let at = |client: &&Attached| place.is_none_or(|wanted| client.is_at(wanted));
        let taken = found.attached.iter().filter(at).filter(|client| pass(client)).count() > 0;
        let can_be_called = from != to
            && place.is_none()
            && found.attached.iter().any(|client| !client.takes_datagrams);
        Heard { taken, can_be_called }
    }

    async fn circles(&self, account: &str) -> Vec<Circle> {
        self.inner().circles_of(account)
    }

    async fn make_circle(
        &self,
        account: &str,
        name: Option<&str>,
    ) -> Result<CircleId, CircleError> {
        self.inner().make_circle(account, name)
    }

    async fn name_member(&self, circle: &CircleId, by: &str, who: &str) -> Result<(), CircleError> {
        self.inner().name_member(circle, by, who)
    }

    async fn invite_member(
        &self,
        circle: &CircleId,
        by: &str,
        who: &str,
        words: &str,
    ) -> Result<(), CircleError> {
        self.inner().invite_member(circle, by, who, words)
    }

    async fn answer_invitation(
        &self,
        circle: &CircleId,
        account: &str,
        accept: bool,
    ) -> Result<(), CircleError> {
        self.inner().answer_invitation(circle, account, accept)
    }

    async fn quit_circle(&self, circle: &CircleId, account: &str) -> Result<(), CircleError> {
        self.inner().quit_circle(circle, account)
    }

    async fn enter_circle(
        &self,
        circle: &CircleId,
        account: &str,
        session: SessionId,
    ) -> Result<(), CircleError> {
        self.inner().enter_circle(circle, account, session)
    }

    async fn step_out(
        &self,
        circle: &CircleId,
        account: &str,
        session: SessionId,
    ) -> Result<(), CircleError> {
        self.inner().step_out(circle, account, session)
    }

    async fn say_to_circle(
        &self,
        circle: &CircleId,
        account: &str,
        session: SessionId,
        payload: Arc<[u8]>,
    ) -> Result<(), CircleError> {
        self.inner().say_to_circle(circle, account, session, payload)
    }
}
