//! The sled engine: the suite every engine runs, and what only a disk can show.

use std::{path::Path, sync::Arc};

use bridge_core::store::{
    BackupFacts, Batch, Durability, Key, KeyBuilder, Store, TableId, conformance,
};
use bridge_store::{
    BackupError, OpenError, SCHEMA, SledOptions, SledStore, backups, new_backup, open,
    prune_backups, restore, verify,
};

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

async fn filled(path: &Path, rows: u64) -> SledStore {
    let store = SledStore::open(path, SledOptions::default()).expect("the files are there");
    for number in 0..rows {
        store.commit(put(number), Durability::Relaxed).await.expect("the files are there");
    }
    store
}

/// A store's rows, restored from a backup in a thread of its own as a program would.
async fn restored(backup: &Path, to: &Path) -> Result<BackupFacts, BackupError> {
    let (backup, to) = (backup.to_owned(), to.to_owned());
    tokio::task::spawn_blocking(move || restore(&backup, &to)).await.expect("the files are there")
}

#[tokio::test]
async fn a_backup_gives_everything_back() {
    let root = tempfile::tempdir().unwrap();
    let store = filled(&root.path().join("store"), 5000).await;
    let copy = root.path().join("copy.backup");
    let facts = store.backup(&copy).await.unwrap();
    assert!(facts.entries >= 5000 && facts.schema == SCHEMA);
    assert_eq!(verify(&copy).unwrap(), facts);
    store.close().await.unwrap();
    let new = root.path().join("new");
    assert_eq!(restored(&copy, &new).await.unwrap(), facts);
    let store = SledStore::open(&new, SledOptions::default()).unwrap();
    for number in 0..5000 {
        let value = store.get(&key(number)).await.unwrap();
        assert_eq!(value, Some(number.to_be_bytes().to_vec()));
    }
    store.close().await.unwrap();
    // A store that is there is not written over.
    assert!(matches!(restored(&copy, &new).await, Err(BackupError::Unusable { .. })));
}

#[tokio::test]
async fn a_backup_that_is_cut_or_altered_is_refused_and_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let store = filled(&root.path().join("store"), 300).await;
    let copy = root.path().join("copy.backup");
    store.backup(&copy).await.unwrap();
    store.close().await.unwrap();
    let whole = std::fs::read(&copy).unwrap();
    let broken = root.path().join("broken.backup");
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&broken, &whole[..length]).unwrap();
        assert!(verify(&broken).is_err(), "cut to {length} bytes");
    }
    // The moment it was made is told to people only; all else is checked.
    let made = 23..31;
    for at in (0..whole.len()).step_by(89).filter(|at| !made.contains(at)) {
        let mut altered = whole.clone();
        altered[at] ^= 0x40;
        std::fs::write(&broken, altered).unwrap();
        assert!(verify(&broken).is_err(), "altered at {at}");
    }
    let new = root.path().join("new");
    assert!(restored(&broken, &new).await.is_err() && !new.exists());
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_put_aside_for_the_newest_good_backup() {
    let root = tempfile::tempdir().unwrap();
    let (path, backups) = (root.path().join("store"), root.path().join("backups"));
    let store = filled(&path, 10).await;
    store.backup(&new_backup(&backups).unwrap()).await.unwrap();
    store.commit(put(10), Durability::Durable).await.unwrap();
    store.close().await.unwrap();
    // A newer backup that is worth nothing, and a store that is worth nothing.
    std::fs::write(backups.join("999999999999999.backup"), "nothing").unwrap();
    ruin(&path);
    let (place, kept) = (path.clone(), backups.clone());
    let opened = tokio::task::spawn_blocking(move || open(&place, &kept, SledOptions::default()));
    let opened = opened.await.unwrap().unwrap();
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
    filled(&path, 10).await.close().await.unwrap();
    ruin(&path);
    let (place, none) = (path.clone(), root.path().join("backups"));
    let opened = tokio::task::spawn_blocking(move || open(&place, &none, SledOptions::default()));
    assert!(matches!(opened.await.unwrap(), Err(OpenError::Damaged { .. })));
    assert!(path.join("sled").join("db").exists());
}

#[test]
fn only_the_newest_backups_are_kept() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..30 {
        std::fs::write(root.path().join(format!("{number:015}.backup")), "").unwrap();
    }
    prune_backups(root.path()).unwrap();
    let left = backups(root.path()).unwrap();
    assert_eq!(left.len(), 24);
    assert!(left[0].ends_with("000000000000029.backup"));
}

#[test]
fn a_core_killed_twenty_times_loses_nothing_accepted() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_core-crash"))
        .args(["--kills", "20", "--seed", "3"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    assert!(output.status.success() && last.contains(" 0 missing"), "{text}");
    assert!(!last.contains(" 0 accepted"), "it was fed: {last}");
}
