//! Text that was put together from files, with the way back to where each line stood.

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
