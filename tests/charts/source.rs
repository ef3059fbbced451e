//! A small reader of Rust source: enough to say whether a file defines a function, a type, a
//! variant or a field of some name. Also splits the source into tokens for `recorded`.
//!
//! Not here: macros, modules and names brought in by `use`; a box of a chart needs none of them.

/// A piece of source. Comments are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword, a name or a number.
    Word(String),
    /// The content of a string, escapes as they stand.
    Text(String),
    /// One punctuation mark; `::` and `->` are one each.
    Mark(&'static str),
}

/// Marks that stand for themselves; any other character is of no use here.
const MARKS: [&str; 18] =
    ["::", "->", "=>", "(", ")", "{", "}", "[", "]", "<", ">", ",", ";", ":", "=", "!", "#", "."];

/// Splits source into tokens.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some((start, end)) = raw_string(rest) {
            found.push(Token::Text(rest[start..end].to_owned()));
            // Behind the content stand its quote and as many marks as before it.
            (end + start - 1).min(rest.len())
        } else if first == '"' {
            let inner = string_end(&rest[1..]);
            found.push(Token::Text(rest[1..1 + inner].to_owned()));
            (inner + 2).min(rest.len())
        } else if first == '\'' {
            quote_length(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(Token::Word(rest[..end].to_owned()));
            end
        } else if let Some(mark) = MARKS.into_iter().find(|mark| rest.starts_with(mark)) {
            found.push(Token::Mark(mark));
            mark.len()
        } else {
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// Where the content of a raw string begins and ends, if `rest` begins with one.
fn raw_string(rest: &str) -> Option<(usize, usize)> {
    let marks = rest.strip_prefix('r')?;
    let content = marks.trim_start_matches('#').strip_prefix('"')?;
    let start = rest.len() - content.len();
    let closing = format!("\"{}", "#".repeat(start - 2));
    Some((start, start + content.find(&closing).unwrap_or(content.len())))
}

/// How many bytes the string has up to its closing quote.
fn string_end(inside: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    inside.len()
}

/// The length of a character literal; of a lifetime only its quote.
fn quote_length(rest: &str) -> usize {
    let mut inside = rest.char_indices().skip(1);
    let is_escape = inside.next().is_some_and(|(_, character)| character == '\\');
    if is_escape {
        // The escaped character may itself be a quote.
        return rest[3..].find('\'').map_or(rest.len(), |end| end + 4);
    }
    match inside.next() {
        Some((at, '\'')) => at + 1,
        _ => 1,
    }
}

/// Whether `source` defines `name`: `Type::member` (a function of the type or trait, a variant or a
/// field), or one word (a free function or a type).
pub(crate) fn defines(source: &str, name: &str) -> bool {
    let tokens = tokens(source);
    match name.split_once("::") {
        Some((of_type, member)) => (0..tokens.len())
            .filter_map(|at| block(&tokens, at))
            .any(|block| block.of_type == of_type && block.has(member)),
        None => defines_item(&tokens, name),
    }
}

/// Whether a function or type of this name stands outside of every other item.
fn defines_item(tokens: &[Token], name: &str) -> bool {
    let mut depth = 0usize;
    tokens.windows(2).any(|pair| {
        match pair[0] {
            Token::Mark("{") => depth += 1,
            Token::Mark("}") => depth = depth.saturating_sub(1),
            Token::Word(_) | Token::Text(_) | Token::Mark(_) => {}
        }
        let is_item = |word: &str| ["fn", "struct", "enum", "trait", "type"].contains(&word);
        depth == 0
            && word(&pair[0]).is_some_and(is_item)
            && word(&pair[1]).is_some_and(|found| found == name)
    })
}

/// A type, a trait, or an `impl` of a type.
struct Block<'a> {
    kind: &'a str,
    of_type: &'a str,
    body: &'a [Token],
}

/// The block that begins with the token at `at`.
fn block(tokens: &[Token], at: usize) -> Option<Block<'_>> {
    let kind = word(tokens.get(at)?)?;
    // `impl Trait` in a signature begins no block.
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let begins_item = match before {
        None => true,
        Some(Token::Mark(mark)) => ["}", ";", "{", "]", ")"].contains(mark),
        Some(Token::Word(before)) => before == "pub",
        Some(Token::Text(_)) => false,
    };
    if !begins_item || !["impl", "trait", "enum", "struct"].contains(&kind) {
        return None;
    }
    let (mut of_type, mut angles, mut in_bounds) = (None, 0usize, false);
    for (ahead, token) in tokens.iter().enumerate().skip(at + 1) {
        match token {
            Token::Mark("<") => angles += 1,
            Token::Mark(">") => angles = angles.saturating_sub(1),
            Token::Mark("{") if angles == 0 => {
                let body = &tokens[ahead + 1..];
                return Some(Block { kind, of_type: of_type?, body: &body[..body_end(body)] });
            }
            Token::Mark(";") => return None,
            Token::Word(found) if angles == 0 && !in_bounds => {
                in_bounds = found == "where";
                // In an `impl` the type is the last word: behind `for`, and at the end of a path.
                if !in_bounds && (of_type.is_none() || kind == "impl") {
                    of_type = Some(found.as_str());
                }
            }
            Token::Word(_) | Token::Text(_) | Token::Mark(_) => {}
        }
    }
    None
}

/// How many tokens stand before the brace that closes a body.
fn body_end(body: &[Token]) -> usize {
    let mut depth = 0usize;
    for (at, token) in body.iter().enumerate() {
        match token {
            Token::Mark("{") => depth += 1,
            Token::Mark("}") if depth == 0 => return at,
            Token::Mark("}") => depth -= 1,
            Token::Word(_) | Token::Text(_) | Token::Mark(_) => {}
        }
    }
    body.len()
}

impl Block<'_> {
    /// Whether the block has this function, variant or field.
    fn has(&self, member: &str) -> bool {
        let mut depth = 0usize;
        self.body.iter().enumerate().any(|(at, token)| {
            match token {
                Token::Mark("{" | "(" | "[") => depth += 1,
                Token::Mark("}" | ")" | "]") => depth = depth.saturating_sub(1),
                Token::Word(_) | Token::Text(_) | Token::Mark(_) => {}
            }
            depth == 0 && word(token) == Some(member) && self.is_member(at)
        })
    }

    fn is_member(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.body.get(before));
        match self.kind {
            "enum" => matches!(before, None | Some(Token::Mark("," | "]"))),
            "struct" => self.body.get(at + 1) == Some(&Token::Mark(":")),
            _ => before.and_then(word) == Some("fn"),
        }
    }
}

fn word(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) => Some(word),
        Token::Text(_) | Token::Mark(_) => None,
    }
}

#[test]
fn names_are_found_where_they_are_defined_and_nowhere_else() {
    let source = r##"
        /// fn commented() {}
        pub(crate) trait Clock { fn now(&self) -> u64; }
        impl<E: Engine> Clock for Peer<E> where E: Clone { fn now(&self) -> u64 { '"'; "fn text() {"; r#"fn raw() {""#; 1 } }
        impl<'a, F: Fn(u8) -> u8> crate::Peer<F> { pub(crate) fn inspect<'b>(x: &'b str) { fn inner() {} } }
        #[derive(Debug)] pub struct Lease { bound: u8, pub(crate) term: Option<u8> }
        enum State { #[default] Valid, Read(Box<u8>), Both { field: u8 } }
        type Boxed = u8;
        pub(crate) fn free() {}
    "##;
    for name in [
        "Clock::now",
        "Peer::now",
        "Peer::inspect",
        "Lease::bound",
        "Lease::term",
        "State::Valid",
        "State::Read",
        "State::Both",
        "free",
        "Boxed",
        "Lease",
    ] {
        assert!(defines(source, name), "{name}");
    }
    for name in [
        "Peer::commented",
        "Peer::text",
        "Peer::raw",
        "now",
        "Peer::inner",
        "Clock::inspect",
        "Lease::now",
        "State::field",
        "State::Box",
        "E::now",
        "Engine::now",
        "commented",
        "bound",
        "Clone::now",
        "inspect",
    ] {
        assert!(!defines(source, name), "{name}");
    }
}
