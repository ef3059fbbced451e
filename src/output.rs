//! Files that are there whole or not at all.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

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
