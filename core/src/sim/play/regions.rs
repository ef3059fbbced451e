//! What a script does to the shape of regions: `split`, `merge`, and `remember` for a reader that
//! has not heard of either.

use crate::sim::play::line::Words;
use crate::sim::play::mistake::Mistake;
use crate::sim::play::stage::Stage;

impl Stage {
    pub(super) fn region_command(
        &mut self,
        name: &str,
        label: Option<&str>,
        words: &mut Words<'_>,
    ) -> Result<Vec<String>, Mistake> {
        match name {
            // `split r1 at m`, or `split r1 at m right-derive` where the old region keeps the right.
            "split" => {
                let region = words.region();
                words.one_of("word", &["at"])?;
                let key = words.word("a key")?.as_bytes();
                let is_right = words.flag("right-derive");
                let mut id = 0;
                let split = |stage: &mut Stage| {
                    let (new, op) = match is_right {
                        true => stage.world.split_right_derive(region, key),
                        false => stage.world.split(region, key),
                    };
                    id = new;
                    op
                };
                self.ask(label, split)?;
                Ok(vec![format!("r{id} is asked for")])
            }
            // `merge r2 into r1`.
            "merge" => {
                let source = words.region();
                words.one_of("word", &["into"])?;
                let target = words.region();
                self.ask(label, |stage| stage.world.merge(source, target))?;
                Ok(Vec::new())
            }
            // `remember old r1 n1`: the region as a node knows it now, for `read ... as=old`.
            _ => {
                let (name, region) = (words.word("a name")?, words.region());
                let node = self.node(words)?;
                let known = self.world.region_on(node, region);
                let known = known.ok_or(Mistake::NoReplica { node, region })?;
                self.remembered.insert(name.to_owned(), known);
                Ok(Vec::new())
            }
        }
    }
}
