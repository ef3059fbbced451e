//! What one atomic write does, as plain ordered operations that any engine can carry out.

use super::{EngineError, Family, MAX_KEY_BYTES};

/// One operation of a [`WriteBatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOp {
    /// Sets the value of a key.
    Put {
        /// Where the key lives.
        family: Family,
        /// The key.
        key: Vec<u8>,
        /// Its new value.
        value: Vec<u8>,
    },
    /// Removes a key; nothing happens if there is none.
    Delete {
        /// Where the key lives.
        family: Family,
        /// The key.
        key: Vec<u8>,
    },
    /// Removes every key in `[from, to)`, those put earlier by the same batch too.
    DeleteRange {
        /// Where the keys live.
        family: Family,
        /// The first key to go.
        from: Vec<u8>,
        /// The first key to stay; empty for none.
        to: Vec<u8>,
    },
}

/// Operations that take effect together, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteBatch {
    ops: Vec<WriteOp>,
}

impl WriteBatch {
    /// A batch that does nothing yet.
    pub fn new() -> Self {
        WriteBatch::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, family: Family, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.ops.push(WriteOp::Put { family, key: key.into(), value: value.into() });
    }

    /// Removes `key`.
    pub fn delete(&mut self, family: Family, key: impl Into<Vec<u8>>) {
        self.ops.push(WriteOp::Delete { family, key: key.into() });
    }

    /// Removes the keys in `[from, to)`; an empty `to` has no bound, as in a scan.
    pub fn delete_range(
        &mut self,
        family: Family,
        from: impl Into<Vec<u8>>,
        to: impl Into<Vec<u8>>,
    ) {
        self.ops.push(WriteOp::DeleteRange { family, from: from.into(), to: to.into() });
    }

    /// How many operations it has.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Forgets its operations and keeps its memory.
    pub fn clear(&mut self) {
        self.ops.clear();
    }

    /// Moves the operations of `other` behind its own.
    pub fn append(&mut self, other: &mut WriteBatch) {
        self.ops.append(&mut other.ops);
    }

    /// The operations in order.
    pub fn iter(&self) -> std::slice::Iter<'_, WriteOp> {
        self.ops.iter()
    }

    /// Refuses keys that no engine takes, before anything of the batch is written.
    pub(super) fn check_keys(&self) -> Result<(), EngineError> {
        for op in &self.ops {
            let (family, longest) = match op {
                WriteOp::Put { family, key, .. } | WriteOp::Delete { family, key } => {
                    (*family, key.len())
                }
                WriteOp::DeleteRange { family, from, to } => (*family, from.len().max(to.len())),
            };
            if longest > MAX_KEY_BYTES {
                return Err(EngineError::KeyTooLong { family: family.name(), bytes: longest });
            }
        }
        Ok(())
    }
}

impl<'a> IntoIterator for &'a WriteBatch {
    type Item = &'a WriteOp;
    type IntoIter = std::slice::Iter<'a, WriteOp>;

    fn into_iter(self) -> Self::IntoIter {
        self.ops.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn append_keeps_the_order_and_empties_the_other() {
        let (mut first, mut second) = (WriteBatch::new(), WriteBatch::new());
        first.put(Family::Data, "a", "1");
        second.delete(Family::Data, "a");
        second.delete_range(Family::State, "b", "");
        first.append(&mut second);
        assert!(second.is_empty());
        let deletes: Vec<_> = first.iter().map(|op| !matches!(op, WriteOp::Put { .. })).collect();
        assert_eq!(deletes, [false, true, true]);
        first.clear();
        assert_eq!((first.len(), first.is_empty()), (0, true));
    }
}
