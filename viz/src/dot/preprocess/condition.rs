//! The conditions of `#if`: numbers, `defined`, names, `!`, `&&`, `||`, `==` and `!=`.

use super::fault;
use super::macros::{Macros, name_length};
use crate::dot::read::DotFault;

/// Deepest parentheses, and longest chain of names that stand for names.
const DEEPEST: usize = 50;

/// Whether a condition holds.
pub(super) fn holds(text: &str, macros: &Macros) -> Result<bool, DotFault> {
    let mut reader = Reader { rest: text, macros, depth: 0 };
    let value = reader.either();
    match value {
        Some(value) if reader.rest.trim().is_empty() || reader.rest.trim().starts_with('/') => {
            Ok(value != 0)
        }
        _ => {
            let hint = "use numbers, names, defined(NAME), !, &&, ||, == and !=";
            Err(fault(format!("#if {text}: this condition cannot be read; {hint}")))
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    macros: &'a Macros,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, sign: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn either(&mut self) -> Option<i64> {
        let mut value = self.both()?;
        while self.take("||") {
            let other = self.both()?;
            value = i64::from(value != 0 || other != 0);
        }
        Some(value)
    }

    fn both(&mut self) -> Option<i64> {
        let mut value = self.equal()?;
        while self.take("&&") {
            let other = self.equal()?;
            value = i64::from(value != 0 && other != 0);
        }
        Some(value)
    }

    fn equal(&mut self) -> Option<i64> {
        let value = self.one()?;
        if self.take("==") {
            return Some(i64::from(value == self.one()?));
        }
        if self.take("!=") {
            return Some(i64::from(value != self.one()?));
        }
        Some(value)
    }

    fn one(&mut self) -> Option<i64> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let value = self.value();
        self.depth -= 1;
        value
    }

    fn value(&mut self) -> Option<i64> {
        if self.take("(") {
            let value = self.either()?;
            return self.take(")").then_some(value);
        }
        // `!=` cannot stand here, since a value must come first.
        if self.take("!") {
            return Some(i64::from(self.one()? == 0));
        }
        let digits = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        if digits > 0 {
            let (number, rest) = self.rest.split_at(digits);
            self.rest = rest;
            return number.parse().ok();
        }
        let name = self.name()?;
        if name == "defined" {
            let in_parentheses = self.take("(");
            let name = self.name()?;
            let is_closed = !in_parentheses || self.take(")");
            return is_closed.then(|| i64::from(self.macros.get(name).is_some()));
        }
        // A name stands for its value; one that has none is zero.
        let Some(found) = self.macros.get(name) else { return Some(0) };
        let mut inner = Reader { rest: &found.body, macros: self.macros, depth: self.depth };
        let value = inner.either();
        value.filter(|_| inner.rest.trim().is_empty())
    }

    fn name(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start();
        let (name, rest) = self.rest.split_at(name_length(self.rest));
        self.rest = rest;
        Some(name).filter(|name| !name.is_empty())
    }
}
