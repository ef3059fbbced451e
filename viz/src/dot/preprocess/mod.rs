//! Macros and included files in DOT, expanded before it is read; positions lead back to the files.

mod source;

pub(crate) use source::Source;
