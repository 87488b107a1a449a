//! What is made from the command line's own description: completions and manual pages.

use std::{fs, io, path::Path};

use clap::Command;
use clap_complete::Shell;

use crate::Failure;

/// Prints a shell's completions.
pub(super) fn completions(command: &mut Command, shell: Shell) {
    clap_complete::generate(shell, command, "msn-bridge", &mut io::stdout());
}

/// Writes `msn-bridge.1`, `msn-bridge-run.1` and so on.
pub(super) fn pages(command: Command, dir: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("{}: {error}", dir.display()));
    fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(command, dir).map_err(failed)
}
