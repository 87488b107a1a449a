//! Stores on disk: the suite every engine runs, and what only a disk can show.

mod backups;
mod damage;
mod engines;
mod full;
mod killed;

use std::path::Path;

use bridge_core::store::{Batch, Durability, Key, KeyBuilder, Store as _, TableId};
use bridge_store::{DiskStore, Engine, StoreOptions};

const ENGINES: [Engine; 2] = [Engine::Sled, Engine::Redb];

fn with(engine: Engine) -> StoreOptions {
    StoreOptions::default().with_engine(engine)
}

fn key(number: u64) -> Key {
    KeyBuilder::new(TableId::PortalLog).number(number).build()
}

fn put(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(key(number), number.to_be_bytes().to_vec()).expect("it is short");
    batch
}

async fn filled(path: &Path, rows: u64, options: StoreOptions) -> DiskStore {
    let store = DiskStore::open(path, options).expect("it opens");
    for number in 0..rows {
        store.commit(put(number), Durability::Relaxed).await.expect("it commits");
    }
    store
}

async fn holds(store: &DiskStore, rows: u64) {
    for number in 0..rows {
        let value = store.get(&key(number)).await.expect("it reads");
        assert_eq!(value, Some(number.to_be_bytes().to_vec()), "row {number}");
    }
}

/// Does what blocks in a thread of its own, as a program would.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it does not panic")
}
