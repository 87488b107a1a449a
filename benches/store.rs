//! Commits against the disk itself: an append and a sync in the same directory.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use bridge_core::store::{Batch, Durability, KeyBuilder, Store as _, TableId};
use bridge_store::{SledOptions, SledStore};

const PAIRS: usize = 200;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(run());
}

async fn run() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let store =
        SledStore::open(&root.path().join("store"), SledOptions::default()).expect("it opens");
    let mut plain = Append::new(root.path());
    let mut number = 0;
    let mut one = Vec::new();
    for _ in 0..PAIRS {
        let bare = plain.append();
        one.push(ratio(commit(&store, &mut number).await, bare));
    }
    report("commit_durable", median(one), 1.5);
    store.close().await.expect("it closes");
}

async fn commit(store: &SledStore, number: &mut u64) -> Duration {
    let mut batch = Batch::new();
    *number += 1;
    let key = KeyBuilder::new(TableId::PortalLog).number(*number).build();
    batch.put(key, vec![0x5A; 512]).expect("it is short");
    let began = Instant::now();
    store
        .commit(batch, Durability::Durable)
        .await
        .expect("it commits");
    began.elapsed()
}

struct Append(File);

impl Append {
    fn new(directory: &Path) -> Self {
        Self(File::create(directory.join("plain")).expect("it is made"))
    }

    fn append(&mut self) -> Duration {
        let began = Instant::now();
        self.0.write_all(&[0x5A; 512]).expect("it is written");
        self.0.sync_data().expect("it is synced");
        began.elapsed()
    }
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios
        .get(ratios.len() / 2)
        .copied()
        .unwrap_or(f64::INFINITY)
}

fn report(name: &str, value: f64, bar: f64) {
    println!(
        "ratio {name} {value:.2} <= {bar:.2} {}",
        if value <= bar { "ok" } else { "MISS" }
    );
}
