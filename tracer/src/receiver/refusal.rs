//! Why a request was not accepted, and how each protocol says so.

use std::fmt;

use hyper::StatusCode;
use tonic::{Code, Status};

/// Why a request was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// It is no trace request, or broken.
    Malformed,
    /// Its content type is neither protobuf nor JSON.
    ContentType,
    /// It is compressed in a way that is not known.
    Encoding,
    /// It is larger than allowed.
    TooLarge,
    /// It is for something else than traces.
    NotTraces,
    /// It was sent too slowly, or its sender went away.
    Incomplete,
    /// There was no room for it in time.
    Overloaded,
    /// The file could not be written.
    NotWritten,
}

impl Reason {
    /// All reasons, in the order in which they are told.
    pub const ALL: [Reason; 8] = [
        Reason::Malformed,
        Reason::ContentType,
        Reason::Encoding,
        Reason::TooLarge,
        Reason::NotTraces,
        Reason::Incomplete,
        Reason::Overloaded,
        Reason::NotWritten,
    ];

    /// A name for programs: lower case, words joined by underscores.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Malformed => "malformed",
            Reason::ContentType => "content_type",
            Reason::Encoding => "encoding",
            Reason::TooLarge => "too_large",
            Reason::NotTraces => "not_traces",
            Reason::Incomplete => "incomplete",
            Reason::Overloaded => "overloaded",
            Reason::NotWritten => "not_written",
        }
    }

    /// Whether the same request may be accepted later.
    pub(super) fn is_retryable(self) -> bool {
        matches!(self, Reason::Overloaded | Reason::NotWritten)
    }

    pub(super) fn code(self) -> Code {
        match self {
            Reason::Malformed | Reason::ContentType => Code::InvalidArgument,
            Reason::Encoding | Reason::NotTraces => Code::Unimplemented,
            Reason::TooLarge => Code::OutOfRange,
            Reason::Incomplete => Code::DeadlineExceeded,
            // With a hint when to come again, the specification has clients do so.
            Reason::Overloaded => Code::ResourceExhausted,
            Reason::NotWritten => Code::Unavailable,
        }
    }

    /// What a status of gRPC stands for, whether it came from here or from the library.
    pub(super) fn of_status(status: &Status) -> Reason {
        match status.code() {
            Code::OutOfRange => Reason::TooLarge,
            // The library says so of a message that unpacks to too much; ours has a hint.
            Code::ResourceExhausted if status.details().is_empty() => Reason::TooLarge,
            Code::ResourceExhausted => Reason::Overloaded,
            Code::Unimplemented => Reason::NotTraces,
            Code::Cancelled | Code::DeadlineExceeded => Reason::Incomplete,
            Code::Unavailable => Reason::NotWritten,
            _ => Reason::Malformed,
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Reason::Malformed => StatusCode::BAD_REQUEST,
            Reason::ContentType | Reason::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::NotTraces => StatusCode::NOT_FOUND,
            Reason::Incomplete => StatusCode::REQUEST_TIMEOUT,
            Reason::Overloaded | Reason::NotWritten => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Malformed => "malformed",
            Reason::ContentType => "neither protobuf nor JSON",
            Reason::Encoding => "compressed in an unknown way",
            Reason::TooLarge => "too large",
            Reason::NotTraces => "not for traces",
            Reason::Incomplete => "incomplete",
            Reason::Overloaded => "too many at once",
            Reason::NotWritten => "could not be written",
        })
    }
}

/// A request that is not accepted.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// For whoever sent it: what was wrong, and what would not be.
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Refusal { reason, message: message.into() }
    }
}
