//! Names as the compiler prints them in MIR, and as they are compared.

/// Traits whose methods are called by signs, loops, ends of scopes and attributes, and not by name.
const UNWRITTEN: [&str; 26] = [
    "Add",
    "AddAssign",
    "Deref",
    "DerefMut",
    "Div",
    "Drop",
    "Eq",
    "Index",
    "IndexMut",
    "IntoIterator",
    "Iterator",
    "Mul",
    "Neg",
    "Not",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Rem",
    "Sub",
    "SubAssign",
    "Message",
    "Debug",
    "Display",
    "Default",
    "Hash",
    "Future",
];

pub(crate) fn is_unwritten(name: &str) -> bool {
    UNWRITTEN.contains(&name)
}

/// A callee.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Callee {
    /// `module::Type::f`, without generics.
    Path(Vec<String>),
    /// `<Type as Trait>::f`: the last names of both.
    OfTrait(String, String, String),
}

/// Parses a callee such as `peer::Peer::<E>::inspect` or `<E as Engine>::snapshot`.
pub(crate) fn callee(text: &str) -> Option<Callee> {
    if let Some(inner) = text.strip_prefix('<') {
        let end = closing(inner)?;
        let method = inner[end + 1..].strip_prefix("::")?;
        let method = without_generics(method);
        let (of, of_trait) = split_as(&inner[..end])?;
        return Some(Callee::OfTrait(last(of), last(of_trait), method));
    }
    // `peer::snapshot::<impl peer::Peer<E>>::f`.
    // Elsewhere `<impl ..>` is an argument.
    if let Some(at) = text.find("<impl ")
        && let inner = &text[at + 6..]
        && let Some(end) = closing(inner)
        && let Some(method) = inner[end + 1..].strip_prefix("::")
    {
        return Some(Callee::Path(vec![last(&inner[..end]), without_generics(method)]));
    }
    let plain = without_generics(text);
    Some(Callee::Path(plain.split("::").map(str::to_owned).collect()))
}

/// Where the angle bracket that was opened before `text` is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' if depth == 0 => return Some(at),
            b'>' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The two sides of ` as `, outside of brackets.
fn split_as(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' | b'(' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' | b')' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 && text[at..].starts_with(" as ") => {
                return Some((&text[..at], &text[at + 4..]));
            }
            _ => {}
        }
    }
    None
}

/// Everything in angle brackets taken out, and the `::` before it.
fn without_generics(text: &str) -> String {
    let mut plain = String::new();
    let mut depth = 0usize;
    let mut before = ' ';
    for character in text.chars() {
        match character {
            '<' => depth += 1,
            '>' if before == '-' => {}
            '>' => depth = depth.saturating_sub(1),
            other if depth == 0 => plain.push(other),
            _ => {}
        }
        before = character;
    }
    plain.replace("::::", "::").trim_end_matches("::").to_owned()
}

/// The last name of a type, references and generics aside.
pub(crate) fn last(ty: &str) -> String {
    let mut ty = ty.trim();
    for prefix in ["&mut ", "&", "dyn ", "mut "] {
        ty = ty.strip_prefix(prefix).unwrap_or(ty).trim_start();
    }
    let plain = without_generics(ty);
    let plain = plain.split(" + ").next().unwrap_or(&plain).trim();
    plain.rsplit("::").next().unwrap_or(plain).to_owned()
}
