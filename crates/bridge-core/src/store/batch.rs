//! Batches: what is stored together.

use super::{
    CommitError, Key, KeyBuilder, MAX_KEY_LENGTH, MAX_VALUE_LENGTH, StoreError, TableId, Value,
};

/// Changes that are stored whole or not at all, if what they rest on still holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What must hold before.
    pub preconditions: Vec<Precondition>,
    /// What changes, in order.
    pub operations: Vec<Operation>,
    /// Proof of ownership, where several processes share the work: engines refuse a turn older than
    /// the newest they took for this share.
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

    /// Checks what the batch rests on and gives its changes, in order: what every engine does with a
    /// batch before it applies it. `read` gives the present value of a key.
    ///
    /// # Errors
    /// [`CommitError`] names what is too long, the fence that is too old, or the first precondition
    /// that does not hold.
    pub fn resolve(
        self,
        mut read: impl FnMut(&Key) -> Result<Option<Value>, StoreError>,
    ) -> Result<Vec<Operation>, CommitError> {
        let Self { preconditions, mut operations, fence } = self;
        for operation in &operations {
            let (key, value) = match operation {
                Operation::Put(key, value) => (key, value.len()),
                Operation::Remove(key) => (key, 0),
            };
            within("key", key.as_bytes().len(), MAX_KEY_LENGTH)?;
            within("value", value, MAX_VALUE_LENGTH)?;
        }
        if let Some(Fence { shard, epoch }) = fence {
            let key = KeyBuilder::new(TableId::Meta).text("fence").number(shard.into()).build();
            let stored = read(&key)?.and_then(|value| <[u8; 8]>::try_from(value).ok());
            let newest = stored.map_or(0, u64::from_be_bytes);
            if epoch < newest {
                return Err(CommitError::Fenced { shard, newest });
            }
            if epoch > newest {
                operations.push(Operation::Put(key, epoch.to_be_bytes().to_vec()));
            }
        }
        for (number, precondition) in preconditions.iter().enumerate() {
            let holds = match precondition {
                Precondition::Absent(key) => read(key)?.is_none(),
                Precondition::Equals(key, value) => read(key)?.as_ref() == Some(value),
            };
            if !holds {
                return Err(CommitError::Precondition(number));
            }
        }
        Ok(operations)
    }

    /// Tells whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

fn within(what: &'static str, length: usize, limit: usize) -> Result<(), StoreError> {
    if length > limit { Err(StoreError::TooLong { what, length, limit }) } else { Ok(()) }
}
