//! Words past the switchboard, as a client says and hears them.
//!
//! ```text
//! C: SDG 11 323⏎…        S: SDG 11
//! S: SDG 0 323⏎…
//! ```
//! What is passed on is passed on as it came; whose it is, is checked first.

use std::sync::Arc;

use msnp_proto::{
    ErrorCode, ServerCommand,
    command::PASSPORT_NETWORK,
    datagram::{Address, CIRCLE_NETWORK, Channel, Datagram, GROUP_NETWORK, Kind},
    oim,
};

use super::Client;
use crate::{calls, directory::Stored, link::Ended};

/// What words are kept under that are not part of a longer run.
const RUN: &str = "00000000-0000-0000-0000-000000000000";

impl Client {
    pub(super) async fn say_datagram(&mut self, trid: u32, payload: &[u8]) -> Result<(), Ended> {
        if !self.speaker.version.has_circles() {
            return Ok(());
        }
        let datagram = Datagram::read(payload).filter(|datagram| self.is_own(&datagram.from));
        let Some(datagram) = datagram else {
            return self.speaker.refuse(trid, ErrorCode::INVALID_PARAMETER);
        };
        let said = match datagram.to.network {
            PASSPORT_NETWORK if !self.speaker.version.has_switchboards() => {
                self.say_to_somebody(&datagram, payload.into()).await
            }
            CIRCLE_NETWORK | GROUP_NETWORK => self.say_to_circle(&datagram, payload).await,
            _ => Err(ErrorCode::NO_SUCH_NETWORK),
        };
        match said {
            Ok(()) => self.speaker.say(&ServerCommand::Datagram { trid, payload: &[] }),
            Err(code) => self.speaker.refuse(trid, code),
        }
    }

    /// Tells whether an address is this client's: the account, and the place it is at.
    pub(super) fn is_own(&self, from: &Address) -> bool {
        from.is_of(&self.account) && from.via.is_none() && from.endpoint == self.place
    }

    async fn say_to_somebody(
        &self,
        datagram: &Datagram,
        payload: Arc<[u8]>,
    ) -> Result<(), ErrorCode> {
        let directory = &self.shared.directory;
        let (to, place) = (datagram.to.account.as_str(), datagram.to.endpoint.as_deref());
        let sender = (self.account.as_str(), Some(self.session));
        let heard = directory.send(sender, to, place, payload).await;
        let called = heard.can_be_called && calls::say(&self.shared, &self.account, datagram).await;
        if heard.taken || called || datagram.to.is_of(&self.account) {
            return Ok(());
        }
        if datagram.kind != Kind::Text || heard.can_be_called || place.is_some() {
            return Err(ErrorCode::NOT_ONLINE);
        }
        let content = oim::write_message(&datagram.words().replace('\n', "\r\n"), RUN, 1);
        let stored = directory.store_offline(&self.account, to, &content).await;
        stored.map_err(|_| ErrorCode::NOT_ONLINE)
    }

    pub(super) fn tell_datagram(&self, payload: &[u8]) -> Result<(), Ended> {
        self.speaker.say(&ServerCommand::Datagram { trid: 0, payload })
    }

    /// Tells what was said while the account was away, and keeps it no longer: nothing says that it came.
    pub(super) async fn tell_kept(&self, stored: &[Stored]) -> Result<(), Ended> {
        for message in stored {
            let Stored { id, from, sent, content } = message;
            let listed =
                oim::Listed { id: id.clone(), from: from.account.clone(), sent: Some(*sent) };
            let Some(read) = oim::read_message(&listed, content) else {
                continue;
            };
            let (to, from) = (Address::passport(&self.account), Address::passport(&from.account));
            let datagram = Datagram {
                channel: Some(Channel::Offline),
                arrived: Some(message.time()),
                ..Datagram::text(to, from, &read.text.replace('\n', "\r\n"))
            };
            self.tell_datagram(&datagram.write(self.speaker.version))?;
        }
        let ids: Vec<String> = stored.iter().map(|message| message.id.to_lowercase()).collect();
        self.shared.directory.delete_offline(&self.account, &ids).await;
        Ok(())
    }
}
