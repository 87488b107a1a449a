//! One client's link to a switchboard.

use std::{collections::VecDeque, sync::Arc};

use msnp_proto::{
    ClientCommand, ErrorCode, LinkKind, ServerCommand,
    command::{AckMode, Capabilities},
    msg::PAYLOAD_LIMIT,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::{
    directory::{CallError, ChatPush, Member, TalkId},
    fault::{Lost, is_peer_acknowledgement},
    link::{Ended, GREETING_DEADLINE, Reader, Speaker, until},
    network::{Admits, Shared},
};

/// Most that waits to be delivered late; the rest waits where it is pushed.
const LATE_LIMIT: usize = 1024;

pub(crate) async fn serve(shared: Arc<Shared>, mut reader: Reader, mut speaker: Speaker) {
    let entered = timeout(GREETING_DEADLINE, enter(&shared, &mut reader, &mut speaker)).await;
    let Ok(Ok(mut board)) = entered else { return };
    // However it ends, the others are told.
    let _ended = board.talk(&mut reader).await;
    board.shared.directory.leave(board.talk, &board.account).await;
}

struct Board {
    shared: Arc<Shared>,
    speaker: Speaker,
    account: String,
    talk: TalkId,
    pushes: mpsc::Receiver<ChatPush>,
    /// What is delivered late, and when.
    late: VecDeque<(Instant, ChatPush)>,
}

/// Takes the first command: a ticket.
async fn enter(
    shared: &Arc<Shared>,
    reader: &mut Reader,
    speaker: &mut Speaker,
) -> Result<Board, Ended> {
    loop {
        if let Some(frame) = reader.framer.next().map_err(|_| Ended)? {
            let command = ClientCommand::decode(&frame, speaker.version, LinkKind::Switchboard);
            let command = command.map_err(|_| Ended)?;
            let verb =
                if matches!(command, ClientCommand::Answer { .. }) { "ANS" } else { "SB USR" };
            if speaker.misbehave(shared.faults.misdeed(verb), &command)? {
                continue;
            }
            let (trid, ticket, answers) = match &command {
                ClientCommand::Enter { trid, ticket, .. } => (*trid, ticket.0, false),
                ClientCommand::Answer { trid, ticket, .. } => (*trid, ticket.0, true),
                _ => return Err(Ended),
            };
            let admitted = match shared.redeem(ticket) {
                Some(Admits::Talk { account, talk, version, called }) if called == answers => {
                    (account, talk, version)
                }
                _ => {
                    speaker.refuse(trid, ErrorCode::AUTHENTICATION_FAILED)?;
                    return Err(Ended);
                }
            };
            let (account, talk, version) = admitted;
            speaker.version = version;
            // A client that lets this much wait does not read, and is cut off.
            let (pushed, pushes) = mpsc::channel(1024);
            let present = shared.directory.join(talk, &account, pushed).await;
            if answers {
                roster(speaker, trid, &present)?;
                speaker.say(&ServerCommand::Answered { trid })?;
            } else {
                let profile = shared.directory.profile(&account).await.unwrap_or_default();
                let name = Some(profile.name.into());
                speaker.say(&ServerCommand::SignedIn {
                    trid,
                    account: &account,
                    name,
                    verified: true,
                })?;
            }
            let (shared, speaker) = (Arc::clone(shared), speaker.clone());
            let late = VecDeque::new();
            return Ok(Board { shared, speaker, account, talk, pushes, late });
        }
        reader.fill().await?;
    }
}

/// How somebody is listed: from MSNP16 once for her place and once for herself.
fn addresses(member: &Member, speaker: &Speaker) -> Vec<String> {
    let account = &member.profile.account;
    let place = member.place.as_ref().filter(|_| speaker.version.has_endpoints());
    let place = place.map(|place| format!("{account};{{{place}}}"));
    place.into_iter().chain([account.clone()]).collect()
}

fn roster(speaker: &Speaker, trid: u32, present: &[Member]) -> Result<(), Ended> {
    let lines: Vec<(String, &Member)> = present
        .iter()
        .flat_map(|member| addresses(member, speaker).into_iter().map(move |line| (line, member)))
        .collect();
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    for (index, (account, member)) in (1..).zip(&lines) {
        speaker.say(&ServerCommand::Present {
            trid,
            index,
            count,
            account,
            name: member.profile.name.as_str().into(),
            capabilities: Some(member.capabilities),
        })?;
    }
    Ok(())
}

impl Board {
    async fn talk(&mut self, reader: &mut Reader) -> Result<(), Ended> {
        loop {
            while let Some(frame) = reader.framer.next().map_err(|_| Ended)? {
                let command =
                    ClientCommand::decode(&frame, self.speaker.version, LinkKind::Switchboard);
                // What cannot be read is passed over, as the real servers do.
                if let Ok(command) = command {
                    self.obey(command).await?;
                }
            }
            tokio::select! {
                filled = reader.fill() => filled?,
                passed = self.pass_on() => passed?,
            }
        }
    }

    /// Passes on the next thing that others did, when the client takes it. Cancel safe.
    async fn pass_on(&mut self) -> Result<(), Ended> {
        self.speaker.ready().await?;
        let due = self.late.front().map(|(due, _)| *due);
        tokio::select! {
            push = self.pushes.recv(), if self.late.len() < LATE_LIMIT => {
                let push = push.ok_or(Ended)?;
                match self.shared.faults.relaying() {
                    None if self.late.is_empty() => self.tell(push),
                    delay => {
                        let due = Instant::now() + delay.unwrap_or_default();
                        self.late.push_back((due, push));
                        Ok(())
                    }
                }
            }
            () = until(due) => match self.late.pop_front() {
                Some((_, push)) => self.tell(push),
                None => Ok(()),
            }
        }
    }

    /// Says something to the others, as fast as they take it; tells whether anybody heard it. What they say
    /// meanwhile is passed on, for they may wait for that.
    async fn say(&mut self, payload: &[u8]) -> Result<bool, Ended> {
        let (directory, account) = (Arc::clone(&self.shared.directory), self.account.clone());
        let mut said = directory.say(self.talk, &account, payload.into());
        loop {
            tokio::select! {
                biased;
                heard = &mut said => return Ok(heard),
                passed = self.pass_on() => passed?,
            }
        }
    }

    async fn obey(&mut self, command: ClientCommand<'_>) -> Result<(), Ended> {
        let shared = Arc::clone(&self.shared);
        let (directory, faults) = (&shared.directory, &shared.faults);
        if faults.is_half_open() {
            return Ok(());
        }
        let verb = match command {
            ClientCommand::Call { .. } => "CAL",
            ClientCommand::Message { .. } => "SB MSG",
            _ => "",
        };
        if self.speaker.misbehave(faults.misdeed(verb), &command)? {
            return Ok(());
        }
        match command {
            ClientCommand::Call { trid, account } if !account.contains('@') => {
                self.speaker.refuse(trid, ErrorCode::INVALID_USER)
            }
            ClientCommand::Call { trid, account } if faults.is_unreachable(account) => {
                self.speaker.refuse(trid, ErrorCode::NOT_ONLINE)
            }
            // Clients of these versions call themselves first, for their other places.
            ClientCommand::Call { trid, account }
                if self.speaker.version.has_endpoints()
                    && account.eq_ignore_ascii_case(&self.account) =>
            {
                let session = self.talk.0.to_string();
                self.speaker.say(&ServerCommand::Ringing { trid, session: &session })?;
                let profile = directory.profile(&self.account).await.unwrap_or_default();
                let capabilities = Some(Capabilities::default());
                let name = profile.name.as_str().into();
                self.speaker.say(&ServerCommand::Joined {
                    account: &profile.account,
                    name,
                    capabilities,
                })
            }
            ClientCommand::Call { trid, account } => {
                match directory.call(self.talk, &self.account, account).await {
                    Ok(()) => {
                        let session = self.talk.0.to_string();
                        self.speaker.say(&ServerCommand::Ringing { trid, session: &session })
                    }
                    Err(CallError::AlreadyThere) => {
                        self.speaker.refuse(trid, ErrorCode::ALREADY_THERE)
                    }
                    Err(CallError::NotOnline) => self.speaker.refuse(trid, ErrorCode::NOT_ONLINE),
                }
            }
            // As the real servers: closed without a word.
            ClientCommand::Message { payload, .. } if payload.len() > PAYLOAD_LIMIT => Err(Ended),
            ClientCommand::Message { trid, ack, payload } => {
                let lost =
                    is_peer_acknowledgement(payload) && faults.loses(Lost::PeerAcknowledgement);
                let heard = lost || self.say(payload).await?;
                match (ack, heard) {
                    (AckMode::Always | AckMode::Data, true)
                        if faults.loses(Lost::Acknowledgement) =>
                    {
                        Ok(())
                    }
                    (AckMode::Always | AckMode::Data, true) => {
                        self.speaker.say(&ServerCommand::Acknowledge { trid })
                    }
                    (AckMode::Always | AckMode::Data | AckMode::Failure, false) => {
                        self.speaker.say(&ServerCommand::NotDelivered { trid })
                    }
                    _ => Ok(()),
                }
            }
            ClientCommand::Goodbye => Err(Ended),
            _ => Ok(()),
        }
    }

    fn tell(&self, push: ChatPush) -> Result<(), Ended> {
        if self.shared.faults.is_half_open() {
            return Ok(());
        }
        match push {
            ChatPush::Joined(member) => {
                for account in addresses(&member, &self.speaker) {
                    self.speaker.say(&ServerCommand::Joined {
                        account: &account,
                        name: member.profile.name.as_str().into(),
                        capabilities: Some(member.capabilities),
                    })?;
                }
                Ok(())
            }
            ChatPush::Left(account) => self.speaker.say(&ServerCommand::Left { account: &account }),
            ChatPush::Said { from, payload } => self.speaker.say(&ServerCommand::Message {
                sender: &from.account,
                name: from.name.as_str().into(),
                payload: &payload,
            }),
        }
    }
}
