//! Calls that are read from source: what syntax tells, what it does not tell, and what is no Rust.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use raftlens_viz::ArrowKind;
use raftlens_viz::from_source::{
    CallKind, FlowOptions, SourceError, SourceGraph, WhyUnresolved, flow_graph,
};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

/// A crate of these files.
fn read(files: &[(&str, &str)]) -> SourceGraph {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    SourceGraph::read(&[folder.path().to_owned()]).unwrap()
}

/// The calls of a source as text, in their order, each once.
fn calls(graph: &SourceGraph) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for call in &graph.calls {
        let (from, to) = (&graph.functions[call.from].name, &graph.functions[call.to].name);
        let by_name = if call.is_by_name { " by name" } else { "" };
        all.push(format!("{from} -> {to} {:?}{by_name}", call.kind));
    }
    all.dedup();
    all
}

fn calls_of(text: &str) -> Vec<String> {
    calls(&read(&[("lib.rs", text)]))
}

#[test]
fn types_of_variables_fields_and_results_decide() {
    let found = calls_of(
        "
        struct A { b: Option<B> }
        struct B;
        impl A { fn new() -> Self { A { b: None } } fn get(&mut self) -> &mut B { self.b.as_mut().unwrap() } fn len(&self) {} }
        impl B { fn go(&self) -> Vec<A> { vec![] } fn len(&self) {} }
        fn by_annotation(a: &mut A) { a.get().go(); }
        fn by_constructor() { let mut a = A::new(); a.len(); a.get().len(); }
        fn by_items(b: B) { for mut a in b.go() { a.get(); } if let [first, ..] = &b.go()[..] { first.len(); } }
        fn by_patterns(a: A) { if let A { b: Some(b) } = a { b.len(); } }
        ",
    );
    let expected = [
        "by_annotation -> A::get Method",
        "by_annotation -> B::go Method",
        "by_constructor -> A::new Direct",
        "by_constructor -> A::len Method",
        "by_constructor -> A::get Method",
        "by_constructor -> B::len Method",
        "by_items -> B::go Method",
        "by_items -> A::get Method",
        "by_items -> A::len Method",
        "by_patterns -> B::len Method",
    ];
    let mut sorted = (found.clone(), expected.map(str::to_owned).to_vec());
    sorted.0.sort();
    sorted.0.dedup();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1);
}

#[test]
fn a_call_through_a_trait_goes_to_every_implementation() {
    let graph = read(&[(
        "lib.rs",
        "trait Clock { fn now(&self) -> u64; fn later(&self) -> u64 { self.now() } }
         struct Real; struct Manual;
         impl Clock for Real { fn now(&self) -> u64 { 1 } }
         impl Clock for Manual { fn now(&self) -> u64 { 2 } fn later(&self) -> u64 { 3 } }
         fn by_bound<C: Clock>(clock: C) { clock.now(); }
         fn by_object(clock: &dyn Clock) { clock.later(); }
         fn known(clock: Manual) { clock.now(); }",
    )]);
    let found = calls(&graph);
    for expected in [
        "by_bound -> Real::now Trait",
        "by_bound -> Manual::now Trait",
        "by_object -> Manual::later Trait",
        "by_object -> Clock::later Trait",
        "known -> Manual::now Method",
        "Clock::later -> Real::now Trait",
    ] {
        assert!(found.contains(&expected.to_owned()), "{expected}: {found:#?}");
    }
    let is_it = |from: &str| graph.functions.iter().position(|it| it.name == from).unwrap();
    let from = is_it("by_object");
    let through = graph.calls.iter().find(|call| call.from == from).unwrap();
    assert_eq!(through.kind, CallKind::Trait);
    let declared = &graph.functions[through.declared.unwrap()];
    assert_eq!((declared.name.as_str(), declared.has_body), ("Clock::later", true));
}

#[test]
fn closures_callbacks_and_macros_are_told_apart() {
    let found = calls_of(
        "
        macro_rules! twice { ($x:expr) => { $crate::inner::helper($x + $x) }; }
        mod inner { pub fn helper(x: u64) -> u64 { x } }
        use inner::helper as h;
        fn a(x: u64) -> u64 { x }
        fn run(f: fn(u64) -> u64) -> u64 { f(1) }
        struct Held { f: fn(u64) -> u64 }
        fn main() {
            let c = |x| a(x);
            c(1);
            run(a);
            let held = Held { f: a };
            assert_eq!(h(1), twice!(2));
            info!(count = %a(3), \"done\");
        }
        ",
    );
    for expected in [
        "main -> a Closure",
        "main -> a Callback",
        "main -> a Value",
        "main -> helper Direct",
        "main -> helper Macro",
        "main -> a Macro",
        "main -> run Direct",
    ] {
        assert!(found.contains(&expected.to_owned()), "{expected}: {found:#?}");
    }
}

#[test]
fn what_is_not_told_is_listed_and_never_guessed() {
    let graph = read(&[(
        "lib.rs",
        "struct A; struct B;
         impl A { fn push(&self) {} fn go(&self) {} fn only(&self) {} }
         impl B { fn go(&self) {} }
         fn f<T>(x: T) {
             let y = unknown!(x);
             let z = mystery(x, A);
             z.push(); z.go(); z.only();
             crate::nothing::at_all();
         }
         fn g(callback: impl Fn(u8)) { callback(1); }",
    )]);
    assert_eq!(calls(&graph), ["f -> A::only Method by name"]);
    let whys: Vec<(&str, &WhyUnresolved)> =
        graph.unresolved.iter().map(|one| (one.text.as_str(), &one.why)).collect();
    let expected = [
        (".go()", WhyUnresolved::Receiver { candidates: 2 }),
        (".push()", WhyUnresolved::StdName),
        ("crate::nothing::at_all", WhyUnresolved::Path),
        ("callback", WhyUnresolved::Value),
    ];
    assert_eq!(whys, expected.iter().map(|(text, why)| (*text, why)).collect::<Vec<_>>());
}

#[test]
fn modules_are_followed_and_tests_are_left_out() {
    let graph = read(&[
        ("a/Cargo.toml", "[package]\nname = \"first-one\"\n"),
        ("a/src/lib.rs", "pub mod deep; #[cfg(test)] mod tests; mod lost; #[test] fn t() {}"),
        ("a/src/deep/mod.rs", "mod leaf; pub use leaf::f; pub mod inline { pub mod far; }"),
        ("a/src/deep/leaf.rs", "pub fn f() { super::inline::far::g() }"),
        ("a/src/deep/inline/far.rs", "pub fn g() { let x = ; }"),
        ("a/src/tests.rs", "fn not_read() {}"),
        ("b/src/main.rs", "use first_one::deep; fn main() { deep::f(); }"),
        ("b/tests/it.rs", "fn not_read() {}"),
    ]);
    assert_eq!(calls(&graph), ["main -> f Direct"]);
    let names: Vec<&str> = graph.functions.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["f", "main"]);
    assert_eq!(graph.functions[0].module, "first_one::deep::leaf");
    let mut left_out: Vec<String> = graph.left_out.iter().map(ToString::to_string).collect();
    left_out.sort();
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(left_out[0].contains("far.rs: line 1, column 22: "), "{left_out:?}");
    assert!(left_out[1].contains("lib.rs: line 1, column 43: there is no file for `mod lost`"));
}

#[test]
fn a_root_a_depth_and_a_number_bound_the_picture() {
    let graph = read(&[(
        "lib.rs",
        "fn a() { b(); } fn b() { c(); } fn c() { d(); } fn d() {} fn apart() { take(d); } fn take(f: fn()) {}",
    )]);
    let draw = |root: Option<&str>, depth, most| {
        let root = root.map(str::to_owned);
        flow_graph(&graph, &FlowOptions { root, depth, most, title: String::new() })
    };
    let near = draw(Some("a"), 2, 10).unwrap();
    assert_eq!((near.box_count(), near.arrow_count(), near.left_out.functions), (3, 2, 1));
    let (_, first) = near.boxes().next().unwrap();
    assert_eq!((first.line, first.owner.len()), (Some(1), 1));
    let all = draw(None, 6, 100).unwrap();
    assert_eq!((all.box_count(), all.left_out.functions), (6, 0));
    let handed = all.arrows().filter(|(.., arrow)| arrow.kind == ArrowKind::Data).count();
    assert_eq!(handed, 1, "`d` is handed over");
    assert_eq!(draw(None, 6, 2).unwrap().left_out.functions, 4);
    let error = draw(Some("aa"), 6, 10).unwrap_err();
    assert!(matches!(&error, SourceError::RootNotFound { near, .. } if near[0] == "a"), "{error}");
}

#[test]
fn nesting_beyond_any_program_is_refused_with_its_place() {
    let many = 40_000;
    let rows = [
        format!("fn f() {{ {}1{} }}", "(".repeat(many), ")".repeat(many)),
        format!("fn f() {{ {}1 }}", "!".repeat(many)),
        format!("fn f() {{ {}1 }}", "-".repeat(many)),
        format!("fn f() {{ 1{} }}", "+1".repeat(many)),
        format!("fn f() {{ a{} }}", ".b()".repeat(many)),
        format!("fn f() {{ {} }}", "{".repeat(many) + &"}".repeat(many)),
        format!("fn f() {{ if a {{}} {} }}", "else if a {}".repeat(many)),
        format!("type T = {}u8{};", "Vec<".repeat(many), ">".repeat(many)),
        format!("type T = {}u8;", "&".repeat(many)),
        format!("fn f() {{ {}1 }}", "|x| ".repeat(many)),
        format!("fn f() {{ {}1 }}", "return ".repeat(many)),
        format!("fn f() {{ m!{{ {}1{} }} }}", "(".repeat(many), ")".repeat(many)),
        format!("{} fn f() {{}} {}", "mod a {".repeat(many), "}".repeat(many)),
        format!("use {}a{};", "{".repeat(many), "}".repeat(many)),
    ];
    for text in rows {
        let graph = read(&[("lib.rs", &text)]);
        let start: String = text.chars().take(40).collect();
        assert_eq!(graph.left_out.len(), 1, "{start}");
        assert!(graph.left_out[0].column > 1, "{start}: {}", graph.left_out[0]);
    }
    // Just below the limit everything is read.
    let many = 1_900;
    for text in [
        format!("fn f() {{ {}1{} }}", "(".repeat(many), ")".repeat(many)),
        format!("fn f() {{ a{} }}", ".b()".repeat(many)),
        format!("fn f() {{ {}1 }}", "return ".repeat(many)),
        format!("fn f() {{ if a {{}} {} }}", "else if a {}".repeat(many / 2)),
        format!("fn f() {{ {}1 }}", "|x| ".repeat(many / 2)),
        format!("type T = {}u8{};", "Vec<".repeat(many), ">".repeat(many)),
    ] {
        assert!(read(&[("lib.rs", &text)]).left_out.is_empty(), "{}", &text[..20]);
    }
}

#[test]
fn odd_files_are_left_out_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lib.rs"), "mod bytes; mod open; fn f() {}").unwrap();
    fs::write(folder.path().join("bytes.rs"), b"fn a() {}\n\xff\xfe").unwrap();
    fs::write(folder.path().join("open.rs"), "fn a() {\n  \"no end").unwrap();
    let graph = SourceGraph::read(&[folder.path().to_owned()]).unwrap();
    let mut all: Vec<String> = graph.left_out.iter().map(ToString::to_string).collect();
    all.sort();
    assert!(all[0].contains("bytes.rs: line 2, column 1: byte 0xff is not UTF-8"), "{all:?}");
    assert!(all[1].contains("open.rs: line 2, column 3: "), "{all:?}");
    assert_eq!(graph.functions.len(), 1);

    let error = SourceGraph::read(&[folder.path().join("none")]).unwrap_err();
    assert!(matches!(error, SourceError::Io { .. }), "{error}");
    fs::create_dir(folder.path().join("empty")).unwrap();
    let error = SourceGraph::read(&[folder.path().join("empty")]).unwrap_err();
    assert!(matches!(error, SourceError::NoSource { .. }), "{error}");
}

/// Each file of the chain is twice a module of the one before: all of them would be 2^20 modules.
#[test]
fn modules_that_multiply_have_an_end() {
    let own =
        read(&[("lib.rs", "#[path = \"lib.rs\"] mod a; #[path = \"lib.rs\"] mod b; fn f() {}")]);
    assert!(own.functions.len() < 40, "{}", own.functions.len());
    assert!(own.left_out.iter().any(|it| it.why == "`mod a` leads in a circle"), "{own:?}");

    let mut files = vec![("lib.rs".to_owned(), "#[path = \"m0.rs\"] mod m;".to_owned())];
    for number in 0..20 {
        let twice = ["a", "b"].map(|name| format!("#[path = \"m{}.rs\"] mod {name};", number + 1));
        files.push((format!("m{number}.rs"), format!("fn f{number}() {{}} {}", twice.concat())));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let chain = read(&files);
    assert!(chain.functions.len() < 20 * 40, "{}", chain.functions.len());
}

/// Our own files, damaged: tokens taken out, doubled and exchanged, bytes changed.
#[test]
fn damaged_source_never_panics() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = Vec::new();
    for name in ["flow_graph.rs", "from_source/walk/calls.rs", "from_source/collect.rs", "text.rs"]
    {
        texts.push(fs::read_to_string(own.join(name)).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lib.rs");
    let (mut parsed, mut refused) = (0, 0);
    for seed in 0..300 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let text = &texts[rng.random_range(0..texts.len())];
        let mut words: Vec<&str> = text.split_inclusive(|it: char| !it.is_alphanumeric()).collect();
        for _ in 0..rng.random_range(1..4) {
            let (a, b) = (rng.random_range(0..words.len()), rng.random_range(0..words.len()));
            match rng.random_range(0..4) {
                0 => drop(words.remove(a)),
                1 => words.insert(a, words[b]),
                2 => words.swap(a, b),
                _ => words[a] = ["Self", "self.", "::", "<", "match ", "impl ", "{", "x!("][b % 8],
            }
        }
        fs::write(&file, words.concat()).unwrap();
        let graph = SourceGraph::read(std::slice::from_ref(&file)).unwrap();
        match graph.left_out.is_empty() {
            true => parsed += 1,
            false => refused += 1,
        }
        assert!(graph.calls.iter().all(|call| call.to < graph.functions.len()), "seed {seed}");
    }
    assert!(parsed > 20 && refused > 20, "{parsed} were parsed, {refused} refused");
}
