//! Rules of this repository that no compiler checks: what every file begins with, and which crate
//! may know which. (That a box of a chart is a function in the file it names, `charts.rs` checks.)
//!
//! Each rule is a function from text to faults, and has a test in which it must complain.

#![allow(clippy::unwrap_used, reason = "a test stops")]

use std::fs;
use std::path::{Path, PathBuf};

/// The folders with source, the root package's own among them.
const SOURCES: [&str; 6] = ["core", "tracer", "viz", "src", "tests", "examples"];

fn root() -> &'static Path {
    Path::new(".")
}

/// Every `.rs` file of the repository, as its path from the root and its text.
fn rust_files() -> Vec<(String, String)> {
    let mut folders: Vec<PathBuf> = SOURCES.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "only {} files were found: are the folders right?", found.len());
    found
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

// --- Every file says what it is for. ---

/// A file that does not begin with `//!` and a sentence.
fn opening_fault(name: &str, text: &str) -> Option<String> {
    let first = text.lines().next().unwrap_or("");
    let says_something = first.strip_prefix("//! ").is_some_and(|rest| rest.trim().len() > 10);
    (!says_something).then(|| format!("{name} does not begin with `//!` and what it is for"))
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let faults: Vec<String> =
        rust_files().iter().filter_map(|(name, text)| opening_fault(name, text)).collect();
    assert_none(&faults);
}

#[test]
fn a_file_without_an_opening_is_noticed() {
    for text in [
        "",
        "use std::fs;\n",
        "// What it is for.\n",
        "//!\n",
        "//! Tests.\n",
        "\n//! Late but right.\n",
    ] {
        assert!(opening_fault("a.rs", text).is_some(), "{text:?}");
    }
    assert_eq!(opening_fault("a.rs", "//! Lets a reader find the lease.\n"), None);
}

// --- Crates know each other only as the design draws it. ---

/// A line of a `Cargo.toml` that names a dependency: of which table, its name, and what is said.
struct Dependency<'a> {
    table: &'a str,
    name: &'a str,
    value: &'a str,
}

/// The dependencies of a manifest, with those for tests and builds, whatever the platform.
fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut table = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name.trim_matches(['[', ']']);
            // `[dependencies.raft]` names one dependency in its head.
            if let Some((of, name)) = table.rsplit_once("dependencies.") {
                found.push(Dependency { table: of, name, value: "" });
            }
        } else if table.ends_with("dependencies")
            && !line.starts_with('#')
            && let Some((name, value)) = line.split_once('=')
        {
            // `raft.workspace = true` names `raft`.
            let name = name.trim().trim_matches('"');
            let name = name.split_once('.').map_or(name, |(name, _)| name);
            found.push(Dependency { table, name, value: value.trim() });
        }
    }
    found
}

/// What the crates must not know; a name that ends in `*` stands for all that begin like it.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    (
        "core",
        &["raftlens", "raftlens-tracer", "raftlens-viz", "opentelemetry*", "tracing-opentelemetry"],
    ),
    ("tracer", &["raftlens", "raftlens-core", "raftlens-viz", "raft", "rocksdb"]),
    (
        "viz",
        &["raftlens", "raftlens-core", "raft", "rocksdb", "opentelemetry*", "tracing*", "tokio"],
    ),
];

/// Dependencies of `krate` that the design does not allow.
fn edge_faults(krate: &str, manifest: &str) -> Vec<String> {
    let forbidden = FORBIDDEN.iter().find(|(name, _)| *name == krate).map_or(&[][..], |row| row.1);
    let is_forbidden = |name: &str| {
        forbidden.iter().any(|rule| match rule.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == *rule,
        })
    };
    let found = dependencies(manifest).into_iter().filter(|known| is_forbidden(known.name));
    found.map(|known| format!("{krate}/Cargo.toml must not name {}", known.name)).collect()
}

/// Where `viz` would get more of `tracer` than its plain model and formats.
fn plain_model_faults(workspace: &str, viz: &str) -> Vec<String> {
    let tracer = |manifest, table: &str| {
        let mut known = dependencies(manifest).into_iter();
        known.find(|known| known.name == "raftlens-tracer" && known.table == table)
    };
    let mut faults = Vec::new();
    let shared = tracer(workspace, "workspace.dependencies").map_or("", |known| known.value);
    if !shared.contains("default-features = false") {
        faults.push("Cargo.toml: raftlens-tracer needs `default-features = false`".to_owned());
    }
    match tracer(viz, "dependencies") {
        Some(known) if known.value.contains("features") => {
            faults.push("viz/Cargo.toml: raftlens-tracer is taken without features".to_owned());
        }
        Some(_) => {}
        None => faults.push("viz/Cargo.toml: raftlens-tracer has no line of its own".to_owned()),
    }
    faults
}

#[test]
fn crates_know_each_other_only_as_designed() {
    let manifest =
        |folder: &str| fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let mut faults: Vec<String> =
        FORBIDDEN.iter().flat_map(|(krate, _)| edge_faults(krate, &manifest(krate))).collect();
    faults.extend(plain_model_faults(&manifest("."), &manifest("viz")));
    assert_none(&faults);
}

#[test]
fn a_forbidden_dependency_is_noticed() {
    for bad in [
        "[dependencies]\nraftlens-tracer = { workspace = true }\n",
        "[dev-dependencies]\nraftlens-tracer.workspace = true\n",
        "[target.'cfg(unix)'.dependencies]\nopentelemetry_sdk = \"1\"\n",
        "[dependencies.raftlens-tracer]\nworkspace = true\n",
    ] {
        assert_eq!(edge_faults("core", bad).len(), 1, "{bad}");
    }
    let good = "[package]\nraftlens-viz = 1\n[dependencies]\n# raftlens-viz = 1\ntracing = \"1\"\n";
    assert_eq!(edge_faults("core", good), Vec::<String>::new());
    assert_eq!(edge_faults("viz", "[dependencies]\nraftlens-core = \"1\"\n").len(), 1);
    assert_eq!(edge_faults("tracer", "[dependencies]\nraftlens-core = \"1\"\n").len(), 1);

    let shared =
        "[workspace.dependencies]\nraftlens-tracer = { path = \"t\", default-features = false }\n";
    let plain = "[dependencies]\nraftlens-tracer = { workspace = true }\n";
    assert_eq!(plain_model_faults(shared, plain), Vec::<String>::new());
    let whole = "[workspace.dependencies]\nraftlens-tracer = { path = \"t\" }\n";
    assert_eq!(plain_model_faults(whole, plain).len(), 1);
    let more = "[dependencies]\nraftlens-tracer = { workspace = true, features = [\"otel\"] }\n";
    assert_eq!(plain_model_faults(shared, more).len(), 1);
    assert_eq!(plain_model_faults(shared, "[dependencies]\n").len(), 1);
}

// --- One place for each heavy library. ---

/// A library that only one place may name: the beginnings of its crates' names, and that place.
const ONE_PLACE: [(&[&str], &str); 5] = [
    (&["opentelemetry", "tracing_opentelemetry"], "tracer/src/otel/"),
    (&["opentelemetry_proto", "tonic", "hyper"], "tracer/src/receiver/"),
    (&["reqwest"], "tracer/src/live/"),
    (&["rocksdb"], "core/src/engine/"),
    (&["graphviz_rust"], "viz/src/dot/syntax.rs"),
];

/// Uses of such a library elsewhere. Tests of a crate may use what they test against.
fn place_faults(name: &str, text: &str) -> Vec<String> {
    let is_source = name.starts_with("src/") || name.contains("/src/");
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| is_source && code(line)) {
        let mut owners: Vec<_> = paths(line).filter_map(owner).collect();
        owners.dedup();
        for (library, place) in owners.into_iter().filter(|(_, place)| !name.starts_with(place)) {
            faults.push(format!("{name}:{}: only {place} may name {library}", number + 1));
        }
    }
    faults
}

/// The first library of the row that a word belongs to, and its place. The longest beginning
/// counts: `opentelemetry_proto` is another one than `opentelemetry`.
fn owner(word: &str) -> Option<(&'static str, &'static str)> {
    let rows = ONE_PLACE.iter();
    let beginnings = rows.flat_map(|(libraries, place)| {
        libraries.iter().map(|library| (*library, libraries[0], *place))
    });
    let matching = beginnings.filter(|(library, ..)| word.starts_with(library));
    let longest = matching.max_by_key(|(library, ..)| library.len());
    longest.map(|(_, first, place)| (first, place))
}

/// The words of a line that begin a path: `rocksdb` in `rocksdb::DB` and in `use rocksdb as r;`.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let before_colons = line.match_indices("::").filter_map(move |(end, _)| {
        let before = &line[..end];
        let start = before.rfind(|c| !word(c)).map_or(0, |at| at + 1);
        (!before[..start].ends_with("::")).then(|| &before[start..])
    });
    let imported = line.split_once("use ").map(|(_, rest)| rest.trim_start());
    before_colons.chain(imported)
}

#[test]
fn heavy_libraries_are_named_in_one_place_each() {
    let faults: Vec<String> =
        rust_files().iter().flat_map(|(name, text)| place_faults(name, text)).collect();
    assert_none(&faults);
    for (libraries, place) in ONE_PLACE {
        let uses = |text: &str| text.contains(libraries[0]);
        let mut files = rust_files().into_iter().filter(|(name, _)| name.starts_with(place));
        assert!(files.any(|(_, text)| uses(&text)), "{place} uses {} no more", libraries[0]);
    }
}

#[test]
fn a_heavy_library_elsewhere_is_noticed() {
    let faults = place_faults("viz/src/draw.rs", "fn a() {\n    graphviz_rust::parse(text)\n}\n");
    assert_eq!(faults, ["viz/src/draw.rs:2: only viz/src/dot/syntax.rs may name graphviz_rust"]);
    assert_eq!(place_faults("core/src/store/start.rs", "use rocksdb::DB;").len(), 1);
    assert_eq!(place_faults("src/main.rs", "use opentelemetry_sdk::Resource;").len(), 1);
    let proto = "use opentelemetry_proto::tonic::trace::v1::Span;";
    assert_eq!(place_faults("tracer/src/receiver/decode.rs", proto), Vec::<String>::new());
    assert_eq!(place_faults("tracer/src/otel/otlp.rs", proto).len(), 1);
    assert_eq!(place_faults("src/main.rs", "pub use graphviz_rust as dot;").len(), 1);
    assert_eq!(place_faults("core/src/spans.rs", "use tracing_opentelemetry::X;").len(), 1);

    let allowed = [
        ("core/src/engine/rocks.rs", "use rocksdb::DB;"),
        ("core/src/store/start.rs", "// rocksdb::DB is made elsewhere."),
        ("core/src/store/start.rs", "use crate::engine::rocksdb::Open;"),
        ("core/tests/driver.rs", "use rocksdb::DB;"),
    ];
    for (name, text) in allowed {
        assert_eq!(place_faults(name, text), Vec::<String>::new(), "{name}: {text}");
    }
}

// --- A running store has every safety rule on. ---

/// Lines of `core` that could take a rule away, outside the simulator and the switches themselves.
fn rule_faults(name: &str, text: &str) -> Vec<String> {
    let is_store = name.starts_with("core/src/")
        && !name.starts_with("core/src/sim/")
        && !name.ends_with("tests.rs")
        && !name.contains("/tests/")
        && name != "core/src/rules.rs";
    let takes_away = |line: &str| {
        let others = line.replace("Rules::ALL_ON", "");
        others.contains("Rules::") || others.contains(".without(Rule")
    };
    let lines = (1..).zip(text.lines()).filter(|(_, line)| is_store && takes_away(line));
    lines.map(|(number, line)| format!("{name}:{number}: {}", line.trim())).collect()
}

#[test]
fn no_store_can_have_a_rule_off() {
    let faults: Vec<String> =
        rust_files().iter().flat_map(|(name, text)| rule_faults(name, text)).collect();
    assert_none(&faults);
    let store = fs::read_to_string(root().join("core/src/store/start.rs")).unwrap();
    assert!(store.contains("rules: Rules::ALL_ON"), "a store takes its rules from elsewhere");
}

#[test]
fn a_store_without_a_rule_is_noticed() {
    for line in ["rules: Rules::default(),", "let rules = config.rules.without(Rule::L1);"] {
        assert_eq!(rule_faults("core/src/store/start.rs", line).len(), 1, "{line}");
        assert!(rule_faults("core/src/sim/node.rs", line).is_empty());
    }
    assert!(rule_faults("core/src/store/start.rs", "rules: Rules::ALL_ON,").is_empty());
}
