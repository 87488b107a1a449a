//! Many conversations of one session.

use std::time::Duration;

use msnp::{Event, Protocol, Status, Version};
use msnp_server::{ChatPush, Directory as _, MemoryDirectory, Network, Options, Shown, User};
use tokio::{sync::mpsc, time::timeout};

use crate::ADA;

/// More than the driver takes news of at once.
const MANY: usize = 200;

#[tokio::test]
async fn a_session_with_many_open_conversations_ends() {
    let others: Vec<String> =
        (0..MANY).map(|number| format!("other{number}@example.com")).collect();
    let listed: Vec<&str> = others.iter().map(String::as_str).collect();
    let mut users = vec![User::new(ADA, "secret", "Ada", &listed)];
    users.extend(others.iter().map(|other| User::new(other, "secret", "Other", &[ADA])));
    let people = MemoryDirectory::new(users);
    let network = Network::bind(people.clone(), Options::default()).await.expect("it binds");
    let server = network.addresses().notification.to_string();
    let mut config = msnp::Config::new(server, ADA, "secret".to_owned().into());
    config.protocol = Protocol::Exactly(Version::Msnp12);
    config.nexus_url = Some(network.nexus_url());
    let (ada, mut events) = msnp::connect(config).await.expect("it signs in");
    let online = |event: &Event| matches!(event, Event::Online { .. }).then_some(());
    crate::seen(&mut events, online).await;
    let mut held = Vec::new();
    for other in &others {
        let (pushes, pushed) = mpsc::channel(MANY * 4);
        let session = people.attach(other, None, pushes).await;
        let (status, capabilities) = (Status::Online, Default::default());
        let shown = Shown { status, capabilities, object: None };
        people.set_presence(other, session, shown).await;
        let (chat, mut chats) = mpsc::channel(64);
        let talk = people.open_talk().await;
        people.join(talk, other, chat).await;
        people.call(talk, other, ADA).await.expect("she is there");
        let came = async {
            while !matches!(chats.recv().await.expect("it is held"), ChatPush::Joined(_)) {}
        };
        timeout(Duration::from_secs(10), came).await.expect("she comes");
        held.push((pushed, chats));
    }
    ada.sign_out().await;
    let ended = timeout(Duration::from_secs(10), events.finish()).await;
    ended.expect("all its links end");
    network.shutdown().await;
}
