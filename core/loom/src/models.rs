//! The models, and a line about each: how many interleavings it has, and whether it held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize, Ordering as StdOrdering};
use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::clock::Instant;
use crate::lease::{Lease, LeaseState, RenewedBy};
use crate::remote_lease::RemoteLease;

const LEASE: Duration = Duration::from_nanos(900);
/// Within the first lease, which is renewed at zero.
const NOW: Instant = Instant::from_ns(500);
/// Within the second one, which is renewed at `NOW`, and behind the first.
const LATER: Instant = Instant::from_ns(1000);

/// A data version that only another leader, or the removal of the replica, can have made.
const FOREIGN: u64 = 2;

/// What must come of a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Holds,
    /// Its order is wrong on purpose.
    IsFoundOut,
}

pub(crate) fn run() -> ExitCode {
    let models: [(&str, Expected, fn()); 8] = [
        ("an ended lease lets no later reader through", Expected::Holds, ended_before_written),
        ("  if it ends after the write", Expected::IsFoundOut, ended_after_written),
        ("a suspect lease lets no later reader through", Expected::Holds, suspected_before_sent),
        ("a renewal revives no lease that was ended", Expected::Holds, renewed_after_split),
        ("  if readers keep the same lease", Expected::IsFoundOut, revived_after_split),
        ("a reader sees one bound or the next", Expected::Holds, renewed_while_inspected),
        ("one reader asks for a renewal", Expected::Holds, one_claim),
        ("a renewal is asked for again", Expected::Holds, claim_after_renewal),
    ];
    let mut is_sound = true;
    // The models that must fail say so themselves.
    std::panic::set_hook(Box::new(|_| {}));
    for (name, expected, model) in models {
        let count = StdArc::new(AtomicUsize::new(0));
        let counter = StdArc::clone(&count);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            loom::model(move || {
                counter.fetch_add(1, StdOrdering::Relaxed);
                model();
            });
        }));
        let count = count.load(StdOrdering::Relaxed);
        let words = match (expected, &ended) {
            (Expected::Holds, Ok(())) => "holds",
            (Expected::IsFoundOut, Err(_)) => "is found out",
            (Expected::Holds, Err(_)) => "FAILS",
            (Expected::IsFoundOut, Ok(())) => "is NOT found out",
        };
        is_sound &= (expected == Expected::Holds) == ended.is_ok();
        println!("{name:<48} {count:>8} interleavings  {words}");
        if let (Expected::Holds, Err(panic)) = (expected, ended) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            println!("    {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?"));
        }
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A valid lease as its raft thread and its readers have it.
fn leased() -> (Lease, RemoteLease) {
    let mut lease = Lease::new(LEASE);
    lease.renew(Instant::from_ns(0), RenewedBy::Election);
    let remote = lease.maybe_new_remote_lease(1).expect("a valid lease has a remote one");
    (lease, remote)
}

/// The reader of rule S1: its snapshot, the clock, the lease. Taking a snapshot synchronizes with the
/// writes that it has, as an engine's does.
fn read(data: &AtomicU64, remote: &RemoteLease, now: Instant) -> Option<u64> {
    let snapshot = data.load(Ordering::Acquire);
    (remote.inspect(now) == LeaseState::Valid).then_some(snapshot)
}

/// Two readers that answer with what is no longer theirs to give, if the lease lets them. One whose
/// call begins after another leader's write was acknowledged finds that write, so this covers it.
fn two_readers(remote: &RemoteLease, data: &Arc<AtomicU64>) -> [thread::JoinHandle<()>; 2] {
    std::array::from_fn(|_| {
        let (remote, data) = (remote.clone(), Arc::clone(data));
        thread::spawn(move || {
            let answer = read(&data, &remote, NOW);
            assert_ne!(answer, Some(FOREIGN), "an answer from beyond the lease");
        })
    })
}

fn ended(wrong_order: bool, end: fn(&mut Lease)) {
    let (mut lease, remote) = leased();
    let data = Arc::new(AtomicU64::new(1));
    let readers = two_readers(&remote, &data);
    if !wrong_order {
        end(&mut lease);
    }
    // What may happen only behind the end of the lease: another leader's write, a range that is
    // deleted with its replica.
    data.store(FOREIGN, Ordering::Release);
    if wrong_order {
        end(&mut lease);
    }
    readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
}

/// Rules L7, L8, S4.
fn ended_before_written() {
    ended(false, Lease::expire);
}

fn ended_after_written() {
    ended(true, Lease::expire);
}

/// Rule L6: the suspicion comes before `MsgTimeoutNow` leaves.
fn suspected_before_sent() {
    ended(false, |lease| lease.suspect(NOW));
}

/// Rules L10, M4: a split is applied, the remote lease is ended, and the leader renews its lease for
/// what it has kept. A reader that knows of the split must not be let through by the old lease.
fn renewed_after_split() {
    let (mut lease, remote) = leased();
    let epoch = Arc::new(AtomicU64::new(1));
    let readers = two_readers_of_the_old_epoch(&remote, &epoch);
    lease.expire_remote_lease();
    epoch.store(2, Ordering::Release);
    lease.renew(NOW, RenewedBy::Write);
    let renewed = lease.maybe_new_remote_lease(1).expect("a new one");
    assert_eq!(renewed.inspect(LATER), LeaseState::Valid);
    readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
}

fn revived_after_split() {
    let (_, remote) = leased();
    let epoch = Arc::new(AtomicU64::new(1));
    let readers = two_readers_of_the_old_epoch(&remote, &epoch);
    remote.expire();
    epoch.store(2, Ordering::Release);
    remote.renew(NOW + LEASE, RenewedBy::Write);
    readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
}

fn two_readers_of_the_old_epoch(
    remote: &RemoteLease,
    epoch: &Arc<AtomicU64>,
) -> [thread::JoinHandle<()>; 2] {
    std::array::from_fn(|_| {
        let (remote, epoch) = (remote.clone(), Arc::clone(epoch));
        thread::spawn(move || {
            let is_split = epoch.load(Ordering::Acquire) == 2;
            let is_valid = remote.inspect(NOW) == LeaseState::Valid;
            assert!(!(is_split && is_valid), "the lease of the old epoch lets a reader through");
        })
    })
}

/// A renewal while readers look: none sees an end where there is none, or a longer lease than there
/// is; one that has seen the new bound does not see the old one again.
fn renewed_while_inspected() {
    let (mut lease, remote) = leased();
    let readers: [_; 2] = std::array::from_fn(|_| {
        let remote = remote.clone();
        thread::spawn(move || {
            assert_eq!(remote.inspect(NOW), LeaseState::Valid, "valid by either bound");
            let first = remote.inspect(LATER);
            let second = remote.inspect(LATER);
            let went_back = first == LeaseState::Valid && second != LeaseState::Valid;
            assert!(!went_back, "a renewal is forgotten");
            assert_eq!(remote.inspect(LATER + LEASE), LeaseState::Expired, "beyond either bound");
        })
    });
    lease.renew(NOW, RenewedBy::Read);
    readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
    assert_eq!(remote.inspect(LATER), LeaseState::Valid);
}

/// Rule L17: the lease ends soon, and exactly one of two readers asks for a renewal.
fn one_claim() {
    let (_, remote) = leased();
    let claims = Arc::new(AtomicU64::new(0));
    let readers = two_claimants(&remote, &claims);
    readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
    assert_eq!(claims.load(Ordering::Relaxed), 1);
}

/// The renewal comes while readers ask: it is asked for once at most, and after the next one, if that
/// ends soon as well, somebody can ask again.
fn claim_after_renewal() {
    let (mut lease, remote) = leased();
    assert!(remote.claims_renewal(NOW, 1000), "the first one");
    let claims = Arc::new(AtomicU64::new(0));
    let readers = two_claimants(&remote, &claims);
    // It moves the bound by little, and readers get it all the same: one of them has asked.
    lease.renew(Instant::from_ns(1), RenewedBy::Read);
    readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
    assert!(claims.load(Ordering::Relaxed) <= 1);
    lease.renew(Instant::from_ns(2), RenewedBy::Read);
    assert!(remote.claims_renewal(NOW, 1000), "nobody can ask any more");
}

fn two_claimants(remote: &RemoteLease, claims: &Arc<AtomicU64>) -> [thread::JoinHandle<()>; 2] {
    std::array::from_fn(|_| {
        let (remote, claims) = (remote.clone(), Arc::clone(claims));
        thread::spawn(move || {
            if remote.claims_renewal(NOW, 1000) {
                claims.fetch_add(1, Ordering::Relaxed);
            }
        })
    })
}
