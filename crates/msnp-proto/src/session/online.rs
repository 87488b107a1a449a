//! The notification link of a signed-in account: presence, lists, calls, requests.

use std::time::Instant;

use super::{
    Session, edit,
    roster::circle_of,
    types::{CloseReason, Command, Event, RequestError, RequestId},
};
use crate::{
    auth::challenge::{self, Product},
    command::{ClientCommand, Redirect, ServerCommand},
    error_code::ErrorCode,
    msg::read_shown,
};

/// Longest time, in minutes, that a server may keep an account away by a word.
const LONGEST_REST: u32 = 24 * 60;

impl Session {
    pub(super) fn notification_command(&mut self, now: Instant, command: ServerCommand<'_>) {
        let command = match self.notification.is_online() {
            true => command,
            false => match self.sign_in_command(now, command) {
                Some(command) => command,
                None => return,
            },
        };
        match command {
            ServerCommand::Presence(presence) | ServerCommand::InitialPresence { presence, .. } => {
                if let Some((circle, member)) = circle_of(&presence.whose) {
                    return self.circle_presence((&circle, member), &presence);
                }
                let known = self.roster.set_presence(presence);
                self.presence_changed(known);
            }
            // What a member shows through a circle is not kept.
            ServerCommand::PersonalMessage { whose, .. } if circle_of(&whose).is_some() => {}
            ServerCommand::Offline { whose, .. } => {
                if let Some((circle, member)) = circle_of(&whose) {
                    return self.circle_gone(&circle, member);
                }
                let known = self.roster.set_offline(whose.account);
                self.presence_changed(known);
            }
            ServerCommand::PersonalMessage { whose, payload } if self.is_own(whose.account) => {
                self.own_endpoints(payload);
            }
            ServerCommand::PersonalMessage { whose, payload } => {
                let (message, look) = read_shown(payload);
                let known = self.roster.set_personal(whose.account, message, look);
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
            ServerCommand::ListChanged { trid, change } => self.list_changed(now, trid, &change),
            ServerCommand::GroupChanged { trid, words, .. } => {
                self.group_changed(now, trid, &words);
            }
            ServerCommand::Privacy { trid, verb, value, .. } => {
                self.privacy_changed(now, trid, verb, value);
            }
            ServerCommand::ContactPropertySet { trid, .. } => self.step_done(now, trid),
            ServerCommand::Synchronize { trid, counts, .. } => {
                self.resync_begins(now, trid, counts)
            }
            ServerCommand::SignedIn { trid, .. } | ServerCommand::ListsTaken { trid, .. }
                if self.circles.awaits(trid) =>
            {
                self.circle_step_done(now, trid, &[]);
            }
            ServerCommand::Published { trid, payload, .. } if self.circles.awaits(trid) => {
                self.circle_step_done(now, trid, payload);
            }
            ServerCommand::ListsTaken { trid, .. } => self.step_done(now, trid),
            ServerCommand::ListsPushed { add, payload } => self.lists_pushed(now, add, payload),
            ServerCommand::Notice { payload } => self.notice(now, payload),
            ServerCommand::UserNotice { from, kind, payload } => {
                self.user_notice(from, kind, payload);
            }
            ServerCommand::Message { payload, .. } => self.offline_notice(now, payload),
            ServerCommand::MessageElsewhere { from, payload, .. } => {
                self.heard_elsewhere(&from, payload);
            }
            ServerCommand::Networks { trid, payload } => self.networks_came(trid, payload),
            ServerCommand::UserNoticeSent { trid } => self.answered(Some(trid), Ok(())),
            ServerCommand::Datagram { trid, payload: [] } => {
                self.datagram_answered(now, trid, Ok(()));
            }
            ServerCommand::Datagram { payload, .. } => self.datagram_came(now, payload),
            ServerCommand::Publication { add, payload } => self.publication(now, add, payload),
            command @ (ServerCommand::ListEntry(_)
            | ServerCommand::NumberedEntry(_)
            | ServerCommand::Group { .. }) => self.resync_line(now, &command),
            ServerCommand::Property { trid, property, value, .. } => {
                if let ("MFN", Some(name)) = (property, value) {
                    self.notification.name = name.into_owned();
                    self.keep_roaming(now);
                }
                self.answered(trid, Ok(()));
            }
            ServerCommand::Renamed { trid, .. } if self.edits.is_active(trid) => {
                self.step_done(now, trid);
            }
            ServerCommand::Renamed { trid, .. } | ServerCommand::PresenceSet { trid, .. } => {
                self.answered(Some(trid), Ok(()))
            }
            ServerCommand::PersonalMessageSet { trid } | ServerCommand::Published { trid, .. } => {
                self.keep_roaming(now);
                self.answered(Some(trid), Ok(()));
            }
            ServerCommand::Error { trid: Some(trid), code, .. } => {
                if code == ErrorCode::TOO_MANY {
                    self.rest(now);
                }
                if let Some((chat, _)) = self.transfers.remove(&trid) {
                    self.board_impossible(now, &chat, RequestError::Refused(code));
                } else if self.circles.awaits(trid) {
                    self.circle_step_failed(now, trid, RequestError::Refused(code));
                } else if self.edits.is_active(trid) {
                    self.step_refused(now, code);
                } else if self.resync_awaits(trid) {
                    self.resync = None;
                } else {
                    let refused = match code {
                        ErrorCode::NOT_ONLINE if !self.version.has_switchboards() => {
                            RequestError::NotOnline
                        }
                        code => RequestError::Refused(code),
                    };
                    self.datagram_answered(now, trid, Err(refused));
                }
            }
            ServerCommand::Goodbye { reason, minutes } => self.close(match reason {
                Some("MIG") => CloseReason::Moved,
                Some("OTH") => CloseReason::SignedInElsewhere,
                Some("RCT") => {
                    CloseReason::ComeBackLater { minutes: minutes.unwrap_or(1).min(LONGEST_REST) }
                }
                Some("SSD") => CloseReason::ServerDown,
                Some("TOU") => CloseReason::TermsOfUse,
                _ => CloseReason::LinkLost("the server said OUT".to_owned()),
            }),
            ServerCommand::Unknown { verb, .. } => {
                self.odd(format!("unknown command {}", verb.chars().take(8).collect::<String>()));
            }
            _ => {}
        }
    }

    pub(super) fn online_command(&mut self, now: Instant, request: RequestId, command: Command) {
        let Some(command) = self.circle_command(now, request, command) else {
            return;
        };
        let Some(command) = self.converse_past_boards(now, request, command) else {
            return;
        };
        let Some(command) = self.converse_elsewhere(now, request, command) else {
            return;
        };
        let Some(command) = self.peer_command(now, request, command) else {
            return;
        };
        let Some(command) = self.roaming_command(now, request, command) else {
            return;
        };
        match command {
            Command::AskNetworks { account } => self.ask_networks(now, request, &account),
            Command::AcknowledgeOffline { ids } => self.delete_offline(now, request, ids),
            Command::ReadOffline => self.read_offline(now, request),
            Command::LeaveOffline { account, text } => {
                self.leave_offline(now, request, account, text);
            }
            Command::SendText { chat, text } => self.send_text(now, request, chat, text),
            Command::SendExtra { chat, extra } => self.send_extra(now, request, chat, &extra),
            Command::SendNudge { chat } => self.send_nudge(now, request, chat),
            Command::SendTyping { chat } => {
                self.send_typing(&chat);
                self.complete(request, Ok(()));
            }
            Command::LeaveChat { chat } => {
                self.leave_chat(&chat);
                self.complete(request, Ok(()));
            }
            Command::SetLook { look } => self.set_look(now, request, look),
            Command::SetPicture { object } => self.set_picture(now, request, object.as_ref()),
            Command::SetStatus { status } => self.set_status(now, request, status),
            Command::SignOutEndpoint { id } => self.sign_out_endpoint(now, request, &id),
            Command::SetName { name } => {
                if let Err(invalid) = edit::check_name(&name) {
                    return self.complete(request, Err(invalid.into()));
                }
                let trid = self.request(now, request);
                self.roaming.has_name();
                self.say_name(trid, &name);
            }
            Command::SetPersonalMessage { message } if self.version.has_personal_messages() => {
                let trid = self.request(now, request);
                self.notification.personal = message;
                self.roaming.has_message();
                self.say_personal(trid);
            }
            // The version has none: there is nothing to be told.
            Command::SetPersonalMessage { .. } => self.complete(request, Ok(())),
            Command::SignOut => self.sign_out(),
            command => self.edit(now, request, command),
        }
    }

    pub(super) fn say_name(&mut self, trid: u32, name: &str) {
        if self.version.has_guids() {
            let value = Some(name.into());
            self.say(&ClientCommand::Property { trid, property: "MFN", value });
        } else {
            let account = self.config.account.clone();
            self.say(&ClientCommand::Rename { trid, account: &account, name: name.into() });
        }
    }

    /// Says the own personal message.
    pub(super) fn say_personal(&mut self, trid: u32) {
        if self.version.has_publications() {
            let status = self.notification.status;
            return self.publish_presence(trid, status);
        }
        let payload = self.personal_payload(&self.notification.personal);
        self.say(&ClientCommand::SetPersonalMessage { trid, payload: &payload });
    }

    pub(super) fn presence_changed(&mut self, account: Option<String>) {
        if let Some(account) = account {
            self.events.push_back(Event::Presence { account });
        }
    }
}
