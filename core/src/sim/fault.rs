//! The faults that random search injects, by the names that the command line takes.

use std::fmt;
use std::str::FromStr;

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[$doc])* $variant,)*
        }

        impl Fault {
            /// Every kind, those beyond what the rules assume as well.
            pub const EVERY: &[Fault] = &[$(Fault::$variant,)*];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Fault::$variant => $name,)*
                }
            }
        }
    };
}

faults! {
    /// The nodes fall into two groups that do not hear each other.
    Partition = "partition",
    /// One node's messages to another one are lost, not those back.
    OneWayCut = "one-way-cut",
    /// A share of all messages is lost.
    Drop = "drop",
    /// A share of all messages arrives twice, the second right behind the first.
    Duplicate = "duplicate",
    /// The messages between two nodes take much longer, in their order.
    Delay = "delay",
    /// A node's raft thread stands still; its readers go on.
    PauseRaft = "pause-raft",
    /// A node's apply loop stands still.
    PauseApply = "pause-apply",
    /// A node's reader threads stand still between any two of their reads.
    PauseReader = "pause-reader",
    /// A node's clock runs at another extreme of the allowed drift.
    ClockRate = "clock-rate",
    /// A node loses its power, and what was not synced, and comes back.
    CrashRestart = "crash-restart",
    /// A node's synced writes take long.
    DiskStall = "disk-stall",
    /// A node's disk fills up: its writes fail, and its store stops; or it is nearly full.
    DiskFull = "disk-full",
    /// A leader is asked to hand over.
    TransferLeader = "transfer-leader",
    /// All clients are quiet for a while, so that regions fall asleep.
    Lull = "lull",
    /// A region is split.
    Split = "split",
    /// A region is merged into its neighbour.
    Merge = "merge",
    /// A replica is added, removed, promoted or demoted; sometimes two at once.
    ChangePeers = "change-peers",
    /// Messages overtake each other. Not among `all`: holes H2 and H3 are open by design then.
    Reorder = "reorder",
    /// A node's clock jumps backwards. Not among `all`: no monotonic clock does (rule L4).
    ClockStep = "clock-step",
    /// A node's clock stands still. Not among `all`: no lease survives that (hole H4).
    ClockFreeze = "clock-freeze",
}

impl Fault {
    /// Whether the rules of the read path promise safety under it: what `all` stands for.
    pub fn is_within_assumptions(self) -> bool {
        !matches!(self, Fault::Reorder | Fault::ClockStep | Fault::ClockFreeze)
    }

    /// How often it is chosen against the others. A leader that is cut off, or hands over, is what
    /// most rules are about; a region that sleeps and a store that has stopped show few of them.
    pub(super) fn weight(self) -> u32 {
        match self {
            Fault::Partition => 8,
            Fault::TransferLeader => 4,
            Fault::Lull | Fault::DiskFull => 1,
            _ => 2,
        }
    }

    /// What `all` stands for.
    pub fn all() -> Vec<Fault> {
        Fault::EVERY.iter().copied().filter(|fault| fault.is_within_assumptions()).collect()
    }

    /// Reads `all`, `none` or a list of names with commas between; `all` may stand in a list.
    ///
    /// # Errors
    /// [`UnknownFault`] for a name that is none.
    pub fn parse_list(list: &str) -> Result<Vec<Fault>, UnknownFault> {
        let mut faults = Vec::new();
        for name in list.split(',').map(str::trim) {
            match name {
                "none" => {}
                "all" => faults.extend(Fault::all()),
                name => faults.push(name.parse()?),
            }
        }
        faults.sort_unstable();
        faults.dedup();
        Ok(faults)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A fault was named that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no fault \"{name}\"; there are all, none, and: {}", known())]
pub struct UnknownFault {
    /// What was written.
    pub name: String,
}

fn known() -> String {
    let names: Vec<_> = Fault::EVERY.iter().map(|fault| fault.as_str()).collect();
    names.join(", ")
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Fault, UnknownFault> {
        let found = Fault::EVERY.iter().copied().find(|fault| fault.as_str() == name);
        found.ok_or_else(|| UnknownFault { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_are_read() {
        let rows: [(&str, &[Fault]); 4] = [
            ("none", &[]),
            ("drop", &[Fault::Drop]),
            (" delay , partition,drop,drop", &[Fault::Partition, Fault::Drop, Fault::Delay]),
            ("reorder,none", &[Fault::Reorder]),
        ];
        for (list, faults) in rows {
            assert_eq!(Fault::parse_list(list).as_deref(), Ok(faults), "{list}");
        }
        let all = Fault::parse_list("all").unwrap();
        assert!(all.contains(&Fault::CrashRestart) && !all.contains(&Fault::Reorder));
        assert_eq!(Fault::parse_list("all,reorder").unwrap().len(), all.len() + 1);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        for list in ["", "drop,,delay", "partitions", "all,x"] {
            assert!(Fault::parse_list(list).is_err(), "{list:?}");
        }
        let text = Fault::parse_list("drop,wind").unwrap_err().to_string();
        assert!(text.contains("\"wind\"") && text.contains("pause-reader"), "{text}");
    }
}
