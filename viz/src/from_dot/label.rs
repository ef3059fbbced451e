//! Labels as Graphviz reads them: escapes, entities, lines with their alignment.

use crate::authored::{Align, TextLine};

/// What the escapes of a label stand for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names<'a> {
    /// `\N`: the name of the box.
    pub(crate) node: &'a str,
    /// `\G`: the name of the graph or cluster.
    pub(crate) graph: &'a str,
    /// `\T` and `\H`: tail and head; with `\E` both.
    pub(crate) ends: (&'a str, &'a str),
    /// `\L`: the label itself, in other attributes.
    pub(crate) label: &'a str,
}

impl Names<'_> {
    /// What `\` and `letter` stand for, if it is a name.
    pub(crate) fn of(&self, letter: char) -> Option<String> {
        Some(match letter {
            'N' => self.node.to_owned(),
            'G' => self.graph.to_owned(),
            'T' => self.ends.0.to_owned(),
            'H' => self.ends.1.to_owned(),
            'E' => format!("{}->{}", self.ends.0, self.ends.1),
            'L' => self.label.to_owned(),
            _ => return None,
        })
    }
}

/// Collects lines; `\l`, `\n` and `\r` end one and say where it stands.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    done: Vec<TextLine>,
    current: String,
}

impl Lines {
    pub(crate) fn push(&mut self, character: char) {
        match character {
            '\n' => self.end(Align::Center),
            '\r' => {}
            _ => self.current.push(character),
        }
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        text.chars().for_each(|character| self.push(character));
    }

    /// What stands behind a backslash.
    pub(crate) fn escape(&mut self, escaped: Option<char>, names: &Names<'_>) {
        match escaped {
            Some('n') => self.end(Align::Center),
            Some('l') => self.end(Align::Left),
            Some('r') => self.end(Align::Right),
            Some(letter) => match names.of(letter) {
                Some(name) => self.push_str(&name),
                None => self.push(letter),
            },
            None => self.push('\\'),
        }
    }

    pub(crate) fn end(&mut self, align: Align) {
        let text = entities(&std::mem::take(&mut self.current));
        self.done.push(TextLine { text, align });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.done.is_empty() && self.current.trim().is_empty()
    }

    pub(crate) fn ends_in_blank(&self) -> bool {
        self.current.ends_with(' ')
    }

    /// All lines; what has no end of its own is a centred one.
    pub(crate) fn finish(mut self) -> Vec<TextLine> {
        if !self.current.is_empty() || self.done.is_empty() {
            self.end(Align::Center);
        }
        self.done
    }
}

/// The lines of a label.
pub(crate) fn lines(raw: &str, names: &Names<'_>) -> Vec<TextLine> {
    let mut lines = Lines::default();
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => lines.escape(characters.next(), names),
            other => lines.push(other),
        }
    }
    lines.finish()
}

/// The text of lines, one below the other.
pub(crate) fn joined(lines: &[TextLine], between: &str) -> String {
    let texts: Vec<&str> = lines.iter().map(|line| line.text.trim()).collect();
    texts.join(between).trim().to_owned()
}

/// `text` with entities of HTML in place; what is none stays as it is.
pub(crate) fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // No entity is longer, so that many ampersands do not make this slow.
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let known = end.and_then(|end| Some((entity(&rest[1..end])?, end + 1)));
        match known {
            Some((character, length)) => {
                out.push(character);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    const NAMED: [(&str, char); 30] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
        ("rarr", '→'),
        ("larr", '←'),
        ("uarr", '↑'),
        ("darr", '↓'),
        ("harr", '↔'),
        ("rArr", '⇒'),
        ("lArr", '⇐'),
        ("hellip", '…'),
        ("middot", '·'),
        ("bull", '•'),
        ("ndash", '–'),
        ("mdash", '—'),
        ("times", '×'),
        ("divide", '÷'),
        ("plusmn", '±'),
        ("le", '≤'),
        ("ge", '≥'),
        ("ne", '≠'),
        ("copy", '©'),
        ("reg", '®'),
        ("deg", '°'),
        ("micro", 'µ'),
        ("laquo", '«'),
        ("raquo", '»'),
    ];
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, character)| *character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_break_and_align_lines() {
        let names = Names { node: "a", graph: "g", ends: ("t", "h"), label: "" };
        let found = lines(r"\N of \G\lright\rmid\n\E \x&lt;&#65;&bogus; & \", &names);
        let found: Vec<_> = found.iter().map(|line| (line.text.as_str(), line.align)).collect();
        let expected = [
            ("a of g", Align::Left),
            ("right", Align::Right),
            ("mid", Align::Center),
            ("t->h x<A&bogus; & \\", Align::Center),
        ];
        assert_eq!(found, expected);
        assert_eq!(lines("", &names).len(), 1);
        assert_eq!(lines("a\nb", &names).len(), 2);
    }
}
