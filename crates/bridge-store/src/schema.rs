//! The number of the stored form as a whole.

use bridge_core::store::{Key, KeyBuilder, TableId};

use crate::{
    backup,
    open::{Directory, OpenError},
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
    pub(crate) run: fn(&sled::Db) -> Result<(), sled::Error>,
}

/// All steps, in order. None yet: the first schema is the only one.
pub(crate) const MIGRATIONS: &[Migration] = &[];

/// Checks the schema of a database, or writes it into a new one, or brings it up.
pub(crate) fn check(
    db: &sled::Db,
    directory: &Directory,
    newest: u32,
    migrations: &[Migration],
) -> Result<(), OpenError> {
    let damaged = |reason: String| OpenError::Damaged { path: directory.path.clone(), reason };
    let key = KeyBuilder::new(TableId::Meta).text("schema").build();
    let Some(value) = db.get(key.as_bytes()).map_err(|error| damaged(error.to_string()))? else {
        if !db.is_empty() {
            return Err(damaged("it has no schema number".to_owned()));
        }
        // sled opens a file it cannot make sense of as an empty one; the journal knows better.
        if directory.path.join("journal").exists() {
            return Err(damaged("it is empty, and it was not before".to_owned()));
        }
        let written = db.insert(key.as_bytes(), &newest.to_be_bytes()).and_then(|_| db.flush());
        return written.map(drop).map_err(|error| damaged(error.to_string()));
    };
    let bytes = <[u8; 4]>::try_from(&*value);
    let Ok(found) = bytes.map(u32::from_be_bytes) else {
        return Err(damaged("its schema number is malformed".to_owned()));
    };
    if found > newest {
        let path = directory.path.clone();
        return Err(OpenError::NewerSchema { path, found, supported: newest });
    }
    let steps: Vec<&Migration> = migrations.iter().filter(|step| step.to > found).collect();
    let expected = (found + 1)..=newest;
    if found == 0 || !steps.iter().map(|step| step.to).eq(expected) {
        return Err(damaged(format!("its schema {found} never was")));
    }
    if steps.is_empty() {
        return Ok(());
    }
    let copy = directory.path.with_extension(format!("schema-{found}.backup"));
    let entries = db.iter().map(|entry| match entry {
        Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
        Err(error) => Err(std::io::Error::other(error)),
    });
    backup::write(&copy, entries)
        .map_err(|source| OpenError::Unusable { path: copy.clone(), source })?;
    for step in steps {
        tracing::info!(to = step.to, name = step.name, "the store is brought up");
        let done = (step.run)(db)
            .and_then(|()| db.insert(key.as_bytes(), &step.to.to_be_bytes()))
            .and_then(|_| db.flush());
        done.map_err(|error| damaged(format!("{}: {error}", step.name)))?;
    }
    Ok(())
}

/// Reads the journal's turn; a new store begins with the first.
pub(crate) fn turn(db: &sled::Db) -> Result<u64, sled::Error> {
    let value = db.get(turn_key().as_bytes())?;
    let bytes = value.and_then(|value| <[u8; 8]>::try_from(&*value).ok());
    Ok(bytes.map_or(1, u64::from_be_bytes))
}

/// Where the journal's turn is kept.
pub(crate) fn turn_key() -> Key {
    KeyBuilder::new(TableId::Meta).text("journal").build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shout(db: &sled::Db) -> Result<(), sled::Error> {
        db.insert([9, 1], b"LOUD").map(drop)
    }

    #[test]
    fn an_older_store_is_brought_up_step_by_step_after_a_backup() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory::claim(&home.path().join("store")).unwrap();
        let db = sled::Config::new().temporary(true).open().unwrap();
        check(&db, &directory, 1, MIGRATIONS).unwrap();
        db.insert([9, 1], b"soft").unwrap();
        let steps = [
            Migration { to: 2, name: "louder", run: shout },
            Migration { to: 3, name: "nothing", run: |_| Ok(()) },
        ];
        check(&db, &directory, 3, &steps).unwrap();
        assert_eq!(db.get([9, 1]).unwrap().unwrap(), b"LOUD");
        let facts = backup::verify(&home.path().join("store.schema-1.backup")).unwrap();
        assert_eq!(facts.entries, 2);
        // Done once, it is not done again; an older program refuses it.
        db.insert([9, 1], b"soft").unwrap();
        check(&db, &directory, 3, &steps).unwrap();
        assert_eq!(db.get([9, 1]).unwrap().unwrap(), b"soft");
        let refused = check(&db, &directory, 1, MIGRATIONS);
        assert!(matches!(refused, Err(OpenError::NewerSchema { found: 3, supported: 1, .. })));
    }
}
