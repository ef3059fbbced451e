//! A SCIP index: which symbol stands where in which file, as a compiler's front end knows it.
//!
//! Of the format (`scip.proto`, <https://github.com/sourcegraph/scip>) only what tells of functions is
//! kept:
//!
//! ```text
//! Index      1 Metadata (3 project_root)   2 Document*
//! Document   1 relative_path   2 Occurrence*   6 position_encoding
//! Occurrence 1 range   2 symbol   3 symbol_roles (bit 0: it is the definition)   7 enclosing_range
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::ScipError;
use super::wire::{Field, Fields, text};

/// A place in a file: line from 0, and column in units of the document's encoding.
pub(super) type Place = (u32, u32);

/// What a compiler's front end knows of some source: an index in the format SCIP, as
/// `rust-analyzer scip .` writes it.
#[derive(Clone, Debug, Default)]
pub struct ScipIndex {
    pub(super) documents: Vec<Document>,
    /// The functions that are mentioned, by number: the name of each, `total`.
    pub(super) names: Vec<String>,
    /// Folders that the paths of documents may be relative to.
    pub(super) roots: Vec<PathBuf>,
}

/// One file.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) path: String,
    pub(super) columns: Columns,
    /// Of functions alone.
    pub(super) occurrences: Vec<Occurrence>,
}

/// What columns count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Columns {
    #[default]
    Bytes,
    Utf16,
    Characters,
}

/// A function's name, where it stands.
#[derive(Clone, Debug)]
pub(super) struct Occurrence {
    /// Index in [`ScipIndex::names`]; two functions of one name are two.
    pub(super) symbol: usize,
    pub(super) start: Place,
    pub(super) end: Place,
    /// The whole function, where this is its definition.
    pub(super) body: Option<(Place, Place)>,
    pub(super) is_definition: bool,
}

impl ScipIndex {
    /// Reads an index from a file; the paths in it are looked for beside the file, and then where it
    /// says that the project is.
    ///
    /// # Errors
    /// When the file cannot be opened, or is no SCIP index.
    pub fn read(path: &Path) -> Result<ScipIndex, ScipError> {
        let io = |error| ScipError::Io { path: path.to_owned(), error };
        let bytes = std::fs::read(path).map_err(io)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        ScipIndex::parse(&bytes, folder.unwrap_or(Path::new(".")))
    }

    /// Reads an index from its bytes, with the folder in which its files are looked for first.
    ///
    /// # Errors
    /// When it is no SCIP index.
    pub fn parse(bytes: &[u8], folder: &Path) -> Result<ScipIndex, ScipError> {
        let mut index = ScipIndex { roots: vec![folder.to_owned()], ..ScipIndex::default() };
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut fields = Fields::new(bytes, 0);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(metadata, at)) => index.metadata(metadata, at)?,
                (2, Field::Bytes(document, at)) => index.document((document, at), &mut known)?,
                _ => {}
            }
        }
        match index.documents.is_empty() {
            true => Err(ScipError::Empty),
            false => Ok(index),
        }
    }

    fn metadata(&mut self, bytes: &[u8], offset: usize) -> Result<(), ScipError> {
        let mut fields = Fields::new(bytes, offset);
        while let Some((number, field)) = fields.next()? {
            if let (3, Field::Bytes(uri, at)) = (number, field) {
                let uri = text(uri, at)?;
                self.roots.extend(uri.strip_prefix("file://").map(unescaped));
            }
        }
        Ok(())
    }

    fn document<'a>(
        &mut self,
        (bytes, offset): (&'a [u8], usize),
        known: &mut HashMap<&'a str, usize>,
    ) -> Result<(), ScipError> {
        let mut document = Document::default();
        let mut fields = Fields::new(bytes, offset);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(path, at)) => document.path = text(path, at)?.to_owned(),
                (2, Field::Bytes(occurrence, at)) => {
                    document.occurrences.extend(self.occurrence((occurrence, at), known)?);
                }
                (6, Field::Number(encoding)) => {
                    document.columns = match encoding {
                        2 => Columns::Utf16,
                        3 => Columns::Characters,
                        _ => Columns::Bytes,
                    };
                }
                _ => {}
            }
        }
        self.documents.push(document);
        Ok(())
    }

    /// One occurrence, if it is of a function.
    fn occurrence<'a>(
        &mut self,
        (bytes, offset): (&'a [u8], usize),
        known: &mut HashMap<&'a str, usize>,
    ) -> Result<Option<Occurrence>, ScipError> {
        let (mut symbol, mut range, mut body, mut is_definition) = ("", None, None, false);
        let mut fields = Fields::new(bytes, offset);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(numbers, at)) => range = places(numbers, at)?,
                (2, Field::Bytes(name, at)) => symbol = text(name, at)?,
                (3, Field::Number(roles)) => is_definition = roles & 1 != 0,
                (7, Field::Bytes(numbers, at)) => body = places(numbers, at)?,
                _ => {}
            }
        }
        let (Some(name), Some((start, end))) = (function_name(symbol), range) else {
            return Ok(None);
        };
        let symbol = *known.entry(symbol).or_insert_with(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        Ok(Some(Occurrence { symbol, start, end, body, is_definition }))
    }
}

/// A range of SCIP: line, column, line, column; three numbers if both are on one line.
fn places(bytes: &[u8], offset: usize) -> Result<Option<(Place, Place)>, ScipError> {
    Ok(match Fields::packed(bytes, offset)? {
        ([line, start, end, _], 3) => Some(((line, start), (line, end))),
        ([line, start, last, end], 4) => Some(((line, start), (last, end))),
        _ => None,
    })
}

/// The name in a symbol, if that is a function: `rust-analyzer cargo shop 0.1.0 cart/Cart#total().`
/// is called `total`.
fn function_name(symbol: &str) -> Option<&str> {
    let (path, _) = symbol.strip_suffix(").")?.rsplit_once('(')?;
    match path.strip_suffix('`') {
        Some(quoted) => quoted.rsplit_once('`').map(|(_, name)| name),
        None => path.rsplit(['/', '#', '.', ':', '!', ']', ')', ' ']).next(),
    }
    .filter(|name| !name.is_empty())
}

/// A path out of a URI, in which bytes may be written as `%20`.
fn unescaped(path: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_from_other_symbols() {
        let rows = [
            ("rust-analyzer cargo shop 0.1.0 cart/Cart#total().", Some("total")),
            ("rust-analyzer cargo shop 0.1.0 impl#[Cart][Store]get(+1).", Some("get")),
            ("rust-analyzer cargo shop 0.1.0 impl#[`Cart<T>`]`r#move`().", Some("r#move")),
            ("rust-analyzer cargo shop 0.1.0 main().", Some("main")),
            ("rust-analyzer cargo shop 0.1.0 cart/Cart#", None),
            ("rust-analyzer cargo shop 0.1.0 cart/Cart#items.", None),
            ("local 12", None),
            ("().", None),
        ];
        for (symbol, name) in rows {
            assert_eq!(function_name(symbol), name, "{symbol}");
        }
    }

    #[test]
    fn the_folder_of_a_project_may_have_blanks_in_its_name() {
        assert_eq!(unescaped("/a%20b/%e8%AF%bb%"), PathBuf::from("/a b/读%"));
    }

    #[test]
    fn what_is_no_index_is_refused_with_the_byte() {
        let rows: [(&[u8], &str); 6] = [
            (b"", "no file"),
            (b"digraph { a -> b }", "byte "),
            (&[0x12, 0x05, 0x0a], "byte 2: "),
            (&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "byte 1: "),
            (&[0x12, 0x03, 0x0a, 0x01, 0xff], "byte 4: "),
            // A range of five numbers.
            (&[0x12, 0x09, 0x12, 0x07, 0x0a, 0x05, 1, 2, 3, 4, 5], "byte 10: "),
        ];
        for (bytes, words) in rows {
            let error = ScipIndex::parse(bytes, Path::new(".")).expect_err("no index");
            assert!(error.to_string().contains(words), "{bytes:?}: {error}");
        }
    }
}
