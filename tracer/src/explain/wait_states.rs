//! What a read can wait for, as a table: the state, the word for it, and how a trace shows it.
//!
//! A state is a stretch of a read between two moments that its spans record; see
//! [`attribution`](mod@super::attribution) for how the moments are found. The names are those of
//! `core`'s spans: stages `async_snapshot`, `route`, `propose`, `step` and `apply_reads`, and their
//! attributes `wait.*_ns`, `read.*`, `raft.*` and `message.*`.

use std::fmt;

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $shown_by:literal;)*) => {
        /// What a read waited for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum WaitState {
            $($(#[$doc])* $variant,)*
        }

        impl WaitState {
            /// Every state, in the order in which a read meets them.
            pub const ALL: &[WaitState] = &[$(WaitState::$variant,)*];

            /// The word for it in tables and JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(WaitState::$variant => $word,)* }
            }

            /// What in a trace shows it.
            pub fn shown_by(self) -> &'static str {
                match self { $(WaitState::$variant => $shown_by,)* }
            }
        }
    };
}

states! {
    /// The caller's own thread: checks of the local reader, and sending the read off.
    LocalReader = "local reader", "async_snapshot until the read is in the mailbox";
    /// Taking a snapshot of the engine.
    EngineSnapshot = "engine snapshot", "wait.snapshot_ns, wait.reader_snapshot_ns";
    /// Reading a value or the keys of a scan from the engine.
    EngineRead = "engine read", "wait.engine_ns";
    /// The read lay in its region's mailbox.
    Mailbox = "mailbox", "wait.mailbox_ns of propose";
    /// The poller had it but served what it had picked before.
    PollBatch = "poll batch", "from the end of wait.mailbox_ns to propose";
    /// The raft thread decided how to serve it, and asked raft-rs.
    Propose = "propose", "propose";
    /// A replica's question was on its way to the leader.
    AskLeader = "ask leader", "from propose to the leader's step of MsgReadIndex";
    /// A message between replica and leader was kept by its sender, or lay in its receiver's mailbox.
    HopMailbox = "hop held up", "message.kept_ns and wait.mailbox_ns of the steps of MsgReadIndex and MsgReadIndexResp";
    /// A quorum had not confirmed the read index yet.
    Quorum = "quorum", "wait.quorum_ns, without the way between replica and leader";
    /// The leader's answer was on its way to the replica.
    LeaderAnswer = "leader answer", "from the leader's last step to the step of MsgReadIndexResp";
    /// Confirmed, but the replica's data was behind the read index.
    ApplyLag = "apply lag", "wait.apply_ns, link.kind apply, raft.applied_index < read.index at propose";
    /// Confirmed, but the replica was getting a snapshot.
    Install = "snapshot install", "wait.install_ns";
    /// Confirmed, with the data there, but not answered in the same round of polling.
    HeadOfLine = "head of line", "link.kind head_of_line, or apply with the data there at propose";
    /// Confirmed, and answered in the same round of polling.
    Answer = "answer", "the rest of wait.apply_ns, and apply_reads";
    /// Answered, but the caller had not been woken yet.
    Wake = "wake", "from apply_reads to the end of async_snapshot";
    /// Nobody answered: the read ended by its deadline or by a refusal.
    NoAnswer = "no answer", "no apply_reads, and an error";
    /// Nothing in the trace says.
    Unattributed = "unattributed", "none of the above";
}

impl fmt::Display for WaitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_distinct() {
        let words: std::collections::BTreeSet<_> =
            WaitState::ALL.iter().map(|state| state.as_str()).collect();
        assert_eq!(words.len(), WaitState::ALL.len());
    }
}
