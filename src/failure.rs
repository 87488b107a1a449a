//! How a command can fail, and the exit code that says so.

use bridge_store::{BackupError, OpenError};

/// Why a command did not do what was asked; each kind has its own exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The configuration is wrong; exit code 3.
    #[error("{0}")]
    Config(String),
    /// It failed while running; exit code 1.
    #[error("{0}")]
    Failed(String),
    /// A server refused a password or token; exit code 4.
    #[error("{0}")]
    Refused(String),
    /// It may work later; exit code 75.
    #[error("{0}")]
    Temporary(String),
    /// A server cannot be reached; exit code 5.
    #[error("{0}")]
    Unreachable(String),
    /// The command line is wrong; exit code 2.
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    /// Gives the process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Config(_) => 3,
            Self::Refused(_) => 4,
            Self::Unreachable(_) => 5,
            Self::Temporary(_) => 75,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            // The process that has it may be about to end.
            OpenError::Locked { .. } => Self::Temporary(error.to_string()),
            OpenError::OtherEngine { .. } => Self::Config(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Open(error) => error.into(),
            error => Self::Failed(error.to_string()),
        }
    }
}
