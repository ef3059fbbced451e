//! A region: the range of keys of one Raft group, its replicas, and the epoch that changes with both.

use std::fmt;

use prost::Message;

use crate::ids::{PeerId, RegionId, StoreId};

/// How often a region's shape has changed. Reads compare `version` alone (rule M5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Message)]
pub struct RegionEpoch {
    /// Grows with every membership change.
    #[prost(uint64, tag = "1")]
    pub conf_ver: u64,
    /// Grows with every split and merge.
    #[prost(uint64, tag = "2")]
    pub version: u64,
}

impl fmt::Display for RegionEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.conf_ver, self.version)
    }
}

/// What a replica does in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum PeerRole {
    /// Votes and serves.
    Voter = 0,
    /// Receives the log but does not vote.
    Learner = 1,
    /// Votes in the new one of two joined configurations alone.
    IncomingVoter = 2,
    /// Votes in the old one of two joined configurations alone, and will learn.
    DemotingVoter = 3,
}

/// A replica of a region.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Message)]
pub struct PeerMeta {
    /// The replica's id, as raft-rs knows it.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The store that holds it.
    #[prost(uint64, tag = "2")]
    pub store_id: u64,
    /// Voter or learner.
    #[prost(enumeration = "PeerRole", tag = "3")]
    pub role: i32,
    /// A witness votes and keeps the log, but has no data: it answers no read.
    #[prost(bool, tag = "4")]
    pub is_witness: bool,
}

impl PeerMeta {
    /// The replica's id.
    pub fn peer_id(&self) -> PeerId {
        PeerId(self.id)
    }

    /// The store that holds it.
    pub fn store(&self) -> StoreId {
        StoreId(self.store_id)
    }
}

/// The range of keys `[start_key, end_key)` of one Raft group; an empty `end_key` has no bound.
#[derive(Clone, PartialEq, Message)]
pub struct Region {
    /// The region's id.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The first key of the range.
    #[prost(bytes = "vec", tag = "2")]
    pub start_key: Vec<u8>,
    /// The first key behind the range; empty for none.
    #[prost(bytes = "vec", tag = "3")]
    pub end_key: Vec<u8>,
    /// How often it has changed.
    #[prost(message, required, tag = "4")]
    pub epoch: RegionEpoch,
    /// Its replicas.
    #[prost(message, repeated, tag = "5")]
    pub peers: Vec<PeerMeta>,
    /// Set while the region is being flashed back to an older version: only flashback commands pass.
    #[prost(bool, tag = "6")]
    pub is_in_flashback: bool,
}

impl Region {
    /// The region's id.
    pub fn region_id(&self) -> RegionId {
        RegionId(self.id)
    }

    /// Whether `key` lies in the range (rule S5).
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start_key.as_slice()
            && (self.end_key.is_empty() || key < self.end_key.as_slice())
    }

    /// Whether two configurations are joined: a change of replicas is half way.
    pub fn is_joint(&self) -> bool {
        let is_between = |peer: &PeerMeta| {
            matches!(peer.role(), PeerRole::IncomingVoter | PeerRole::DemotingVoter)
        };
        self.peers.iter().any(is_between)
    }

    /// Whether this region has taken the other one over: it covers it, and is newer.
    pub fn supersedes(&self, other: &Region) -> bool {
        self.covers(other) && self.epoch.version > other.epoch.version
    }

    /// Whether some key is in both ranges.
    pub fn overlaps(&self, other: &Region) -> bool {
        let begins_before_end_of = |one: &Region, other: &Region| {
            other.end_key.is_empty() || one.start_key < other.end_key
        };
        begins_before_end_of(self, other) && begins_before_end_of(other, self)
    }

    /// Whether the range of `other` lies in this one.
    pub fn covers(&self, other: &Region) -> bool {
        let ends_behind =
            self.end_key.is_empty() || (!other.end_key.is_empty() && other.end_key <= self.end_key);
        other.start_key >= self.start_key && ends_behind
    }

    /// The replica on `store`, if there is one.
    pub fn peer_on(&self, store: StoreId) -> Option<&PeerMeta> {
        self.peers.iter().find(|peer| peer.store_id == store.0)
    }

    /// The replica with this id, if there is one.
    pub fn peer(&self, id: PeerId) -> Option<&PeerMeta> {
        self.peers.iter().find(|peer| peer.id == id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_has_its_start_and_not_its_end() {
        let region =
            Region { start_key: b"b".to_vec(), end_key: b"d".to_vec(), ..Region::default() };
        let rows: [(&[u8], bool); 5] =
            [(b"a", false), (b"b", true), (b"c\xff", true), (b"d", false), (b"", false)];
        for (key, inside) in rows {
            assert_eq!(region.contains(key), inside, "{key:?}");
        }
        assert!(Region::default().contains(b"any"));
        assert!(Region::default().covers(&region) && region.covers(&region));
        assert!(!region.covers(&Region::default()));
    }
}
