//! The files that requests are written to: a `.part` that grows, and complete files under their own
//! names. With rotation these are numbered, so that no name is ever used twice.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ReceiverError;

/// Where to write, and when to begin a new file.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) path: PathBuf,
    pub(super) rotate_bytes: Option<u64>,
    pub(super) rotate_after: Option<Duration>,
    /// How many complete files stay; the oldest go.
    pub(super) most_files: Option<usize>,
    pub(super) is_synced: bool,
}

impl Plan {
    fn rotates(&self) -> bool {
        self.rotate_bytes.is_some() || self.rotate_after.is_some()
    }

    fn part_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".part");
        PathBuf::from(name)
    }

    /// The name without its ending, and the ending: all from the first dot that does not begin it.
    fn split_name(&self) -> (String, String) {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let dot = name.char_indices().skip(1).find(|(_, letter)| *letter == '.');
        let at = dot.map_or(name.len(), |(index, _)| index);
        (name[..at].to_owned(), name[at..].to_owned())
    }

    fn numbered(&self, number: u64) -> PathBuf {
        let (stem, ending) = self.split_name();
        self.path.with_file_name(format!("{stem}-{number:06}{ending}"))
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The complete files of this plan that are there, oldest first.
    fn numbers_there(&self) -> io::Result<Vec<u64>> {
        let (stem, ending) = self.split_name();
        let number_of = |name: OsString| -> Option<u64> {
            let name = name.into_string().ok()?;
            let digits = name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&ending)?;
            let number = digits.parse().ok()?;
            // Names that only look alike are none of ours.
            (self.numbered(number).file_name()?.to_str()? == name).then_some(number)
        };
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.folder())? {
            numbers.extend(number_of(entry?.file_name()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The file that grows, and what became of those before it.
#[derive(Debug)]
pub(super) struct Files {
    plan: Plan,
    /// None after a rotation whose new file could not be made.
    part: Option<Part>,
    next_number: u64,
    pub(super) completed: Vec<PathBuf>,
}

#[derive(Debug)]
struct Part {
    file: File,
    /// How many bytes are whole; behind them there may be a line that failed.
    bytes: u64,
    first_write: Option<Instant>,
}

impl Files {
    /// Makes the first file.
    pub(super) fn open(plan: Plan) -> Result<Self, ReceiverError> {
        if !plan.rotates() && plan.path.exists() {
            return Err(ReceiverError::OutputExists(plan.path));
        }
        let fault = |source| ReceiverError::Output { path: plan.path.clone(), source };
        if plan.path.file_name().is_none() {
            return Err(fault(io::Error::new(io::ErrorKind::InvalidInput, "it names no file")));
        }
        let numbers = plan.numbers_there().map_err(fault)?;
        let next_number = numbers.last().map_or(1, |last| last + 1);
        let mut files = Files { plan, part: None, next_number, completed: Vec::new() };
        match files.new_part() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                files.take_over()?;
                files.new_part()
            }
            outcome => outcome,
        }
        .map_err(|source| ReceiverError::Output { path: files.plan.part_path(), source })?;
        Ok(files)
    }

    fn new_part(&mut self) -> io::Result<()> {
        let path = self.plan.part_path();
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        // Tells another recorder that this one lives.
        file.try_lock()?;
        self.part = Some(Part { file, bytes: 0, first_write: None });
        Ok(())
    }

    /// Completes what a recorder left that was killed: all of it but a line that was cut.
    fn take_over(&mut self) -> Result<(), ReceiverError> {
        let path = self.plan.part_path();
        let fault = |source| ReceiverError::Output { path: path.clone(), source };
        let mut file = OpenOptions::new().read(true).append(true).open(&path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ReceiverError::OutputInUse(path)),
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        if !self.plan.rotates() {
            return Err(ReceiverError::OutputLeft(path));
        }
        let bytes = whole_lines(&mut file).map_err(fault)?;
        file.set_len(bytes).map_err(fault)?;
        self.part = Some(Part { file, bytes, first_write: None });
        self.complete().map_err(fault)
    }

    /// Whether so many bytes more make the file full.
    pub(super) fn is_full_with(&self, more: usize) -> bool {
        let bytes = self.part.as_ref().map_or(0, |part| part.bytes) + more as u64;
        self.plan.rotate_bytes.is_some_and(|limit| bytes >= limit)
    }

    /// In what time the file is old enough to be completed.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let first_write = self.part.as_ref()?.first_write?;
        Some(self.plan.rotate_after?.saturating_sub(first_write.elapsed()))
    }

    /// Adds whole lines, or nothing.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.part.is_none() {
            self.new_part()?;
        }
        let Some(part) = &mut self.part else { return Ok(()) };
        let mut outcome = part.file.write_all(lines);
        if self.plan.is_synced {
            outcome = outcome.and_then(|()| part.file.sync_data());
        }
        match outcome {
            Ok(()) => {
                part.bytes += lines.len() as u64;
                part.first_write.get_or_insert_with(Instant::now);
                Ok(())
            }
            Err(error) => {
                // A full disk takes part of a line; the next one must not be glued to it.
                part.file.set_len(part.bytes)?;
                Err(error)
            }
        }
    }

    /// Completes the file if it is full or old enough, and begins a new one.
    pub(super) fn rotate_if_due(&mut self) -> io::Result<()> {
        if self.is_full_with(0) || self.due_in().is_some_and(|left| left.is_zero()) {
            let completed = self.complete();
            if let (Err(_), Some(part)) = (&completed, &mut self.part) {
                // Not at once again, but when it is as old once more.
                part.first_write = Some(Instant::now());
            }
            completed?;
            self.new_part()?;
        }
        Ok(())
    }

    /// Completes the last file.
    pub(super) fn finish(&mut self) -> Result<(), ReceiverError> {
        if !self.plan.rotates() && self.plan.path.exists() {
            return Err(ReceiverError::OutputExists(self.plan.path.clone()));
        }
        self.complete()
            .map_err(|source| ReceiverError::Output { path: self.plan.part_path(), source })
    }

    fn complete(&mut self) -> io::Result<()> {
        let Some(part) = &self.part else { return Ok(()) };
        let from = self.plan.part_path();
        if part.bytes == 0 && self.plan.rotates() {
            self.part = None;
            return fs::remove_file(from);
        }
        part.file.sync_all()?;
        let to = match self.plan.rotates() {
            true => self.plan.numbered(self.next_number),
            false => self.plan.path.clone(),
        };
        fs::rename(from, &to)?;
        self.part = None;
        self.next_number += 1;
        self.completed.push(to);
        // So that the new name outlives a power cut as well; not every system can do this.
        let _ = File::open(self.plan.folder()).and_then(|folder| folder.sync_all());
        self.remove_oldest()
    }

    fn remove_oldest(&mut self) -> io::Result<()> {
        let (Some(most), true) = (self.plan.most_files, self.plan.rotates()) else { return Ok(()) };
        let numbers = self.plan.numbers_there()?;
        for number in &numbers[..numbers.len().saturating_sub(most)] {
            let path = self.plan.numbered(*number);
            fs::remove_file(&path)?;
            self.completed.retain(|completed| *completed != path);
        }
        Ok(())
    }
}

/// How many bytes the lines take that end with a line break.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = vec![0; 1 << 16];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let block = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(block)?;
        if let Some(index) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + index as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
