//! The network between stores of one process: mailboxes, with filters that drop or hold messages.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ids::{RegionId, StoreId};
use crate::message::{ClusterTag, MessageKind, RaftMessage};
use crate::message_checks::MessageGate;
use crate::router::Router;
use crate::transport::Transport;

/// What a filter does with the messages that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They are lost.
    Drop,
    /// They wait until the filter is removed, and are then delivered in their order.
    Hold,
}

/// Matches messages; a `None` matches any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// The sending store.
    pub from: Option<StoreId>,
    /// The receiving store.
    pub to: Option<StoreId>,
    /// The type of message.
    pub kind: Option<MessageKind>,
    /// The region.
    pub region: Option<RegionId>,
}

impl MessageFilter {
    fn matches(&self, message: &RaftMessage) -> bool {
        self.from.is_none_or(|from| from == message.from.store())
            && self.to.is_none_or(|to| to == message.to.store())
            && self.kind.is_none_or(|kind| kind == message.kind())
            && self.region.is_none_or(|region| region == message.region_id)
    }
}

/// Names a filter that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilterId(u64);

struct Active {
    id: FilterId,
    filter: MessageFilter,
    action: Action,
    held: Vec<RaftMessage>,
}

struct Inner<S> {
    stores: BTreeMap<StoreId, (Router<S>, MessageGate)>,
    filters: Vec<Active>,
    next_id: u64,
}

/// The network of an embedded cluster. Messages between two stores keep their order.
pub struct LocalNetwork<S>(Arc<Mutex<Inner<S>>>);

impl<S> Clone for LocalNetwork<S> {
    fn clone(&self) -> Self {
        LocalNetwork(Arc::clone(&self.0))
    }
}

impl<S> Default for LocalNetwork<S> {
    fn default() -> Self {
        let inner = Inner { stores: BTreeMap::new(), filters: Vec::new(), next_id: 0 };
        LocalNetwork(Arc::new(Mutex::new(inner)))
    }
}

impl<S> LocalNetwork<S> {
    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store of the same cluster that measures elections or leases in another way (hole H6).
    pub(crate) fn of_other_timing(&self, cluster: ClusterTag) -> Option<StoreId> {
        let inner = self.lock();
        let mut gates = inner.stores.values().map(|(_, gate)| gate);
        let differs = |gate: &&MessageGate| {
            gate.cluster.cluster_id == cluster.cluster_id && gate.cluster.timing != cluster.timing
        };
        gates.find(differs).map(|gate| gate.store)
    }

    pub(crate) fn register(&self, gate: MessageGate, router: Router<S>) {
        self.lock().stores.insert(gate.store, (router, gate));
    }

    pub(crate) fn unregister(&self, store: StoreId) {
        self.lock().stores.remove(&store);
    }

    /// Adds a filter; the first one that matches a message decides.
    pub fn add_filter(&self, filter: MessageFilter, action: Action) -> FilterId {
        let mut inner = self.lock();
        let id = FilterId(inner.next_id);
        inner.next_id += 1;
        inner.filters.push(Active { id, filter, action, held: Vec::new() });
        id
    }

    /// How many messages a filter holds.
    pub fn held(&self, id: FilterId) -> usize {
        let inner = self.lock();
        inner.filters.iter().find(|active| active.id == id).map_or(0, |active| active.held.len())
    }

    /// Removes a filter and delivers what it held.
    pub fn remove_filter(&self, id: FilterId) {
        let mut inner = self.lock();
        let Some(position) = inner.filters.iter().position(|active| active.id == id) else {
            return;
        };
        let held = inner.filters.remove(position).held;
        // Under the lock, so that nothing sent meanwhile overtakes them.
        held.into_iter().for_each(|message| deliver(&mut inner, message));
    }

    /// Cuts a store off from all others, both ways.
    pub fn isolate(&self, store: StoreId) -> [FilterId; 2] {
        let from = MessageFilter { from: Some(store), ..MessageFilter::default() };
        let to = MessageFilter { to: Some(store), ..MessageFilter::default() };
        [self.add_filter(from, Action::Drop), self.add_filter(to, Action::Drop)]
    }

    /// Removes every filter; what was held is delivered.
    pub fn heal(&self) {
        let ids: Vec<_> = self.lock().filters.iter().map(|active| active.id).collect();
        ids.into_iter().for_each(|id| self.remove_filter(id));
    }
}

fn deliver<S>(inner: &mut Inner<S>, message: RaftMessage) {
    let hit = inner.filters.iter_mut().find(|active| active.filter.matches(&message));
    match hit {
        Some(Active { action: Action::Drop, .. }) => {}
        Some(Active { action: Action::Hold, held, .. }) => held.push(message),
        None => {
            let Some((router, gate)) = inner.stores.get(&message.to.store()) else { return };
            if let Some(message) = gate.receive(Box::new(message)) {
                router.deliver(message);
            }
        }
    }
}

impl<S: Send + Sync + 'static> Transport for LocalNetwork<S> {
    fn send(&self, messages: Vec<RaftMessage>) {
        let mut inner = self.lock();
        messages.into_iter().for_each(|message| deliver(&mut inner, message));
    }
}

impl<S> fmt::Debug for LocalNetwork<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        let filters: Vec<_> =
            inner.filters.iter().map(|active| (active.filter, active.action)).collect();
        write!(f, "LocalNetwork({:?}, {filters:?})", inner.stores.keys().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::engine::MemorySnapshot;
    use crate::message::Payload;
    use crate::poll_context::ClockHandle;
    use crate::region::{PeerMeta, RegionEpoch};

    #[test]
    fn a_store_lets_in_what_is_for_it_and_counts_the_rest() {
        let cluster = ClusterTag { cluster_id: 1, timing: 2 };
        let refused = Arc::<crate::message_checks::RefusedMessages>::default();
        let gate = MessageGate {
            store: StoreId(2),
            cluster,
            refused: Arc::clone(&refused),
            clock: ClockHandle(Arc::new(ManualClock::default())),
        };
        let network = LocalNetwork::<MemorySnapshot>::default();
        network.register(gate, Router::new());
        let peer = |id| PeerMeta { id, store_id: id, ..PeerMeta::default() };
        let message = RaftMessage {
            cluster,
            region_id: RegionId(1),
            region: None,
            from: peer(1),
            to: peer(2),
            epoch: RegionEpoch::default(),
            payload: Payload::RegionWakeUp,
            from_lease: false,
            trace: None,
            received_at: None,
            kept: None,
        };
        let foreign = ClusterTag { cluster_id: 9, timing: 2 };
        let slower = ClusterTag { cluster_id: 1, timing: 3 };
        network.send(vec![
            RaftMessage { cluster: foreign, ..message.clone() },
            RaftMessage { cluster: slower, ..message.clone() },
            message.clone(),
            // Nobody is there.
            RaftMessage { to: peer(3), ..message },
        ]);
        let counts: Vec<_> = refused.counts().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [("other_cluster", 1), ("other_timing", 1)]);
    }
}
