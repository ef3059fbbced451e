//! What a script asks of nodes: `write`, `read`, `batch`, `transfer`, and `wait` and `result` for
//! what became of it.
//!
//! `write n1 k v2` waits for the answer. With a name in front, `late: write n1 k v2` goes on at
//! once, and `wait late` or `result late` comes back to it. `repeat 5ms for 300ms read n1 k` reads
//! again and again, and says how often which answer came.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sim::play::line::Words;
use crate::sim::play::mistake::Mistake;
use crate::sim::play::stage::Stage;
use crate::sim::requests::{AskRead, OpId, OpResult};

/// How long a request without a name is waited for.
const PATIENCE: Duration = Duration::from_millis(50);

impl Stage {
    pub(super) fn request_command(
        &mut self,
        name: &str,
        label: Option<&str>,
        words: &mut Words<'_>,
    ) -> Result<Vec<String>, Mistake> {
        let op = match name {
            "transfer" => {
                let (to, region) = (self.node(words)?, words.region());
                self.ask(label, |stage| stage.world.transfer(region, to))?;
                // It is answered when it has been tried; who leads then is another question.
                return Ok(Vec::new());
            }
            "write" => {
                let (node, key) = (self.node(words)?, words.word("a key")?);
                let value = words.word("a value")?.as_bytes();
                self.ask(label, |stage| stage.world.start_write(node, key.as_bytes(), value))?
            }
            "read" => self.read(label, words)?,
            "repeat" => return self.repeat(words),
            "batch" => {
                let (name, node) = (words.word("a name")?, self.node(words)?);
                self.batches.insert(name.to_owned(), self.world.begin_batch(node));
                return Ok(Vec::new());
            }
            "result" => {
                let op = self.request(words.word("a name")?)?;
                return Ok(vec![self.answer(op)]);
            }
            _ => self.request(words.word("a name")?)?,
        };
        if label.is_none() {
            let limit = words.maybe_span().unwrap_or(PATIENCE);
            self.world.wait(op, limit);
        } else if *self.world.result(op) == OpResult::Pending {
            return Ok(Vec::new());
        }
        Ok(vec![self.answer(op)])
    }

    /// `read n1 k`, then how: nothing, `scan`, `quorum`, `replica`, `index=n2`, `batch=b`, `last-of=b`; and
    /// `as=old` for the region as it was remembered.
    fn read(&mut self, label: Option<&str>, words: &mut Words<'_>) -> Result<OpId, Mistake> {
        let (node, key) = (self.node(words)?, words.word("a key")?.as_bytes());
        let batch = match (words.option("batch"), words.option("last-of")) {
            (Some(name), _) => Some((self.batch(name)?.clone(), false)),
            (None, Some(name)) => Some((self.batch(name)?.clone(), true)),
            (None, None) => None,
        };
        if let Some((id, is_last)) = batch {
            let read = |stage: &mut Stage| stage.world.start_batch_read(node, key, &id, is_last);
            return self.ask(label, read);
        }
        let ask = if words.flag("quorum") {
            AskRead::Quorum
        } else if words.flag("scan") {
            AskRead::Scan
        } else if words.flag("replica") {
            AskRead::Replica
        } else if let Some(consumer) = words.option("index") {
            AskRead::Index { consumer: self.node_named(consumer)? }
        } else {
            AskRead::Leader
        };
        if let Some(name) = words.option("as") {
            let region = self.remembered(name)?.clone();
            return self.ask(label, |stage| stage.world.start_read_of(node, &region, key, ask));
        }
        self.ask(label, |stage| stage.world.start_read(node, key, ask))
    }

    fn repeat(&mut self, words: &mut Words<'_>) -> Result<Vec<String>, Mistake> {
        let every = words.span("how often")?;
        words.one_of("word", &["for"])?;
        let whole = words.span("how long")?;
        words.one_of("thing to repeat", &["read"])?;
        let until_ns = self.world.now_ns().saturating_add(whole.as_nanos() as u64);
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        loop {
            let mut rest = words.clone();
            let op = self.read(None, &mut rest)?;
            rest.end()?;
            self.world.run_for(every.max(Duration::from_micros(1)));
            *counts.entry(self.answer(op)).or_default() += 1;
            if self.world.now_ns() >= until_ns {
                break;
            }
        }
        words.clear();
        Ok(counts.into_iter().map(|(answer, count)| format!("{count} times {answer}")).collect())
    }

    /// Asks, and notes the name of what was asked.
    pub(super) fn ask(
        &mut self,
        label: Option<&str>,
        ask: impl FnOnce(&mut Stage) -> OpId,
    ) -> Result<OpId, Mistake> {
        if let Some(label) = label.filter(|label| self.requests.contains_key(*label)) {
            return Err(Mistake::NameTaken(label.to_owned()));
        }
        let op = ask(self);
        if let Some(label) = label {
            self.requests.insert(label.to_owned(), op);
        }
        Ok(op)
    }

    /// What became of a request so far, in words.
    fn answer(&self, op: OpId) -> String {
        match self.world.result(op) {
            OpResult::Pending => "no answer yet".to_owned(),
            OpResult::Value { value, mode, .. } => {
                let value = value.as_deref().unwrap_or(b"nothing").escape_ascii();
                format!("{value}, by {}", mode.as_str())
            }
            OpResult::Written => "written".to_owned(),
            OpResult::Failed(error) => format!("refused: {error}"),
            OpResult::GivenUp => "given up".to_owned(),
        }
    }
}
