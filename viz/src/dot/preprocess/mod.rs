//! Macros and included files in DOT, expanded before it is read; positions lead back to the files.
//!
//! What GNU cpp does where charts rely on it: `#include`, `#define` with and without arguments,
//! conditions, and macros in the later lines of a label that spans several. What it damages is left
//! alone: letters beyond ASCII, and `//` inside quotes. A file without such lines is not touched.

mod condition;
mod expand;
mod lines;
mod macros;
mod source;

use std::path::{Path, PathBuf};

use super::read::{DotError, DotFault};
use lines::{Line, Lines, State};
use macros::Macros;
pub(crate) use source::Source;
use source::Writer;

/// Deepest chain of files that include each other.
const DEEPEST: usize = 40;
/// Most files that are included in all.
const MOST_INCLUDES: usize = 2_000;
/// Longest text that files and macros may make, in bytes.
pub(super) const LONGEST: usize = 512 << 20;

/// The directives that make a file one for the preprocessor.
const DIRECTIVES: [&str; 10] =
    ["include", "define", "undef", "if", "ifdef", "ifndef", "elif", "else", "endif", "error"];

/// Expands a file, if it has any directive; `file` is its path, `include` further folders.
pub(crate) fn run(
    text: String,
    file: Option<&Path>,
    include: &[PathBuf],
) -> Result<Source, DotError> {
    let name = file.map(|path| path.to_string_lossy().into_owned());
    if !text.lines().any(|line| directive(line).is_some()) {
        return Ok(Source::plain(text, name.as_deref()));
    }
    let mut run = Run { include, macros: Macros::default(), out: Writer::default(), includes: 0 };
    run.file(&text, file, 0)?;
    Ok(run.out.finish(text.ends_with('\n')))
}

/// The directive of a line and what follows it.
fn directive(line: &str) -> Option<(&str, &str)> {
    // A file may begin with a mark of byte order, an included one too.
    let line = line.trim_start_matches('\u{feff}').trim_start();
    let rest = line.strip_prefix('#')?.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (word, rest) = rest.split_at(end);
    DIRECTIVES.contains(&word).then(|| (word, rest.trim()))
}

struct Run<'a> {
    include: &'a [PathBuf],
    macros: Macros,
    out: Writer,
    includes: usize,
}

/// One `#if` with its branches.
struct Branch {
    line: usize,
    /// Whether the branch that is being read counts.
    is_live: bool,
    /// Whether one of its branches has counted.
    had_live: bool,
    had_else: bool,
    /// Whether all around it counts.
    is_outer_live: bool,
}

impl Run<'_> {
    /// One file, from its first line to its last.
    fn file(&mut self, text: &str, path: Option<&Path>, depth: usize) -> Result<(), DotError> {
        let name = path.map(|path| path.to_string_lossy().into_owned());
        let at =
            |line: usize, fault: DotFault| DotError { file: name.clone(), line, column: 1, fault };
        let index = self.out.file(name.clone());
        let mut branches: Vec<Branch> = Vec::new();
        let mut state = State::Code;
        let mut lines = Lines::new(text);
        while let Some(line) = lines.next() {
            let is_live = branches.last().is_none_or(|branch| branch.is_live);
            // In a string or a comment of several lines a `#` is text.
            let found = if state == State::Code { directive(&line.text) } else { None };
            match found {
                Some(("include", what)) if is_live => {
                    self.out.blank(index, line.number);
                    let (path, text) =
                        self.find(what, path, depth).map_err(|it| at(line.number, it))?;
                    self.file(&text, Some(&path), depth + 1)?;
                }
                Some(("define", what)) if is_live => {
                    self.macros.define(what).map_err(|it| at(line.number, it))?;
                }
                Some(("undef", what)) if is_live => self.macros.undefine(what),
                Some(("error", what)) if is_live => {
                    return Err(at(line.number, fault(format!("the file says: {what}"))));
                }
                Some(("include" | "define" | "undef" | "error", _)) => {}
                Some((word, what)) => {
                    self.branch(&mut branches, (word, what), line.number)
                        .map_err(|it| at(line.number, it))?;
                }
                None if is_live => {
                    let taken = self.text(line, &mut lines, &mut state);
                    let (line, taken) = taken.map_err(|(number, fault)| at(number, fault))?;
                    self.out.line(index, &line, taken);
                    if self.out.len() > LONGEST {
                        return Err(at(line.number, too_long()));
                    }
                }
                None => {}
            }
        }
        match branches.first() {
            Some(open) => {
                Err(at(open.line, fault("this condition has no end: close it with #endif".into())))
            }
            None => Ok(()),
        }
    }

    /// A line that is no directive. A macro whose arguments go on in the next lines takes them in.
    fn text<'t>(
        &self,
        line: Line<'t>,
        lines: &mut Lines<'t>,
        state: &mut State,
    ) -> Result<(Line<'t>, Option<String>), (usize, DotFault)> {
        /// Most lines that the arguments of one macro may span.
        const MOST_LINES: usize = 100;
        let mut line = line;
        let mut next = *state;
        if self.macros.is_empty() {
            *state = lines::after(&line.text, next);
            return Ok((line, None));
        }
        let before = lines.clone();
        for _ in 0..MOST_LINES {
            next = *state;
            let number = line.number;
            let done = expand::line(&line.text, &mut next, &self.macros);
            match done.map_err(|fault| (number, fault))? {
                expand::Done::Same => {
                    *state = next;
                    return Ok((line, None));
                }
                expand::Done::Expanded(text) => {
                    *state = next;
                    return Ok((line, Some(text)));
                }
                expand::Done::NeedsMore(text) => match lines.next() {
                    Some(more) if directive(&more.text).is_none() => line.join(&more),
                    // No end in sight: the name stays as it is, and so do the lines behind.
                    Some(_) | None => {
                        *lines = before;
                        lines.next_after(number);
                        *state = next;
                        return Ok((line.cut(), Some(text)));
                    }
                },
            }
        }
        let what = "the arguments of a macro that begin here have no end: close them with `)`";
        Err((line.number, fault(what.into())))
    }

    /// The included file that a directive names: beside the file first, then in the given folders.
    fn find(
        &mut self,
        what: &str,
        from: Option<&Path>,
        depth: usize,
    ) -> Result<(PathBuf, String), DotFault> {
        let name = what.strip_prefix('"').and_then(|rest| rest.split('"').next());
        let name = name.or_else(|| what.strip_prefix('<').and_then(|rest| rest.split('>').next()));
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err(fault(format!("#include {what}: name a file in quotes")));
        };
        self.includes += 1;
        if depth >= DEEPEST || self.includes > MOST_INCLUDES {
            let what =
                format!("#include \"{name}\": too many files include each other, or one itself");
            return Err(fault(what));
        }
        let beside = from.and_then(Path::parent).unwrap_or(Path::new(""));
        let folders = std::iter::once(beside).chain(self.include.iter().map(PathBuf::as_path));
        for folder in folders {
            let path = folder.join(name);
            // Only files: a device or a folder of that name is passed over.
            if !path.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path)
                .map_err(|error| fault(format!("#include \"{name}\": {error}")))?;
            let text = String::from_utf8(bytes)
                .map_err(|_| fault(format!("#include \"{name}\": the file is not UTF-8")))?;
            return Ok((path, text));
        }
        let hint = "put it beside this file, or name its folder with -I";
        Err(fault(format!("#include \"{name}\": there is no such file; {hint}")))
    }

    /// `#if` and what belongs to it.
    fn branch(
        &self,
        branches: &mut Vec<Branch>,
        (word, what): (&str, &str),
        line: usize,
    ) -> Result<(), DotFault> {
        let is_outer_live = branches.last().is_none_or(|branch| branch.is_live);
        let mut open = |is_true: bool| {
            let is_live = is_outer_live && is_true;
            branches.push(Branch {
                line,
                is_live,
                had_live: is_live,
                had_else: false,
                is_outer_live,
            });
        };
        let name = what.split_whitespace().next().unwrap_or("");
        match word {
            "ifdef" => open(self.macros.get(name).is_some()),
            "ifndef" => open(self.macros.get(name).is_none()),
            "if" => open(is_outer_live && condition::holds(what, &self.macros)?),
            "endif" => {
                branches.pop().ok_or_else(|| fault("#endif without #if: remove it".into()))?;
            }
            _ => {
                let Some(branch) = branches.last_mut() else {
                    return Err(fault(format!("#{word} without #if: remove it")));
                };
                if branch.had_else {
                    return Err(fault(format!("#{word} behind #else: only one #else can be")));
                }
                branch.had_else = word == "else";
                let may = branch.is_outer_live && !branch.had_live;
                branch.is_live = may && (word == "else" || condition::holds(what, &self.macros)?);
                branch.had_live |= branch.is_live;
            }
        }
        Ok(())
    }
}

fn fault(what: String) -> DotFault {
    DotFault::Directive { what }
}

fn too_long() -> DotFault {
    fault(format!("included files and macros make more than {} MB of text", LONGEST >> 20))
}

#[cfg(test)]
mod tests;
