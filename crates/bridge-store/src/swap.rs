//! A store put in another's place so that a kill at any moment leaves a whole one.
//!
//! The new one is made beside (`store.making`, worth nothing until it is whole), gets another name
//! when it is (`store.ready`), and then the two change places. Whoever opens the store finishes what
//! a kill left half done.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::open::{Directory, OpenError};

/// Claims a store's directory, once what was cut off beside it is finished, and clears away what was
/// never whole.
pub(crate) fn claim(path: &Path) -> Result<Arc<Directory>, OpenError> {
    let unusable = |source| OpenError::Unusable { path: path.to_owned(), source };
    finish(path).map_err(unusable)?;
    let claimed = Directory::claim(path)?;
    clear(path).map_err(unusable)?;
    Ok(Arc::new(claimed))
}

/// Where a store is made that is to take another's place.
fn making(path: &Path) -> PathBuf {
    path.with_extension("making")
}

/// Clears the place where a store is to be made.
pub(crate) fn begin(path: &Path) -> io::Result<PathBuf> {
    clear(path)?;
    Ok(making(path))
}

/// Puts the store that was made beside, whole and closed, in the place of the one before, which goes
/// to `aside`.
pub(crate) fn put_in_place(path: &Path, aside: &Path) -> io::Result<()> {
    let ready = ready(path);
    fs::rename(making(path), &ready)?;
    sync_parent(path)?;
    match fs::rename(path, aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {} // there was none
    }
    fs::rename(ready, path)?;
    sync_parent(path)
}

/// Finishes what was cut off, before the store is opened: one that is ready takes the place of one
/// that was moved away already.
fn finish(path: &Path) -> io::Result<()> {
    let ready = ready(path);
    if ready.exists() && !path.exists() {
        fs::rename(ready, path)?;
        sync_parent(path)?;
    }
    Ok(())
}

/// Removes what was begun and never took its place; only for who holds the store.
fn clear(path: &Path) -> io::Result<()> {
    remove(&making(path))?;
    remove(&ready(path))
}

fn ready(path: &Path) -> PathBuf {
    path.with_extension("ready")
}

/// Removes a directory that may not be there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(path: &Path, holds: &str) {
        fs::create_dir(path).unwrap();
        fs::write(path.join("what"), holds).unwrap();
    }

    fn holds(path: &Path) -> String {
        fs::read_to_string(path.join("what")).unwrap_or_default()
    }

    #[test]
    fn a_kill_at_any_moment_leaves_the_old_one_or_the_new_one() {
        // The three moves of `put_in_place`, cut off after each.
        for moves in 0..=3 {
            let home = tempfile::tempdir().unwrap();
            let (path, aside) = (home.path().join("store"), home.path().join("store.aside"));
            directory(&path, "old");
            directory(&making(&path), "new");
            let steps = [
                (making(&path), ready(&path)),
                (path.clone(), aside),
                (ready(&path), path.clone()),
            ];
            for (from, to) in steps.into_iter().take(moves) {
                fs::rename(from, to).unwrap();
            }
            finish(&path).unwrap();
            clear(&path).unwrap();
            assert_eq!(holds(&path), if moves < 2 { "old" } else { "new" }, "after {moves} moves");
            assert!(!making(&path).exists() && !ready(&path).exists());
        }
    }

    #[test]
    fn the_new_one_takes_the_place_and_the_old_one_stays_beside() {
        let home = tempfile::tempdir().unwrap();
        let (path, aside) = (home.path().join("store"), home.path().join("store.aside"));
        directory(&path, "old");
        directory(&begin(&path).unwrap(), "new");
        put_in_place(&path, &aside).unwrap();
        assert_eq!((holds(&path), holds(&aside)), ("new".to_owned(), "old".to_owned()));
    }
}
