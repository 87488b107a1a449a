//! The number of the stored form as a whole.

use std::path::Path;

use bridge_core::store::{Key, KeyBuilder, KeyRange, Operation, TableId};

use crate::{
    backup,
    files::{self, Files, FilesError},
    open::OpenError,
};

/// The schema this version writes. A store of a newer one is refused; an older one is brought up by
/// named steps, after a backup beside it.
pub const SCHEMA: u32 = 1;

/// A step from one schema to the next.
pub(crate) struct Migration {
    /// The schema it makes.
    pub(crate) to: u32,
    /// What it does, for the log.
    pub(crate) name: &'static str,
    /// Does it; done twice it is as done once, for it may be cut off and begun again.
    pub(crate) run: fn(&mut dyn Files) -> Result<(), FilesError>,
}

/// All steps, in order. None yet: the first schema is the only one.
pub(crate) const MIGRATIONS: &[Migration] = &[];

/// Checks the schema of a store, or writes it into a new one, or brings it up; tells whether it is a
/// new one.
///
/// What the engine has to do again is done before the steps, for it has the older form; and not for a
/// store that is refused.
pub(crate) fn check(
    files: &mut dyn Files,
    path: &Path,
    newest: u32,
    migrations: &[Migration],
) -> Result<bool, OpenError> {
    let failed = |error| OpenError::of(path, error);
    let damaged = |reason: String| OpenError::Damaged { path: path.to_owned(), reason };
    let Some(value) = files.get(&schema_key()).map_err(failed)? else {
        let all = KeyRange { start: Key::from_bytes([]), end: None };
        if files.last_key(&all).map_err(failed)?.is_some() {
            return Err(damaged("it has no schema number".to_owned()));
        }
        if files.was_filled() {
            return Err(damaged("it is empty, and it was not before".to_owned()));
        }
        files.begin(vec![number(newest)]).map_err(failed)?;
        return Ok(true);
    };
    let Ok(found) = <[u8; 4]>::try_from(value).map(u32::from_be_bytes) else {
        return Err(damaged("its schema number is malformed".to_owned()));
    };
    if found > newest {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, supported: newest });
    }
    let steps: Vec<&Migration> = migrations.iter().filter(|step| step.to > found).collect();
    let expected = (found + 1)..=newest;
    if found == 0 || !steps.iter().map(|step| step.to).eq(expected) {
        return Err(damaged(format!("its schema {found} never was")));
    }
    files.recover().map_err(failed)?;
    if steps.is_empty() {
        return Ok(false);
    }
    let copy = path.with_extension(format!("schema-{found}.backup"));
    backup::write_as(&copy, found, files::entries(files))
        .map_err(|source| OpenError::Unusable { path: copy.clone(), source })?;
    for step in steps {
        tracing::info!(to = step.to, name = step.name, "the store is brought up");
        let done = (step.run)(files)
            .and_then(|()| files.change(vec![number(step.to)]))
            .and_then(|()| files.checkpoint());
        done.map_err(|error| match error {
            FilesError::Damaged(reason) => damaged(format!("{}: {reason}", step.name)),
            FilesError::Disk(_) => failed(error),
        })?;
    }
    Ok(false)
}

fn schema_key() -> Key {
    KeyBuilder::new(TableId::Meta).text("schema").build()
}

fn number(schema: u32) -> Operation {
    Operation::Put(schema_key(), schema.to_be_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use std::{
        path::PathBuf,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;
    use crate::{engine::StoreOptions, sled_files::SledFiles};

    fn key(number: u64) -> Key {
        KeyBuilder::new(TableId::Dedupe).number(number).build()
    }

    fn put(number: u64, value: &[u8]) -> Vec<Operation> {
        vec![Operation::Put(key(number), value.to_vec())]
    }

    fn shout(files: &mut dyn Files) -> Result<(), FilesError> {
        files.change(put(1, b"LOUD"))
    }

    fn nothing(_: &mut dyn Files) -> Result<(), FilesError> {
        Ok(())
    }

    /// A store of the first schema with one soft entry.
    fn first(home: &tempfile::TempDir) -> (PathBuf, SledFiles) {
        let path = home.path().join("store");
        let mut files = SledFiles::open(&path, &StoreOptions::default()).unwrap();
        assert!(check(&mut files, &path, 1, MIGRATIONS).unwrap());
        files.change(put(1, b"soft")).unwrap();
        files.keep(true).unwrap();
        (path, files)
    }

    #[test]
    fn an_older_store_is_brought_up_step_by_step_after_a_backup() {
        let home = tempfile::tempdir().unwrap();
        let (path, mut files) = first(&home);
        let steps = [
            Migration { to: 2, name: "louder", run: shout },
            Migration { to: 3, name: "nothing", run: nothing },
        ];
        assert!(!check(&mut files, &path, 3, &steps).unwrap());
        assert_eq!(files.get(&key(1)).unwrap().unwrap(), b"LOUD");
        let facts = backup::verify(&home.path().join("store.schema-1.backup")).unwrap();
        assert_eq!((facts.entries, facts.schema), (3, 1));
        // Done once, it is not done again; an older program refuses it.
        files.change(put(1, b"soft")).unwrap();
        check(&mut files, &path, 3, &steps).unwrap();
        assert_eq!(files.get(&key(1)).unwrap().unwrap(), b"soft");
        let refused = check(&mut files, &path, 1, MIGRATIONS);
        assert!(matches!(refused, Err(OpenError::NewerSchema { found: 3, supported: 1, .. })));
    }

    #[test]
    fn a_step_that_was_cut_off_is_done_again_and_those_before_it_are_not() {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        fn once(files: &mut dyn Files) -> Result<(), FilesError> {
            assert_eq!(RUNS.fetch_add(1, Ordering::Relaxed), 0, "it was done already");
            files.change(put(2, b"made by the first step"))
        }
        fn cut_off(files: &mut dyn Files) -> Result<(), FilesError> {
            files.change(put(1, b"half"))?;
            Err(FilesError::Disk(std::io::ErrorKind::StorageFull.into()))
        }
        let home = tempfile::tempdir().unwrap();
        let (path, mut files) = first(&home);
        let once = || Migration { to: 2, name: "once", run: once };
        let steps = [once(), Migration { to: 3, name: "louder", run: cut_off }];
        let failed = check(&mut files, &path, 3, &steps);
        assert!(matches!(failed, Err(OpenError::Unusable { .. })), "it is no damage");
        drop(files);
        let mut files = SledFiles::open(&path, &StoreOptions::default()).unwrap();
        let steps = [once(), Migration { to: 3, name: "louder", run: shout }];
        check(&mut files, &path, 3, &steps).unwrap();
        assert_eq!(files.get(&key(1)).unwrap().unwrap(), b"LOUD");
        assert_eq!(files.get(&key(2)).unwrap().unwrap(), b"made by the first step");
    }

    #[test]
    fn what_the_journal_holds_is_done_before_the_steps() {
        fn louder(files: &mut dyn Files) -> Result<(), FilesError> {
            let value = files.get(&key(7))?.unwrap_or_default();
            files.change(put(7, &value.to_ascii_uppercase()))
        }
        let home = tempfile::tempdir().unwrap();
        let (path, mut files) = first(&home);
        files.change(put(7, b"of the older form")).unwrap();
        files.keep(true).unwrap();
        // As a process that was killed: the journal has it.
        drop(files);
        let steps = [Migration { to: 2, name: "louder", run: louder }];
        for _ in 0..2 {
            let mut files = SledFiles::open(&path, &StoreOptions::default()).unwrap();
            check(&mut files, &path, 2, &steps).unwrap();
            assert_eq!(files.get(&key(7)).unwrap().unwrap(), b"OF THE OLDER FORM");
        }
    }
}
