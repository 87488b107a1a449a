//! Requests by HTTP that a session has its driver make, and their answers.

use std::fmt;

use secrecy::SecretString;

/// A request: a `POST` where it has a body, else a `GET`. Redirects are not followed.
#[derive(Clone)]
pub struct HttpRequest {
    /// Where.
    pub url: String,
    /// Headers that are not the client's own; a value may hold a password.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The body; it may hold a password or a ticket.
    pub body: Option<SecretString>,
    /// Most bytes of the answer's body that are read: one that is longer is a failure. With none the
    /// body is not read at all.
    pub limit: usize,
}

impl HttpRequest {
    /// Makes a `GET` of which only the answer's headers matter.
    pub(super) fn get(url: String) -> Self {
        Self { url, headers: Vec::new(), body: None, limit: 0 }
    }

    /// Makes a `POST` of a document.
    pub(super) fn post(url: &str, content_type: &str, body: SecretString) -> Self {
        let headers = vec![("Content-Type", content_type.to_owned().into())];
        Self { url: url.to_owned(), headers, body: Some(body), limit: crate::xml::MAX_LENGTH }
    }
}

/// Shows only where it goes.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The answer to a request: status, headers and body, or why there is none.
#[derive(Clone)]
pub struct HttpReply {
    /// The status; 0 when there was no answer.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as far as the request wanted it.
    pub body: Vec<u8>,
    /// Why there was no answer.
    pub failure: Option<String>,
}

/// Shows no header's value and no body: tickets are in them.
impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("HttpReply");
        shown.field("status", &self.status).field("headers", &names);
        shown.field("failure", &self.failure).finish()
    }
}

impl HttpReply {
    /// Finds a header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}
