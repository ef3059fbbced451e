//! What a script does to the network: `hold`, `release`, `drop`, `cut`, `mend`, `isolate`, `heal`.

use crate::sim::network::MessagePattern;
use crate::sim::play::line::{Words, numbered};
use crate::sim::play::mistake::Mistake;
use crate::sim::play::stage::Stage;

impl Stage {
    pub(super) fn message_command(
        &mut self,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<Vec<String>, Mistake> {
        match name {
            "hold" => {
                let (pattern, edges) = self.pattern(words)?;
                edges.iter().for_each(|(from, to)| self.world.hold(pattern, *from, *to));
            }
            "release" => {
                let (pattern, edges) = self.pattern(words)?;
                let release = |(from, to): &(u64, u64)| self.world.release(pattern, *from, *to);
                return Ok(vec![messages(edges.iter().map(release).sum())]);
            }
            "drop" => {
                let (pattern, edges) = self.pattern(words)?;
                let drop = |(from, to): &(u64, u64)| self.world.drop_held(pattern, *from, *to);
                return Ok(vec![messages(edges.iter().map(drop).sum())]);
            }
            "cut" => self.edges(words)?.iter().for_each(|(from, to)| self.world.cut(*from, *to)),
            "mend" => self.edges(words)?.iter().for_each(|(from, to)| self.world.mend(*from, *to)),
            "isolate" => {
                let alone = self.nodes(words.word("nodes")?)?;
                let others = (1..=self.world.nodes()).filter(|node| !alone.contains(node));
                for other in others.collect::<Vec<_>>() {
                    for node in &alone {
                        self.world.cut(*node, other);
                        self.world.cut(other, *node);
                    }
                }
            }
            _ => self.world.heal(),
        }
        Ok(Vec::new())
    }

    /// `MsgAppend n1->n2` or `* of=r2 n1->n2`: messages of a type, on some edges.
    pub(super) fn pattern(
        &self,
        words: &mut Words<'_>,
    ) -> Result<(MessagePattern, Vec<(u64, u64)>), Mistake> {
        let mut pattern = MessagePattern::parse(words.word("a message type, or *")?)?;
        if let Some(region) = words.option("of") {
            let what = "a region, such as r2";
            let number = numbered(region, 'r');
            let number =
                number.ok_or_else(|| Mistake::BadForm { word: region.to_owned(), what })?;
            pattern = pattern.in_region(number);
        }
        Ok((pattern, self.edges(words)?))
    }
}

pub(super) fn messages(count: usize) -> String {
    match count {
        1 => "1 message".to_owned(),
        _ => format!("{count} messages"),
    }
}
