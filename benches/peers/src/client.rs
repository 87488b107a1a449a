//! One client that signs in and reads lines.

use std::{
    io::Write as _,
    net::TcpStream,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

use msnp::{Config, Event, Protocol, Version};
use tokio::{runtime::Builder, sync::Notify};

use crate::count;

/// Runs it, and prints `cpu NANOSECONDS allocations NUMBER heard NUMBER` of reading alone.
pub(crate) fn run(whose: &str, ns: &str, http: &str, progress: &str) {
    let progress = TcpStream::connect(progress).expect("it listens");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (cpu, allocations, heard) = match whose {
        "ours" => runtime.block_on(ours(ns, http, progress)),
        _ => runtime.block_on(theirs(ns, http, progress)),
    };
    println!("cpu {cpu} allocations {allocations} heard {heard}");
}

async fn ours(ns: &str, http: &str, mut progress: TcpStream) -> (u64, u64, u64) {
    let mut config = Config::new(ns, "ada@example.com", "secret".to_owned().into());
    config.protocol = Protocol::Exactly(Version::Msnp11);
    config.nexus_url = Some(format!("http://{http}/rdr/pprdr.asp"));
    let (handle, mut events) = msnp::connect(config).await.expect("it signs in");
    let before = (count::cpu(), count::allocations(), handle.heard());
    let reading = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::RemovedBy { .. } => progress.write_all(&[0]).expect("it is read"),
                Event::AddedBy { .. } => break,
                _ => {}
            }
        }
        events
    });
    handle.set_status(msnp::Status::Busy).await.expect("it is set");
    // Kept: the session goes on until it was counted.
    let _events = reading.await.expect("it ends");
    (count::cpu() - before.0, count::allocations() - before.1, handle.heard() - before.2)
}

async fn theirs(ns: &str, http: &str, progress: TcpStream) -> (u64, u64, u64) {
    let (host, port) = ns.rsplit_once(':').expect("a port");
    let port = port.parse().expect("a number");
    let client = msnp11_sdk::Client::new(host, port).await.expect("it connects");
    let (heard, end) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (counted, ended) = (Arc::clone(&heard), Arc::clone(&end));
    client.add_event_handler_closure(move |event| {
        counted.fetch_add(1, Ordering::Relaxed);
        match event {
            msnp11_sdk::Event::RemovedBy(_) => (&progress).write_all(&[0]).expect("it is read"),
            msnp11_sdk::Event::AddedBy { .. } => ended.notify_one(),
            _ => {}
        }
        std::future::ready(())
    });
    let nexus = format!("http://{http}/rdr/pprdr.asp");
    let login = client.login("ada@example.com".to_owned(), "secret", &nexus, "peers", "1").await;
    login.expect("it signs in");
    client.set_presence(msnp11_sdk::MsnpStatus::Online).await.expect("it is set");
    let before = (count::cpu(), count::allocations(), heard.load(Ordering::Relaxed));
    // Among so many lines it loses the answer.
    let _ = client.set_presence(msnp11_sdk::MsnpStatus::Busy).await;
    end.notified().await;
    let heard = heard.load(Ordering::Relaxed);
    (count::cpu() - before.0, count::allocations() - before.1, heard - before.2)
}
