//! One client's link to the notification server.

mod lists;

use std::sync::Arc;

use msnp_proto::{
    ClientCommand, ErrorCode, LinkKind, ServerCommand, Version,
    auth::challenge,
    command::{Presence, Redirect, Secret, Status},
};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    directory::{PresenceOf, Push, SessionId},
    link::{Ended, GREETING_DEADLINE, Reader, Speaker},
    network::{Admits, Shared},
};

/// The policy of every sign-in, as revival servers give it.
const POLICY: &str = "ct=1,rver=1,wp=FS_40SEC_0_COMPACT,lc=1,id=1";
/// The answer to who asks for policies: there are none.
const POLICIES: &str =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><config><shield/><block/></config>";
/// The challenge of every sign-in, where challenges are on.
const CHALLENGE: &str = "22210219642164014968";

pub(crate) async fn serve(shared: Arc<Shared>, mut reader: Reader, mut speaker: Speaker) {
    let signed_in = timeout(GREETING_DEADLINE, sign_in(&shared, &mut reader, &mut speaker)).await;
    let Ok(Ok(account)) = signed_in else { return };
    // A client that lets this much wait does not read, and is cut off.
    let (pushed, pushes) = mpsc::channel(4096);
    let session = shared.directory.attach(&account, pushed).await;
    let mut client =
        Client { shared, speaker, account, session, pushes, visible: false, serial: 1 };
    // However it ends, the contacts are told.
    let _ended = client.talk(&mut reader).await;
    client.shared.directory.detach(&client.account, client.session).await;
}

/// Goes from the first word to `USR OK`; gives the account.
async fn sign_in(
    shared: &Arc<Shared>,
    reader: &mut Reader,
    speaker: &mut Speaker,
) -> Result<String, Ended> {
    let mut wanted = None;
    loop {
        while let Some(frame) = reader.framer.next().map_err(|_| Ended)? {
            let command = ClientCommand::decode(&frame, speaker.version, LinkKind::Notification);
            let command = command.map_err(|_| Ended)?;
            let verb = match command {
                ClientCommand::Version { .. } => "VER",
                ClientCommand::ClientVersion { .. } => "CVR",
                ClientCommand::AuthenticateAs { .. } => "USR I",
                ClientCommand::AuthenticateWith { .. } => "USR S",
                _ => "",
            };
            if speaker.misbehave(shared.faults.misdeed(verb), &command)? {
                continue;
            }
            match command {
                ClientCommand::Version { trid, names } => {
                    let known = names.iter().filter_map(|name| name.parse::<Version>().ok()).max();
                    if let Some(version) = known {
                        speaker.version = version;
                    }
                    speaker.say(&ServerCommand::Version { trid, version: known })?;
                    known.ok_or(Ended)?;
                }
                ClientCommand::ClientVersion { trid, number, .. } => {
                    let web = "http://messenger.msn.com";
                    speaker.say(&ServerCommand::ClientVersion {
                        trid,
                        recommended: number,
                        minimum: number,
                        download: web,
                        info: web,
                    })?;
                }
                ClientCommand::AuthenticateAs { trid, scheme: "TWN", account } => {
                    wanted = Some(account.to_lowercase());
                    let scheme = "TWN";
                    speaker.say(&ServerCommand::AuthenticateWith {
                        trid,
                        scheme,
                        policy: POLICY,
                    })?;
                }
                ClientCommand::AuthenticateWith { trid, ticket, .. } => {
                    let ticket = ticket.0.strip_prefix("t=").unwrap_or(ticket.0);
                    let ticket = ticket.split('&').next().unwrap_or(ticket);
                    match shared.redeem(ticket) {
                        Some(Admits::SignIn { account })
                            if Some(account.to_lowercase()) == wanted =>
                        {
                            greet(shared, speaker, trid, &account).await?;
                            return Ok(account);
                        }
                        _ => {
                            speaker.refuse(trid, ErrorCode::AUTHENTICATION_FAILED)?;
                            return Err(Ended);
                        }
                    }
                }
                // As the real servers: nothing else may be said yet.
                _ => return Err(Ended),
            }
        }
        reader.fill().await?;
    }
}

async fn greet(shared: &Shared, speaker: &Speaker, trid: u32, account: &str) -> Result<(), Ended> {
    let profile = shared.directory.profile(account).await.unwrap_or_default();
    let name = Some(profile.name.into());
    speaker.say(&ServerCommand::SignedIn { trid, account, name })?;
    if speaker.version.has_personal_messages() {
        speaker.say(&ServerCommand::Sbs)?;
    }
    let payload = format!(
        "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsprofile; charset=UTF-8\r\n\
         EmailEnabled: 0\r\nlang_preference: 1033\r\npreferredEmail: {account}\r\n\
         MSPAuth: \r\nClientIP: 127.0.0.1\r\nClientPort: 0\r\nABCHMigrated: 1\r\n\r\n"
    );
    let (sender, payload) = ("Hotmail", payload.as_bytes());
    speaker.say(&ServerCommand::Message { sender, name: sender.into(), payload })?;
    if shared.faults.challenges() {
        speaker.say(&ServerCommand::Challenge { text: CHALLENGE })?;
    }
    Ok(())
}

struct Client {
    shared: Arc<Shared>,
    speaker: Speaker,
    account: String,
    session: SessionId,
    pushes: mpsc::Receiver<Push>,
    /// Whether a `CHG` made the account visible to itself and others.
    visible: bool,
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
                push = self.pushes.recv() => self.tell(push.ok_or(Ended)?)?,
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
            _ => "",
        };
        if self.speaker.misbehave(self.shared.faults.misdeed(verb), &command)? {
            return Ok(());
        }
        let version = self.speaker.version;
        match command {
            ClientCommand::Synchronize { trid, .. } => self.synchronize(trid).await,
            ClientCommand::ChangeStatus { trid, status, capabilities, object } => {
                self.change_status(trid, status, capabilities, object.as_deref()).await
            }
            ClientCommand::SetPersonalMessage { trid, payload } => {
                self.shared.directory.set_personal(&self.account, payload.into()).await;
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
                self.speaker.say(&ServerCommand::Property { trid: Some(trid), property, value })
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
            ClientCommand::Goodbye => Err(Ended),
            ClientCommand::Version { trid, .. } => {
                self.speaker.refuse(trid, ErrorCode::NOT_EXPECTED)?;
                Err(Ended)
            }
            // Unknown commands get no answer, as from the real servers.
            _ => Ok(()),
        }
    }

    async fn change_status(
        &mut self,
        trid: u32,
        status: Status,
        capabilities: Option<u64>,
        object: Option<&str>,
    ) -> Result<(), Ended> {
        if status == Status::Offline {
            return self.speaker.refuse(trid, ErrorCode::INVALID_PARAMETER);
        }
        let first = !std::mem::replace(&mut self.visible, status != Status::Hidden);
        let (bits, picture) = (capabilities.unwrap_or_default(), object.map(str::to_owned));
        self.shared.directory.set_presence(&self.account, status, bits, picture).await;
        let object = object.map(Into::into);
        self.speaker.say(&ServerCommand::PresenceSet { trid, status, capabilities, object })?;
        if first {
            for of in self.shared.directory.contacts_present(&self.account).await {
                let presence = presence(&of);
                self.speaker.say(&ServerCommand::InitialPresence { trid, presence })?;
                self.tell_personal(&of)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, push: Push) -> Result<(), Ended> {
        match push {
            Push::Presence(of) if of.status == Status::Offline => {
                self.speaker.say(&ServerCommand::Offline { account: &of.profile.account })
            }
            Push::Presence(of) => self.speaker.say(&ServerCommand::Presence(presence(&of))),
            Push::Personal(of) => self.tell_personal(&of),
            Push::AddedBy(profile) => self.tell_reverse(&profile, true),
            Push::RemovedBy(profile) => self.tell_reverse(&profile, false),
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
                self.speaker.say(&ServerCommand::Goodbye { reason: Some("OTH") })?;
                Err(Ended)
            }
            Push::Kicked => {
                self.speaker.say(&ServerCommand::Goodbye { reason: Some("SSD") })?;
                Err(Ended)
            }
        }
    }

    fn tell_personal(&self, of: &PresenceOf) -> Result<(), Ended> {
        if !self.speaker.version.has_personal_messages() {
            return Ok(());
        }
        let account = &of.profile.account;
        self.speaker.say(&ServerCommand::PersonalMessage { account, payload: &of.personal })
    }
}

fn presence(of: &PresenceOf) -> Presence<'_> {
    Presence {
        status: of.status,
        account: &of.profile.account,
        name: of.profile.name.as_str().into(),
        capabilities: Some(of.capabilities),
        object: of.object.as_deref().map(Into::into),
    }
}
