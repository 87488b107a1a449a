//! Why a delivery did not happen, and what to do about it.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use crate::model::Reject;
use crate::texts;

/// Why a network did not take something. Each variant is another next step.
///
/// Both its forms are for logs and name nobody; see [`for_people`](Self::for_people).
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// It may or may not have arrived: the link died between the send and its answer.
    #[error("unsure whether it arrived: {0}")]
    Ambiguous(Cause),
    /// The account or token is no longer accepted; nothing gets through until a person acts.
    #[error("the sign-in is no longer accepted: {0}")]
    AuthLost(Cause),
    /// The room or chat is gone for good.
    #[error("the room is gone: {0}")]
    Gone(Cause),
    /// The network will not take this one; later ones may pass.
    #[error("refused: {reason:?}")]
    Reject {
        /// Why, for programs.
        reason: Reject,
        /// Why and what to do, for the person who wrote it.
        tell_user: String,
    },
    /// It did not arrive; try again.
    #[error("not now: {cause}")]
    Retry {
        /// When the network asked us to come again.
        after: Option<Duration>,
        /// What happened.
        cause: Cause,
    },
}

impl DeliverError {
    /// Says it to people; what `Display` says is for logs, and names nobody.
    pub fn for_people(&self) -> String {
        match self {
            Self::Reject { tell_user, .. } => tell_user.clone(),
            error => error.to_string(),
        }
    }

    /// Makes a [`Retry`](Self::Retry) without a time of the network's own.
    pub fn retry(cause: impl Into<Cause>) -> Self {
        Self::Retry { after: None, cause: cause.into() }
    }

    /// Makes a [`Reject`](Self::Reject) of what a network cannot do.
    pub fn unsupported() -> Self {
        Self::Reject {
            reason: Reject::Unsupported,
            tell_user: texts::delivery::THIS_NETWORK_CANNOT_DO_THAT.to_owned(),
        }
    }
}

impl fmt::Debug for DeliverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What was underneath, for logs; carries no secret and no message text.
#[derive(Clone, Debug)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// Keeps the error underneath.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
