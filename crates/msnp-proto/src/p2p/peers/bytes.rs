//! Bytes of transfers: cut into packets, put together, checked.

use std::time::Instant;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

use super::{Peers, direct::ROOM};
use crate::{
    p2p::{
        PeerEvent, Place, TransferError, TransferId,
        direct::DirectId,
        line::{At, Line, Piece},
        transfer::{FEED, STALL, Source, State, What},
        v1,
    },
    session::ChatId,
};

impl Peers {
    /// The peer said yes: a file's bytes go, or an object's come.
    pub(super) fn started(&mut self, now: Instant, id: TransferId) {
        let Some(transfer) = self.transfers.get_mut(&id) else {
            return;
        };
        transfer.deadline = now + STALL;
        let total = match &transfer.what {
            What::Object(_) => {
                transfer.state = State::Receiving { got: 0, object: Vec::new() };
                return;
            }
            What::File(file) => file.size,
        };
        let (chat, place) = (transfer.chat.clone(), transfer.place.clone());
        self.events.push_back(PeerEvent::Accepted { transfer: id });
        if !self.ask_for_link(now, id) {
            self.send(id, &chat, &place, total, Vec::new());
        }
    }

    pub(super) fn send(
        &mut self,
        id: TransferId,
        chat: &ChatId,
        place: &Place,
        total: u64,
        bytes: Vec<u8>,
    ) {
        let key = self.draw_number();
        let Some(message) = self.way_to(chat, place).map(Line::next_message) else {
            return;
        };
        let link = self.direct.link_to(place);
        let mut source = Source::new(total, bytes, message, key);
        if let Some(transfer) = self.transfers.get_mut(&id) {
            transfer.link = link;
            if let Some(most) = source.wants(link.is_some()) {
                self.events.push_back(PeerEvent::Wants { transfer: id, most });
            }
            transfer.state = State::Sending(source);
        }
    }

    /// Writes the next packet of a transfer's bytes.
    pub(super) fn next_piece(
        &mut self,
        now: Instant,
        id: TransferId,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let transfer = self.transfers.get_mut(&id)?;
        let (line, room) = match transfer.link {
            Some(link) => (self.direct.line(link)?, ROOM),
            None => (self.lines.get_mut(&transfer.place)?, v1::ROOM),
        };
        let is_file = matches!(transfer.what, What::File(_));
        let State::Sending(source) = &mut transfer.state else {
            return None;
        };
        let footer = transfer.link.is_none().then_some(if is_file { 2 } else { 1 });
        let piece = Piece {
            transfer: id,
            session: transfer.session,
            is_file,
            footer,
            message: source.message,
            key: source.key,
            offset: source.sent,
            total: source.total,
        };
        let bytes = source.bytes.next(room);
        line.data(piece, bytes, out);
        source.sent += u64::try_from(bytes.len()).unwrap_or_default();
        transfer.deadline = now + STALL;
        if let Some(most) = source.wants(transfer.link.is_some()) {
            self.events.push_back(PeerEvent::Wants { transfer: id, most });
        }
        if source.sent >= source.total {
            let mut sent = Source::new(source.total, Vec::new(), source.message, source.key);
            sent.sent = source.sent;
            if transfer.link.is_some() {
                sent.bytes = std::mem::take(&mut source.bytes);
            }
            transfer.state = State::Sent(sent);
        }
        Some(())
    }

    /// All bytes of a transfer were taken by the peer.
    pub(super) fn taken(&mut self, now: Instant, id: TransferId) {
        let Some(transfer) = self.transfers.get(&id) else {
            return;
        };
        if matches!(transfer.what, What::File(_)) {
            self.say_bye_later(now, id);
        }
        self.end(id, Ok(()));
    }

    pub(super) fn data_came(
        &mut self,
        now: Instant,
        from: &Place,
        (link, session): (Option<DirectId>, u32),
        at: At,
        bytes: &[u8],
        uncounted: bool,
    ) {
        let Some(id) = self.find(|it| it.place == *from && it.session == session) else {
            return;
        };
        let Some(transfer) = self.transfers.get_mut(&id) else {
            return;
        };
        // Some send bytes right behind their yes, and the yes is then not read yet.
        if matches!((&transfer.state, &transfer.what), (State::Inviting, What::Object(_))) {
            transfer.state = State::Receiving { got: 0, object: Vec::new() };
        }
        let (size, before) = (transfer.size(), transfer.uncounted);
        let State::Receiving { got, object } = &mut transfer.state else {
            return;
        };
        transfer.link = link;
        transfer.linked |= link.is_some();
        // What came before is passed over; with a gap the rest is worth nothing.
        let seen = match at {
            At::From(offset) => got.checked_sub(offset.saturating_add(before)),
            // Conversations keep the order and lose nothing.
            At::Before(_) if !transfer.linked => Some(0),
            At::Before(after) => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_add(after);
                if length > size {
                    self.say_bye(id);
                    return self.end(id, Err(TransferError::TooLarge));
                }
                let seen = got.saturating_add(length).checked_sub(size);
                // Not everybody says how much follows.
                if after == 0 { Some(seen.unwrap_or_default()) } else { seen }
            }
        };
        let Some(seen) = seen.and_then(|seen| usize::try_from(seen).ok()) else {
            self.say_bye(id);
            return self.end(id, Err(TransferError::Corrupt));
        };
        let new = bytes.get(seen..).unwrap_or_default();
        transfer.deadline = now + STALL;
        let length = u64::try_from(new.len()).unwrap_or_default();
        *got += length;
        if uncounted && matches!(transfer.what, What::File(_)) {
            transfer.uncounted += length;
        }
        let got = *got;
        if got > size {
            self.say_bye(id);
            return self.end(id, Err(TransferError::TooLarge));
        }
        match &transfer.what {
            What::Object(_) => object.extend_from_slice(new),
            What::File(_) if new.is_empty() => {}
            What::File(_) => self.tell_bytes(id, link.is_some(), new),
        }
        if got == size {
            self.received(now, id);
        }
    }

    /// Tells of bytes of a file: together with those before, if nobody has taken them yet.
    fn tell_bytes(&mut self, id: TransferId, linked: bool, new: &[u8]) {
        match self.events.back_mut() {
            Some(PeerEvent::Data { transfer, bytes })
                if *transfer == id && bytes.len() + new.len() <= FEED =>
            {
                bytes.extend_from_slice(new);
            }
            _ => {
                // Many packets come at once over a link; what is too much goes back when all are taken.
                let mut bytes = Vec::with_capacity(if linked { FEED } else { new.len() });
                bytes.extend_from_slice(new);
                self.events.push_back(PeerEvent::Data { transfer: id, bytes });
            }
        }
    }

    /// All bytes are there.
    fn received(&mut self, now: Instant, id: TransferId) {
        match self.transfers.get(&id).map(|it| &it.what) {
            Some(What::File(_)) => self.say_bye_later(now, id),
            _ => self.say_bye(id),
        }
        let Some(transfer) = self.transfers.get_mut(&id) else {
            return;
        };
        if transfer.link.is_some() {
            self.direct.note_received(transfer.place.clone(), transfer.session);
        }
        let outcome = match (&transfer.what, &mut transfer.state) {
            (What::Object(wanted), State::Receiving { object: bytes, .. }) => {
                let whole = STANDARD.encode(Sha1::digest(&bytes)) == wanted.hash;
                if whole {
                    let (from, object) = (transfer.place.account.clone(), wanted.clone());
                    let bytes = std::mem::take(bytes);
                    let event = PeerEvent::Object { transfer: id, from, object, bytes };
                    self.events.push_back(event);
                }
                whole.then_some(()).ok_or(TransferError::Corrupt)
            }
            _ => Ok(()),
        };
        self.end(id, outcome);
    }
}
