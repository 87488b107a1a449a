//! What every engine does.

use std::{path::Path, sync::Arc, time::Duration};

use bridge_core::store::{Durability, KeyBuilder, Store, TableId, conformance};
use bridge_store::{DiskStore, Engine, OpenError, SCHEMA, StoreOptions};

use crate::{ENGINES, filled, holds, key, put, with};

async fn conforms(engine: Engine) {
    let root = tempfile::tempdir().expect("it works");
    conformance::run_all(|| async {
        let path = tempfile::tempdir_in(root.path()).expect("it works").keep();
        let store: Arc<dyn Store> =
            Arc::new(DiskStore::open(&path, with(engine)).expect("it works"));
        store
    })
    .await;
}

#[tokio::test]
async fn the_sled_engine_conforms() {
    conforms(Engine::Sled).await;
}

#[tokio::test]
async fn the_redb_engine_conforms() {
    conforms(Engine::Redb).await;
}

#[tokio::test]
async fn what_was_durable_is_there_after_reopening() {
    for engine in ENGINES {
        let root = tempfile::tempdir().unwrap();
        for round in 0..3_u64 {
            let store = DiskStore::open(root.path(), with(engine)).unwrap();
            assert_eq!(store.is_new(), round == 0, "{engine}");
            holds(&store, round).await;
            store.commit(put(round), Durability::Durable).await.unwrap();
            store.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_relaxed_is_synced_soon_though_nobody_asks() {
    let root = tempfile::tempdir().unwrap();
    let store = DiskStore::open(root.path(), with(Engine::Redb)).unwrap();
    store.commit(put(1), Durability::Relaxed).await.unwrap();
    let synced = async {
        while store.stats().await.unwrap().syncs == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), synced).await.expect("it is synced");
}

#[tokio::test]
async fn a_second_opening_is_refused_with_the_place_and_the_mend() {
    for engine in ENGINES {
        let root = tempfile::tempdir().unwrap();
        let store = DiskStore::open(root.path(), with(engine)).unwrap();
        let second = DiskStore::open(root.path(), with(engine)).err().unwrap();
        assert!(matches!(second, OpenError::Locked { .. }), "{engine}");
        let text = second.to_string();
        assert!(
            text.contains(&root.path().display().to_string()) && text.contains("stop that one")
        );
        store.close().await.unwrap();
        DiskStore::open(root.path(), with(engine)).unwrap();
    }
}

#[tokio::test]
async fn another_engines_store_is_refused_with_both_mends() {
    for (one, other) in [(Engine::Sled, Engine::Redb), (Engine::Redb, Engine::Sled)] {
        let root = tempfile::tempdir().unwrap();
        filled(root.path(), 3, with(one)).await.close().await.unwrap();
        let refused = DiskStore::open(root.path(), with(other)).err().unwrap();
        let text = refused.to_string();
        assert!(text.contains(&format!("migrate --to {other}")), "{text}");
        assert!(text.contains(&format!("store.engine to \"{one}\"")), "{text}");
        holds(&DiskStore::open(root.path(), with(one)).unwrap(), 3).await;
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_kept_as_it_is() {
    for engine in ENGINES {
        let root = tempfile::tempdir().unwrap();
        let store = DiskStore::open(root.path(), with(engine)).unwrap();
        let schema = KeyBuilder::new(TableId::Meta).text("schema").build();
        let mut batch = put(1);
        batch.put(schema, (SCHEMA + 1).to_be_bytes().to_vec()).unwrap();
        store.commit(batch, Durability::Durable).await.unwrap();
        store.close().await.unwrap();
        for _ in 0..2 {
            let refused = DiskStore::open(root.path(), with(engine)).err().unwrap();
            assert!(
                matches!(refused, OpenError::NewerSchema { found, supported, .. }
                    if found == SCHEMA + 1 && supported == SCHEMA),
                "{engine}: {refused}"
            );
        }
    }
}

#[test]
fn a_file_in_the_way_is_named() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("store");
    std::fs::write(&path, b"not a directory").unwrap();
    let refused = DiskStore::open(&path, StoreOptions::default()).err().unwrap();
    assert!(matches!(refused, OpenError::Unusable { .. }));
    assert!(refused.to_string().contains("store"));
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_reads_the_directory() {
    use std::os::unix::fs::PermissionsExt as _;

    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("store");
    let _store = DiskStore::open(&path, StoreOptions::default()).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

async fn shares_syncs(path: &Path, engine: Engine) {
    let store = Arc::new(DiskStore::open(path, with(engine)).expect("it works"));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..512 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            store.commit(put(number), Durability::Durable).await.expect("it works")
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("it works");
    }
    let stats = store.stats().await.expect("it works");
    assert_eq!(stats.commits, 512);
    assert!(stats.syncs <= 256, "{engine}: {stats:?}");
    assert!(store.get(&key(511)).await.expect("it works").is_some());
}

#[tokio::test]
async fn many_in_flight_share_a_sync() {
    for engine in ENGINES {
        let root = tempfile::tempdir().unwrap();
        shares_syncs(root.path(), engine).await;
    }
}
