//! The safety rules of the read path as switches, and what breaks when one is off.
//!
//! A running store has every rule on: without the feature `sim` there is nothing in [`Rules`] that
//! could say otherwise. The simulator alone takes one away, to show that the rule is needed. Each
//! states the outcome that is expected then; `tests/rules` has a scenario that shows it, and
//! `tests/mutants.rs` looks for it by chance as well.

/// What must notice that a rule is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A linearizability checker over one region.
    Linearizability,
    /// The same, with a second region: splits and merges.
    TwoRegions,
    /// Every read gets exactly one answer.
    OneAnswer,
    /// A unit property only.
    Unit,
    /// Nothing alone: another rule catches it. Harmless by itself, caught together with that one.
    Redundant,
}

macro_rules! rules {
    ($($(#[doc = $says:literal])* $rule:ident = $id:literal, $outcome:ident;)*) => {
        /// A rule that can be switched off in a simulation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Rule {
            $($(#[doc = $says])* $rule,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Rule] = &[$(Rule::$rule,)*];

            /// Its id, as comments in the code name it.
            pub fn id(self) -> &'static str {
                match self {
                    $(Rule::$rule => $id,)*
                }
            }

            /// What it says.
            pub fn says(self) -> &'static str {
                match self {
                    $(Rule::$rule => concat!($($says,)*).trim_ascii(),)*
                }
            }

            /// What must notice that it is off.
            pub fn outcome(self) -> Outcome {
                match self {
                    $(Rule::$rule => Outcome::$outcome,)*
                }
            }
        }
    };
}

rules! {
    /// A lease starts when its message is sent.
    L1 = "L1", Linearizability;
    /// A lease is shorter than the election timeout less one tick.
    L2 = "L2", Linearizability;
    /// Time is monotonic: no clock that can be set.
    L4 = "L4", Linearizability;
    /// A read index does not lift a suspicion.
    L5a = "L5a", Linearizability;
    /// Only what was sent after a suspicion lifts it.
    L5b = "L5b", Linearizability;
    /// The lease is under suspicion before `MsgTimeoutNow` leaves.
    L6 = "L6", Linearizability;
    /// A suspicion ends the remote lease as well.
    L7 = "L7", Linearizability;
    /// A leader that steps down ends its lease; a lease that another leader can overlap has ended by L7.
    L8 = "L8", Redundant;
    /// A new leader's lease starts before its first message leaves.
    L12 = "L12", Linearizability;
    /// Voters do not vote within an election timeout of hearing their leader.
    L13 = "L13", Linearizability;
    /// Without the voters' promise there is no lease; L13 gives that promise.
    L14 = "L14", Redundant;
    /// A restarted voter votes for nobody for one election timeout.
    L15 = "L15", Linearizability;
    /// No voter's promise is shorter than the election timeout that leases are cut to.
    L16 = "L16", Linearizability;
    /// A local read needs an applied entry of the term.
    T1 = "T1", Linearizability;
    /// A lease answers a replica only with a committed entry of the term.
    T2 = "T2", Linearizability;
    /// That entry is judged by the index that is answered.
    T3a = "T3a", Linearizability;
    /// A confirmed read waits for an applied entry of the term.
    T4 = "T4", Linearizability;
    /// A write is answered after the leader has applied it.
    T5 = "T5", Linearizability;
    /// A replica read waits until its index is applied.
    T6 = "T6", Linearizability;
    /// A role change answers what no leader will confirm.
    T9 = "T9", OneAnswer;
    /// A command for the leader is not answered by a replica; B2 keeps it from being stale.
    T11 = "T11", Redundant;
    /// A read index that raft-rs drops is noticed.
    T12 = "T12", OneAnswer;
    /// Who joins a carrier gets no index from before it joined.
    T16 = "T16", Linearizability;
    /// A read joins only a carrier that is younger than a lease.
    B1 = "B1", Linearizability;
    /// No read joins a carrier while the lease is under suspicion.
    B2 = "B2", Linearizability;
    /// A renewal by a read counts from its carrier.
    B5 = "B5", Linearizability;
    /// A batch's snapshot is not used for a region that has changed since.
    S2a = "S2a", Linearizability;
    /// A snapshot is shared within one request only.
    S2b = "S2b", Linearizability;
    /// A reader looks whether what it knows of a region is current; M4 and L10 end its lease if it is
    /// not.
    S3 = "S3", Redundant;
    /// A replica asks again for a read index that does not come.
    P4 = "P4", OneAnswer;
    /// A read whose answer was lost takes over the index of a later one, and waits for it.
    P5 = "P5", Linearizability;
    /// The leader answers a replica from a valid lease only.
    P13 = "P13", Linearizability;
    /// A remote lease that has ended is never revived; S3 keeps that from being stale.
    L10 = "L10", Redundant;
    /// A lease is not renewed while its region is split, merged or flashed back.
    L11 = "L11", TwoRegions;
    /// No replica reads while a snapshot is put in.
    P3 = "P3", Linearizability;
    /// A reader takes its snapshot, then the time, and looks at the lease last.
    S1 = "S1", Linearizability;
    /// A replica that is removed ends its lease before its data goes; its region has changed then, and
    /// M4 ends the readers' lease.
    S4 = "S4", Redundant;
    /// A read that has waited is answered only for the epoch that it was asked in; S5 keeps it from
    /// being stale.
    T15 = "T15", Redundant;
    /// A read is answered only for keys of the region; T15 keeps it from being stale.
    S5 = "S5", Redundant;
    /// A committed split or merge is taken note of before anybody else can see it.
    M1 = "M1", TwoRegions;
    /// No renewal and no read index between a split's commit and its application.
    M2 = "M2", TwoRegions;
    /// A prepared merge makes the lease suspect and ends read indexes.
    M3 = "M3", TwoRegions;
    /// A region's new range ends the readers' lease before they learn of it; S3 makes them learn of it
    /// before their next read, and a read that has begun before may be answered as of then.
    M4 = "M4", Redundant;
    /// A replica whose region is about to be merged answers no read; by M3 its leader confirms none.
    P2 = "P2", Redundant;
    /// A read index is answered after a quorum has acknowledged it.
    R1 = "R1", Linearizability;
    /// Only voters count for that quorum.
    R2 = "R2", Linearizability;
    /// Only what acknowledges this very read index counts.
    R3 = "R3", Linearizability;
    /// A leader read waits until the leader has applied what was committed when it came.
    X1 = "X1", Linearizability;
}

impl std::str::FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let found = Rule::ALL.iter().find(|rule| rule.id().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| UnknownRule(text.to_owned()))
    }
}

/// A rule that does not exist, or has no switch.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no rule {0:?} with a switch; there are {known}", known = known())]
pub struct UnknownRule(String);

fn known() -> String {
    Rule::ALL.iter().map(|rule| rule.id()).collect::<Vec<_>>().join(", ")
}

/// Which rules hold: all of them, unless a simulation has taken some away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    #[cfg(feature = "sim")]
    off: u64,
}

impl Rules {
    /// Every rule holds: the only value that a running store can have.
    #[cfg(not(feature = "sim"))]
    pub const ALL_ON: Rules = Rules {};

    /// Every rule holds.
    #[cfg(feature = "sim")]
    pub const ALL_ON: Rules = Rules { off: 0 };

    /// Whether `rule` is kept.
    #[cfg(not(feature = "sim"))]
    #[inline]
    pub(crate) const fn holds(self, _rule: Rule) -> bool {
        true
    }

    /// Whether `rule` is kept.
    #[cfg(feature = "sim")]
    #[inline]
    pub(crate) const fn holds(self, rule: Rule) -> bool {
        self.off & (1 << rule as u64) == 0
    }

    /// These rules without `rule`, for a simulation.
    #[cfg(feature = "sim")]
    pub const fn without(self, rule: Rule) -> Rules {
        Rules { off: self.off | 1 << rule as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_id_and_bit() {
        assert!(Rule::ALL.len() <= 64);
        for (place, rule) in Rule::ALL.iter().enumerate() {
            assert_eq!(*rule as usize, place);
            assert_eq!(rule.id().parse(), Ok(*rule));
        }
        let error = "L99".parse::<Rule>().unwrap_err().to_string();
        assert!(error.contains("L99") && error.contains("X1"), "{error}");
    }

    #[test]
    fn a_store_keeps_every_rule() {
        assert!(Rule::ALL.iter().all(|rule| Rules::ALL_ON.holds(*rule)));
    }
}
