//! Why a request was not done, in the form Matrix writes errors.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bridge_core::{DeskError, desk::Thing, store::StoreError};
use serde_json::json;
use std::time::Duration;

/// What every refusal becomes. `Debug` is for the log: it holds nobody's words.
#[derive(Debug)]
pub(super) enum Failure {
    BadState(&'static str),
    Ended,
    Invalid(String),
    Limited(Duration),
    MayNot,
    MissingToken,
    MissingUser,
    NoAccount,
    NoSuchMethod,
    NotFound(String),
    NotJson,
    NotSupported(&'static str),
    Refused(String),
    Slow,
    TooLarge,
    TooManyAccounts(String),
    Unavailable(String),
    UnknownToken,
}

impl Failure {
    pub(super) fn starting() -> Self {
        Self::Unavailable("the bridge is starting".to_owned())
    }

    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Self::BadState(text) => (StatusCode::BAD_REQUEST, "M_BAD_STATE", text),
            Self::Ended => {
                let text = "this sign-in is over: begin another";
                (StatusCode::GONE, "FI.MAU.BRIDGE.LOGIN_CANCELLED", text)
            }
            Self::Invalid(text) => (StatusCode::BAD_REQUEST, "M_INVALID_PARAM", text),
            Self::Limited(_) => {
                let text = "too many wrong tokens came: wait a little";
                (StatusCode::TOO_MANY_REQUESTS, "M_LIMIT_EXCEEDED", text)
            }
            Self::MayNot => {
                let text = "you may not sign in to this bridge";
                (StatusCode::FORBIDDEN, "M_FORBIDDEN", text)
            }
            Self::MissingToken => {
                (StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", "the token is missing")
            }
            Self::MissingUser => {
                let text = "with the shared secret user_id must say for whom";
                (StatusCode::BAD_REQUEST, "M_MISSING_PARAM", text)
            }
            Self::NoAccount => {
                let text = "you are not signed in to any account";
                (StatusCode::BAD_REQUEST, "FI.MAU.NOT_LOGGED_IN", text)
            }
            Self::NoSuchMethod => {
                let text = "this path does not take this method";
                (StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED", text)
            }
            Self::NotFound(text) => (StatusCode::NOT_FOUND, "M_NOT_FOUND", text),
            Self::NotJson => {
                (StatusCode::BAD_REQUEST, "M_NOT_JSON", "the body is not the JSON that goes here")
            }
            Self::NotSupported(text) => (StatusCode::NOT_IMPLEMENTED, "M_UNRECOGNIZED", text),
            Self::Refused(text) => (StatusCode::FORBIDDEN, "M_FORBIDDEN", text),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "M_UNKNOWN", "the body did not come"),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", "the body is cut or too large")
            }
            Self::TooManyAccounts(text) => {
                (StatusCode::FORBIDDEN, "FI.MAU.BRIDGE.TOO_MANY_LOGINS", text)
            }
            Self::Unavailable(text) => (StatusCode::SERVICE_UNAVAILABLE, "M_UNAVAILABLE", text),
            Self::UnknownToken => {
                (StatusCode::UNAUTHORIZED, "M_UNKNOWN_TOKEN", "nobody is known by this token")
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, text) = self.parts();
        let mut body = json!({ "errcode": code, "error": text });
        let Self::Limited(wait) = &self else {
            return (status, Json(body)).into_response();
        };
        let wait = wait.as_secs().max(1);
        if let Some(body) = body.as_object_mut() {
            body.insert("retry_after_ms".to_owned(), json!(wait * 1000));
        }
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
        response
    }
}

impl From<DeskError> for Failure {
    fn from(error: DeskError) -> Self {
        let text = error.to_string();
        match error {
            DeskError::Ended => Self::Ended,
            DeskError::Invalid(text) => Self::Invalid(text),
            DeskError::NoAccount => Self::NoAccount,
            DeskError::NotFound(Thing::SignIn) => Self::NotFound("Login not found".to_owned()),
            DeskError::NotFound(_) => Self::NotFound(text),
            DeskError::Refused(text) => Self::Refused(text),
            DeskError::TooManyAccounts(_) => Self::TooManyAccounts(text),
            _ => Self::Unavailable(text),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
