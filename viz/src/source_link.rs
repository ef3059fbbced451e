//! The link from a box to its source line, by a template such as
//! `https://example.org/blob/main/{file}#L{line}`.

use crate::flow_graph::FlowBox;

/// Schemes that may stand in a link. A picture is opened in browsers, so nothing that runs there.
const SCHEMES: &[&str] =
    &["http", "https", "file", "vscode", "vscodium", "idea", "jetbrains", "zed"];

/// Longest path in bytes; what is longer names no file on any system.
const LONGEST: usize = 4_096;

/// The link of `flow_box`: its file put into `template`, or the plain file without one.
///
/// `None` without a file, and when the result would not be a plain link.
pub(crate) fn source_link(flow_box: &FlowBox, template: Option<&str>) -> Option<String> {
    let is_path = |file: &&str| !file.is_empty() && file.len() <= LONGEST;
    let file = flow_box.file.as_deref().filter(is_path)?;
    let line = flow_box.line.map(|line| line.to_string()).unwrap_or_default();
    let link = match template {
        Some(template) => template.replace("{file}", file).replace("{line}", &line),
        None => file.to_owned(),
    };
    plain_link(&link)
}

/// A link as it may stand in a picture; `None` for one that a browser would run.
pub(crate) fn plain_link(link: &str) -> Option<String> {
    let link: String = link.chars().map(encoded).collect();
    (link.len() <= LONGEST && is_plain(&link)).then_some(link)
}

/// Characters that end or break a link are written as in any URL.
fn encoded(character: char) -> String {
    match character {
        ' ' | '"' | '<' | '>' | '\\' | '`' | '{' | '}' | '|' | '^' => {
            format!("%{:02X}", u32::from(character))
        }
        character if character.is_control() => format!("%{:02X}", u32::from(character)),
        character => character.to_string(),
    }
}

/// Whether a link is relative or has one of the known schemes.
fn is_plain(link: &str) -> bool {
    match link.find([':', '/', '?', '#']) {
        Some(at) if link[at..].starts_with(':') => {
            SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(&link[..at]))
        }
        Some(_) | None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(file: &str, template: Option<&str>) -> Option<String> {
        let flow_box = FlowBox { file: Some(file.to_owned()), line: Some(7), ..FlowBox::default() };
        source_link(&flow_box, template)
    }

    #[test]
    fn template_is_filled_and_the_default_is_the_path() {
        assert_eq!(link("src/a b.rs", None).unwrap(), "src/a%20b.rs");
        let template = Some("https://example.org/{file}#L{line}");
        assert_eq!(link("src/a.rs", template).unwrap(), "https://example.org/src/a.rs#L7");
    }

    #[test]
    fn nothing_executable_becomes_a_link() {
        for file in ["javascript:alert(1)", "JavaScript:x", "data:text/html,x", "vbscript:x"] {
            assert_eq!(link(file, None), None, "{file}");
        }
        assert_eq!(link("\u{1}javascript:x", None), None);
        assert!(link("src/a:b.rs", None).is_some());
    }
}
