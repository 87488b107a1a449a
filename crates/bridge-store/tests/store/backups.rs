//! Backups, restored and refused; stores written anew and moved to another engine.

use std::path::{Path, PathBuf};

use bridge_core::store::{Durability, Store as _};
use bridge_store::{
    BackupError, DiskStore, Engine, Restored, SCHEMA, StoreOptions, backups, compact, migrate,
    open, prune_backups, restore, verify,
};

use crate::{ENGINES, apart, filled, holds, key, put, with};

async fn restored(backup: &Path, to: &Path, engine: Engine) -> Result<Restored, BackupError> {
    let (backup, to) = (backup.to_owned(), to.to_owned());
    apart(move || restore(&backup, &to, with(engine))).await
}

#[tokio::test]
async fn a_backup_gives_everything_back_to_either_engine() {
    for from in ENGINES {
        let root = tempfile::tempdir().unwrap();
        let store = filled(&root.path().join("store"), 3000, with(from)).await;
        let copy = root.path().join("copy.backup");
        let facts = store.backup(&copy).await.unwrap();
        assert!(facts.entries >= 3000 && facts.schema == SCHEMA);
        assert_eq!(verify(&copy).unwrap(), facts);
        store.close().await.unwrap();
        for to in ENGINES {
            let new = root.path().join(format!("new-{to}"));
            let done = restored(&copy, &new, to).await.unwrap();
            assert_eq!((done.facts, done.aside), (facts, None));
            let store = DiskStore::open(&new, with(to)).unwrap();
            holds(&store, 3000).await;
            store.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_restored_backup_takes_the_place_of_the_store_before_which_stays_beside() {
    let root = tempfile::tempdir().unwrap();
    let (path, copy) = (root.path().join("store"), root.path().join("copy.backup"));
    let store = filled(&path, 5, with(Engine::Sled)).await;
    store.backup(&copy).await.unwrap();
    store.commit(put(5), Durability::Durable).await.unwrap();
    // Not while it is in use.
    let refused = restored(&copy, &path, Engine::Sled).await.unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    store.close().await.unwrap();
    let aside = restored(&copy, &path, Engine::Sled).await.unwrap().aside.expect("it was there");
    let store = DiskStore::open(&path, with(Engine::Sled)).unwrap();
    holds(&store, 5).await;
    assert_eq!(store.get(&key(5)).await.unwrap(), None);
    holds(&DiskStore::open(&aside, with(Engine::Sled)).unwrap(), 6).await;
}

/// A backup of several blocks, and where each begins.
async fn several_blocks(root: &Path) -> (PathBuf, Vec<u8>, Vec<usize>) {
    let store = filled(&root.join("store"), 9000, with(Engine::Sled)).await;
    let copy = root.join("copy.backup");
    store.backup(&copy).await.expect("it works");
    store.close().await.expect("it works");
    let whole = std::fs::read(&copy).expect("it works");
    let number = |at: usize| {
        let (length, _) = whole.split_at(at).1.split_first_chunk().expect("it goes on");
        usize::try_from(u32::from_be_bytes(*length)).expect("it is short")
    };
    let mut at = "MSNBRIDGE-BACKUP-1\n".len() + 12;
    let mut starts = vec![at];
    while number(at) > 0 {
        at += 8 + number(at);
        starts.push(at);
    }
    assert!(starts.len() > 3, "{starts:?}");
    (copy, whole, starts)
}

#[tokio::test]
async fn a_backup_cut_off_anywhere_is_refused_with_the_place() {
    let root = tempfile::tempdir().unwrap();
    let (_, whole, starts) = several_blocks(root.path()).await;
    let broken = root.path().join("broken.backup");
    let edges = starts.iter().flat_map(|at| [at - 1, *at, at + 1, at + 4, at + 8]);
    let others = (0..whole.len()).step_by(4099);
    for length in edges.chain(others).filter(|length| *length < whole.len()) {
        std::fs::write(&broken, &whole[..length]).unwrap();
        let text = verify(&broken).expect_err("it is cut off").to_string();
        assert!(text.contains(&broken.display().to_string()), "{text}");
        let block = starts.iter().rposition(|at| *at <= length);
        if let Some(number) = block.filter(|number| number + 1 < starts.len()) {
            let place = format!("block {}, which begins at byte {}", number + 1, starts[number]);
            assert!(text.contains(&place), "cut to {length}: {text}");
        }
        let new = root.path().join("new");
        assert!(restored(&broken, &new, Engine::Sled).await.is_err() && !new.exists());
    }
}

#[tokio::test]
async fn a_backup_with_one_bit_turned_is_refused_with_the_place() {
    let root = tempfile::tempdir().unwrap();
    let (_, whole, starts) = several_blocks(root.path()).await;
    let broken = root.path().join("broken.backup");
    let edges = starts.iter().flat_map(|at| *at..at + 12);
    let others = (0..whole.len()).step_by(1999);
    let end = whole.len() - 16..whole.len();
    for (turn, at) in edges.chain(others).chain(end).filter(|at| *at < whole.len()).enumerate() {
        // The moment it was made is told to people only; all else is checked.
        if (23..31).contains(&at) {
            continue;
        }
        let mut altered = whole.clone();
        altered[at] ^= 1 << (turn % 8);
        std::fs::write(&broken, altered).unwrap();
        let text = verify(&broken).expect_err("it was altered").to_string();
        assert!(text.contains(&broken.display().to_string()), "altered at {at}: {text}");
        let block = starts.iter().rposition(|start| *start <= at);
        if let Some(number) = block.filter(|number| number + 1 < starts.len()) {
            let place = format!("begins at byte {}", starts[number]);
            // A length that is another length misleads about where the next block is.
            let misled = at < starts[number] + 4;
            assert!(misled || text.contains(&place), "altered at {at}: {text}");
        }
    }
}

#[tokio::test]
async fn a_backup_with_something_after_its_end_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (copy, mut whole, _) = several_blocks(root.path()).await;
    whole.push(0);
    std::fs::write(&copy, whole).unwrap();
    assert!(verify(&copy).unwrap_err().to_string().contains("is not the end"));
}

#[test]
fn only_the_newest_backups_are_kept() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..30 {
        std::fs::write(root.path().join(format!("{number:015}.backup")), "").unwrap();
    }
    prune_backups(root.path(), 24).unwrap();
    let left = backups(root.path()).unwrap();
    assert_eq!(left.len(), 24);
    assert!(left[0].ends_with("000000000000029.backup"));
}

#[tokio::test]
async fn a_store_moves_to_the_other_engine_and_back() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("store");
    filled(&path, 2000, with(Engine::Sled)).await.close().await.unwrap();
    for (from, to) in [(Engine::Sled, Engine::Redb), (Engine::Redb, Engine::Sled)] {
        let place = path.clone();
        let moved = apart(move || migrate(&place, with(to))).await.unwrap();
        assert_eq!((moved.from, moved.entries), (from, 2000));
        assert_eq!(Engine::of(&path), Some(to));
        let store = DiskStore::open(&path, with(to)).unwrap();
        holds(&store, 2000).await;
        store.close().await.unwrap();
        holds(&DiskStore::open(&moved.aside, with(from)).unwrap(), 2000).await;
        // Once there, it stays.
        let place = path.clone();
        let again = apart(move || migrate(&place, with(to))).await.unwrap_err();
        assert!(again.to_string().contains("already"), "{again}");
    }
}

async fn opened(path: &Path, options: StoreOptions) -> DiskStore {
    let (path, none) = (path.to_owned(), path.with_extension("backups"));
    apart(move || open(&path, &none, options)).await.expect("it works").store
}

/// A store whose files hold much that was removed.
async fn bloated(path: &Path, engine: Engine) -> u64 {
    let store = filled(path, 10, with(engine)).await;
    for _ in 0..40 {
        let mut batch = bridge_core::store::Batch::new();
        for number in 100..400 {
            batch.put(key(number), vec![0x5A; 4000]).expect("it works");
        }
        store.commit(batch, Durability::Durable).await.expect("it works");
    }
    let mut batch = bridge_core::store::Batch::new();
    for number in 100..400 {
        batch.remove(key(number));
    }
    store.commit(batch, Durability::Durable).await.expect("it works");
    let disk = store.stats().await.expect("it works").disk_bytes;
    store.close().await.expect("it works");
    disk
}

#[tokio::test]
async fn a_bloated_store_is_written_anew_when_it_is_opened() {
    for engine in ENGINES {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("store");
        let before = bloated(&path, engine).await;
        let options = StoreOptions { compact_above: 1, ..with(engine) };
        let store = opened(&path, options).await;
        let after = store.stats().await.unwrap().disk_bytes;
        assert!(after < before, "{engine}: {before} bytes before, {after} after");
        holds(&store, 10).await;
        // The lock is the new one's.
        assert!(DiskStore::open(&path, options).is_err(), "{engine}");
        store.close().await.unwrap();
        assert!(path.with_extension("before-compaction").exists(), "{engine}: it stays once");
        opened(&path, with(engine)).await.close().await.unwrap();
        assert!(!path.with_extension("before-compaction").exists(), "{engine}: and no longer");
    }
}

#[tokio::test]
async fn a_store_is_written_anew_at_the_next_opening_when_asked_to() {
    for engine in ENGINES {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("store");
        bloated(&path, engine).await;
        let store = DiskStore::open(&path, with(engine)).unwrap();
        store.compact_at_next_open().await.unwrap();
        holds(&store, 10).await;
        store.close().await.unwrap();
        for asked in [true, false] {
            let store = opened(&path, with(engine)).await;
            assert_eq!(path.with_extension("before-compaction").exists(), asked, "{engine}");
            holds(&store, 10).await;
            store.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_stopped_store_is_written_anew_by_command() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("store");
    bloated(&path, Engine::Sled).await;
    let place = path.clone();
    let (before, after) = apart(move || compact(&place, with(Engine::Sled))).await.unwrap();
    assert!(after < before, "{before} bytes before, {after} after");
    holds(&DiskStore::open(&path, with(Engine::Sled)).unwrap(), 10).await;
}
