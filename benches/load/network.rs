//! The other process: the MSN network, and the contacts, who take part without clients.

use std::sync::Arc;

use msnp_server::{ChatPush, MemoryDirectory, Network, Options, User};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, stdin, stdout},
    sync::mpsc,
};

use crate::{
    CONTACTS, Size, contact,
    figures::Side,
    msn::{Contact, words_of},
    puppet,
    workers::{Workers, line},
};

pub(crate) async fn run(size: Size) {
    let people = people(size);
    let network = Network::bind(people.clone(), Options::default()).await.expect("it binds");
    let side = Arc::new(Side::new(size));
    let workers = Arc::new(Workers::new(size));
    // Fewer are under way.
    let (heard, mut tell) = mpsc::channel::<usize>(4096);
    let mut say = Vec::new();
    for chat in 0..size.chats() {
        let person = Contact::attach(Arc::new(people.clone()), &contact(chat)).await;
        // One of hers is under way.
        let (wish, wishes) = mpsc::channel(1);
        say.push(wish);
        tokio::spawn(live(person, chat, wishes, Arc::clone(&side), heard.clone()));
    }
    let mut out = stdout();
    let place = format!("{} {}\n", network.addresses().notification, network.nexus_url());
    out.write_all(place.as_bytes()).await.expect("somebody listens");
    let telling = tokio::spawn(async move {
        while let Some(chat) = tell.recv().await {
            let mut lines = format!("{chat}\n");
            while let Ok(chat) = tell.try_recv() {
                lines.push_str(&format!("{chat}\n"));
            }
            out.write_all(lines.as_bytes()).await.expect("somebody listens");
            out.flush().await.expect("somebody listens");
        }
        out
    });
    let mut lines = BufReader::new(stdin()).lines();
    let begin = lines.next_line().await.expect("somebody speaks");
    assert_eq!(begin.as_deref(), Some("begin"));
    let listening = {
        let workers = Arc::clone(&workers);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                workers.heard(line.parse().expect("chats are numbers"));
            }
        })
    };
    workers
        .run(async |chat, number| {
            if let Some(wish) = say.get(chat) {
                wish.send(number).await.expect("the contact lives");
            }
        })
        .await;
    // All of this side is said; what the other still says is waited for.
    let summary = side.end().await;
    drop((say, heard));
    let mut out = telling.await.expect("it tells to the end");
    out.write_all(format!("{summary}\n").as_bytes()).await.expect("somebody listens");
    out.flush().await.expect("somebody listens");
    // Ended by the other process.
    listening.await.expect("it listens to the end");
}

fn people(size: Size) -> MemoryDirectory {
    let people = MemoryDirectory::default();
    for number in 0..size.puppets {
        let chats = number * CONTACTS..(number + 1) * CONTACTS;
        let account = puppet(number);
        let contacts: Vec<String> = chats.clone().map(contact).collect();
        let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
        people.add(User::new(&account, "secret", "Puppet", &contacts));
        for chat in chats {
            people.add(User::new(&contact(chat), "secret", "Contact", &[&account]));
        }
    }
    people
}

/// One contact: says what she is told to, and writes down what she hears, until nobody tells her more.
async fn live(
    mut person: Contact,
    chat: usize,
    mut wishes: mpsc::Receiver<usize>,
    side: Arc<Side>,
    heard: mpsc::Sender<usize>,
) {
    let whom = puppet(chat / CONTACTS);
    loop {
        tokio::select! {
            wish = wishes.recv() => {
                let Some(number) = wish else { return };
                // The conversation ends when it was silent for long; then she begins another.
                while !person.say(&line(number)).await {
                    person.call(&whom).await.expect("the account is there");
                }
            }
            push = person.next() => {
                if let ChatPush::Said { payload, .. } = push
                    && let Some(words) = words_of(&payload)
                {
                    side.take(chat, words);
                    heard.send(chat).await.expect("somebody listens");
                }
            }
        }
    }
}
