//! The sled engine: the suite every engine runs, and what only a disk can show.

use std::sync::Arc;

use bridge_core::store::{Batch, Durability, Key, KeyBuilder, Store, TableId, conformance};
use bridge_store::{OpenError, SCHEMA, SledOptions, SledStore};

fn key(number: u64) -> Key {
    KeyBuilder::new(TableId::PortalLog).number(number).build()
}

fn put(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(key(number), number.to_be_bytes().to_vec()).expect("it is short");
    batch
}

#[tokio::test]
async fn the_sled_engine_conforms() {
    let root = tempfile::tempdir().unwrap();
    conformance::run_all(|| async {
        let path = tempfile::tempdir_in(root.path()).unwrap().keep();
        let store: Arc<dyn Store> =
            Arc::new(SledStore::open(&path, SledOptions::default()).unwrap());
        store
    })
    .await;
}

#[tokio::test]
async fn what_was_durable_is_there_after_reopening() {
    let root = tempfile::tempdir().unwrap();
    for round in 0..3_u64 {
        let store = SledStore::open(root.path(), SledOptions::default()).unwrap();
        for earlier in 0..round {
            assert_eq!(
                store.get(&key(earlier)).await.unwrap(),
                Some(earlier.to_be_bytes().to_vec())
            );
        }
        store.commit(put(round), Durability::Durable).await.unwrap();
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_second_opening_is_refused_with_the_place_and_the_mend() {
    let root = tempfile::tempdir().unwrap();
    let store = SledStore::open(root.path(), SledOptions::default()).unwrap();
    let second = SledStore::open(root.path(), SledOptions::default()).err().unwrap();
    assert!(matches!(second, OpenError::Locked { .. }));
    let text = second.to_string();
    assert!(text.contains(&root.path().display().to_string()) && text.contains("stop that one"));
    store.close().await.unwrap();
    SledStore::open(root.path(), SledOptions::default()).unwrap();
}

#[test]
fn a_newer_schema_is_refused_and_kept_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let key = KeyBuilder::new(TableId::Meta).text("schema").build();
    {
        let db = sled::open(root.path().join("sled")).unwrap();
        db.insert(key.as_bytes(), &(SCHEMA + 1).to_be_bytes()).unwrap();
        db.flush().unwrap();
    }
    let refused = SledStore::open(root.path(), SledOptions::default()).err().unwrap();
    assert!(matches!(refused, OpenError::NewerSchema { found, .. } if found == SCHEMA + 1));
    let db = sled::open(root.path().join("sled")).unwrap();
    assert_eq!(db.get(key.as_bytes()).unwrap().unwrap(), (SCHEMA + 1).to_be_bytes());
}

#[test]
fn a_file_in_the_way_is_named() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("store");
    std::fs::write(&path, b"not a directory").unwrap();
    let refused = SledStore::open(&path, SledOptions::default()).err().unwrap();
    assert!(matches!(refused, OpenError::Unusable { .. }));
    assert!(refused.to_string().contains("store"));
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_reads_the_directory() {
    use std::os::unix::fs::PermissionsExt as _;

    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("store");
    let _store = SledStore::open(&path, SledOptions::default()).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn many_in_flight_share_a_sync() {
    let root = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::open(root.path(), SledOptions::default()).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..512 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.commit(put(number), Durability::Durable).await.unwrap() });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let stats = store.stats().await.unwrap();
    assert_eq!(stats.commits, 512);
    assert!(stats.syncs <= 256, "{stats:?}");
}

#[tokio::test]
async fn killed_in_mid_write_it_keeps_every_acknowledged_row() {
    let program = env!("CARGO_BIN_EXE_store-crash");
    let output = tokio::process::Command::new(program)
        .args(["--kills", "20", "--seed", "1"])
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("20 kills"), "{text}");
}
