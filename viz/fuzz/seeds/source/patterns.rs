enum Message { Read { id: u64, from: Option<Peer> }, Write(Vec<u8>), Nothing }
struct Peer(u32, Queue);
struct Queue { waiting: std::collections::HashMap<u64, Peer> }
impl Peer {
    fn handle(&mut self, message: Message) -> Result<(), String> {
        match message {
            Message::Read { id, from: Some(mut peer) } if peer.is_leader() => peer.1.push(id)?,
            Message::Write(ref bytes @ ..) => { let Some(first) = bytes.first() else { return Err(format!("{:?}", self.name())) }; Self::apply(first); }
            Message::Nothing | Message::Read { .. } => loop { break },
            _ => unreachable!(),
        }
        for (id, peer) in &mut self.1.waiting { peer.apply_to(*id); }
        while let Some(Peer(number, queue)) = self.1.waiting.remove(&7) { queue.drain(number); if let (1, x) | (x, 1) = (number, 2) { x.count_ones(); } }
        Ok(())
    }
    fn is_leader(&self) -> bool { matches!(self.0, 1..=3) }
    fn name(&self) -> &'static str { "peer" }
    fn apply(_: &u8) {}
    fn apply_to(&mut self, id: u64) { self.1.push(id).unwrap_or_default() }
}
impl Queue { fn push(&mut self, _: u64) -> Result<(), String> { Ok(()) } fn drain(&self, _: u32) {} }
