//! What the parsers of single values say when bytes are not what they should be. A fault knows only
//! its place in the bytes that the parser was given; [`Window`](super::window::Window) places it in
//! the input.

use std::borrow::Cow;

/// The outcome of parsing something. The fault is boxed, since results are passed on a lot and
/// faults are rare.
pub(super) type Parsed<T> = Result<T, Box<Fault>>;

/// Why something could not be parsed.
#[derive(Debug)]
pub(super) struct Fault {
    /// The byte at which parsing stopped.
    pub(super) at: usize,
    pub(super) kind: FaultKind,
}

/// What was wrong.
#[derive(Debug)]
pub(super) enum FaultKind {
    /// The bytes ended. More of them may follow in the input.
    Cut,
    /// The bytes are not well-formed.
    Syntax(Cow<'static, str>),
    /// They are well-formed, and not what belongs there.
    Invalid(Cow<'static, str>),
}

impl Fault {
    pub(super) fn cut(at: usize) -> Box<Self> {
        Box::new(Fault { at, kind: FaultKind::Cut })
    }

    pub(super) fn syntax(at: usize, reason: impl Into<Cow<'static, str>>) -> Box<Self> {
        Box::new(Fault { at, kind: FaultKind::Syntax(reason.into()) })
    }

    pub(super) fn invalid(at: usize, reason: impl Into<Cow<'static, str>>) -> Box<Self> {
        Box::new(Fault { at, kind: FaultKind::Invalid(reason.into()) })
    }

    pub(super) fn is_cut(&self) -> bool {
        matches!(self.kind, FaultKind::Cut)
    }
}
