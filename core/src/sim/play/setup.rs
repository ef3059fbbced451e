//! `world`: what the world of a script is made of.

use crate::config::Consistency;
use crate::sim::config::SimConfig;
use crate::sim::play::line::{Words, number, span};
use crate::sim::play::mistake::Mistake;

/// One in which the election timeouts of n2 and n3 leave n1 some time as a deposed leader.
const SEED: u64 = 7;

const OPTIONS: &str = "seed, voters, learners, spares, log-gc, log-max, split, consistency, hibernate, lease, tick, drift, heartbeat, \
                       election, renew-by-tick, renew-advance, retry, log-gap, deadline, rules-off";

/// Three voters, one region, and a lease that nothing renews but what the script does, unless the
/// line says more: `world voters=5 split=m consistency=tikv lease=86ms rules-off=L6,B1`.
pub(super) fn config(words: &mut Words<'_>) -> Result<SimConfig, Mistake> {
    let mut config = SimConfig::scripted(SEED);
    config.core.renew_lease_by_tick = false;
    while let Some((key, value)) = words.any_option() {
        match key {
            "seed" => config.seed = number(value)?,
            "voters" => config.voters = number(value)?,
            "spares" => config.spares = number(value)?,
            "hibernate" => config.core.hibernate_after_ticks = Some(number(value)?),
            "log-gc" => config.core.raft_log_gc_entries = number(value)?,
            "log-max" => config.core.raft_log_max_entries = number(value)?,
            "learners" => config.learners = number(value)?,
            "split" => {
                config.split_keys = value.split(',').map(|key| key.as_bytes().to_vec()).collect();
            }
            "consistency" => {
                config.core.consistency = match value {
                    "strict" => Consistency::Strict,
                    "tikv" => Consistency::Tikv,
                    _ => return Err(unknown(value, "consistency", "strict, tikv")),
                };
            }
            "lease" => config.core.max_leader_lease = span(value)?,
            "tick" => config.core.base_tick = span(value)?,
            "drift" => config.core.allowed_drift = number(value)?,
            "heartbeat" => config.core.heartbeat_ticks = number(value)?,
            "election" => config.core.election_ticks = number(value)?,
            "renew-by-tick" => config.core.renew_lease_by_tick = switch(value)?,
            "renew-advance" => config.core.renew_lease_advance = Some(span(value)?),
            "retry" => config.core.read_index_retry_ticks = number(value)?,
            "log-gap" => config.core.follower_read_max_log_gap = number(value)?,
            "deadline" => config.core.deadline = span(value)?,
            "rules-off" => {
                for id in value.split(',') {
                    config.rules = config.rules.without(id.parse()?);
                }
            }
            _ => return Err(unknown(key, "setting of a world", OPTIONS)),
        }
    }
    Ok(config)
}

fn switch(value: &str) -> Result<bool, Mistake> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(unknown(value, "switch", "on, off")),
    }
}

fn unknown(word: &str, what: &'static str, known: &str) -> Mistake {
    Mistake::UnknownWord { word: word.to_owned(), what, known: known.to_owned() }
}
