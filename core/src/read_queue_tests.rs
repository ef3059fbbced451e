//! The queue of pending reads: order, ids, what a role change takes, and when a replica asks again.

use tokio::sync::oneshot;

use super::*;
use crate::callback::{Callback, ReadResponse};
use crate::command::{Body, RaftCmdRequest, RequestHeader};

const REGION: RegionId = RegionId(1);
const RETRY_TICKS: usize = 4;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn at(ns: u64) -> Instant {
    Instant::from_ns(ns)
}

fn waiting(deadline_ns: Option<u64>) -> (WaitingRead<()>, oneshot::Receiver<ReadResponse<()>>) {
    let (callback, receiver) = Callback::read(REGION);
    let header = RequestHeader { region_id: REGION, ..RequestHeader::default() };
    let request = RaftCmdRequest { header, body: Body::Read(ReadCommand::Snap) };
    let (sent_at, deadline) = (at(0), deadline_ns.map(at));
    let command = RaftCommand { request, callback, sent_at, trace: None, deadline };
    let read = WaitingRead {
        command,
        joined_at_index: 0,
        joined_at: at(0),
        mailbox_wait: Duration::ZERO,
        trace: None,
    };
    (read, receiver)
}

/// A queue with one read for each id, in order, and where their answers arrive.
fn queue_of(ids: &[u128]) -> (ReadIndexQueue<()>, Vec<oneshot::Receiver<ReadResponse<()>>>) {
    let mut queue = ReadIndexQueue::default();
    let push = |&number: &u128| {
        let (read, receiver) = waiting(None);
        queue.push_back(ReadIndexRequest::new(id(number), read, at(0)), RETRY_TICKS);
        receiver
    };
    let receivers = ids.iter().map(push).collect();
    (queue, receivers)
}

fn confirmed(number: u128, index: u64) -> Confirmation {
    Confirmation { id: id(number), index, from_lease: false, trace: None }
}

/// Takes all that is confirmed: ids and indexes.
fn drain(queue: &mut ReadIndexQueue<()>) -> Vec<(u128, Option<u64>)> {
    std::iter::from_fn(|| queue.pop_front())
        .map(|read| (read.id.as_u128(), read.read_index))
        .collect()
}

#[test]
fn reads_leave_in_the_order_in_which_they_came() {
    let (mut queue, _answers) = queue_of(&[1, 2, 3]);
    assert!(queue.pop_front().is_none(), "nothing is confirmed");
    queue.advance_leader_reads([confirmed(1, 7), confirmed(2, 8)], at(5));
    assert_eq!(drain(&mut queue), [(1, Some(7)), (2, Some(8))]);
    assert!(queue.has_unresolved());
    queue.advance_leader_reads([confirmed(3, 9)], at(6));
    assert_eq!(drain(&mut queue), [(3, Some(9))]);
    assert!(queue.is_empty());
}

#[test]
fn a_later_confirmation_confirms_the_earlier_reads() {
    let (mut queue, _answers) = queue_of(&[1, 2, 3]);
    queue.advance_replica_reads([confirmed(2, 8)], at(5));
    assert_eq!(queue.last_ready().unwrap().id, id(2));
    assert_eq!(drain(&mut queue), [(1, Some(8)), (2, Some(8))]);
    // The first one's own answer comes late, when it has left.
    queue.advance_replica_reads([confirmed(1, 6)], at(6));
    assert!(queue.pop_front().is_none());
}

#[test]
fn a_read_keeps_the_index_that_it_has() {
    let (mut queue, _answers) = queue_of(&[1, 2]);
    queue.advance_replica_reads([confirmed(1, 9)], at(5));
    // A reordered answer with a lower index: only the second read may get it (rule P5).
    queue.advance_replica_reads([confirmed(2, 4)], at(6));
    let first = queue.pop_front().unwrap();
    assert_eq!((first.read_index, first.confirmed_at), (Some(9), Some(at(5))));
    assert_eq!(queue.pop_front().unwrap().read_index, Some(4));
}

#[test]
fn ids_that_are_unknown_or_repeated_change_nothing() {
    let (mut queue, _answers) = queue_of(&[1, 2]);
    queue.advance_leader_reads([confirmed(99, 50), confirmed(1, 7), confirmed(1, 60)], at(5));
    assert_eq!(drain(&mut queue), [(1, Some(7))]);
    queue.advance_leader_reads([confirmed(1, 70)], at(6));
    assert!(queue.pop_front().is_none(), "the second read was not confirmed by the first's id");
}

#[test]
fn what_is_put_back_is_first_again() {
    let (mut queue, _answers) = queue_of(&[1, 2, 3]);
    queue.advance_leader_reads([confirmed(2, 8)], at(5));
    let first = queue.pop_front().unwrap();
    queue.push_front(first);
    // Positions still fit the ids behind it.
    queue.advance_leader_reads([confirmed(3, 9)], at(6));
    assert_eq!(drain(&mut queue), [(1, Some(8)), (2, Some(8)), (3, Some(9))]);
}

#[test]
fn only_the_newest_unconfirmed_read_may_be_joined() {
    let (mut queue, _answers) = queue_of(&[1, 2]);
    assert_eq!(queue.back_mut().unwrap().id, id(2));
    queue.advance_leader_reads([confirmed(2, 8)], at(5));
    assert!(queue.back_mut().is_none(), "its round is over");
}

#[test]
fn a_role_change_clears_what_is_not_confirmed() {
    let (mut queue, mut answers) = queue_of(&[1, 2, 3]);
    let (joined, mut joined_answer) = waiting(None);
    queue.back_mut().unwrap().push_command(joined);
    queue.advance_leader_reads([confirmed(1, 7)], at(5));
    queue.clear_uncommitted_on_role_change(REGION, 6);
    assert!(answers[0].try_recv().is_err(), "a confirmed read stays");
    for answer in answers[1..].iter_mut().chain([&mut joined_answer]) {
        let response = answer.try_recv().expect("an answer");
        assert!(matches!(response.result, Err(Error::StaleCommand { region: REGION, .. })));
        assert_eq!(response.term, 6);
    }
    assert_eq!(drain(&mut queue), [(1, Some(7))]);
    assert!(queue.is_empty());
}

#[test]
fn a_leader_that_becomes_a_follower_and_leads_again_mixes_nothing_up() {
    let (mut queue, _answers) = queue_of(&[1, 2]);
    queue.advance_leader_reads([confirmed(1, 7)], at(5));
    queue.clear_uncommitted_on_role_change(REGION, 6);
    // As a follower it asks the new leader, and becomes leader before the answer.
    let (read, _second) = waiting(None);
    queue.push_back(ReadIndexRequest::new(id(3), read, at(10)), RETRY_TICKS);
    queue.clear_uncommitted_on_role_change(REGION, 7);
    let (read, _third) = waiting(None);
    queue.push_back(ReadIndexRequest::new(id(4), read, at(20)), RETRY_TICKS);
    // Answers to both cleared reads arrive all the same (rule T13).
    queue.advance_leader_reads([confirmed(2, 8), confirmed(3, 8)], at(21));
    assert_eq!(drain(&mut queue), [(1, Some(7))]);
    queue.advance_leader_reads([confirmed(4, 9)], at(22));
    assert_eq!(drain(&mut queue), [(4, Some(9))]);
}

#[test]
fn new_reads_do_not_put_off_the_repetition() {
    let (mut queue, _answers) = queue_of(&[1]);
    let mut asked_again = Vec::new();
    let mut answers = Vec::new();
    for tick in 0..8 {
        let (read, answer) = waiting(None);
        answers.push(answer);
        queue.push_back(ReadIndexRequest::new(id(10 + tick), read, at(0)), RETRY_TICKS);
        asked_again.extend(queue.check_needs_retry(RETRY_TICKS).map(|again| (tick, again)));
    }
    // Every fourth tick, and for the newest: its answer confirms all before it.
    assert_eq!(asked_again, [(3, id(13)), (7, id(17))]);

    queue.advance_replica_reads([confirmed(17, 9)], at(9));
    assert!((0..8).all(|_| queue.check_needs_retry(RETRY_TICKS).is_none()), "all are confirmed");
    let (read, _answer) = waiting(None);
    queue.push_back(ReadIndexRequest::new(id(30), read, at(0)), RETRY_TICKS);
    let ticks = (1..).find(|_| queue.check_needs_retry(RETRY_TICKS).is_some());
    assert_eq!(ticks, Some(RETRY_TICKS), "a new wait begins with a whole countdown");
}

#[test]
fn late_reads_leave_and_their_round_goes_on() {
    let mut queue = ReadIndexQueue::default();
    let (late, _late_answer) = waiting(Some(100));
    let (patient, _answer) = waiting(Some(900));
    let mut request = ReadIndexRequest::new(id(1), late, at(0));
    request.push_command(patient);
    queue.push_back(request, RETRY_TICKS);
    assert!(queue.take_late(at(99)).is_empty());
    assert_eq!(queue.take_late(at(100)).len(), 1);
    queue.advance_leader_reads([confirmed(1, 7)], at(200));
    let request = queue.pop_front().unwrap();
    assert_eq!(request.reads.len(), 1);
    assert_eq!(request.reads[0].command.deadline, Some(at(900)));
}

#[test]
fn all_is_taken_when_the_replica_goes() {
    let (mut queue, _answers) = queue_of(&[1, 2, 3]);
    queue.advance_leader_reads([confirmed(1, 7)], at(5));
    let taken: Vec<_> = queue.take_all().iter().map(|read| read.id.as_u128()).collect();
    assert_eq!(taken, [1, 2, 3]);
    assert!(queue.is_empty() && queue.pop_front().is_none());
}
