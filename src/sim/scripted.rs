//! The picture of what a script has done: everything asked, every change of leaders, every suspicion,
//! what the script says of itself, and the messages of some types.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use raftlens_core::sim::play::{Played, play_with};
use raftlens_core::sim::{Happening, OpId, Scene, Story, Watch, World};
use raftlens_core::{LeaseState, Rule, Tracer};
use raftlens_tracer::format::{self, Format};
use raftlens_tracer::simulated::Recorder;

use super::picture::Picture;
use super::propagation::RecordedPropagator;
use super::{explain, proof, words};

/// Which messages a picture shows, by their types.
pub(crate) type Shown<'a> = &'a [&'a str];

/// Those that a script may be about.
const OF_SCRIPTS: Shown<'_> = &["MsgTimeoutNow", "MsgReadIndex", "MsgReadIndexResp"];

/// What has happened since `since_ns`. If clients have seen a contradiction, its arrow is red.
pub(crate) fn told<'a>(
    world: &World,
    story: &'a Story,
    since_ns: u64,
    shown: Shown<'_>,
) -> Picture<'a> {
    let mut picture = Picture::new(story, since_ns);
    let regions: BTreeSet<u64> = story.scenes.iter().map(|scene| scene.region).collect();
    // Zero stands for none.
    if regions.into_iter().filter(|region| *region != 0).count() > 1 {
        picture.tell_regions();
    }
    for scene in &story.scenes {
        let is_shown = match &scene.what {
            Happening::Leads { .. } | Happening::StepsDown { .. } => true,
            Happening::Lease { state, .. } => *state == LeaseState::Suspect,
            Happening::Remark(_) | Happening::Crashed => true,
            _ => false,
        };
        if is_shown {
            picture.scene(scene);
        }
    }
    let asked = story.scenes.iter().filter_map(called);
    asked.for_each(|op| picture.operation(op));
    picture.messages(|message| {
        let kind = message.kind.as_str();
        // Heartbeats go round all the time; those of a read are meant.
        let is_idle = kind.starts_with("MsgHeartbeat") && !message.is_for_read;
        shown.contains(&kind) && !is_idle
    });
    for violation in world.violations() {
        let Some(proof) = proof::proof(&violation.operations) else { continue };
        let id = |op| world.operation_ids(std::slice::from_ref(op)).first().copied();
        if let (Some(newer), Some(stale)) = (id(proof.newer), id(proof.stale))
            && let (Some(from), Some(to)) = (picture.answer_of(newer), picture.answer_of(stale))
        {
            picture.wrong(from, to, proof.lines());
        }
    }
    picture
}

fn called(scene: &Scene) -> Option<OpId> {
    match &scene.what {
        Happening::Called(op) => Some(*op),
        _ => None,
    }
}

/// Plays the script in a file, and writes what explains it into `folder`: always its picture and its
/// traces, and if something is violated, the trace, the log and the picture of that.
pub(crate) fn run(
    path: &Path,
    rules_off: &[Rule],
    folder: &Path,
) -> Result<(Played, Vec<PathBuf>)> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let watch = Watch { story: 0..u64::MAX, ..Watch::default() };
    let time = watch.time.clone();
    let recorder = Recorder::new(move || time.now_ns(), 0..u64::MAX);
    let played = recorder.record(|| {
        play_with(&text, rules_off, |config| {
            config.tracer = Tracer::new(RecordedPropagator);
            config.watch = Some(watch.clone());
        })
    });
    let played = played.map_err(|error| crate::cmd::Usage(format!("{name}: {error}")))?;
    let mut written = Vec::new();
    if let Some(world) = &played.world {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let story = world.story();
        let title = path.file_name().map(|name| name.to_string_lossy().replace('_', " "));
        let title = words::titled(&title.unwrap_or_default(), rules_off);
        let graph = told(world, &story, 0, OF_SCRIPTS).graph(&title);
        explain::write_graph(&folder.join("script"), &graph, &mut written)?;
        let traces = recorder.take(explain::SERVICE);
        let path = folder.join("script.otlp.jsonl");
        format::write_file(&traces, &path, Format::OtlpJsonLines)?;
        written.push(path);
        let proved = played.violations.iter().find(|it| !it.operations.is_empty());
        if let Some(violation) = proved.or(played.violations.first()) {
            let watched = explain::watched(world, traces, violation);
            written.extend(explain::write(folder, &watched, violation, &title)?);
        }
    }
    Ok((played, written))
}
