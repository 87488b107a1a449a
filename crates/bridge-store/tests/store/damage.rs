//! Stores that cannot be read.

use std::path::Path;

use bridge_core::store::{Durability, Store as _};
use bridge_store::{DiskStore, Engine, OpenError, StoreOptions, new_backup, open};

use crate::{apart, filled, holds, key, put, with};

/// Makes a store's file one that nobody can read.
fn ruin(store: &Path) {
    let file = store.join("sled").join("db");
    let length = std::fs::metadata(&file).expect("the files are there").len();
    std::fs::write(&file, vec![0x5A; usize::try_from(length).expect("the files are there")])
        .expect("the files are there");
    for entry in std::fs::read_dir(store.join("sled")).expect("the files are there").flatten() {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            std::fs::remove_file(entry.path()).expect("the files are there");
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_put_aside_for_the_newest_good_backup() {
    let root = tempfile::tempdir().unwrap();
    let (path, backups) = (root.path().join("store"), root.path().join("backups"));
    let store = filled(&path, 10, with(Engine::Sled)).await;
    store.backup(&new_backup(&backups).unwrap()).await.unwrap();
    store.commit(put(10), Durability::Durable).await.unwrap();
    store.close().await.unwrap();
    // A newer backup that is worth nothing, and a store that is worth nothing.
    std::fs::write(backups.join("999999999999999.backup"), "nothing").unwrap();
    ruin(&path);
    let (place, kept) = (path.clone(), backups.clone());
    let opened = apart(move || open(&place, &kept, StoreOptions::default())).await.unwrap();
    let rescued = opened.rescued.expect("it was rescued");
    assert!(rescued.aside.join("sled").exists() && rescued.facts.entries >= 10);
    assert_eq!(opened.store.get(&key(9)).await.unwrap(), Some(9_u64.to_be_bytes().to_vec()));
    assert_eq!(opened.store.get(&key(10)).await.unwrap(), None, "it came after the backup");
    opened.store.close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_cannot_be_read_stays_where_it_is_without_a_backup() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("store");
    filled(&path, 10, with(Engine::Sled)).await.close().await.unwrap();
    ruin(&path);
    let (place, none) = (path.clone(), root.path().join("backups"));
    let opened = apart(move || open(&place, &none, StoreOptions::default())).await;
    assert!(matches!(opened, Err(OpenError::Damaged { .. })));
    assert!(path.join("sled").join("db").exists());
}

#[tokio::test]
async fn a_redb_store_that_cannot_be_read_is_put_aside_too() {
    for ruined in [&[0x5A; 100_000][..], &[]] {
        let root = tempfile::tempdir().unwrap();
        let (path, backups) = (root.path().join("store"), root.path().join("backups"));
        let store = filled(&path, 10, with(Engine::Redb)).await;
        store.backup(&new_backup(&backups).unwrap()).await.unwrap();
        store.close().await.unwrap();
        std::fs::write(path.join("store.redb"), ruined).unwrap();
        let refused = DiskStore::open(&path, with(Engine::Redb)).err();
        assert!(matches!(refused, Some(OpenError::Damaged { .. })), "{refused:?}");
        std::fs::write(path.join("store.redb"), ruined).unwrap();
        let place = path.clone();
        let opened = apart(move || open(&place, &backups, with(Engine::Redb))).await.unwrap();
        assert!(opened.rescued.expect("it was rescued").aside.join("store.redb").exists());
        holds(&opened.store, 10).await;
        opened.store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_half_written_snapshot_alone_does_not_keep_a_store_from_opening() {
    let root = tempfile::tempdir().unwrap();
    let (path, none) = (root.path().join("store"), root.path().join("backups"));
    filled(&path, 10, with(Engine::Sled)).await.close().await.unwrap();
    let half = "snap.00000000000FFFFF.generating";
    std::fs::write(path.join("sled").join(half), [0x5A; 40]).unwrap();
    let refused = DiskStore::open(&path, with(Engine::Sled)).err();
    assert!(matches!(refused, Some(OpenError::Damaged { .. })), "{refused:?}");
    let place = path.clone();
    let opened = apart(move || open(&place, &none, with(Engine::Sled))).await.unwrap();
    assert!(opened.rescued.is_none(), "nothing was lost");
    holds(&opened.store, 10).await;
    opened.store.close().await.unwrap();
    assert!(path.join(format!("{half}.aside")).exists(), "it is kept beside");
}
