//! What Discord's errors mean for a message and for the operator.
//!
//! An error of serenity's may hold a webhook's secret in its address, so only what is written here
//! goes on to logs and people.

use std::{error::Error as _, time::Duration};

use bridge_core::{DeliverError, model::Reject};
use serenity::{Error, http::HttpError};

use crate::texts;

/// Wait after a refusal for too many requests that does not say how long.
const UNSAID_LIMIT: Duration = Duration::from_secs(5);

/// Why a request did not succeed; each variant is another next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may have been done: the connection ended, or a proxy answered, before Discord did.
    Doubtful(String),
    /// The bot may not do this here.
    Forbidden(String),
    /// The channel is gone.
    Gone,
    /// There is no such message, or not any more.
    NoMessage,
    /// Nothing was done; come again, after so long where that is said.
    NotNow(Option<Duration>, String),
    /// Discord does not take this message.
    Refused(String),
    /// The token is not accepted.
    Token,
    /// The name to speak under is not accepted.
    Username(String),
    /// The webhook is gone.
    Webhook,
}

impl Failure {
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Http(HttpError::UnsuccessfulRequest(response)) => {
                let (status, error) = (response.status_code.as_u16(), &response.error);
                let text = said(status, error.code, &error.message);
                match (status, error.code) {
                    (_, 10015 | 50027) => Self::Webhook,
                    (_, 10003) => Self::Gone,
                    (_, 10008) => Self::NoMessage,
                    (401, _) => Self::Token,
                    (403, _) => Self::Forbidden(text),
                    (429, _) => Self::NotNow(Some(UNSAID_LIMIT), text),
                    (500.., _) => Self::Doubtful(text),
                    (_, 50035) if error.errors.iter().any(|error| error.path == "username") => {
                        Self::Username(text)
                    }
                    _ => {
                        let fields = error.errors.iter();
                        let fields: Vec<String> = fields
                            .map(|field| format!("{}: {}", field.path, field.message))
                            .collect();
                        Self::Refused(format!("{text} {}", fields.join("; ")).trim_end().to_owned())
                    }
                }
            }
            Error::Http(HttpError::Request(error)) => {
                let text = reason(error);
                if error.is_connect() { Self::NotNow(None, text) } else { Self::Doubtful(text) }
            }
            // The request was answered, and the answer could not be read.
            Error::Json(_) | Error::Decode(..) | Error::Io(_) => {
                Self::Doubtful("its answer cannot be read".to_owned())
            }
            Error::Http(_) => Self::NotNow(None, "the request could not be made".to_owned()),
            Error::Model(error) => Self::Refused(error.to_string()),
            _ => Self::NotNow(None, "the request could not be made".to_owned()),
        }
    }
}

/// Says an answer's error in a few words.
fn said(status: u16, code: isize, message: &str) -> String {
    if code < 0 {
        // Its body was no error of Discord's: a proxy's page, most often.
        return format!("HTTP {status}");
    }
    let message: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
    format!("HTTP {status}, code {code}: {message}")
}

/// Says what went wrong below HTTP, without the address.
fn reason(error: &reqwest012::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let same = error.source().is_none();
    if same { "the connection failed".to_owned() } else { innermost.to_string() }
}

impl From<Failure> for DeliverError {
    fn from(failure: Failure) -> Self {
        let reject = |reason, tell_user: String| Self::Reject { reason, tell_user };
        match failure {
            Failure::Doubtful(text) => Self::Ambiguous(text.into()),
            Failure::Forbidden(text) => reject(Reject::Forbidden, texts::forbidden(&text)),
            Failure::Gone => Self::Gone("the Discord channel was deleted".into()),
            Failure::NoMessage => Self::Gone("the message was deleted on Discord".into()),
            Failure::NotNow(after, text) => Self::Retry { after, cause: text.into() },
            Failure::Refused(text) | Failure::Username(text) => {
                reject(Reject::Unsupported, texts::refused(&text))
            }
            Failure::Token => Self::AuthLost("Discord does not accept the bot's token".into()),
            Failure::Webhook => Self::retry("the webhook was deleted"),
        }
    }
}
