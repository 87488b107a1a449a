//! Many clients that do nothing.

use std::io::{BufRead as _, Write as _};

use msnp::{Config, Protocol, Version};
use msnp_server::{MemoryDirectory, Network, Options, User};
use tokio::{runtime::Builder, task::JoinSet};

use crate::count;

/// Clients that sign in at once: so many that the server is busy, so few that no deadline passes.
const AT_ONCE: usize = 50;
/// Contacts of each.
const CONTACTS: usize = 5;

fn account(which: usize) -> String {
    format!("user{which}@example.com")
}

/// Runs a network of so many until standard input ends; its first line says where it is.
pub(crate) fn serve(users: usize) {
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let user = |which: usize| {
            // In rings: nobody has more than she is given.
            let ring = which / (CONTACTS + 1) * (CONTACTS + 1);
            let contacts =
                (ring..=ring + CONTACTS).filter(|other| *other != which && *other < users);
            let contacts: Vec<String> = contacts.map(account).collect();
            let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
            User::new(&account(which), "secret", "Somebody", &contacts)
        };
        let directory = MemoryDirectory::new((0..users).map(user).collect());
        let network = Network::bind(directory, Options::default()).await.expect("free ports");
        let addresses = network.addresses();
        println!("{} {}", addresses.notification, addresses.http);
        std::io::stdout().flush().expect("somebody reads it");
        let ended =
            tokio::task::spawn_blocking(|| std::io::stdin().lock().read_line(&mut String::new()));
        ended.await.expect("it ends").expect("it is read");
    });
}

/// Signs `from` clients in, then the others up to `to`; prints the memory of each of those, the
/// descriptors, and the processor's nanoseconds of each.
pub(crate) fn run(whose: &str, ns: &str, http: &str, from: usize, to: usize) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ours = whose == "ours";
    runtime.expect("a runtime").block_on(async {
        let mut kept = Kept::default();
        kept.sign_in(ours, ns, http, 0, from).await;
        let (memory, descriptors) = (count::memory(), count::descriptors());
        let cpu = count::cpu();
        kept.sign_in(ours, ns, http, from, to).await;
        let more = u64::try_from(to - from).expect("it fits");
        let each = count::memory().saturating_sub(memory) / more;
        let spent = (count::cpu() - cpu) / more;
        let descriptors = count::descriptors() - descriptors;
        println!("memory {each} descriptors {descriptors} cpu {spent}");
    });
}

#[derive(Default)]
struct Kept {
    ours: Vec<(msnp::Handle, tokio::task::JoinHandle<()>)>,
    theirs: Vec<msnp11_sdk::Client>,
}

impl Kept {
    async fn sign_in(&mut self, ours: bool, ns: &str, http: &str, from: usize, to: usize) {
        let mut waiting: Vec<usize> = (from..to).rev().collect();
        let mut signing = JoinSet::new();
        loop {
            while signing.len() < AT_ONCE
                && let Some(which) = waiting.pop()
            {
                signing.spawn(one(ours, ns.to_owned(), http.to_owned(), which));
            }
            match signing.join_next().await {
                Some(Ok(One::Ours(handle, mut events))) => {
                    let listening =
                        tokio::spawn(async move { while events.next().await.is_some() {} });
                    self.ours.push((handle, listening));
                }
                Some(Ok(One::Theirs(client))) => self.theirs.push(*client),
                Some(Err(error)) => panic!("{error}"),
                None => return,
            }
        }
    }
}

enum One {
    Ours(msnp::Handle, msnp::Events),
    Theirs(Box<msnp11_sdk::Client>),
}

async fn one(ours: bool, ns: String, http: String, which: usize) -> One {
    let nexus = format!("http://{http}/rdr/pprdr.asp");
    if ours {
        let mut config = Config::new(ns, account(which), "secret".to_owned().into());
        config.protocol = Protocol::Exactly(Version::Msnp11);
        config.nexus_url = Some(nexus);
        let (handle, events) = msnp::connect(config).await.expect("it signs in");
        return One::Ours(handle, events);
    }
    let (host, port) = ns.rsplit_once(':').expect("a port");
    let client = msnp11_sdk::Client::new(host, port.parse().expect("a number")).await;
    let client = client.expect("it connects");
    client.add_event_handler_closure(|_| std::future::ready(()));
    let login = client.login(account(which), "secret", &nexus, "peers", "1").await;
    login.expect("it signs in");
    client.set_presence(msnp11_sdk::MsnpStatus::Online).await.expect("it is set");
    One::Theirs(Box::new(client))
}
