//! People of the embedded MSN network who take part without a client, and accounts of the bridge's own.

use std::{collections::VecDeque, sync::Arc};

use bridge_msn::{MsnConfig, MsnConnector, MsnServer, OwnAccount};
use msnp_server::{CallError, ChatPush, Directory, Push, SessionId, Shown, TalkId};
use tokio::sync::mpsc;

/// Makes an account of the bridge's own, at a notification server and a nexus.
pub(crate) fn own_account(
    (address, nexus): &(String, String),
    account: &str,
    contacts: &[String],
) -> OwnAccount {
    let server = MsnServer {
        name: "test".to_owned(),
        formerly: Vec::new(),
        preset: None,
        address: address.clone(),
        services_url: None,
        nexus_url: Some(nexus.clone()),
        login_url: None,
        gateway_url: None,
        direct: None,
        protocol: "auto".to_owned(),
    };
    let connector = MsnConnector::new(MsnConfig { server: vec![server] });
    let own = connector.own_account(None, account, "secret".to_owned().into(), contacts);
    own.expect("there is a server")
}

/// A text as clients send it.
pub(crate) fn message(words: &str) -> Vec<u8> {
    format!(
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\
         X-MMS-IM-Format: FN=Arial; EF=; CO=0; CS=0; PF=0\r\n\r\n{words}"
    )
    .into_bytes()
}

/// Gives the words of a text, none of anything else.
pub(crate) fn words_of(payload: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(payload).ok()?;
    let (head, words) = text.split_once("\r\n\r\n")?;
    head.contains("text/plain").then_some(words)
}

/// Somebody who is there.
pub(crate) struct Contact {
    directory: Arc<dyn Directory>,
    account: String,
    _session: SessionId,
    pushes: mpsc::Receiver<Push>,
    /// What is said in all her conversations, in its order.
    chat: (mpsc::Sender<ChatPush>, mpsc::Receiver<ChatPush>),
    /// What was said while she waited for somebody to come.
    early: VecDeque<ChatPush>,
    talk: Option<TalkId>,
}

impl Contact {
    pub(crate) async fn attach(directory: Arc<dyn Directory>, account: &str) -> Self {
        // She takes what is pushed at once.
        let (pushed, pushes) = mpsc::channel(1024);
        let session = directory.attach(account, None, pushed).await;
        let (status, capabilities) = (msnp::Status::Online, Default::default());
        let shown = Shown { status, capabilities, object: None };
        directory.set_presence(account, session, shown).await;
        let account = account.to_owned();
        let chat = mpsc::channel(1024);
        let early = VecDeque::new();
        Self { directory, account, _session: session, pushes, chat, early, talk: None }
    }

    /// Begins a conversation and waits until the other is in it.
    pub(crate) async fn call(&mut self, whom: &str) -> Result<(), CallError> {
        let talk = self.directory.open_talk().await;
        self.directory.join(talk, &self.account, self.chat.0.clone()).await;
        self.directory.call(talk, &self.account, whom).await?;
        self.talk = Some(talk);
        while let Some(push) = self.chat.1.recv().await {
            if matches!(push, ChatPush::Joined(_)) {
                break;
            }
            self.early.push_back(push);
        }
        Ok(())
    }

    /// Says something in the conversation she began; tells whether anybody was there.
    pub(crate) async fn say(&self, words: &str) -> bool {
        self.say_in(self.talk, words).await
    }

    /// Names the conversation she began last.
    pub(crate) fn talk(&self) -> Option<TalkId> {
        self.talk
    }

    /// Says something in a conversation of hers.
    pub(crate) async fn say_in(&self, talk: Option<TalkId>, words: &str) -> bool {
        let Some(talk) = talk else { return false };
        self.directory.say(talk, &self.account, message(words).into()).await
    }

    /// Waits for something to be said to her, and follows calls meanwhile. Cancel safe.
    pub(crate) async fn next(&mut self) -> ChatPush {
        if let Some(early) = self.early.pop_front() {
            return early;
        }
        loop {
            tokio::select! {
                said = self.chat.1.recv() => return said.expect("she keeps a way in"),
                push = self.pushes.recv() => {
                    let push = push.expect("she is attached once");
                    if let Push::Ring { talk, .. } = push {
                        self.directory.join(talk, &self.account, self.chat.0.clone()).await;
                    }
                }
            }
        }
    }
}
