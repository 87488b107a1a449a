//! The project's own chores: `cargo xtask test`.

use std::{
    env,
    process::{Command, ExitCode},
};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("test") => cargo(&["test", "--workspace"]),
        _ => {
            eprintln!("usage: cargo xtask test");
            ExitCode::from(2)
        }
    }
}

fn cargo(arguments: &[&str]) -> ExitCode {
    match Command::new(env!("CARGO")).args(arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
