//! The questions that the charts of the read path leave open, each answered by a simulated run and
//! its picture. `dot/QUESTIONS.md` has the words.
//!
//! Each is a small script over a world in which every time is fixed: the same bytes each time.
//! Where a rule is taken away, or an assumption broken, the picture has the wrong arrow in red.

mod batching;
mod calls;
mod clocks;
mod leaders;
mod replicas;
mod stage;

use anyhow::{Result, bail};
use raftlens_viz::FlowGraph;

use crate::cmd::Usage;

/// A question, by the name of its picture.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub(crate) name: &'static str,
    draw: fn(&str) -> Result<FlowGraph>,
    title: &'static str,
}

impl Question {
    /// Runs the experiment, and draws it.
    pub(crate) fn draw(&self) -> Result<FlowGraph> {
        (self.draw)(self.title)
    }
}

/// All of them, in the order of the page.
pub(crate) const QUESTIONS: [Question; 17] = [
    Question {
        name: "lease_check_of_the_reader",
        title: "Reads on a reader thread pass the lease check",
        draw: calls::lease_check_of_the_reader,
    },
    Question {
        name: "in_lease_and_read_local",
        title: "The lease is looked at twice: by the reader thread, and by the raft thread that keeps it",
        draw: calls::in_lease_and_read_local,
    },
    Question {
        name: "read_joins_a_young_carrier",
        title: "A read joins the pending one: one round of heartbeats for both",
        draw: batching::read_joins_a_young_carrier,
    },
    Question {
        name: "read_joins_an_old_carrier",
        title: "Without B1: a read joins a carrier that is older than a lease",
        draw: batching::read_joins_an_old_carrier,
    },
    Question {
        name: "max_drift",
        title: "max_drift: how far the readers' copy of the lease may fall behind before it is refreshed",
        draw: clocks::max_drift,
    },
    Question {
        name: "suspect_is_not_expired",
        title: "Without L5a: a read index lifts the suspicion, as it may lift an expiry",
        draw: batching::suspect_is_not_expired,
    },
    Question {
        name: "no_joining_while_suspect",
        title: "Without B2: a read joins while the lease is suspect",
        draw: batching::no_joining_while_suspect,
    },
    Question {
        name: "monotonic_raw",
        title: "A clock that steps back prolongs a lease that others do not know of",
        draw: clocks::monotonic_raw,
    },
    Question {
        name: "commit_index_of_a_new_leader",
        title: "Without T1: a new leader reads what it has not applied yet",
        draw: leaders::commit_index_of_a_new_leader,
    },
    Question {
        name: "leader_waits_for_the_term_only",
        title: "Without T5: a write is acknowledged before the leader has applied it",
        draw: leaders::leader_waits_for_the_term_only,
    },
    Question {
        name: "mixed_reads",
        title: "Without X1, as in TiKV: a replica shows what the leader has not applied",
        draw: leaders::mixed_reads,
    },
    Question {
        name: "replica_asks_again",
        title: "A read index that is lost on its way is asked for again",
        draw: replicas::replica_asks_again,
    },
    Question {
        name: "role_change_clears_reads",
        title: "A leader that steps down refuses the reads that nobody will confirm any more",
        draw: leaders::role_change_clears_reads,
    },
    Question {
        name: "retry_pitfalls",
        title: "The answer to the first of two reads is lost: it may take the index of a later read",
        draw: replicas::retry_pitfalls,
    },
    Question {
        name: "one_snapshot_for_a_batch",
        title: "The reads of one request share a snapshot, and no other request gets it",
        draw: replicas::one_snapshot_for_a_batch,
    },
    Question {
        name: "follower_read_by_lease",
        title: "A replica asks the leader, which has a lease",
        draw: replicas::follower_read_by_lease,
    },
    Question {
        name: "follower_read_by_quorum",
        title: "A replica asks the leader, which asks its quorum",
        draw: replicas::follower_read_by_quorum,
    },
];

/// The questions that `name` means: one, or `all`.
pub(crate) fn find(name: &str) -> Result<Vec<Question>> {
    let found: Vec<Question> =
        QUESTIONS.into_iter().filter(|question| name == "all" || question.name == name).collect();
    if found.is_empty() {
        let known: Vec<&str> = QUESTIONS.iter().map(|question| question.name).collect();
        bail!(Usage(format!("--question {name}: there are all, {}", known.join(", "))));
    }
    Ok(found)
}
