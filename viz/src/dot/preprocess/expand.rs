//! Puts macros in place: in code, and in the later lines of a string that spans several.
//!
//! As in C, a macro is not expanded inside of itself, so expansion always ends; how much it makes is
//! bounded.

use super::lines::{State, spans};
use super::macros::{Macro, Macros, name_length};
use super::{LONGEST, too_long};
use crate::dot::read::DotFault;

/// Deepest nesting of macros in macros.
const DEEPEST: usize = 64;
/// Longest text that one line may become.
const LONGEST_LINE: usize = 16 << 20;

/// What became of a line.
pub(super) enum Done {
    /// It names no macro.
    Same,
    /// It became this.
    Expanded(String),
    /// The arguments of a macro go on in the next line; this is the line if they do not.
    NeedsMore(String),
}

/// Expands one line; `state` is that at its beginning, then at its end.
pub(super) fn line(text: &str, state: &mut State, macros: &Macros) -> Result<Done, DotFault> {
    let mut expander =
        Expander { macros, hidden: Vec::new(), made: 0, is_open: false, used: false };
    let mut out = String::with_capacity(text.len());
    let mut failed = None;
    // A string that began in an earlier line is text to cpp, and charts rely on that.
    let mut is_continued = *state == State::String;
    spans(text, state, |part, state| {
        let is_expanded = match state {
            State::Code => true,
            State::String => is_continued,
            State::Comment => false,
        };
        is_continued = false;
        if !is_expanded || failed.is_some() {
            out.push_str(part);
        } else if let Err(fault) = expander.expand(part, &mut out) {
            failed = Some(fault);
        }
    });
    match failed {
        Some(fault) => Err(fault),
        None if expander.is_open => Ok(Done::NeedsMore(out)),
        None if expander.used => Ok(Done::Expanded(out)),
        None => Ok(Done::Same),
    }
}

struct Expander<'a> {
    macros: &'a Macros,
    // Macros that are being expanded.
    hidden: Vec<&'a str>,
    made: usize,
    // A list of arguments has no end.
    is_open: bool,
    used: bool,
}

impl<'a> Expander<'a> {
    /// Expands `text` onto the end of `out`.
    fn expand(&mut self, text: &str, out: &mut String) -> Result<(), DotFault> {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = name_length(rest);
            if length == 0 {
                // A number with letters is no name, and a backslash keeps its letter: `\l`.
                let length = match first {
                    '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                    _ if first.is_ascii_digit() => number_length(rest),
                    _ => first.len_utf8(),
                };
                out.push_str(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            let name = &rest[..length];
            rest = &rest[length..];
            rest = self.name(name, rest, out)?;
        }
        Ok(())
    }

    /// A name and what follows it; gives back what follows the macro.
    fn name<'t>(
        &mut self,
        name: &str,
        rest: &'t str,
        out: &mut String,
    ) -> Result<&'t str, DotFault> {
        let known = self.macros.get_key(name).filter(|(name, _)| !self.hidden.contains(name));
        let Some((name, found)) = known else {
            out.push_str(name);
            return Ok(rest);
        };
        let Some(parameters) = &found.parameters else {
            let mut body = String::new();
            self.body(name, &found.body, &mut body)?;
            // `#define F field` and then `F(a, b)`.
            if name_length(&body) == body.len() && !body.is_empty() && self.takes_arguments(&body) {
                return self.name(&body, rest, out);
            }
            out.push_str(&body);
            return Ok(rest);
        };
        let Some(inside) = rest.trim_start().strip_prefix('(') else {
            out.push_str(name);
            return Ok(rest);
        };
        let Some((arguments, after)) = arguments(inside) else {
            self.is_open |= self.hidden.is_empty();
            out.push_str(name);
            return Ok(rest);
        };
        let arguments = matched(arguments, parameters.len(), found.is_variadic);
        let Some(arguments) = arguments else {
            let takes = parameters.len();
            let what = format!("the macro {name} takes {takes} arguments, not those given here");
            return Err(super::fault(what));
        };
        let body = self.substituted(found, parameters, &arguments)?;
        self.body(name, &body, out)?;
        Ok(after)
    }

    fn takes_arguments(&self, name: &str) -> bool {
        self.macros.get(name).is_some_and(|found| found.parameters.is_some())
    }

    /// What a macro stands for, with the macros in it, but without itself.
    fn body(&mut self, name: &'a str, body: &str, out: &mut String) -> Result<(), DotFault> {
        self.used = true;
        self.made += body.len();
        if self.made > LONGEST_LINE.min(LONGEST) {
            return Err(too_long());
        }
        if self.hidden.len() >= DEEPEST {
            let what = format!("the macro {name} stands for macros more than {DEEPEST} deep");
            return Err(super::fault(what));
        }
        self.hidden.push(name);
        let before = self.is_open;
        // Strings in a body stay as they are.
        let mut state = State::Code;
        let mut failed = None;
        spans(body, &mut state, |part, state| match state {
            State::Code if failed.is_none() => failed = self.expand(part, out).err(),
            State::Code | State::String | State::Comment => out.push_str(part),
        });
        self.hidden.pop();
        self.is_open = before;
        failed.map_or(Ok(()), Err)
    }

    /// The body of a macro with its arguments in place; `#x` puts one into quotes, `##` joins.
    fn substituted(
        &mut self,
        found: &Macro,
        parameters: &[String],
        arguments: &[String],
    ) -> Result<String, DotFault> {
        let mut out = String::new();
        let mut rest = found.body.as_str();
        let index = |name: &str| parameters.iter().position(|known| known == name);
        while let Some(first) = rest.chars().next() {
            let length = name_length(rest);
            if length > 0 {
                let name = &rest[..length];
                rest = &rest[length..];
                match index(name) {
                    // Beside `##` an argument stays as it was given.
                    Some(at) if rest.trim_start().starts_with("##") || out.ends_with('\u{0}') => {
                        pop_mark(&mut out);
                        out.push_str(&arguments[at]);
                    }
                    Some(at) => {
                        let mut expanded = String::new();
                        self.expand(&arguments[at], &mut expanded)?;
                        out.push_str(&expanded);
                    }
                    None => {
                        pop_mark(&mut out);
                        out.push_str(name);
                    }
                }
            } else if let Some(after) = rest.strip_prefix("##") {
                out.truncate(out.trim_end().len());
                out.push('\u{0}');
                rest = after.trim_start();
            } else if let Some(after) = rest.strip_prefix('#')
                && let Some(at) = index(&after[..name_length(after)])
            {
                out.push_str(&format!("\"{}\"", arguments[at].replace('"', "\\\"")));
                rest = &after[name_length(after)..];
            } else {
                pop_mark(&mut out);
                // A string in the body is not looked into.
                let length = match first {
                    '"' => string_length(rest),
                    '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                    _ => first.len_utf8(),
                };
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            if out.len() > LONGEST_LINE {
                return Err(too_long());
            }
        }
        pop_mark(&mut out);
        Ok(out)
    }
}

/// Removes the mark of `##`.
fn pop_mark(out: &mut String) {
    if out.ends_with('\u{0}') {
        out.pop();
    }
}

fn number_length(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(text.len()).max(1)
}

/// Length of the string that `text` begins with, with both quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => return at + 1,
            b'\\' if !is_escaped => is_escaped = true,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// The arguments up to the parenthesis that closes them, and what follows it.
fn arguments(text: &str) -> Option<(Vec<String>, &str)> {
    let mut arguments = vec![String::new()];
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let mut length = character.len_utf8();
        match character {
            ')' if depth == 0 => {
                let trimmed = arguments.iter().map(|argument| argument.trim().to_owned());
                return Some((trimmed.collect(), &text[at + 1..]));
            }
            ',' if depth == 0 => arguments.push(String::new()),
            _ => {
                match character {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    '"' => length = string_length(&text[at..]),
                    '\\' => length += text[at + 1..].chars().next().map_or(0, char::len_utf8),
                    _ => {}
                }
                if let Some(last) = arguments.last_mut() {
                    last.push_str(&text[at..at + length]);
                }
            }
        }
        at += length;
    }
    None
}

/// As many arguments as a macro takes; the last one of a variadic macro takes in the rest.
fn matched(given: Vec<String>, takes: usize, is_variadic: bool) -> Option<Vec<String>> {
    let mut given = given;
    if takes == 0 {
        return (given.len() == 1 && given[0].is_empty()).then(Vec::new);
    }
    if is_variadic {
        if given.len() + 1 == takes {
            given.push(String::new());
        }
        if given.len() >= takes {
            let rest = given.split_off(takes - 1);
            given.push(rest.join(", "));
        }
    }
    (given.len() == takes).then_some(given)
}
