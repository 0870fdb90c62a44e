//! harrow
fn main() {}
