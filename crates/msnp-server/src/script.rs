//! Contacts that act by themselves, through the same directory as everybody else.

use std::{sync::Arc, time::Duration};

use msnp_proto::{
    command::{Capabilities, Status},
    msg::{self, Said, Text},
};
use serde::Deserialize;
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use crate::directory::{ChatPush, Directory, Push, Shown, TalkId};

/// What a contact does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Script {
    /// Says back what is said to it.
    Echo,
    /// Greets each contact who comes online, and answers.
    Greeter,
    /// Answers with a nudge.
    Nudger,
}

/// How long a scripted contact seems to write.
const WRITING: Duration = Duration::from_millis(300);
/// How long a greeter lets a contact arrive before it speaks.
const ARRIVING: Duration = Duration::from_millis(500);

/// Plays a script until it is cancelled.
pub(crate) async fn play(script: Script, account: String, directory: Arc<dyn Directory>) {
    let (pushes, mut pushed) = mpsc::channel(1024);
    let session = directory.attach(&account, None, pushes).await;
    let (status, capabilities) = (Status::Online, Capabilities::default());
    directory.set_presence(&account, session, Shown { status, capabilities, object: None }).await;
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            push = pushed.recv() => match push {
                Some(Push::Ring { talk, .. }) => {
                    talks.spawn(converse(script, account.clone(), Arc::clone(&directory), talk, None));
                }
                Some(Push::Presence(of)) if script == Script::Greeter && of.status == Status::Online => {
                    let (account, directory) = (account.clone(), Arc::clone(&directory));
                    talks.spawn(async move {
                        sleep(ARRIVING).await;
                        let talk = directory.open_talk().await;
                        converse(script, account, directory, talk, Some(of.profile.account)).await;
                    });
                }
                Some(_) => {}
                None => return,
            },
            Some(_) = talks.join_next() => {}
        }
    }
}

async fn converse(
    script: Script,
    account: String,
    directory: Arc<dyn Directory>,
    talk: TalkId,
    greets: Option<String>,
) {
    let (pushes, mut pushed) = mpsc::channel(1024);
    directory.join(talk, &account, pushes).await;
    if let Some(friend) = &greets
        && directory.call(talk, &account, friend).await.is_err()
    {
        return directory.leave(talk, &account).await;
    }
    let speaker = Speaker { account: account.clone(), directory: Arc::clone(&directory), talk };
    while let Some(push) = pushed.recv().await {
        match push {
            ChatPush::Joined(member) if greets.is_some() => {
                let hello = format!("Hello {}, good to see you here!", member.profile.name);
                speaker.write(&Text::plain(hello)).await;
            }
            ChatPush::Said { payload, .. } => match (Said::read(&payload), script) {
                (Said::Text(text), Script::Echo) => speaker.write(&text).await,
                (Said::Text(text), Script::Greeter) => {
                    speaker.write(&Text::plain(format!("You said: {}", text.words))).await;
                }
                (Said::Text(_), Script::Nudger) => speaker.say(msg::write_nudge()).await,
                _ => {}
            },
            ChatPush::Left(_) => return directory.leave(talk, &account).await,
            ChatPush::Joined(_) => {}
        }
    }
}

struct Speaker {
    account: String,
    directory: Arc<dyn Directory>,
    talk: TalkId,
}

impl Speaker {
    /// Seems to write, then says it.
    async fn write(&self, text: &Text) {
        self.say(msg::write_typing(&self.account)).await;
        sleep(WRITING).await;
        self.say(text.write()).await;
    }

    async fn say(&self, payload: Vec<u8>) {
        self.directory.say(self.talk, &self.account, payload.into()).await;
    }
}
