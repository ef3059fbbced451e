//! Files that appear only when they are complete: written beside their place, then renamed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Removes the unfinished file unless it was renamed.
struct Unfinished {
    path: PathBuf,
    renamed: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing more can be done about a file that cannot even be removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Fills a file beside `path` with `fill` and renames it to `path`, replacing what was there.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let beside = name_beside(path)?;
    let file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let mut unfinished = Unfinished { path: beside, renamed: false };
    let mut output = BufWriter::with_capacity(1 << 16, file);
    fill(&mut output)?;
    output.flush()?;
    // Without this, a crash after the rename could leave an empty file under the final name.
    output.get_ref().sync_all()?;
    drop(output);
    fs::rename(&unfinished.path, path)?;
    unfinished.renamed = true;
    Ok(())
}

/// A name in the same folder (a rename does not cross file systems) that nobody else uses.
fn name_beside(path: &Path) -> io::Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}-{number}.unfinished", std::process::id()));
    Ok(path.with_file_name(beside))
}
