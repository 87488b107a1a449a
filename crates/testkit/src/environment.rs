//! The virtual environment that holds Synapse: made once, under `target/`, and used again.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use crate::synapse::SynapseError;

/// What is installed, version by version.
const REQUIREMENTS: &str = include_str!("../synapse-requirements.txt");
/// Written last, so that a half-made environment is not mistaken for a whole one.
const STAMP: &str = "requirements.txt";

/// Gives the directory of an environment with Synapse in it; makes it first if need be.
///
/// Processes that ask at the same time wait for the one that makes it.
pub(crate) fn prepare() -> Result<PathBuf, SynapseError> {
    let home = target_directory().join("synapse");
    let failed = |what: &str, why: &dyn std::fmt::Display| SynapseError::Environment {
        what: what.to_owned(),
        why: why.to_string(),
    };
    fs::create_dir_all(&home).map_err(|error| failed("its directory", &error))?;
    let lock = File::create(home.join("lock")).map_err(|error| failed("its lock", &error))?;
    lock.lock().map_err(|error| failed("its lock", &error))?;
    let environment = home.join("venv");
    let stamp = environment.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|found| found == REQUIREMENTS) {
        return Ok(environment);
    }
    if environment.exists() {
        fs::remove_dir_all(&environment).map_err(|error| failed("the old one", &error))?;
    }
    let python = find_python()?;
    run(Command::new(python).args(["-m", "venv"]).arg(&environment), "python -m venv")?;
    let requirements = home.join(STAMP);
    fs::write(&requirements, REQUIREMENTS).map_err(|error| failed("its requirements", &error))?;
    let pip = environment.join("bin/pip");
    run(
        Command::new(pip)
            .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&requirements),
        "pip install",
    )?;
    fs::write(&stamp, REQUIREMENTS).map_err(|error| failed("its stamp", &error))?;
    Ok(environment)
}

/// Cargo's target directory, from where the tests run.
fn target_directory() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    }
}

fn find_python() -> Result<&'static str, SynapseError> {
    let works = |name: &&&str| {
        let probe = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
        let tried = Command::new(name).args(["-c", probe]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let names = ["python3.11", "python3.12", "python3.13", "python3"];
    names.iter().find(works).copied().ok_or_else(|| SynapseError::Environment {
        what: "Python".to_owned(),
        why: "none with venv and pip is there: install Python 3.11 with pip and venv".to_owned(),
    })
}

fn run(command: &mut Command, what: &str) -> Result<(), SynapseError> {
    let failed = |why: String| SynapseError::Environment { what: what.to_owned(), why };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
}
