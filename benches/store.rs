//! Commits against the disk itself: an append and a sync in the same directory.

mod shared;

use std::time::{Duration, Instant};

use bridge_core::store::{Batch, Durability, KeyBuilder, Store as _, TableId};
use bridge_store::{DiskStore, StoreOptions};

use shared::{Append, median, ratio, report};

const PAIRS: usize = 200;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run());
}

async fn run() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let store =
        DiskStore::open(&root.path().join("store"), StoreOptions::default()).expect("it opens");
    let mut plain = Append::new(root.path());
    let mut number = 0;
    let mut one = Vec::new();
    for _ in 0..PAIRS {
        let bare = plain.append();
        one.push(ratio(commit(&store, &mut number).await, bare));
    }
    report("commit_durable", median(one), 1.5);
    let mut many = Vec::new();
    for _ in 0..PAIRS / 4 {
        // The database takes a commit over from the journal after its answer: that must be done.
        store.stats().await.expect("it is open");
        let single = commit(&store, &mut number).await;
        store.stats().await.expect("it is open");
        many.push(ratio(commit_many(&store, &mut number).await, single));
    }
    report("commit_512_rows", median(many), 3.0);
    store.close().await.expect("it closes");
}

async fn commit(store: &DiskStore, number: &mut u64) -> Duration {
    let mut batch = Batch::new();
    *number += 1;
    let key = KeyBuilder::new(TableId::PortalLog).number(*number).build();
    batch.put(key, vec![0x5A; 512]).expect("it is short");
    let began = Instant::now();
    store.commit(batch, Durability::Durable).await.expect("it commits");
    began.elapsed()
}

/// Times one commit of 512 rows, each as long as a short message's.
async fn commit_many(store: &DiskStore, number: &mut u64) -> Duration {
    let mut batch = Batch::new();
    for _ in 0..512 {
        *number += 1;
        let key = KeyBuilder::new(TableId::PortalLog).number(*number).build();
        batch.put(key, vec![0x5A; 100]).expect("it is short");
    }
    let began = Instant::now();
    store.commit(batch, Durability::Durable).await.expect("it commits");
    began.elapsed()
}
