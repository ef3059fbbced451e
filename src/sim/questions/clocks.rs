//! Questions about time: what max_drift is, and why the clock must be a monotonic raw one.

use anyhow::Result;
use raftlens_core::sim::{AskRead, Happening};
use raftlens_viz::{BoxKind, FlowGraph};

use super::stage::Stage;
use crate::sim::picture::Picture;
use crate::sim::words;

/// Writes every few milliseconds: each renews the lease, not each is told to the readers.
pub(super) fn max_drift(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|_| ())?;
    stage.pass(100);
    stage.begin();
    let from_ns = stage.world.now_ns();
    for number in 1..=7 {
        stage.write(1, &format!("w{number}"))?;
        stage.pass(9);
    }
    let story = stage.world.story();
    let mut picture = Picture::new(&story, from_ns);
    let mut readers_until = 0;
    for scene in &story.scenes {
        let Happening::Answered(_, state) = &scene.what else { continue };
        let until = |left: Option<i64>| left.unwrap_or(0) + (scene.at_ns - from_ns) as i64;
        let (own, told) = (until(state.lease_left_ns), until(state.reader_lease_left_ns));
        let title = format!("a write renews the lease, until {}", words::ms(own));
        let renewed = picture.add_in("raft thread", scene.at_ns, title, BoxKind::Function);
        if told != readers_until {
            readers_until = told;
            let title = format!("are told: until {}", words::ms(told));
            let readers = picture.add_in("reader threads", scene.at_ns, title, BoxKind::Case);
            picture.arrow(renewed, readers, &["more than max_drift", "behind: refreshed"]);
        }
    }
    Ok(picture.graph(title))
}

/// The clock of a leader that is cut off steps back, as a wall clock may.
pub(super) fn monotonic_raw(title: &str) -> Result<FlowGraph> {
    let mut stage = Stage::new(|_| ())?;
    stage.pass_to_a_fresh_quorum_window();
    stage.begin();
    stage.write(1, "v2")?;
    stage.say(1, "is cut off");
    stage.world.isolate(1);
    stage.pass(30);
    stage.say(1, "its clock steps back by 150 ms");
    stage.world.clock(1).step_ns(-150_000_000);
    let other = stage.elect_another()?;
    stage.write(other, "v3")?;
    stage.read(1, AskRead::Leader);
    stage.picture(title, &[], true)
}
