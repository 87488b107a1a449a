//! The number of the stored form as a whole.

use bridge_core::store::{Key, KeyBuilder, TableId};

use crate::open::{Directory, OpenError};

/// The schema this version writes. A store of a newer one is refused; an older one would be brought
/// up by migrations, of which there are none yet.
pub const SCHEMA: u32 = 1;

/// Checks the schema of a database, or writes it into a new one.
pub(crate) fn check(db: &sled::Db, directory: &Directory) -> Result<(), OpenError> {
    let damaged = |reason: String| OpenError::Damaged { path: directory.path.clone(), reason };
    let key = KeyBuilder::new(TableId::Meta).text("schema").build();
    let Some(value) = db.get(key.as_bytes()).map_err(|error| damaged(error.to_string()))? else {
        if !db.is_empty() {
            return Err(damaged("it has no schema number".to_owned()));
        }
        let written = db.insert(key.as_bytes(), &SCHEMA.to_be_bytes());
        return written.map(drop).map_err(|error| damaged(error.to_string()));
    };
    let bytes = <[u8; 4]>::try_from(&*value);
    match bytes.map(u32::from_be_bytes) {
        Ok(SCHEMA) => Ok(()),
        Ok(found) if found > SCHEMA => {
            Err(OpenError::NewerSchema { path: directory.path.clone(), found, supported: SCHEMA })
        }
        Ok(found) => Err(damaged(format!("its schema {found} never was"))),
        Err(_) => Err(damaged("its schema number is malformed".to_owned())),
    }
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
