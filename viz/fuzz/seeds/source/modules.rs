#!/usr/bin/env run
#![allow(unused)]
pub mod a { pub use super::b::*; use self::inner::{self as other, Deep}; pub mod inner { pub struct Deep; impl Deep { pub fn go() { super::super::b::go(); crate::top() } } } pub fn run() { Deep::go(); other::Deep::go() } }
mod b { pub(crate) fn go() { super::a::run() } pub use crate::top as renamed; }
#[path = "lib.rs"] mod again;
mod missing;
#[cfg(test)] mod tests { fn left_out() { super::top() } }
extern crate std as core_std;
pub fn top() { b::renamed(); a::inner::Deep::go(); <a::inner::Deep>::go() }
extern "C" { fn foreign(); }
union U { a: u8, b: i8 }
type Alias<T> = Result<T, Box<dyn std::error::Error + 'static>>;
static mut TABLE: [fn(); 2] = [top, b::go];
