//! Files that are there whole or not at all, and lines on standard output.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};

/// A line on standard output, as `println!`, but for a reader who has read enough: `| head` ends the
/// program quietly.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::output::line(format_args!($($words)*))
    };
}

pub(crate) use say;

/// What [`say`] does.
pub(crate) fn line(words: Arguments<'_>) {
    text(&format!("{words}\n"));
}

/// Writes a text to standard output, whose reader may have gone.
pub(crate) fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        eprintln!("raftlens: standard output: {error}");
        std::process::exit(1);
    }
}

/// Writes `content` to `path`, or to standard output for `-`.
///
/// A file is written beside its place and moved there at the end, so that an interrupted run leaves
/// either the old file or the new one.
pub(crate) fn write(path: &str, content: &[u8]) -> Result<()> {
    if path == "-" {
        let mut out = std::io::stdout().lock();
        out.write_all(content).and_then(|()| out.flush()).context("standard output")?;
        return Ok(());
    }
    write_file(Path::new(path), content)
}

/// Writes `content` to the file at `path`, whole or not at all.
pub(crate) fn write_file(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let named = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file =
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).with_context(named)?;
    file.write_all(content.as_ref()).with_context(named)?;
    // A temporary file is its owner's alone; the result should be as readable as any other.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(mode).with_context(named)?;
    }
    file.persist(path).map_err(|error| error.error).with_context(named)?;
    Ok(())
}
