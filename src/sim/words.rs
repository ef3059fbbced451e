//! How operations, states and times are said to people: the same in tables and in pictures.

use raftlens_core::history::{Op, OpKind};
use raftlens_core::sim::{AskRead, Asked, OpResult, Operation, ReplicaState};
use raftlens_core::{LeaseState, Rule};

/// A span of time with three digits behind the point: `3.204 ms`.
pub(crate) fn ms(span_ns: i64) -> String {
    // Less than half a microsecond would be a zero with a sign.
    let span_ns = if span_ns.abs() < 500 { 0 } else { span_ns };
    format!("{:.3} ms", span_ns as f64 / 1e6)
}

/// The title of a picture, with what is off in it.
pub(crate) fn titled(what: &str, rules_off: &[Rule]) -> String {
    match rules_off {
        [] => what.to_owned(),
        [rule] => format!("{what}. Off is {}: {}", rule.id(), rule.says().replace('`', "")),
        rules => {
            let ids: Vec<&str> = rules.iter().map(|rule| rule.id()).collect();
            format!("{what}, without the rules {}", ids.join(", "))
        }
    }
}

/// A moment: `3.204117 s`.
pub(crate) fn seconds(at_ns: u64) -> String {
    format!("{:.6} s", at_ns as f64 / 1e9)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// What a read found.
pub(crate) fn value(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "nothing".to_owned(), text)
}

/// Who asks: `client 3`; what a script asks has a letter.
pub(crate) fn who(client: Option<usize>, letter: usize) -> String {
    let letter = char::from(b'A' + (letter % 26) as u8);
    client.map_or_else(|| format!("client {letter}"), |client| format!("client {client}"))
}

/// What is asked: `writes b = 4.17`.
pub(crate) fn asked(operation: &Operation) -> String {
    let key = text(&operation.key);
    match &operation.asked {
        Asked::Write(value) => format!("writes {key} = {}", text(value)),
        Asked::Read(AskRead::Leader) => format!("reads {key}"),
        Asked::Read(AskRead::Scan) => format!("scans the region of {key}"),
        Asked::Read(AskRead::Quorum) => format!("reads {key} by quorum"),
        Asked::Read(AskRead::Replica) => format!("reads {key} of this replica"),
        Asked::Read(AskRead::Index { consumer }) => {
            format!("asks for a read index, to read {key} on n{consumer}")
        }
        Asked::Change(command) => format!("asks for {command} of region {}", operation.region),
        Asked::Transfer(to) => format!("asks to hand over to n{to}"),
    }
}

/// What came of it: `4.17 by lease_local`.
pub(crate) fn result(result: &OpResult) -> String {
    match result {
        OpResult::Pending => "no answer yet".to_owned(),
        OpResult::Value { value: found, mode, .. } => {
            format!("{} by {}", value(found.as_deref()), mode.as_str())
        }
        OpResult::Written => "acknowledged".to_owned(),
        OpResult::Failed(error) => format!("refused, {}", reason(&error.to_string())),
        OpResult::GivenUp => "given up".to_owned(),
    }
}

/// The first clause of an error, without the region that all of it is about.
fn reason(error: &str) -> &str {
    let clause = error.split([',', ';']).next().unwrap_or(error);
    clause.split_once(": ").map_or(clause, |(_, rest)| rest)
}

/// What the node believed: `leader of term 3, committed 9, applied 9, lease for 43.100 ms`.
pub(crate) fn state(state: &ReplicaState) -> String {
    let role = if state.is_leader { "leader" } else { "follower" };
    let lease = match (state.lease, state.lease_left_ns.filter(|left| *left > 0)) {
        (Some(LeaseState::Valid), Some(left)) => format!(", lease for {}", ms(left)),
        (Some(LeaseState::Suspect), _) => ", lease suspect".to_owned(),
        (Some(LeaseState::Valid | LeaseState::Expired), _) => ", lease over".to_owned(),
        (None, _) => String::new(),
    };
    let ReplicaState { term, commit, applied, .. } = state;
    format!("{role} of term {term}, committed {commit}, applied {applied}{lease}")
}

/// An operation of a history in one line, for tables.
pub(crate) fn op(op: &Op) -> String {
    let key = text(&op.key);
    match (&op.kind, op.returned_ns) {
        (OpKind::Write(value), Some(_)) => format!("writes {key} = {}: acknowledged", text(value)),
        (OpKind::Write(value), None) => format!("writes {key} = {}: never answered", text(value)),
        (OpKind::Read(found), Some(_)) => format!("reads {key}: {}", value(found.as_deref())),
        (OpKind::Read(_), None) => format!("reads {key}: never answered"),
    }
}
