//! The `msn-bridge` program.

fn main() {}
