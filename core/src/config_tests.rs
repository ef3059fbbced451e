//! What a store may be set to, row by row.

use super::*;

#[test]
fn defaults_are_safe() {
    assert_eq!(Config::default().validate(), Ok(()));
    assert_eq!(Config::fast().validate(), Ok(()));
}

#[test]
fn an_unsafe_lease_is_refused_with_its_arithmetic() {
    // (election ticks, lease in ticks, drift, safe)
    let rows = [
        (10, 9.0, 0.0, true),
        (10, 9.01, 0.0, false),
        (10, 10.0, 0.0, false),
        (10, 8.5, 0.01, true),
        (10, 8.5, 0.03, false),
        (5, 4.0, 0.0, true),
        (5, 4.0, 0.001, false),
    ];
    for (election_ticks, lease_ticks, allowed_drift, safe) in rows {
        let base_tick = Duration::from_millis(100);
        let max_leader_lease = base_tick.mul_f64(lease_ticks);
        let config = Config {
            base_tick,
            election_ticks,
            max_leader_lease,
            allowed_drift,
            ..Config::default()
        };
        assert_eq!(config.validate().is_ok(), safe, "{lease_ticks} of {election_ticks}");
    }
    let config = Config { max_leader_lease: Duration::from_secs(1), ..Config::default() };
    let text = config.validate().unwrap_err().to_string();
    assert!(text.contains("1.01s") && text.contains("891ms"), "{text}");
}

#[test]
fn each_setting_out_of_its_range_is_refused_by_name() {
    type Change = fn(&mut Config);
    let rows: [(&str, Change); 26] = [
        ("base_tick", |it| it.base_tick = Duration::ZERO),
        ("base_tick", |it| it.base_tick = Duration::from_micros(999)),
        ("base_tick", |it| it.base_tick = Duration::MAX),
        ("heartbeat_ticks", |it| it.heartbeat_ticks = 0),
        ("election_ticks", |it| it.election_ticks = 0),
        ("election_ticks", |it| it.election_ticks = it.heartbeat_ticks),
        ("election_ticks", |it| it.election_ticks = usize::MAX),
        ("allowed_drift", |it| it.allowed_drift = -0.01),
        ("allowed_drift", |it| it.allowed_drift = 0.5),
        ("allowed_drift", |it| it.allowed_drift = f64::NAN),
        ("allowed_drift", |it| it.allowed_drift = f64::INFINITY),
        ("max_leader_lease", |it| it.max_leader_lease = Duration::ZERO),
        ("max_leader_lease", |it| it.max_leader_lease = Duration::MAX),
        ("renew_lease_advance", |it| it.renew_lease_advance = Some(it.max_leader_lease)),
        ("deadline", |it| it.deadline = Duration::ZERO),
        ("deadline", |it| it.deadline = Duration::MAX),
        ("hibernate_after_ticks", |it| it.hibernate_after_ticks = Some(0)),
        ("hibernate_after_ticks", |it| it.hibernate_after_ticks = Some(it.heartbeat_ticks)),
        ("hibernate_after_ticks", |it| it.hibernate_after_ticks = Some(usize::MAX)),
        ("follower_read_max_log_gap", |it| it.follower_read_max_log_gap = 0),
        ("read_index_retry_ticks", |it| it.read_index_retry_ticks = 0),
        ("mailbox_capacity", |it| it.mailbox_capacity = 0),
        ("poll_batch", |it| it.poll_batch = 0),
        ("poll_batch", |it| it.poll_batch = usize::MAX),
        ("raft_pollers", |it| it.raft_pollers = 0),
        ("apply_workers", |it| it.apply_workers = 0),
    ];
    for (expected, change) in rows {
        let mut config = Config::default();
        change(&mut config);
        let refused = config.validate().unwrap_err();
        let ConfigError::OutOfRange { name, value, must } = &refused else { panic!("{refused}") };
        assert_eq!(*name, expected, "{refused}");
        assert!(!value.is_empty() && !must.is_empty());
    }
    let sound: [Change; 4] = [
        |it| it.hibernate_after_ticks = Some(it.heartbeat_ticks + 1),
        |it| it.renew_lease_advance = Some(Duration::ZERO),
        |it| it.deadline = it.base_tick,
        |it| it.disk_reserve_bytes = 0,
    ];
    for change in sound {
        let mut config = Config::default();
        change(&mut config);
        assert_eq!(config.validate(), Ok(()));
    }
}

#[test]
fn the_fingerprint_has_what_elections_and_leases_are_measured_by_and_nothing_else() {
    type Change = fn(&mut Config);
    let same = Config::default().timing_fingerprint();
    let timing: [Change; 4] = [
        |it| it.base_tick *= 2,
        |it| it.election_ticks += 1,
        |it| it.max_leader_lease -= Duration::from_nanos(1),
        |it| it.allowed_drift = 0.011,
    ];
    for change in timing {
        let mut config = Config::default();
        change(&mut config);
        assert_ne!(config.timing_fingerprint(), same, "{config:?}");
    }
    let others: [Change; 3] =
        [|it| it.deadline *= 2, |it| it.raft_pollers = 7, |it| it.hibernate_after_ticks = Some(9)];
    for change in others {
        let mut config = Config::default();
        change(&mut config);
        assert_eq!(config.timing_fingerprint(), same);
    }
}
