//! The judge.

pub mod check;
