//! The notification link of a signed-in account: presence, lists, calls, requests.

use std::time::Instant;

use super::{
    Session,
    roster::Contact,
    types::{CloseReason, Command, Event, RequestError, RequestId},
};
use crate::{
    auth::challenge::{self, Product},
    command::{ClientCommand, List, ListChange, Redirect, ServerCommand},
    msg::PersonalMessage,
};

impl Session {
    pub(super) fn notification_command(&mut self, now: Instant, command: ServerCommand<'_>) {
        let Some(command) = self.sign_in_command(now, command) else {
            return;
        };
        match command {
            ServerCommand::Presence(presence) | ServerCommand::InitialPresence { presence, .. } => {
                let known = self.roster.set_presence(&presence);
                self.presence_changed(known);
            }
            ServerCommand::Offline { account } => {
                let known = self.roster.set_offline(account);
                self.presence_changed(known);
            }
            ServerCommand::PersonalMessage { account, payload } => {
                let known = self.roster.set_personal(account, PersonalMessage::read(payload));
                self.presence_changed(known);
            }
            ServerCommand::Pong { seconds: Some(seconds) } => {
                let wanted = std::time::Duration::from_secs(u64::from(seconds.clamp(10, 3600)));
                self.notification.ping = Some(now + wanted.min(self.config.deadlines.ping));
            }
            ServerCommand::Challenge { text } => {
                let product = Product::for_version(self.version);
                let response = challenge::answer(self.version, product, text);
                let trid = self.notification.trid();
                let response = response.as_bytes();
                self.say(&ClientCommand::ChallengeAnswer { trid, product: product.id, response });
            }
            ServerCommand::Ring { session, address, ticket, caller, name } => {
                self.answer_ring(now, session, address, ticket.0, caller, &name);
            }
            ServerCommand::Transfer { trid, to: Redirect::Switchboard { address, ticket } } => {
                if let Some((chat, _)) = self.transfers.remove(&trid) {
                    self.open_board(now, chat, address, ticket.0);
                }
            }
            ServerCommand::ListChanged { trid, change } => self.list_changed(trid, &change),
            ServerCommand::ListEntry(entry) => {
                self.roster.add_entry(&entry);
                self.events
                    .push_back(Event::ContactChanged { account: entry.account.to_lowercase() });
            }
            ServerCommand::Property { trid, property, value } => {
                if let ("MFN", Some(name)) = (property, value) {
                    self.notification.name = name.into_owned();
                }
                self.answered(trid, Ok(()));
            }
            ServerCommand::Renamed { trid, .. }
            | ServerCommand::PresenceSet { trid, .. }
            | ServerCommand::PersonalMessageSet { trid } => self.answered(Some(trid), Ok(())),
            ServerCommand::Error { trid: Some(trid), code, .. } => {
                if let Some((chat, _)) = self.transfers.remove(&trid) {
                    self.board_impossible(now, &chat, RequestError::Refused(code));
                } else {
                    self.answered(Some(trid), Err(RequestError::Refused(code)));
                }
            }
            ServerCommand::Goodbye { reason } => self.close(match reason {
                Some("OTH") => CloseReason::SignedInElsewhere,
                Some("SSD") => CloseReason::ServerDown,
                _ => CloseReason::LinkLost("the server said OUT".to_owned()),
            }),
            ServerCommand::Unknown { verb, .. } => {
                self.odd(format!("unknown command {}", verb.chars().take(8).collect::<String>()));
            }
            _ => {}
        }
    }

    pub(super) fn online_command(&mut self, now: Instant, request: RequestId, command: Command) {
        match command {
            Command::SendText { chat, text } => self.send_text(now, request, chat, text),
            Command::SendNudge { chat } => self.send_nudge(now, request, chat),
            Command::SendTyping { chat } => {
                self.send_typing(&chat);
                self.complete(request, Ok(()));
            }
            Command::LeaveChat { chat } => {
                self.leave_chat(&chat);
                self.complete(request, Ok(()));
            }
            Command::AddContact { account } => self.add_contact(now, request, &account),
            Command::RemoveContact { account } => {
                self.edit_lists(now, request, &account, &[(List::Forward, false)]);
            }
            Command::BlockContact { account, on } => {
                let (allow, block) = ((List::Allow, !on), (List::Block, on));
                // Off one list before on the other: nobody may be on both.
                let lists = if on { [allow, block] } else { [block, allow] };
                self.edit_lists(now, request, &account, &lists);
            }
            Command::SetStatus { status } => {
                let trid = self.request(now, request);
                self.say_status(trid, status);
            }
            Command::SetName { name } => {
                let trid = self.request(now, request);
                if self.version.has_guids() {
                    let value = Some(name.as_str().into());
                    self.say(&ClientCommand::Property { trid, property: "MFN", value });
                } else {
                    let account = self.config.account.clone();
                    let name = name.as_str().into();
                    self.say(&ClientCommand::Rename { trid, account: &account, name });
                }
            }
            Command::SetPersonalMessage { message } if self.version.has_personal_messages() => {
                let trid = self.request(now, request);
                let payload = message.write();
                self.say(&ClientCommand::SetPersonalMessage { trid, payload: &payload });
            }
            // The version has none: there is nothing to be told.
            Command::SetPersonalMessage { .. } => self.complete(request, Ok(())),
            Command::SignOut => self.sign_out(),
        }
    }

    /// Notes a request whose answer completes it.
    fn request(&mut self, now: Instant, request: RequestId) -> u32 {
        let trid = self.notification.trid();
        self.requests.insert(trid, (request, now + self.config.deadlines.step));
        trid
    }

    fn answered(&mut self, trid: Option<u32>, outcome: Result<(), RequestError>) {
        if let Some((request, _)) = trid.and_then(|trid| self.requests.remove(&trid)) {
            self.complete(request, outcome);
        }
    }

    /// Puts somebody on the lists that make her a contact.
    fn add_contact(&mut self, now: Instant, request: RequestId, account: &str) {
        self.edit_lists(now, request, account, &[(List::Allow, true), (List::Forward, true)]);
    }

    /// Changes the lists somebody is on, as far as they are otherwise; the last change's answer is the
    /// request's.
    ///
    /// ```text
    /// C: REM 12 AL bob@example.com
    /// C: ADC 13 BL N=bob@example.com
    /// ```
    fn edit_lists(
        &mut self,
        now: Instant,
        request: RequestId,
        account: &str,
        wanted: &[(List, bool)],
    ) {
        let known = self.roster.contact(account).cloned();
        let lists = known.as_ref().map(|contact| contact.lists).unwrap_or_default();
        let due: Vec<(List, bool)> =
            wanted.iter().copied().filter(|(list, on)| lists.has(*list) != *on).collect();
        let Some(((last, on), earlier)) = due.split_last() else {
            return self.complete(request, Ok(()));
        };
        for (list, on) in earlier {
            let trid = self.notification.trid();
            self.say_list(trid, account, known.as_ref(), *list, *on);
        }
        let trid = self.request(now, request);
        self.say_list(trid, account, known.as_ref(), *last, *on);
    }

    fn say_list(
        &mut self,
        trid: u32,
        account: &str,
        known: Option<&Contact>,
        list: List,
        add: bool,
    ) {
        let guids = self.version.has_guids();
        // A name goes with a new contact, and before GUIDs with everybody.
        let named = add && (list == List::Forward || !guids);
        // Contacts are taken off by their GUIDs, where they have them.
        let id = known.and_then(|contact| contact.id.as_deref());
        let by_id = !add && list == List::Forward && guids;
        let change = ListChange {
            add,
            list,
            serial: None,
            account: Some(account),
            name: named.then(|| account.into()),
            id: id.filter(|_| by_id),
            group: None,
        };
        self.say(&ClientCommand::EditList { trid, change });
    }

    fn list_changed(&mut self, trid: u32, change: &ListChange<'_>) {
        let account = self.roster.change(change);
        if let (0, List::Reverse, true, Some(account)) =
            (trid, change.list, change.add, account.clone())
        {
            let name = change.name.clone().unwrap_or_default().into_owned();
            self.events.push_back(Event::AddedBy { account, name });
        } else if let Some(account) = account {
            self.events.push_back(Event::ContactChanged { account });
        }
        self.answered(Some(trid), Ok(()));
    }

    fn presence_changed(&mut self, account: Option<String>) {
        if let Some(account) = account {
            self.events.push_back(Event::Presence { account });
        }
    }
}
