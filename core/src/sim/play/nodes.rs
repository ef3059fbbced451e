//! What a script does to nodes: `elect`, `campaign`, `pause`, `resume`, `crash`, `restart`, `stall`,
//! `clock`.

use crate::sim::play::line::{Words, number};
use crate::sim::play::mistake::Mistake;
use crate::sim::play::stage::Stage;

impl Stage {
    pub(super) fn node_command(
        &mut self,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<Vec<String>, Mistake> {
        match name {
            "elect" => {
                let (node, region) = (self.node(words)?, words.region());
                self.world
                    .elect(node, region)
                    .map_err(|error| Mistake::NoLeader { node, error })?;
            }
            "campaign" => {
                let (node, region) = (self.node(words)?, words.region());
                self.world.campaign(node, region);
            }
            "pause" | "resume" => {
                let part = words.one_of("part of a node", &["raft", "apply", "reader"])?;
                for node in self.nodes(words.word("nodes")?)? {
                    match (name, part) {
                        ("pause", "raft") => self.world.pause_raft(node),
                        ("pause", "apply") => self.world.pause_apply(node),
                        ("pause", _) => self.world.pause_reader(node),
                        (_, "raft") => self.world.resume_raft(node),
                        (_, "apply") => self.world.resume_apply(node),
                        (_, _) => self.world.resume_reader(node),
                    }
                }
            }
            "crash" => {
                let nodes = self.nodes(words.word("nodes")?)?;
                nodes.into_iter().for_each(|node| self.world.crash(node));
            }
            "restart" => {
                let nodes = self.nodes(words.word("nodes")?)?;
                nodes.into_iter().for_each(|node| self.world.restart(node));
            }
            "stall" => {
                words.one_of("part of a node", &["disk"])?;
                let (node, extra) = (self.node(words)?, words.span("how long a write takes")?);
                self.world.stall_disk(node, extra);
            }
            _ => self.clock(words)?,
        }
        Ok(Vec::new())
    }

    /// `clock n1 rate -20%`, `clock n1 back 5ms`, `clock n1 freeze`, `clock n1 run`.
    fn clock(&mut self, words: &mut Words<'_>) -> Result<(), Mistake> {
        let node = self.node(words)?;
        match words.one_of("fault of a clock", &["rate", "back", "ahead", "freeze", "run"])? {
            "rate" => {
                let word = words.word("a rate")?;
                let what = "a rate, such as -20%";
                let percent = word.strip_suffix('%');
                let percent =
                    percent.ok_or_else(|| Mistake::BadForm { word: word.to_owned(), what })?;
                let percent: f64 = number(percent)?;
                self.world.clock(node).set_rate_ppm((percent * 10_000.0) as i64);
            }
            "freeze" => self.world.clock(node).freeze(),
            "run" => self.world.clock(node).set_rate_ppm(0),
            way => {
                let by_ns = words.span("how far it jumps")?.as_nanos() as i64;
                self.world.clock(node).step_ns(if way == "back" { -by_ns } else { by_ns });
            }
        }
        Ok(())
    }
}
