//! The command `raftlens`.

fn main() {}
