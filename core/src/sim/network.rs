//! The network between simulated nodes: in order between any two of them, unless told otherwise.
//!
//! Order per pair is what TiKV's transport gives, and what two known holes (H2, H3) rely on; only
//! the fault `reorder` and scripts, by holding messages back by type, break it.

use std::fmt;
use std::ops::Range;

use raft::eraftpb::MessageType;
use rand::Rng;
use rand::rngs::SmallRng;

use crate::message::{MessageKind, Payload, RaftMessage};
use crate::sim::tally::Tally;

/// Which messages a script means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagePattern {
    kind: Option<MessageKind>,
    region: Option<u64>,
}

/// A message type was named that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no message type \"{0}\": name one of raft-rs, such as MsgHeartbeat, or *")]
pub struct UnknownMessage(pub String);

impl MessagePattern {
    /// Messages of any type.
    pub const ANY: MessagePattern = MessagePattern { kind: None, region: None };

    /// Of these, the messages of one region.
    pub fn in_region(self, region: u64) -> Self {
        MessagePattern { region: Some(region), ..self }
    }

    /// Reads `*` or the name of a type, such as `MsgTimeoutNow`.
    ///
    /// # Errors
    /// [`UnknownMessage`] for a name that is none.
    pub fn parse(name: &str) -> Result<Self, UnknownMessage> {
        if name == "*" {
            return Ok(MessagePattern::ANY);
        }
        if let Some(own) = MessageKind::OWN.into_iter().find(|kind| kind.as_str() == name) {
            return Ok(MessagePattern { kind: Some(own), region: None });
        }
        let mut known = (0..=i32::from(u8::MAX)).filter_map(MessageType::from_i32);
        let found = known.find(|kind| kind.as_str_name() == name);
        let found = found.ok_or_else(|| UnknownMessage(name.to_owned()))?;
        Ok(MessagePattern { kind: Some(MessageKind::Raft(found)), region: None })
    }

    /// The name of the type; `None` for any.
    pub(super) fn name(self) -> Option<&'static str> {
        self.kind.map(MessageKind::as_str)
    }

    fn matches(self, message: &RaftMessage) -> bool {
        self.kind.is_none_or(|kind| kind == message.kind())
            && self.region.is_none_or(|region| region == message.region_id.0)
    }
}

/// Messages from one node to another one.
#[derive(Clone, Debug, Default)]
pub(super) struct Edge {
    /// No message arrives before this time: the one before it arrives then.
    last_ns: u64,
    /// How many faults cut it.
    pub(super) cuts: u32,
    /// In percent.
    pub(super) drop_percent: u32,
    pub(super) duplicate_percent: u32,
    pub(super) reorder_percent: u32,
    /// What is added to the time that a message takes.
    pub(super) extra_ns: u64,
}

/// A pattern whose messages wait until they are released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hold {
    pattern: MessagePattern,
    from: u64,
    to: u64,
}

/// What the network has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounts {
    /// Messages that were sent.
    pub sent: u64,
    /// Messages that were lost, to faults or because a node was down.
    pub lost: u64,
    /// Messages that arrived twice.
    pub duplicated: u64,
    /// Messages that were held back.
    pub held: u64,
}

/// All edges, and the messages that are held back. Nodes have numbers from 1.
#[derive(Debug)]
pub(super) struct Network {
    nodes: usize,
    edges: Vec<Edge>,
    latency_ns: Range<u64>,
    holds: Vec<Hold>,
    parked: Vec<RaftMessage>,
    pub(super) counts: NetworkCounts,
    pub(super) tally: Option<Tally>,
}

/// How far a message overtaken by others may fall behind.
const REORDER_NS: Range<u64> = 100_000..60_000_000;

impl Network {
    pub(super) fn new(nodes: usize, latency_ns: Range<u64>) -> Self {
        let edges = vec![Edge::default(); nodes * nodes];
        let (holds, parked, counts) = (Vec::new(), Vec::new(), NetworkCounts::default());
        Network { nodes, edges, latency_ns, holds, parked, counts, tally: None }
    }

    pub(super) fn edge(&mut self, from: u64, to: u64) -> &mut Edge {
        &mut self.edges[(from as usize - 1) * self.nodes + to as usize - 1]
    }

    pub(super) fn edges_mut(&mut self) -> impl Iterator<Item = &mut Edge> {
        self.edges.iter_mut()
    }

    /// Takes a message; `arrive` is called for each time it will arrive.
    pub(super) fn send(
        &mut self,
        now_ns: u64,
        rng: &mut SmallRng,
        message: RaftMessage,
        arrive: &mut dyn FnMut(u64, RaftMessage),
    ) {
        self.counts.sent += 1;
        if let Some(tally) = &mut self.tally {
            tally.note(&message);
        }
        let (from, to) = (message.from.store_id, message.to.store_id);
        let is_held =
            |hold: &Hold| hold.from == from && hold.to == to && hold.pattern.matches(&message);
        if self.holds.iter().any(is_held) {
            self.counts.held += 1;
            return self.parked.push(message);
        }
        self.pass_on(now_ns, rng, message, arrive);
    }

    fn pass_on(
        &mut self,
        now_ns: u64,
        rng: &mut SmallRng,
        message: RaftMessage,
        arrive: &mut dyn FnMut(u64, RaftMessage),
    ) {
        let latency_ns = match self.latency_ns.is_empty() {
            true => self.latency_ns.start,
            false => rng.random_range(self.latency_ns.clone()),
        };
        let edge = self.edge(message.from.store_id, message.to.store_id);
        let happens =
            |rng: &mut SmallRng, percent| percent > 0 && rng.random_range(0..100) < percent;
        if edge.cuts > 0 || happens(rng, edge.drop_percent) {
            self.counts.lost += 1;
            return;
        }
        let at_ns = now_ns + latency_ns + edge.extra_ns;
        if happens(rng, edge.reorder_percent) {
            return arrive(at_ns + rng.random_range(REORDER_NS), message);
        }
        let at_ns = at_ns.max(edge.last_ns);
        edge.last_ns = at_ns;
        if happens(rng, edge.duplicate_percent) {
            arrive(at_ns, message.clone());
            self.counts.duplicated += 1;
        }
        arrive(at_ns, message);
    }

    /// Holds back what matches, from now on.
    pub(super) fn hold(&mut self, pattern: MessagePattern, from: u64, to: u64) {
        self.holds.push(Hold { pattern, from, to });
    }

    /// Ends a hold, and takes out what it has held back, in the order in which it was sent.
    pub(super) fn end_hold(
        &mut self,
        pattern: MessagePattern,
        from: u64,
        to: u64,
    ) -> Vec<RaftMessage> {
        self.holds.retain(|hold| *hold != Hold { pattern, from, to });
        let matches = |message: &RaftMessage| {
            (message.from.store_id, message.to.store_id) == (from, to) && pattern.matches(message)
        };
        let (released, parked) = std::mem::take(&mut self.parked).into_iter().partition(matches);
        self.parked = parked;
        released
    }

    /// Sends on what a hold has given back.
    pub(super) fn release(
        &mut self,
        now_ns: u64,
        rng: &mut SmallRng,
        message: RaftMessage,
        arrive: &mut dyn FnMut(u64, RaftMessage),
    ) {
        self.pass_on(now_ns, rng, message, arrive);
    }

    /// What is held back now.
    pub(super) fn parked(&self) -> impl Iterator<Item = &RaftMessage> {
        self.parked.iter()
    }

    /// Ends every fault; what is held back stays so.
    pub(super) fn heal(&mut self) {
        for edge in &mut self.edges {
            *edge = Edge { last_ns: edge.last_ns, ..Edge::default() };
        }
    }
}

/// A message as lines of the log show it, see `trace_log`.
pub(super) struct MessageLine<'a>(pub(super) &'a RaftMessage);

impl fmt::Display for MessageLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.0;
        let raft = match &message.payload {
            Payload::Raft(raft) => Some(raft),
            _ => None,
        };
        f.write_str("n")?;
        number(f, message.from.store_id)?;
        if let Some(raft) = raft {
            f.write_str("@")?;
            number(f, raft.term)?;
        }
        f.write_str(" -> n")?;
        number(f, message.to.store_id)?;
        f.write_str(" ")?;
        f.write_str(message.kind().as_str())?;
        field(f, " region=", message.region_id.0)?;
        let Some(raft) = raft else { return Ok(()) };
        field(f, " index=", raft.index)?;
        field(f, " log_term=", raft.log_term)?;
        field(f, " entries=", raft.entries.len() as u64)?;
        field(f, " commit=", raft.commit)?;
        if raft.reject {
            f.write_str(" reject")?;
        }
        if message.from_lease {
            f.write_str(" from_lease")?;
        }
        // A read id is a prefix of its node and a count; the count tells reads apart.
        if let Some(count) = raft.context.last_chunk::<8>().filter(|_| raft.context.len() == 16) {
            field(f, " read=", u64::from_be_bytes(*count) & 0xffff_ffff)?;
        }
        Ok(())
    }
}

fn field(f: &mut fmt::Formatter<'_>, name: &str, value: u64) -> fmt::Result {
    if value == 0 {
        return Ok(());
    }
    f.write_str(name)?;
    number(f, value)
}

fn number(f: &mut fmt::Formatter<'_>, mut rest: u64) -> fmt::Result {
    let mut digits = [0; 20];
    let mut place = digits.len();
    loop {
        place -= 1;
        digits[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    f.write_str(std::str::from_utf8(&digits[place..]).unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::ids::RegionId;
    use crate::region::{PeerMeta, RegionEpoch};

    fn message(from: u64, to: u64, kind: MessageType, index: u64) -> RaftMessage {
        let peer = |id| PeerMeta { id, store_id: id, ..PeerMeta::default() };
        let mut raft = raft::eraftpb::Message { index, ..Default::default() };
        raft.set_msg_type(kind);
        RaftMessage {
            cluster: Default::default(),
            region_id: RegionId(1),
            region: None,
            from: peer(from),
            to: peer(to),
            epoch: RegionEpoch::default(),
            payload: Payload::Raft(Box::new(raft)),
            from_lease: false,
            trace: None,
            received_at: None,
            kept: None,
        }
    }

    fn index_of(message: &RaftMessage) -> u64 {
        match &message.payload {
            Payload::Raft(raft) => raft.index,
            _ => 0,
        }
    }

    fn run(network: &mut Network, count: u64) -> Vec<(u64, u64)> {
        let (mut rng, mut arrived) = (SmallRng::seed_from_u64(3), Vec::new());
        for sent in 0..count {
            let message = message(1, 2, MessageType::MsgAppend, sent);
            network.send(sent * 10, &mut rng, message, &mut |at_ns, message| {
                arrived.push((at_ns, index_of(&message)));
            });
        }
        arrived.sort_by_key(|(at_ns, _)| *at_ns);
        arrived
    }

    #[test]
    fn an_edge_keeps_its_order_and_reordering_does_not() {
        let mut network = Network::new(2, 100..100_000);
        let arrived = run(&mut network, 500);
        assert!(arrived.iter().map(|(_, index)| *index).eq(0..500));

        let mut network = Network::new(2, 100..100_000);
        network.edge(1, 2).reorder_percent = 30;
        let arrived = run(&mut network, 500);
        assert_eq!(arrived.len(), 500);
        assert!(!arrived.iter().map(|(_, index)| *index).eq(0..500));
    }

    #[test]
    fn faults_lose_and_repeat_messages() {
        let mut network = Network::new(2, 1..1);
        network.edge(1, 2).drop_percent = 50;
        let lost = 500 - run(&mut network, 500).len() as u64;
        assert!((150..350).contains(&lost), "{lost}");
        assert_eq!(network.counts.lost, lost);

        network.heal();
        network.edge(1, 2).duplicate_percent = 100;
        let arrived = run(&mut network, 3);
        assert_eq!(arrived.iter().map(|(_, index)| *index).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2]);

        network.heal();
        network.edge(1, 2).cuts = 1;
        assert!(run(&mut network, 5).is_empty());
    }

    #[test]
    fn a_hold_parks_its_type_on_its_edge_alone() {
        let mut network = Network::new(2, 1..1);
        let mut rng = SmallRng::seed_from_u64(1);
        let pattern = MessagePattern::parse("MsgTimeoutNow").unwrap();
        network.hold(pattern, 1, 2);
        let mut arrived = 0;
        for (from, to, kind) in [
            (1, 2, MessageType::MsgTimeoutNow),
            (2, 1, MessageType::MsgTimeoutNow),
            (1, 2, MessageType::MsgAppend),
        ] {
            network.send(0, &mut rng, message(from, to, kind, 0), &mut |_, _| arrived += 1);
        }
        assert_eq!((arrived, network.parked().count()), (2, 1));
        assert_eq!(network.end_hold(pattern, 1, 2).len(), 1);
        assert_eq!(network.parked().count(), 0);
    }

    #[test]
    fn patterns_are_types_that_exist() {
        assert_eq!(MessagePattern::parse("*"), Ok(MessagePattern::ANY));
        for name in ["MsgHeartbeatResponse", "MsgReadIndexResp", "RegionWakeUp", "ReadIndexDropped"]
        {
            assert!(MessagePattern::parse(name).is_ok(), "{name}");
        }
        let unknown = MessagePattern::parse("Heartbeat").unwrap_err();
        assert!(unknown.to_string().contains("\"Heartbeat\""));
    }

    #[test]
    fn a_message_has_one_printed_form() {
        let line = MessageLine(&message(1, 2, MessageType::MsgAppend, 7)).to_string();
        assert_eq!(line, "n1@0 -> n2 MsgAppend region=1 index=7");
    }
}
