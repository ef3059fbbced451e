//! Ids that could be swapped by mistake, each a type of its own, and the maker of read ids.
//!
//! A read id is the charts' `Uuid::new_v4`: it names a read index on its way through raft-rs and
//! back. It is made without a system call, from a prefix that the driver injects and a counter, so
//! the same seed gives the same ids (TiKV draws a random one for each read).

use std::fmt;

use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

id!(
    /// A node of the cluster.
    StoreId
);
id!(
    /// A replica of one region on one store; never reused.
    PeerId
);
id!(
    /// A range of keys that one Raft group keeps.
    RegionId
);

/// Makes read ids: unique within a cluster as long as each maker has its own prefix.
#[derive(Debug)]
pub struct ReadIdGen {
    prefix: u64,
    count: u64,
}

impl ReadIdGen {
    /// A maker whose ids all start with `prefix`, which no other maker of the cluster may have.
    pub fn new(prefix: u64) -> Self {
        ReadIdGen { prefix, count: 0 }
    }

    /// The next id. Version and variant bits are those of a v4 `Uuid`, so any tool shows it as one.
    pub fn new_v4(&mut self) -> Uuid {
        self.count += 1;
        let (high, low) = (self.prefix.to_be_bytes(), self.count.to_be_bytes());
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&high);
        bytes[8..].copy_from_slice(&low);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_repeat_with_the_same_prefix() {
        let (mut first, mut second) = (ReadIdGen::new(7), ReadIdGen::new(7));
        let ids: Vec<_> = (0..1000).map(|_| first.new_v4()).collect();
        assert_eq!(ids, (0..1000).map(|_| second.new_v4()).collect::<Vec<_>>());
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 1000);
        assert_ne!(ReadIdGen::new(8).new_v4(), ids[0]);
    }
}
