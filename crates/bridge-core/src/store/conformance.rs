//! What every engine must do, written once: each function is one claim.
//!
//! An engine's test calls [`run_all`] with a way to make empty stores.

use std::{future::Future, sync::Arc};

use super::{
    Batch, CommitError, Durability, Fence, Key, KeyBuilder, KeyRange, MAX_KEY_LENGTH,
    MAX_VALUE_LENGTH, Operation, Store, StoreError, TableId,
};

/// Runs every claim on a fresh store each.
///
/// # Panics
/// When a claim does not hold.
pub async fn run_all<F, S>(fresh: F)
where
    F: Fn() -> S,
    S: Future<Output = Arc<dyn Store>>,
{
    what_is_put_is_read(&*fresh().await).await;
    scans_go_in_key_order_and_stop(&*fresh().await).await;
    the_last_key_of_a_range_is_found(&*fresh().await).await;
    a_batch_is_whole_or_not_at_all(&*fresh().await).await;
    preconditions_are_checked_in_order(&*fresh().await).await;
    commits_of_one_task_keep_their_order(&*fresh().await).await;
    concurrent_commits_all_land(fresh().await).await;
    too_long_is_refused_before_it_is_stored(&*fresh().await).await;
    too_long_is_refused_by_the_engine_too(&*fresh().await).await;
    a_stale_fence_is_refused(&*fresh().await).await;
    a_group_sees_the_commits_before_it(&*fresh().await).await;
    a_closed_store_says_so(&*fresh().await).await;
}

fn key(number: u64) -> Key {
    KeyBuilder::new(TableId::Cursor).number(number).build()
}

async fn put(store: &dyn Store, number: u64, value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(key(number), value.to_vec()).expect("it is short");
    store.commit(batch, Durability::Relaxed).await.expect("it commits");
}

async fn what_is_put_is_read(store: &dyn Store) {
    assert_eq!(store.get(&key(1)).await, Ok(None));
    put(store, 1, b"one").await;
    put(store, 1, b"uno").await;
    put(store, 2, b"").await;
    assert_eq!(store.get(&key(1)).await, Ok(Some(b"uno".to_vec())));
    assert_eq!(store.get(&key(2)).await, Ok(Some(Vec::new())));
    let mut batch = Batch::new();
    batch.remove(key(1)).remove(key(7));
    store.commit(batch, Durability::Durable).await.expect("it commits");
    assert_eq!(store.get(&key(1)).await, Ok(None));
}

async fn scans_go_in_key_order_and_stop(store: &dyn Store) {
    for number in [300, 2, 1, 256, 255] {
        put(store, number, &number.to_be_bytes()).await;
    }
    let mut other = Batch::new();
    other.put(KeyBuilder::new(TableId::Namespace).number(3).build(), vec![3]).expect("it is short");
    store.commit(other, Durability::Relaxed).await.expect("it commits");
    let all = KeyBuilder::new(TableId::Cursor).prefix();
    let found = store.scan(all.clone(), 100).await.expect("it scans");
    let keys: Vec<Key> = found.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [1, 2, 255, 256, 300].map(key));
    assert_eq!(store.scan(all.clone(), 2).await.expect("it scans").len(), 2);
    let later = store.scan(all.starting_at(key(256)), 100).await.expect("it scans");
    assert_eq!(later.len(), 2);
}

async fn the_last_key_of_a_range_is_found(store: &dyn Store) {
    let all = KeyBuilder::new(TableId::Cursor).prefix();
    assert_eq!(store.last_key(all.clone()).await, Ok(None));
    for number in [2, 300, 1] {
        put(store, number, b"there").await;
    }
    let mut other = Batch::new();
    other.put(KeyBuilder::new(TableId::Namespace).number(3).build(), vec![3]).expect("it is short");
    store.commit(other, Durability::Relaxed).await.expect("it commits");
    assert_eq!(store.last_key(all.clone()).await, Ok(Some(key(300))));
    let before = KeyRange { start: key(0), end: Some(key(300)) };
    assert_eq!(store.last_key(before).await, Ok(Some(key(2))));
    let nothing = KeyRange { start: key(300), end: Some(key(1)) };
    assert_eq!(store.last_key(nothing.clone()).await, Ok(None));
    assert_eq!(store.scan(nothing, 10).await, Ok(Vec::new()));
}

async fn a_batch_is_whole_or_not_at_all(store: &dyn Store) {
    put(store, 1, b"one").await;
    let mut batch = Batch::new();
    batch.expect_absent(key(1));
    batch.put(key(2), b"two".to_vec()).expect("it is short");
    let refused = store.commit(batch, Durability::Durable).await;
    assert_eq!(refused, Err(CommitError::Precondition(0)));
    assert_eq!(store.get(&key(2)).await, Ok(None));
}

async fn preconditions_are_checked_in_order(store: &dyn Store) {
    put(store, 1, b"one").await;
    let mut batch = Batch::new();
    batch.expect_equals(key(1), b"one".to_vec()).expect_absent(key(2));
    batch.expect_equals(key(1), b"two".to_vec());
    let refused = store.commit(batch.clone(), Durability::Relaxed).await;
    assert_eq!(refused, Err(CommitError::Precondition(2)));
    batch.preconditions.pop();
    batch.put(key(2), b"two".to_vec()).expect("it is short");
    assert_eq!(store.commit(batch, Durability::Relaxed).await, Ok(()));
}

async fn commits_of_one_task_keep_their_order(store: &dyn Store) {
    let mut commits = Vec::new();
    for number in 0_u64..50 {
        let mut batch = Batch::new();
        batch.put(key(1), number.to_be_bytes().to_vec()).expect("it is short");
        let durability = if number % 3 == 0 { Durability::Durable } else { Durability::Relaxed };
        commits.push(store.commit(batch, durability));
    }
    for commit in futures_util::future::join_all(commits).await {
        commit.expect("it commits");
    }
    assert_eq!(store.get(&key(1)).await, Ok(Some(49_u64.to_be_bytes().to_vec())));
}

async fn concurrent_commits_all_land(store: Arc<dyn Store>) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0_u64..64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { put(&*store, number, b"there").await });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
    let all = store.scan(KeyBuilder::new(TableId::Cursor).prefix(), 100).await.expect("it scans");
    assert_eq!(all.len(), 64);
    assert!(store.stats().await.expect("it counts").commits >= 64);
}

async fn too_long_is_refused_before_it_is_stored(store: &dyn Store) {
    let mut batch = Batch::new();
    let long = batch.put(key(1), vec![0; MAX_VALUE_LENGTH + 1]).map(drop);
    assert!(matches!(long, Err(StoreError::TooLong { what: "value", .. })));
    let name = "x".repeat(MAX_KEY_LENGTH);
    let long = batch.put(KeyBuilder::new(TableId::Cursor).text(&name).build(), vec![]).map(drop);
    assert!(matches!(long, Err(StoreError::TooLong { what: "key", .. })));
    assert!(batch.is_empty());
    assert_eq!(store.commit(batch, Durability::Durable).await, Ok(()));
}

async fn too_long_is_refused_by_the_engine_too(store: &dyn Store) {
    let long = [
        Operation::Put(key(1), vec![0; MAX_VALUE_LENGTH + 1]),
        Operation::Put(Key::from_bytes(vec![1; MAX_KEY_LENGTH + 1]), Vec::new()),
    ];
    for operation in long {
        let mut batch = Batch::new();
        batch.put(key(2), b"before".to_vec()).expect("it is short");
        batch.operations.push(operation);
        let refused = store.commit(batch, Durability::Durable).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::TooLong { .. }))));
    }
    assert_eq!(store.get(&key(2)).await, Ok(None));
    put(store, 3, &[7; MAX_VALUE_LENGTH]).await;
    assert_eq!(store.get(&key(3)).await, Ok(Some(vec![7; MAX_VALUE_LENGTH])));
}

async fn a_stale_fence_is_refused(store: &dyn Store) {
    let fenced = |shard, epoch, number| {
        let mut batch = Batch::new();
        batch.put(key(number), vec![1]).expect("it is short");
        batch.fence = Some(Fence { shard, epoch });
        store.commit(batch, Durability::Durable)
    };
    assert_eq!(fenced(7, 3, 1).await, Ok(()));
    assert_eq!(fenced(7, 3, 2).await, Ok(()));
    assert_eq!(fenced(7, 4, 3).await, Ok(()));
    assert_eq!(fenced(7, 3, 4).await, Err(CommitError::Fenced { shard: 7, newest: 4 }));
    assert_eq!(store.get(&key(4)).await, Ok(None));
    assert_eq!(fenced(8, 1, 5).await, Ok(()));
    put(store, 6, b"nobody's").await;
}

async fn a_group_sees_the_commits_before_it(store: &dyn Store) {
    // Handed in together, so that an engine may group them: each rests on the one before.
    let step = |number: u64| {
        let mut batch = Batch::new();
        match number {
            0 => batch.expect_absent(key(1)),
            _ => batch.expect_equals(key(1), (number - 1).to_be_bytes().to_vec()),
        };
        batch.put(key(1), number.to_be_bytes().to_vec()).expect("it is short");
        store.commit(batch, Durability::Durable)
    };
    let done = futures_util::future::join_all((0..20).map(step)).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
}

async fn a_closed_store_says_so(store: &dyn Store) {
    put(store, 1, b"one").await;
    assert_eq!(store.close().await, Ok(()));
    assert_eq!(store.get(&key(1)).await, Err(StoreError::Closed));
}
