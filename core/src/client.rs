//! A client of an embedded cluster: finds the replica to ask, and asks again when that can help.

// A client waits a moment before it asks again, as clients do; no state machine is concerned.
#![allow(clippy::disallowed_methods)]

use std::sync::PoisonError;
use std::time::Duration;

use crate::cluster::Doors;
use crate::command::Mutation;
use crate::command::RequestHeader;
use crate::engine::RocksEngine;
use crate::error::Error;
use crate::ids::{PeerId, RegionId, StoreId};
use crate::pd::Pd;
use crate::raft_kv::{Answer, RaftKv, SnapContext};
use crate::region::{PeerMeta, Region};

/// How long a client waits before it asks again.
const BACKOFF: Duration = Duration::from_millis(5);

/// Who is to answer a read, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadFrom {
    /// The leader, from its lease if it has one.
    #[default]
    Leader,
    /// The leader, after it asked its quorum.
    LeaderQuorum,
    /// The replica on this store.
    Replica(StoreId),
}

/// A client of an embedded cluster.
#[derive(Clone, Debug)]
pub struct Client {
    doors: Doors,
    pd: Pd,
    deadline: Duration,
}

impl Client {
    pub(crate) fn new(doors: Doors, pd: Pd, deadline: Duration) -> Self {
        Client { doors, pd, deadline }
    }

    /// The value of `key`, read from the leader.
    ///
    /// # Errors
    /// The last [`Error`], when asking again did not help before the deadline.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.read(key, ReadFrom::Leader).await?.value)
    }

    /// The value of `key`, and how it was read.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn read(&self, key: &[u8], from: ReadFrom) -> Result<Answer<Option<Vec<u8>>>, Error> {
        let attempts = async {
            loop {
                let error = match self.read_once(key, from).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                // Another leader will be found, but nobody stands in for a store that was named.
                let is_gone = matches!((from, &error), (ReadFrom::Replica(_), Error::Stopped(_)));
                if is_gone || !error.is_retryable() {
                    return Err(error);
                }
                tokio::time::sleep(BACKOFF).await;
            }
        };
        tokio::time::timeout(self.deadline, attempts)
            .await
            .unwrap_or_else(|_| Err(self.too_late(key)))
    }

    /// One attempt of [`Client::read`], with the error of that one.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn read_once(
        &self,
        key: &[u8],
        from: ReadFrom,
    ) -> Result<Answer<Option<Vec<u8>>>, Error> {
        let (kv, ctx) = self.context(key, from)?;
        let asked = ctx.header.peer_id;
        let answer = kv.async_snapshot(ctx).await.inspect_err(|error| self.learn(asked, error))?;
        let Answer { value: snapshot, term, mode, waits, reject } = answer;
        Ok(Answer { value: snapshot.get(key)?, term, mode, waits, reject })
    }

    /// Sets or, with `None`, deletes the value of `key`. Answered when the leader has applied it.
    ///
    /// A write whose fate is unknown is not tried again, since it would then happen twice.
    ///
    /// # Errors
    /// The last [`Error`]; [`Error::is_undetermined`] says whether it may have taken effect.
    pub async fn write(&self, key: &[u8], value: Option<Vec<u8>>) -> Result<(), Error> {
        let mutation = Mutation { key: key.to_vec(), value };
        let attempts = async {
            loop {
                let error = match self.context(key, ReadFrom::Leader) {
                    Ok((kv, ctx)) => {
                        let asked = ctx.header.peer_id;
                        let Err(error) = kv.write(ctx, vec![mutation.clone()]).await else {
                            return Ok(());
                        };
                        // From here on it may have happened; before it certainly has not.
                        if error.is_undetermined() {
                            return Err(error);
                        }
                        self.learn(asked, &error);
                        error
                    }
                    Err(error) => error,
                };
                if !error.is_retryable() {
                    return Err(error);
                }
                tokio::time::sleep(BACKOFF).await;
            }
        };
        tokio::time::timeout(self.deadline, attempts)
            .await
            .unwrap_or_else(|_| Err(self.too_late(key)))
    }

    /// Asks the leader of a region to hand its leadership to the replica on `to`.
    ///
    /// # Errors
    /// Any [`Error`]; success says only that it was asked.
    pub async fn transfer_leader(&self, region: RegionId, to: StoreId) -> Result<(), Error> {
        let (region, leader) = self.pd.region(region).ok_or(Error::RegionNotFound(region))?;
        let id = region.region_id();
        let to = *region.peer_on(to).ok_or(Error::RegionNotFound(id))?;
        let leader = leader.ok_or(Error::NotLeader { region: id, leader: None })?;
        let kv = self.door(id, leader.store())?;
        kv.transfer_leader(context(&region, leader), to.peer_id()).await
    }

    /// The door and the context for a read of `key`.
    ///
    /// # Errors
    /// [`Error::NoRegionForKey`]; [`Error::NotLeader`] while none is known; [`Error::Stopped`] when
    /// the store does not run.
    pub fn context(
        &self,
        key: &[u8],
        from: ReadFrom,
    ) -> Result<(RaftKv<RocksEngine>, SnapContext), Error> {
        let (region, leader) =
            self.pd.region_for(key).ok_or_else(|| Error::NoRegionForKey { key: key.to_vec() })?;
        let id = region.region_id();
        let peer = match from {
            ReadFrom::Leader | ReadFrom::LeaderQuorum => {
                leader.ok_or(Error::NotLeader { region: id, leader: None })?
            }
            ReadFrom::Replica(store) => *region.peer_on(store).ok_or(Error::RegionNotFound(id))?,
        };
        let mut ctx = context(&region, peer);
        ctx.header.read_quorum = from == ReadFrom::LeaderQuorum;
        ctx.header.replica_read = matches!(from, ReadFrom::Replica(_));
        Ok((self.door(id, peer.store())?, ctx))
    }

    fn door(&self, region: RegionId, store: StoreId) -> Result<RaftKv<RocksEngine>, Error> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        doors.get(&store).cloned().ok_or(Error::Stopped(region))
    }

    /// Forgets a leader that says it is none; the true one reports itself. What a replica says of
    /// others is hearsay, and may be older than what is known here.
    fn learn(&self, asked: PeerId, error: &Error) {
        if let Error::NotLeader { region, leader } = error {
            let known = self.pd.region(*region).and_then(|(_, leader)| leader);
            if let Some(known) = known.filter(|known| known.peer_id() == asked) {
                self.pd.suspect_leader(*region, known, *leader);
            }
        }
    }

    fn too_late(&self, key: &[u8]) -> Error {
        let region = self.pd.region_for(key).map_or(RegionId(0), |(region, _)| region.region_id());
        let waited_ms = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX);
        Error::DeadlineExceeded { region, waited_ms }
    }
}

/// A context for one replica of a region.
fn context(region: &Region, peer: PeerMeta) -> SnapContext {
    let header = RequestHeader {
        region_id: region.region_id(),
        peer_id: peer.peer_id(),
        store_id: peer.store(),
        epoch: region.epoch,
        ..RequestHeader::default()
    };
    SnapContext { header, ..SnapContext::default() }
}
