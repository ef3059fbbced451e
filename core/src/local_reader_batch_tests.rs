//! When the reads of a batch share a snapshot, and when they must not (rules S2, X1).

use super::*;

/// Reads `k` as part of a batch.
fn batched(world: &World, id: &ThreadReadId) -> Outcome {
    let get = Body::Read(ReadCommand::Get { key: b"k".to_vec() });
    world.read_body(Some(id), header(), get)
}

#[test]
fn a_batch_shares_its_snapshot_and_no_other_does() {
    let world = World::new();
    let id = ThreadReadId::new(&world.watched);
    assert_eq!(batched(&world, &id).value(), (ReadMode::LeaseLocal, b"v1".to_vec()));
    assert_eq!(batched(&world, &id).value(), (ReadMode::LeaseShared, b"v1".to_vec()));

    // Reads of other requests take a new one, and so does the next batch.
    assert_eq!(world.read(header()).value().0, ReadMode::LeaseLocal);
    let next = ThreadReadId::new(&world.watched);
    assert_eq!(batched(&world, &next).value().0, ReadMode::LeaseLocal);
    world.reader.release_snapshot_cache();
    assert_eq!(batched(&world, &next).value().0, ReadMode::LeaseLocal);
}

#[test]
fn a_shared_snapshot_is_not_used_after_the_region_has_changed() {
    let world = World::new();
    let id = ThreadReadId::new(&world.watched);
    drop(batched(&world, &id));
    world.watched.clock.advance(Duration::from_nanos(10));
    // Such as: lost the leadership and regained it (rule S2).
    world.change(Progress::AppliedTerm(TERM));
    assert_eq!(batched(&world, &id).value().0, ReadMode::LeaseLocal);
}

#[test]
fn a_shared_snapshot_is_covered_by_the_lease_at_its_own_time() {
    let world = World::new();
    let id = ThreadReadId::new(&world.watched);
    drop(batched(&world, &id));
    // The lease is over by now. It covered the snapshot, which is all that is looked at again.
    world.watched.clock.advance(Duration::from_secs(1));
    assert_eq!(batched(&world, &id).value().0, ReadMode::LeaseShared);
    let lease = world.meta.delegate(REGION).unwrap().leader_lease.unwrap();
    lease.expire();
    assert_eq!(batched(&world, &id).reject, Some(RejectReason::LeaseExpire));
}

#[test]
fn a_shared_snapshot_shows_all_that_its_region_had_committed() {
    let world = World::new();
    // The batch begins in another region, and meanwhile this one moves on (rule X1).
    let other = RegionId(2);
    world.lead(other, &Arc::default());
    let id = ThreadReadId::new(&world.watched);
    let elsewhere = RequestHeader { region_id: other, ..header() };
    drop(world.read_body(Some(&id), elsewhere, Body::Read(ReadCommand::Snap)));
    world.write("k", "v2", 8);
    assert_eq!(batched(&world, &id).value(), (ReadMode::LeaseLocal, b"v2".to_vec()));
}
