//! Tests of the local reader.
