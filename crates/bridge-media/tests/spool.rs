//! The spool, on a real disk.

mod carry;
mod emoticons;
mod pictures;
mod route;
mod support;

use std::{fs, time::Duration};

use bridge_core::media::{MediaError, MediaStream, Spool as _};
use bridge_media::{FileSpool, Limits};
use bytes::Bytes;
use futures_util::stream;
use proptest::prelude::*;
use support::{LIMITS, all_of, files_below, keep, runtime, stream_of};

#[tokio::test]
async fn what_is_kept_is_given_back_and_lies_where_its_hash_says() {
    let home = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(home.path(), LIMITS, None).unwrap();
    let media = keep(&spool, "notes.txt", b"hello").await.unwrap();
    assert_eq!((media.name.as_str(), media.mime), ("notes.txt", "text/plain; charset=utf-8"));
    assert_eq!(all_of(&media).await, b"hello");
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(media.hash.to_string(), hash);
    let (shelf, rest) = hash.split_at(2);
    assert_eq!(files_below(home.path()), [home.path().join(shelf).join(rest)]);
}

#[tokio::test]
async fn the_same_bytes_are_kept_once_under_any_name() {
    let home = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(home.path(), LIMITS, None).unwrap();
    let one = keep(&spool, "a.txt", b"same").await.unwrap();
    let two = keep(&spool, "b.txt", b"same").await.unwrap();
    assert_eq!((one.hash, two.name.as_str()), (two.hash, "b.txt"));
    assert_eq!((files_below(home.path()).len(), spool.size()), (1, 4));
}

#[tokio::test]
async fn a_file_too_large_is_refused_by_what_it_says_and_by_what_comes() {
    let home = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(home.path(), LIMITS, None).unwrap();
    let said = MediaStream::new(Some(LIMITS.max_size + 1), stream::pending());
    let refused = spool.keep("big", said).await.map(drop);
    assert!(matches!(refused, Err(MediaError::TooLarge { .. })), "{refused:?}");
    // Endless, and it says nothing of its size: no more than the limit is ever taken.
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![7; 1000])));
    let refused = spool.keep("endless", MediaStream::new(None, endless)).await.map(drop);
    assert!(matches!(refused, Err(MediaError::TooLarge { .. })), "{refused:?}");
    let exact = vec![1; usize::try_from(LIMITS.max_size).unwrap()];
    keep(&spool, "exact", &exact).await.unwrap();
    assert_eq!(spool.size(), LIMITS.max_size);
}

#[tokio::test]
async fn a_file_that_breaks_off_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(home.path(), LIMITS, None).unwrap();
    let broken = stream::iter([Ok(Bytes::from("half")), Err(MediaError::Cut("gone".into()))]);
    let refused = spool.keep("a", MediaStream::new(None, broken)).await.map(drop);
    assert!(matches!(refused, Err(MediaError::Cut(_))), "{refused:?}");
    let short = stream::iter([Ok(Bytes::from("half"))]);
    let refused = spool.keep("a", MediaStream::new(Some(8), short)).await.map(drop);
    assert!(matches!(refused, Err(MediaError::Cut(_))), "{refused:?}");
    support::until("the writers are done", || files_below(home.path()).is_empty()).await;
    assert_eq!(spool.size(), 0);
}

#[tokio::test]
async fn what_a_crash_left_half_written_goes_at_the_next_start_and_the_rest_stays() {
    let home = tempfile::tempdir().unwrap();
    let kept = {
        let spool = FileSpool::open(home.path(), LIMITS, None).unwrap();
        keep(&spool, "a.txt", b"whole").await.unwrap()
    };
    fs::write(home.path().join("tmp").join("7"), b"half").unwrap();
    fs::write(home.path().join("a note of the operator"), b"hands off").unwrap();
    let spool = FileSpool::open(home.path(), LIMITS, None).unwrap();
    assert_eq!(spool.size(), 5);
    let found = spool.find(kept.hash, "a.txt").await.unwrap();
    assert_eq!(all_of(&found).await, b"whole");
    assert_eq!(files_below(home.path()).len(), 2);
}

#[tokio::test]
async fn the_one_not_wanted_for_longest_makes_room_and_its_reader_is_told() {
    let home = tempfile::tempdir().unwrap();
    let limits = Limits { max_size: 100, quota: 250, ..LIMITS };
    let spool = FileSpool::open(home.path(), limits, None).unwrap();
    let mut hashes = Vec::new();
    for letter in [1, 2] {
        hashes.push(keep(&spool, "a", &[letter; 100]).await.unwrap().hash);
    }
    // The first is wanted again, so the second is the oldest.
    spool.find(hashes[0], "a").await.unwrap();
    keep(&spool, "a", &[3; 100]).await.unwrap();
    assert!(spool.find(hashes[0], "a").await.is_some());
    assert!(spool.find(hashes[1], "a").await.is_none(), "the second made room");
    assert_eq!((spool.size(), files_below(home.path()).len()), (200, 2));
}

#[tokio::test]
async fn what_is_in_use_is_never_thrown_out() {
    let home = tempfile::tempdir().unwrap();
    let limits = Limits { max_size: 100, quota: 200, keep: Duration::ZERO };
    let spool = FileSpool::open(home.path(), limits, None).unwrap();
    let one = keep(&spool, "a", &[1; 100]).await.unwrap();
    let two = keep(&spool, "a", &[2; 100]).await.unwrap();
    let refused = keep(&spool, "a", &[3; 100]).await.map(drop);
    assert!(matches!(refused, Err(MediaError::NoRoom)), "{refused:?}");
    spool.sweep();
    assert_eq!(all_of(&one).await, [1; 100]);
    drop(one);
    keep(&spool, "a", &[3; 100]).await.unwrap();
    assert_eq!(all_of(&two).await, [2; 100]);
}

#[tokio::test]
async fn what_nobody_wants_for_too_long_goes_also_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let limits = Limits { keep: Duration::from_secs(3600), ..LIMITS };
    let spool = FileSpool::open(home.path(), limits, None).unwrap();
    let (old, new) = (
        keep(&spool, "a", b"old").await.unwrap().hash,
        keep(&spool, "b", b"new").await.unwrap().hash,
    );
    let text = old.to_string();
    let (shelf, rest) = text.split_at(2);
    let file = fs::File::options().write(true).open(home.path().join(shelf).join(rest)).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(7200)).unwrap();
    drop(spool);
    let spool = FileSpool::open(home.path(), limits, None).unwrap();
    assert!(spool.find(old, "a").await.is_none());
    assert!(spool.find(new, "b").await.is_some());
}

#[tokio::test]
async fn a_file_taken_away_by_hand_is_gone_and_can_come_again() {
    let home = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(home.path(), LIMITS, None).unwrap();
    let media = keep(&spool, "a", b"here").await.unwrap();
    fs::remove_file(&files_below(home.path())[0]).unwrap();
    assert!(matches!(media.open().await.map(drop), Err(MediaError::Gone)));
    assert!(spool.find(media.hash, "a").await.is_none());
    assert_eq!(spool.size(), 0);
    let again = keep(&spool, "a", b"here").await.unwrap();
    assert_eq!(all_of(&again).await, b"here");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However the bytes come and whatever they are called, the same ones come out, and nothing lies
    /// outside of the spool.
    #[test]
    fn bytes_do_not_depend_on_how_they_come(
        bytes in proptest::collection::vec(any::<u8>(), 0..5000),
        piece in 1_usize..700,
        name in "\\PC{0,40}|[\\x00-\\x7f]{0,20}|(\\.\\./){1,5}[a-z]{1,8}",
    ) {
        let home = tempfile::tempdir().unwrap();
        let spool = FileSpool::open(&home.path().join("media"), LIMITS, None).unwrap();
        let (media, out) = runtime().block_on(async {
            let media = spool.keep(&name, stream_of(&bytes, piece)).await.unwrap();
            let out = all_of(&media).await;
            (media, out)
        });
        prop_assert_eq!(out, bytes);
        prop_assert!(!media.name.contains(['/', '\\', '\n', '\r', '\0']));
        let outside = fs::read_dir(home.path()).unwrap().count();
        prop_assert_eq!(outside, 1);
        prop_assert_eq!(files_below(home.path()).len(), 1);
    }

    /// Whatever comes and goes, the quota holds, and what the spool says it keeps is what lies there.
    #[test]
    fn the_quota_holds_in_any_story(sizes in proptest::collection::vec(0_usize..100, 1..40)) {
        let home = tempfile::tempdir().unwrap();
        let limits = Limits { max_size: 100, quota: 300, ..LIMITS };
        let spool = FileSpool::open(home.path(), limits, None).unwrap();
        runtime().block_on(async {
            for (number, size) in sizes.iter().enumerate() {
                let fill = u8::try_from(number % 7).unwrap();
                keep(&spool, "a", &vec![fill; *size]).await.unwrap();
                let on_disk: u64 = files_below(home.path())
                    .iter()
                    .map(|file| fs::metadata(file).unwrap().len())
                    .sum();
                assert!(on_disk <= limits.quota && on_disk == spool.size());
            }
        });
    }
}
