//! Why the receiver cannot start, or could not end well, and what to do about it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The receiver cannot start, or could not complete its file.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// Somebody listens there already.
    #[error(
        "{address} is taken by another program (perhaps a collector or Jaeger): stop that, or \
         listen elsewhere, e.g. on port 0 for any free one"
    )]
    PortTaken {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The file is there already.
    #[error("{} is there already: choose another name, or remove it", .0.display())]
    OutputExists(PathBuf),
    /// Another recorder writes the same file.
    #[error("{} is being written by another recorder: choose another name", .0.display())]
    OutputInUse(PathBuf),
    /// What a recorder left that was killed.
    #[error(
        "{} is left of a recorder that was killed; it can be read as it is: rename or remove it",
        .0.display()
    )]
    OutputLeft(PathBuf),
    /// The file cannot be written or completed.
    #[error("{}: {source}; check that the folder exists, is writable and has room", path.display())]
    Output {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The thread that writes has ended with a panic, which is a fault of this crate.
    #[error("the writing thread has ended; what was acknowledged before is in the .part file")]
    WriterEnded,
}
