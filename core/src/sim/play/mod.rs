//! Scripts: a situation written down as text, played on a world in which every time is fixed.
//!
//! ```text
//! # Prose: what this shows.
//! world
//! elect n1
//! write n1 k v1
//!   -> written
//! read n1 k
//!   -> v1, by lease_local
//! check
//!   -> sound
//! ```
//!
//! A line is empty, prose (`#`), a command, or an arrow: what came of the command above it. Arrows
//! are for readers and for tests that compare; [`play()`] drops those that it finds and writes its
//! own. Commands never fail because of what happens in the world, only because of what is wrong with
//! the script, so the same script shows what a missing rule does: `play(text, &[Rule::L6])`.
//!
//! `line` takes a line apart, `stage` holds the world and names, and each kind of command has a
//! file: `setup`, `time`, `messages`, `nodes`, `requests`, `regions`, `members`,
//! `show`.

mod line;
mod members;
mod messages;
mod mistake;
mod nodes;
mod regions;
mod requests;
mod setup;
mod show;
mod stage;
mod time;

use std::panic::{AssertUnwindSafe, catch_unwind};

use self::line::{Line, Words};
pub use self::mistake::{Mistake, PlayError};
use self::stage::Stage;
use crate::rules::Rule;
use crate::sim::config::SimConfig;
use crate::sim::oracle::{Invariant, Violation};
use crate::sim::world::World;

/// What came of a script.
#[derive(Debug)]
pub struct Played {
    /// The script, with what came of each command beneath it.
    pub text: String,
    /// What went wrong in its world, as far as an oracle saw it.
    pub violations: Vec<Violation>,
    /// Its world, as the script left it; `None` if it has no command.
    pub world: Option<World>,
}

/// Plays a script with some rules switched off, besides those that it switches off itself.
///
/// # Errors
/// [`PlayError`] when the script asks for what there is not: a command, a node, a message type...
pub fn play(script: &str, rules_off: &[Rule]) -> Result<Played, PlayError> {
    play_with(script, rules_off, |_| {})
}

/// As [`play()`], with a last word on what the world is made of.
///
/// # Errors
/// [`PlayError`].
pub fn play_with(
    script: &str,
    rules_off: &[Rule],
    change: impl Fn(&mut SimConfig),
) -> Result<Played, PlayError> {
    let change = |config: &mut SimConfig| {
        config.rules = rules_off.iter().fold(config.rules, |rules, rule| rules.without(*rule));
        change(config);
    };
    let (mut text, mut stage) = (String::new(), None);
    for (number, raw) in (1..).zip(script.lines()) {
        let line = Line::parse(raw);
        if line == Line::Arrow {
            continue;
        }
        text.push_str(raw.trim_end());
        text.push('\n');
        let Line::Command { label, words } = line else { continue };
        let came = match command(&mut stage, label, words, &change) {
            Ok(came) => came,
            Err(why) => {
                return Err(PlayError {
                    line: number,
                    text: raw.trim().to_owned(),
                    why: Box::new(why),
                });
            }
        };
        came.iter().for_each(|line| text.push_str(&format!("  -> {line}\n")));
        if stage.as_ref().is_some_and(|stage| stage.has_panicked) {
            break;
        }
    }
    let world = stage.map(|stage| stage.world);
    let violations = world.as_ref().map(|world| world.violations().to_vec()).unwrap_or_default();
    Ok(Played { text, violations, world })
}

/// One command; the lines that it has to say.
fn command(
    stage: &mut Option<Stage>,
    label: Option<&str>,
    mut words: Words<'_>,
    change: &dyn Fn(&mut SimConfig),
) -> Result<Vec<String>, Mistake> {
    let name = words.word("a command")?;
    if name == "world" {
        if stage.is_some() {
            return Err(Mistake::SecondWorld);
        }
        let mut config = setup::config(&mut words)?;
        change(&mut config);
        let world = match words.flag("unchecked") {
            true => World::new_unchecked(config),
            false => World::new(config),
        };
        words.end()?;
        *stage = Some(Stage::new(world.map_err(Mistake::World)?));
        return Ok(Vec::new());
    }
    let stage = stage.as_mut().ok_or(Mistake::NoWorld)?;
    let (known, seen) = (stage.world.violations().len(), stage.world.events());
    let ended = catch_unwind(AssertUnwindSafe(|| stage.command(name, label, &mut words)));
    let mut came = match ended {
        Ok(came) => came?,
        // A store has panicked, as `run` has it: what it was in the middle of is lost.
        Err(panic) => {
            let words = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("without words");
            let words = format!("panic: {words}");
            stage.world.violate(Invariant::StoreStopped, words, Vec::new());
            stage.has_panicked = true;
            Vec::new()
        }
    };
    debug_assert!(stage.world.events() >= seen, "a log only grows");
    words.end()?;
    // Of each kind the first one: the others repeat it.
    for violation in stage.world.violations().iter().skip(known) {
        if stage.told.insert(violation.invariant) {
            came.extend(show::violation(violation));
        }
    }
    Ok(came)
}

/// The commands, for whoever names one that there is not.
const COMMANDS: &str = "world, elect, campaign, transfer, write, read, repeat, batch, wait, result, \
                        split, merge, remember, put, remove, run, \
                        mark, hold, release, drop, cut, mend, isolate, heal, pause, resume, crash, \
                        restart, stall, clock, show, count, check";

impl Stage {
    fn command(
        &mut self,
        name: &str,
        label: Option<&str>,
        words: &mut Words<'_>,
    ) -> Result<Vec<String>, Mistake> {
        if label.is_some()
            && !matches!(name, "write" | "read" | "transfer" | "split" | "merge" | "put" | "remove")
        {
            return Err(Mistake::LabelOfNothing(name.to_owned()));
        }
        match name {
            "elect" | "campaign" | "pause" | "resume" | "crash" | "restart" | "stall" | "clock" => {
                self.node_command(name, words)
            }
            "hold" | "release" | "drop" | "cut" | "mend" | "isolate" | "heal" => {
                self.message_command(name, words)
            }
            "transfer" | "write" | "read" | "repeat" | "batch" | "wait" | "result" => {
                self.request_command(name, label, words)
            }
            "split" | "merge" | "remember" => self.region_command(name, label, words),
            "put" | "remove" => self.member_command(name, label, words),
            "run" => self.run(words),
            "show" | "count" | "mark" | "check" => self.show_command(name, words),
            _ => Err(Mistake::UnknownCommand { name: name.to_owned(), known: COMMANDS }),
        }
    }
}
