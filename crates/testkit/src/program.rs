//! Programs of ours as processes.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::wait::wait_until;

/// How long an orderly stop may take.
const STOP: Duration = Duration::from_secs(20);

/// A running program; it is killed when dropped.
pub struct Program {
    child: Child,
}

impl Program {
    /// Starts a program; what it says goes to a file.
    ///
    /// # Errors
    /// The program or the file cannot be had.
    pub fn start(program: &Path, arguments: &[&str], log: &Path) -> io::Result<Self> {
        Self::start_with(program, arguments, &[], log)
    }

    /// Starts a program with more in its environment.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, String)],
        log: &Path,
    ) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new(program)
            .args(arguments)
            .env("RUST_LOG", "info,bridge_core=debug,bridge_matrix=debug,bridge_msn=debug")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self { child })
    }

    /// Starts a program that says where it listens on its first line; gives that line.
    ///
    /// # Errors
    /// The program cannot be had, or says nothing.
    pub fn start_listening(program: &Path, arguments: &[&str]) -> io::Result<(Self, String)> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let started = Self { child };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other("it ended without a word"));
        }
        Ok((started, line))
    }

    /// Tells whether it still runs.
    ///
    /// # Errors
    /// The system does not know it.
    pub fn is_running(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Kills it at once (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// The system does not know it.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Asks it to stop (SIGTERM) and waits; gives whether it ended well.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn stop(self) -> bool {
        self.ask_to_stop();
        self.ended().await.success()
    }

    /// Asks it to stop (SIGTERM).
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn ask_to_stop(&self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.is_ok_and(|status| status.success()), "it can be asked to stop");
    }

    /// Waits until it has ended; gives how.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn ended(mut self) -> ExitStatus {
        wait_until(STOP, "the program ends", || {
            let ended = self.child.try_wait().ok().flatten();
            async move { ended }
        })
        .await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a log for a failing test's message.
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(40).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
