//! Tests of the read queue.
