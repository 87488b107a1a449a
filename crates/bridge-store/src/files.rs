//! What the thread asks of an engine's files.

use std::io;

use bridge_core::store::{Key, KeyRange, Operation, StoreError, Value};

/// Why an engine's files did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// What they hold makes no sense.
    #[error("{0}")]
    Damaged(String),
    /// The disk did not do it: it is full, it fails, it may not be written to. What is there is as
    /// good as it was.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl From<FilesError> for StoreError {
    fn from(error: FilesError) -> Self {
        Self::Engine(error.to_string())
    }
}

/// Answers a commit.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

/// What is told of a group that was kept, or not.
pub(crate) fn told(kept: &Result<(), FilesError>) -> Result<(), StoreError> {
    match kept {
        Ok(()) => Ok(()),
        Err(error) => Err(StoreError::Engine(error.to_string())),
    }
}

/// An engine's files, in the hands of the one thread that uses them.
///
/// After an error of [`change`](Self::change) or [`keep`](Self::keep) nothing more is asked of them:
/// what is stored is found out when they are opened again.
pub(crate) trait Files: Send {
    fn get(&self, key: &Key) -> Result<Option<Value>, FilesError>;

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, FilesError>;

    fn last_key(&self, range: &KeyRange) -> Result<Option<Key>, FilesError>;

    /// Makes the changes of one batch, whole or not at all, to be read at once.
    fn change(&mut self, operations: Vec<Operation>) -> Result<(), FilesError>;

    /// Ends a group of batches; synced if any must last.
    fn keep(&mut self, durable: bool) -> Result<(), FilesError>;

    /// A batch for which nobody else waits: answered as soon as it lasts, or is written where that is enough.
    fn change_alone(
        &mut self,
        operations: Vec<Operation>,
        durable: bool,
        answer: Answer,
    ) -> Result<(), FilesError> {
        let kept = self.change(operations).and_then(|()| self.keep(durable));
        answer(told(&kept));
        kept
    }

    /// Makes everything durable in the engine's own files.
    fn checkpoint(&mut self) -> Result<(), FilesError>;

    /// Does again what a former process had answered for and its files do not hold yet.
    fn recover(&mut self) -> Result<(), FilesError>;

    /// Whether something changed that no sync was asked for.
    fn is_unsynced(&self) -> bool {
        false
    }

    /// Whether there was something in the files once, as far as can be told beside them.
    fn was_filled(&self) -> bool;

    /// Writes the first entries, and notes beside the files that there is something in them.
    fn begin(&mut self, first: Vec<Operation>) -> Result<(), FilesError>;

    fn disk_bytes(&self) -> Result<u64, FilesError>;

    /// Syncs since they were opened.
    fn syncs(&self) -> u64;
}

/// Goes over everything in key order, a page at a time.
pub(crate) fn entries(files: &dyn Files) -> impl Iterator<Item = Result<(Key, Value), FilesError>> {
    const PAGE: usize = 1000;
    let mut from = Some(KeyRange { start: Key::from_bytes([]), end: None });
    let mut page = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(entry) = page.next() {
                return Some(Ok(entry));
            }
            let rows = match files.scan(from.as_ref()?, PAGE) {
                Ok(rows) => rows,
                Err(error) => {
                    from = None;
                    return Some(Err(error));
                }
            };
            from = rows.last().map(|(last, _)| KeyRange {
                start: Key::from_bytes([last.as_bytes(), &[0]].concat()),
                end: None,
            });
            page = rows.into_iter();
        }
    })
}
