//! What a script does to a region's replicas: `put` and `remove`.

use crate::region::PeerRole;
use crate::sim::play::line::Words;
use crate::sim::play::mistake::Mistake;
use crate::sim::play::stage::Stage;

impl Stage {
    /// `put n4 learner`, `put n4 voter r2`, `remove n3`.
    pub(super) fn member_command(
        &mut self,
        name: &str,
        label: Option<&str>,
        words: &mut Words<'_>,
    ) -> Result<Vec<String>, Mistake> {
        let node = self.node(words)?;
        if name == "put" {
            let role = match words.one_of("role", &["voter", "learner"])? {
                "voter" => PeerRole::Voter,
                _ => PeerRole::Learner,
            };
            let region = words.region();
            self.ask(label, |stage| stage.world.put_replica(region, node, role))?;
        } else {
            let region = words.region();
            self.ask(label, |stage| stage.world.remove_replica(region, node))?;
        }
        Ok(Vec::new())
    }
}
