//! Definitions of macros.

use std::collections::HashMap;

use super::fault;
use crate::dot::read::DotFault;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Macro {
    /// Names of its arguments; `None` for a macro without parentheses.
    pub(super) parameters: Option<Vec<String>>,
    /// Whether the last argument takes in all that follow.
    pub(super) is_variadic: bool,
    /// What it becomes.
    pub(super) body: String,
}

/// All macros that are defined at some point of a file.
#[derive(Debug, Default)]
pub(super) struct Macros {
    by_name: HashMap<String, Macro>,
}

impl Macros {
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Macro> {
        self.by_name.get(name)
    }

    /// A macro with its name as it is kept.
    pub(super) fn get_key(&self, name: &str) -> Option<(&str, &Macro)> {
        self.by_name.get_key_value(name).map(|(name, found)| (name.as_str(), found))
    }

    pub(super) fn undefine(&mut self, what: &str) {
        self.by_name.remove(what.split_whitespace().next().unwrap_or(""));
    }

    /// Takes `NAME body` or `NAME(a, b) body`.
    pub(super) fn define(&mut self, what: &str) -> Result<(), DotFault> {
        let end = name_length(what);
        if end == 0 {
            return Err(fault(format!("#define {what}: a macro needs a name of letters")));
        }
        let (name, rest) = what.split_at(end);
        let made = match rest.strip_prefix('(') {
            Some(rest) => with_arguments(name, rest)?,
            None => Macro { parameters: None, is_variadic: false, body: body(rest) },
        };
        self.by_name.insert(name.to_owned(), made);
        Ok(())
    }
}

fn with_arguments(name: &str, rest: &str) -> Result<Macro, DotFault> {
    let Some((list, rest)) = rest.split_once(')') else {
        return Err(fault(format!("#define {name}(: close the list of arguments with `)`")));
    };
    let mut parameters = Vec::new();
    let mut is_variadic = false;
    for word in list.split(',').map(str::trim) {
        match word.strip_suffix("...").map(str::trim) {
            _ if is_variadic => {
                return Err(fault(format!("#define {name}(: `...` must be the last argument")));
            }
            Some("") => {
                is_variadic = true;
                parameters.push("__VA_ARGS__".to_owned());
            }
            Some(named) => {
                is_variadic = true;
                parameters.push(named.to_owned());
            }
            None if word.is_empty() && list.trim().is_empty() => {}
            None if word.is_empty() || name_length(word) < word.len() => {
                return Err(fault(format!("#define {name}({list}): {word:?} is no name")));
            }
            None => parameters.push(word.to_owned()),
        }
    }
    Ok(Macro { parameters: Some(parameters), is_variadic, body: body(rest) })
}

/// What a macro becomes, without a comment behind it.
fn body(text: &str) -> String {
    let mut state = super::lines::State::Code;
    let mut out = String::new();
    super::lines::spans(text, &mut state, |part, state| match state {
        super::lines::State::Comment => out.push(' '),
        super::lines::State::Code | super::lines::State::String => out.push_str(part),
    });
    out.trim().to_owned()
}

/// Length in bytes of the name that `text` begins with; zero if it begins otherwise.
pub(super) fn name_length(text: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !is_name(c)).unwrap_or(text.len())
}
