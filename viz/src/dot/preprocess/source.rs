//! Text that was put together from files, with the way back to where each line stood.

use super::lines::Line;

/// Where a stretch of the text came from; it reaches to the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// First byte of the stretch.
    pub(crate) start: usize,
    /// Index of the file.
    pub(crate) file: usize,
    /// Line in that file, from 1.
    pub(crate) line: usize,
    /// Whether the text is as in the file, so that columns and further lines can be told.
    pub(crate) is_exact: bool,
}

/// Puts a [`Source`] together, line by line.
#[derive(Debug, Default)]
pub(super) struct Writer {
    source: Source,
    // File and line that the text goes on with, as long as it is that of the file.
    goes_on: Option<(usize, usize)>,
}

impl Writer {
    /// A further file; gives its index.
    pub(super) fn file(&mut self, name: Option<String>) -> usize {
        self.source.files.push(name);
        self.source.files.len() - 1
    }

    pub(super) fn len(&self) -> usize {
        self.source.text.len()
    }

    /// An empty line in place of a directive.
    pub(super) fn blank(&mut self, file: usize, line: usize) {
        self.origin(file, line, true);
        self.source.text.push('\n');
        self.goes_on = Some((file, line + 1));
    }

    /// A line as it is, or what macros made of it.
    pub(super) fn line(&mut self, file: usize, line: &Line<'_>, expanded: Option<String>) {
        let is_exact = expanded.is_none() && line.count == 1;
        self.origin(file, line.number, is_exact);
        match &expanded {
            Some(text) => self.source.text.push_str(text),
            None => self.source.text.push_str(&line.text),
        }
        self.source.text.push('\n');
        self.goes_on = is_exact.then_some((file, line.number + 1));
    }

    fn origin(&mut self, file: usize, line: usize, is_exact: bool) {
        if !is_exact || self.goes_on != Some((file, line)) {
            let start = self.source.text.len();
            self.source.origins.push(Origin { start, file, line, is_exact });
        }
    }

    /// The whole text; its last line ends if that of the file does, so that the end of the text is
    /// no line that the file lacks.
    pub(super) fn finish(mut self, is_ended: bool) -> Source {
        if !is_ended && self.source.text.ends_with('\n') {
            self.source.text.pop();
        }
        self.source
    }
}

/// Text to be read as DOT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    /// What is read.
    pub(crate) text: String,
    /// Names of the files that it came from; `None` for a text without one.
    pub(crate) files: Vec<Option<String>>,
    /// By their start; empty for a text that is one file as it is.
    pub(crate) origins: Vec<Origin>,
}

impl Source {
    /// A file as it is.
    pub(crate) fn plain(text: impl Into<String>, file: Option<&str>) -> Source {
        let files = vec![file.map(str::to_owned)];
        Source { text: text.into(), files, origins: Vec::new() }
    }

    /// File, line and column of a byte of the text.
    pub(crate) fn place(&self, at: usize) -> (Option<String>, usize, usize) {
        let index = self.origins.partition_point(|origin| origin.start <= at);
        let whole = Origin { start: 0, file: 0, line: 1, is_exact: true };
        let origin = index.checked_sub(1).and_then(|index| self.origins.get(index));
        let origin = origin.unwrap_or(&whole);
        let file = self.files.get(origin.file).cloned().flatten();
        if !origin.is_exact {
            return (file, origin.line, 1);
        }
        let before = self.text.get(origin.start..at).unwrap_or("");
        let line = origin.line + before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (file, line, column)
    }
}
