//! One client's link to the notification server.

mod circles;
mod datagrams;
mod lists;
mod presence;
mod sign_in;

use std::{collections::BTreeSet, sync::Arc};

use msnp_proto::{
    ClientCommand, ErrorCode, LinkKind, ServerCommand,
    auth::challenge,
    command::{Redirect, Secret, Whose},
};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    calls,
    circle::CircleId,
    directory::{Push, SessionId},
    link::{Ended, GREETING_DEADLINE, Reader, Speaker},
    network::{Admits, Shared},
    offline,
};

/// The answer to who asks for policies: there are none.
const POLICIES: &str =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><config><shield/><block/></config>";
/// The challenge of every sign-in, where challenges are on.
const CHALLENGE: &str = "22210219642164014968";

pub(crate) async fn serve(shared: Arc<Shared>, mut reader: Reader, mut speaker: Speaker) {
    let signed_in =
        timeout(GREETING_DEADLINE, sign_in::sign_in(&shared, &mut reader, &mut speaker)).await;
    let Ok(Ok((account, place))) = signed_in else { return };
    // A client that lets this much wait does not read, and is cut off.
    let (pushed, pushes) = mpsc::channel(4096);
    let session = shared.directory.attach(&account, place.clone(), pushed).await;
    if !speaker.version.has_switchboards() {
        shared.directory.take_datagrams(&account, session).await;
    }
    let mut client = Client {
        shared,
        speaker,
        account,
        place,
        session,
        pushes,
        visible: false,
        circles_open: false,
        circles_told: BTreeSet::new(),
        serial: 1,
    };
    // However it ends, the contacts are told.
    let _ended = client.talk(&mut reader).await;
    client.shared.directory.detach(&client.account, client.session).await;
    if !client.speaker.version.has_switchboards() {
        // Clients of the account that stay begin theirs again with the next word.
        client.shared.calls.end(&client.account);
    }
}

struct Client {
    shared: Arc<Shared>,
    speaker: Speaker,
    account: String,
    /// The place the client is at, from MSNP16.
    place: Option<String>,
    session: SessionId,
    pushes: mpsc::Receiver<Push>,
    /// Whether a `CHG` made the account visible to itself and others.
    visible: bool,
    /// Whether the ticket of the circles was shown.
    circles_open: bool,
    /// The circles that the client told of.
    circles_told: BTreeSet<CircleId>,
    /// The number of the lists as they are now, for versions that count.
    serial: u32,
}

impl Client {
    async fn talk(&mut self, reader: &mut Reader) -> Result<(), Ended> {
        loop {
            while let Some(frame) = reader.framer.next().map_err(|_| Ended)? {
                let version = self.speaker.version;
                // What cannot be read is passed over, as the real servers do.
                if let Ok(command) = ClientCommand::decode(&frame, version, LinkKind::Notification)
                {
                    self.obey(command).await?;
                }
            }
            tokio::select! {
                filled = reader.fill() => filled?,
                push = self.pushes.recv() => self.tell(push.ok_or(Ended)?).await?,
            }
        }
    }

    async fn obey(&mut self, command: ClientCommand<'_>) -> Result<(), Ended> {
        let verb = match command {
            ClientCommand::Synchronize { .. } => "SYN",
            ClientCommand::ChangeStatus { .. } => "CHG",
            ClientCommand::Ping => "PNG",
            ClientCommand::RequestSwitchboard { .. } => "XFR",
            ClientCommand::EditList { ref change, .. } if change.add => "ADC",
            ClientCommand::EditList { .. } => "REM",
            ClientCommand::EditGroup { .. } => "ADG",
            ClientCommand::Datagram { .. } => "SDG",
            _ => "",
        };
        if self.speaker.misbehave(self.shared.faults.misdeed(verb), &command)? {
            return Ok(());
        }
        let version = self.speaker.version;
        match command {
            ClientCommand::Synchronize { trid, .. } => self.synchronize(trid).await,
            ClientCommand::ClientVersion { trid, number, .. } => {
                sign_in::client_version(&self.speaker, trid, number)
            }
            ClientCommand::TellLists { trid, add, payload } => {
                self.lists_told(trid, add, payload).await
            }
            ClientCommand::AskNetworks { trid, payload } => self.networks(trid, payload).await,
            ClientCommand::Publish { trid, add: true, payload } => {
                self.publish(trid, payload).await
            }
            ClientCommand::Publish { trid, add: false, payload } => {
                self.withdraw(trid, payload).await
            }
            ClientCommand::UserNotice { trid, to, kind, payload } => {
                self.notify(trid, to, kind, payload).await
            }
            ClientCommand::ChangeStatus { trid, status, capabilities, object } => {
                self.change_status(trid, status, capabilities, object.as_deref()).await
            }
            ClientCommand::SetPersonalMessage { trid, payload } => {
                self.set_personal(payload).await;
                self.speaker.say(&ServerCommand::PersonalMessageSet { trid })
            }
            ClientCommand::ChallengeAnswer { trid, product, response } => {
                if challenge::verify(version, product, CHALLENGE, response) {
                    self.speaker.say(&ServerCommand::ChallengePassed { trid })
                } else {
                    self.speaker.refuse(trid, ErrorCode(540))?;
                    Err(Ended)
                }
            }
            ClientCommand::Ping => self.speaker.say(&ServerCommand::Pong { seconds: Some(60) }),
            ClientCommand::Privacy { trid, verb, value } => {
                self.set_privacy(trid, verb, value).await
            }
            ClientCommand::Property { trid, property, value } => {
                if let ("MFN", Some(name)) = (property, &value) {
                    self.shared.directory.set_name(&self.account, name).await;
                }
                let serial = None;
                let trid = Some(trid);
                self.speaker.say(&ServerCommand::Property { trid, serial, property, value })
            }
            ClientCommand::Rename { trid, account, name } => self.rename(trid, account, name).await,
            ClientCommand::EditList { trid, change } => self.edit(trid, &change).await,
            ClientCommand::EditGroup { trid, change, words } => {
                self.edit_group(trid, change, &words).await
            }
            ClientCommand::ContactProperty { trid, id, property, value } => {
                self.set_contact_property(trid, id, property, value).await
            }
            ClientCommand::RequestSwitchboard { trid } if !self.visible => {
                self.speaker.refuse(trid, ErrorCode::NOT_WHILE_HIDDEN)
            }
            ClientCommand::RequestSwitchboard { trid } => {
                let talk = self.shared.directory.open_talk().await;
                let account = self.account.clone();
                let admits = Admits::Talk { account, talk, version, called: false };
                let ticket = self.shared.ticket(admits);
                let address = self.shared.switchboard_for(&self.account).to_string();
                let to = Redirect::Switchboard { address: &address, ticket: Secret(&ticket) };
                self.speaker.say(&ServerCommand::Transfer { trid, to })
            }
            ClientCommand::Url { trid, .. } => {
                let words = vec!["/", "http://messenger.msn.com", "2"];
                self.speaker.say(&ServerCommand::Url { trid, words })
            }
            ClientCommand::Policies { trid, file } => {
                let payload = POLICIES.as_bytes();
                self.speaker.say(&ServerCommand::Policies { trid, file: Some(file), payload })
            }
            ClientCommand::AuthenticateCircles { trid, ticket } if version.has_circles() => {
                self.open_circles(trid, ticket.0).await
            }
            ClientCommand::MessageElsewhere { trid, to, network, kind, payload } => {
                self.pass_on(trid, to, network, kind, payload).await
            }
            ClientCommand::Datagram { trid, payload } => self.say_datagram(trid, payload).await,
            ClientCommand::Goodbye => Err(Ended),
            ClientCommand::Version { trid, .. } => {
                self.speaker.refuse(trid, ErrorCode::NOT_EXPECTED)?;
                Err(Ended)
            }
            // Unknown commands get no answer, as from the real servers.
            _ => Ok(()),
        }
    }

    async fn tell(&mut self, push: Push) -> Result<(), Ended> {
        match push {
            Push::Presence(of) => self.tell_presence(&of),
            Push::Own(of) => self.tell_own(&of),
            Push::Personal(of) => self.tell_personal(&of),
            Push::Circle(id, news) => self.tell_news(&id, news),
            Push::Datagram(payload) => self.tell_datagram(&payload),
            Push::Offline(stored) if !self.speaker.version.has_switchboards() => {
                self.tell_kept(&[stored]).await
            }
            Push::Offline(stored) => self.tell_offline(&[stored], offline::arrival),
            Push::ListsChanged => self.tell_lists_changed(),
            Push::Notice(from, kind, payload) => {
                let payload = &*payload;
                self.speaker.say(&ServerCommand::UserNotice { from: &from, kind, payload })
            }
            Push::Message(from, kind, payload) => {
                let (from, to) = (Whose::passport(&from), Whose::passport(&self.account));
                let payload = &*payload;
                self.speaker.say(&ServerCommand::MessageElsewhere { from, to, kind, payload })
            }
            Push::AddedBy(profile) => self.tell_reverse(&profile, true),
            Push::RemovedBy(profile) => self.tell_reverse(&profile, false),
            Push::Ring { talk, caller } if !self.speaker.version.has_switchboards() => {
                calls::answer(&self.shared, &self.account, &caller.account, talk);
                Ok(())
            }
            Push::Ring { talk, caller } => {
                let (account, version) = (self.account.clone(), self.speaker.version);
                let admits = Admits::Talk { account, talk, version, called: true };
                let ticket = self.shared.ticket(admits);
                let address = self.shared.switchboard_for(&self.account).to_string();
                self.speaker.say(&ServerCommand::Ring {
                    session: &talk.0.to_string(),
                    address: &address,
                    ticket: Secret(&ticket),
                    caller: &caller.account,
                    name: caller.name.as_str().into(),
                })
            }
            Push::SignedInElsewhere => {
                self.speaker.say(&ServerCommand::Goodbye { reason: Some("OTH"), minutes: None })?;
                Err(Ended)
            }
            Push::Kicked => {
                self.speaker.say(&ServerCommand::Goodbye { reason: Some("SSD"), minutes: None })?;
                Err(Ended)
            }
        }
    }
}
