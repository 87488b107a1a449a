//! Batches: what is stored together.

use super::{Key, MAX_KEY_LENGTH, MAX_VALUE_LENGTH, StoreError, Value};

/// Changes that are stored whole or not at all, if what they rest on still holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What must hold before.
    pub preconditions: Vec<Precondition>,
    /// What changes, in order.
    pub operations: Vec<Operation>,
    /// Proof of ownership where several processes share a store; engines of one process take any.
    pub fence: Option<Fence>,
}

/// What must hold for a batch to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The key has no value.
    Absent(Key),
    /// The key has exactly this value.
    Equals(Key, Value),
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Sets a value.
    Put(Key, Value),
    /// Removes a value, if there is one.
    Remove(Key),
}

/// Who may write: a share of the work and the turn of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The share.
    pub shard: u32,
    /// The owner's turn; an older one is refused.
    pub epoch: u64,
}

impl Batch {
    /// Begins an empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks that a key have no value.
    pub fn expect_absent(&mut self, key: Key) -> &mut Self {
        self.preconditions.push(Precondition::Absent(key));
        self
    }

    /// Asks that a key have this value.
    pub fn expect_equals(&mut self, key: Key, value: Value) -> &mut Self {
        self.preconditions.push(Precondition::Equals(key, value));
        self
    }

    /// Sets a value.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] names the part that is too long; the batch is as before.
    pub fn put(&mut self, key: Key, value: Value) -> Result<&mut Self, StoreError> {
        within("key", key.as_bytes().len(), MAX_KEY_LENGTH)?;
        within("value", value.len(), MAX_VALUE_LENGTH)?;
        self.operations.push(Operation::Put(key, value));
        Ok(self)
    }

    /// Removes a value.
    pub fn remove(&mut self, key: Key) -> &mut Self {
        self.operations.push(Operation::Remove(key));
        self
    }

    /// Tells whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

fn within(what: &'static str, length: usize, limit: usize) -> Result<(), StoreError> {
    if length > limit { Err(StoreError::TooLong { what, length, limit }) } else { Ok(()) }
}
