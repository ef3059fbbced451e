//! Recording installed for the whole program, and what the environment says of it.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
#![cfg(feature = "otel")]

use std::env;
use std::process::Command;
use std::thread;

use raftlens_tracer::{InitError, TraceContext, init};
use tracing::level_filters::LevelFilter;

/// Set in the copies of this program that a test starts.
const CHILD: &str = "RAFTLENS_TEST_CHILD";

/// The one test of this program that installs: a program can do so only once.
#[test]
fn every_thread_records_and_any_thread_sets_the_level() {
    let guard = init().memory().install().unwrap();
    let again = init().memory().install();
    assert!(matches!(again, Err(InitError::AlreadyInstalled)));
    let record = || {
        let span = tracing::info_span!("read");
        TraceContext::of(&span).is_some()
    };
    assert!(record());
    assert!(thread::spawn(record).join().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| guard.set_level(LevelFilter::OFF));
    });
    assert!(!record());
    assert!(!thread::spawn(record).join().unwrap());
    guard.set_level(LevelFilter::TRACE);
    assert!(thread::spawn(record).join().unwrap());

    let traces = guard.memory().take();
    let resource = &traces.resources[0];
    let sampled = env::var("OTEL_TRACES_SAMPLER").as_deref() != Ok("always_off");
    assert_eq!(traces.spans.len(), if sampled { 3 } else { 0 });
    match env::var(CHILD) {
        Ok(expected) => {
            let room = resource.attributes.iter().find(|attribute| &*attribute.key == "room");
            let room = room.and_then(|attribute| attribute.value.as_str());
            assert_eq!((resource.service_name(), room), (Some(&*expected), Some("7")));
        }
        Err(_) => {
            let program = env::current_exe().unwrap();
            let stem = program.file_stem().unwrap().to_string_lossy().into_owned();
            assert_eq!(resource.service_name(), Some(&*stem), "the executable's name");
        }
    }
}

/// Runs the test above in a process with these variables.
fn passes_with(expected: &str, variables: &[(&str, &str)]) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "every_thread_records_and_any_thread_sets_the_level"])
        .env(CHILD, expected)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_environment_names_the_service_and_samples() {
    let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "room=7,service.name=by-attribute");
    passes_with("by-attribute", &[attributes]);
    passes_with("by-name", &[attributes, ("OTEL_SERVICE_NAME", "by-name")]);
    passes_with("by-attribute", &[attributes, ("OTEL_TRACES_SAMPLER", "always_off")]);
}
