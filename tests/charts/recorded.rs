//! What `core` records: every box that its source can show in a trace, with its cluster.
//!
//! Read from the calls of the macros in `core/src/spans.rs` and of `tracing::info_span!`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::source::{Token, tokens};

/// A box as the code records it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Recorded {
    /// What it is: `Peer::inspect`.
    pub(crate) identity: String,
    /// Its clusters, outermost first, joined by `/`.
    pub(crate) owner: String,
    /// A span, so calls of it are measured; else an event.
    pub(crate) is_span: bool,
}

const SPANS: [&str; 5] =
    ["stage_span", "lean_stage_span", "function_span", "enter_function", "round_span"];
const TRACING_SPANS: [&str; 2] = ["info_span", "trace_span"];
const EVENTS: [&str; 3] = ["case", "variable", "record"];

/// Everything that the sources below `folder` record.
pub(crate) fn in_folder(folder: &Path) -> BTreeSet<Recorded> {
    let mut found = BTreeSet::new();
    for path in rust_files(folder) {
        // The macros themselves record nothing.
        if path.file_name().is_some_and(|name| name != "spans.rs") {
            found.extend(in_source(&fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// All `.rs` files below `folder`, in the order of their paths.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files = paths.into_iter().flat_map(|path| match path.is_dir() {
        true => rust_files(&path),
        false => vec![path],
    });
    files.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// What one file records.
pub(crate) fn in_source(source: &str) -> Vec<Recorded> {
    let tokens = tokens(source);
    let titles = titles(&tokens);
    let mut found = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        let [Token::Word(name), Token::Mark("!"), Token::Mark("(")] = window else { continue };
        let arguments = &tokens[at + 3..][..arguments_end(&tokens[at + 3..])];
        if SPANS.contains(&name.as_str()) {
            let texts = texts(arguments);
            assert!(texts.len() >= 3, "{name}! without name, owner and function: {arguments:?}");
            found.push(recorded(texts[2], texts[1], true));
        } else if TRACING_SPANS.contains(&name.as_str()) {
            let field = |key| field(arguments, key);
            if let (Some(owner), Some(identity)) = (field("owner"), field("name")) {
                found.push(recorded(identity, owner, true));
            }
        } else if EVENTS.contains(&name.as_str()) {
            found.extend(event(arguments, &titles));
        }
    }
    found
}

/// An event's box; several when its title is computed, by a function `title` of the same file.
fn event(arguments: &[Token], titles: &[String]) -> Vec<Recorded> {
    let texts = texts(arguments);
    match arguments.first() {
        Some(Token::Text(title)) => vec![recorded(title, texts[1], false)],
        _ => titles.iter().map(|title| recorded(title, texts[0], false)).collect(),
    }
}

fn recorded(identity: &str, owner: &str, is_span: bool) -> Recorded {
    Recorded { identity: identity.to_owned(), owner: owner.to_owned(), is_span }
}

/// How many tokens stand before the parenthesis that closes a call.
fn arguments_end(tokens: &[Token]) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark("(") => depth += 1,
            Token::Mark(")") if depth == 0 => return at,
            Token::Mark(")") => depth -= 1,
            Token::Word(_) | Token::Text(_) | Token::Mark(_) => {}
        }
    }
    tokens.len()
}

/// All strings in a call, in their order.
fn texts(arguments: &[Token]) -> Vec<&str> {
    arguments.iter().filter_map(text).collect()
}

fn text(token: &Token) -> Option<&str> {
    match token {
        Token::Text(text) => Some(text),
        Token::Word(_) | Token::Mark(_) => None,
    }
}

/// The string given to a field: `key = "..."`, or `... .key = "..."`.
fn field<'a>(arguments: &'a [Token], key: &str) -> Option<&'a str> {
    arguments.windows(3).find_map(|window| match window {
        [Token::Word(name), Token::Mark("="), Token::Text(value)] if name == key => {
            Some(value.as_str())
        }
        _ => None,
    })
}

/// What the functions `title` of a file can return.
fn titles(tokens: &[Token]) -> Vec<String> {
    let begins = |window: &[Token]| matches!(window, [Token::Word(kind), Token::Word(name)] if kind == "fn" && name == "title");
    let mut found = Vec::new();
    for (at, _) in tokens.windows(2).enumerate().filter(|(_, window)| begins(window)) {
        let mut depth = 0usize;
        for token in &tokens[at..] {
            match token {
                Token::Mark("{") => depth += 1,
                Token::Mark("}") if depth == 1 => break,
                Token::Mark("}") => depth -= 1,
                Token::Text(title) => found.push(title.clone()),
                Token::Word(_) | Token::Mark(_) => {}
            }
        }
    }
    found
}

#[test]
fn every_way_of_recording_is_seen() {
    let source = r#"
        fn title(self) -> &'static str { match self { A => "State::A", B => "State::B" } }
        // function_span!("old", "Old", "Old::old")
        let span = stage_span!(root: "s", "Peer", "Peer::s", raft.term = f(x) as i64);
        let span = crate::spans::function_span!("f", "Peer/inner", "Peer::f").entered();
        let span = tracing::info_span!(parent: None, "i", owner = "Kv", code.function.name = "Kv::i");
        case!(state.title(), "Peer");
        record!("Ready", "Peer", from = "X");
    "#;
    let mut found: Vec<String> = in_source(source)
        .iter()
        .map(|one| format!("{} in {} {}", one.identity, one.owner, one.is_span))
        .collect();
    found.sort();
    let expected = [
        "Kv::i in Kv true",
        "Peer::f in Peer/inner true",
        "Peer::s in Peer true",
        "Ready in Peer false",
        "State::A in Peer false",
        "State::B in Peer false",
    ];
    assert_eq!(found, expected);
}
