//! Requests by HTTP: the sign-in's, and those of the web services.

use std::{error::Error as _, sync::OnceLock, time::Duration};

use msnp_proto::session::{HttpReply, HttpRequest};
use reqwest::{Client, ClientBuilder, Response, header, redirect::Policy};
use secrecy::ExposeSecret as _;

/// What rustls says of a server whose TLS is too old for it: an alert of the server's, or its own finding.
const OUTDATED: [&str; 4] =
    ["ProtocolVersion", "HandshakeFailure", "InsufficientSecurity", "peer is incompatible"];
/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Gives the process's HTTP client. Connections are not kept: a sign-in asks each host once.
pub(crate) fn client() -> Result<Client, reqwest::Error> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    shared(&CLIENT, |builder| builder.pool_max_idle_per_host(0))
}

/// Gives the process's HTTP client that keeps its connections, for a gateway that is asked again and again.
pub(crate) fn lasting_client() -> Result<Client, reqwest::Error> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    shared(&CLIENT, |builder| builder)
}

/// Gives a client of the process, made when it is first wanted: making one reads the system's
/// certificates, which takes longer than a sign-in. Redirects are the session's business.
fn shared(
    place: &OnceLock<Client>,
    finish: fn(ClientBuilder) -> ClientBuilder,
) -> Result<Client, reqwest::Error> {
    if let Some(client) = place.get() {
        return Ok(client.clone());
    }
    let builder = Client::builder().redirect(Policy::none()).timeout(DEADLINE).user_agent("MSMSGS");
    let made = finish(builder).build()?;
    Ok(place.get_or_init(|| made).clone())
}

/// Asks once. A body is read as far as the request allows; a longer one is a failure.
pub(crate) async fn ask(client: Client, request: HttpRequest) -> HttpReply {
    let asking = match request.body {
        Some(body) => client.post(&request.url).body(body.expose_secret().to_owned()),
        None => client.get(&request.url),
    };
    let mut asking = asking.header(header::CACHE_CONTROL, "no-cache");
    for (name, value) in request.headers {
        match header::HeaderValue::from_str(value.expose_secret()) {
            Ok(mut value) => {
                value.set_sensitive(true);
                asking = asking.header(name, value);
            }
            Err(_) => return failed("the header cannot carry the account"),
        }
    }
    match asking.send().await {
        Ok(response) => read(response, request.limit).await,
        Err(error) => failed(&why(&error.without_url())),
    }
}

pub(crate) async fn read(mut response: Response, limit: usize) -> HttpReply {
    let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut reply = HttpReply {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(header).collect(),
        body: Vec::new(),
        failure: None,
    };
    if limit == 0 {
        return reply;
    }
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if reply.body.len() + chunk.len() > limit => {
                return failed("its answer is too long");
            }
            Ok(Some(chunk)) => reply.body.extend_from_slice(&chunk),
            Ok(None) => return reply,
            Err(error) => return failed(&why(&error.without_url())),
        }
    }
}

pub(crate) fn failed(why: &str) -> HttpReply {
    HttpReply { status: 0, headers: Vec::new(), body: Vec::new(), failure: Some(why.to_owned()) }
}

/// The innermost cause: reqwest's own words only say that sending failed.
pub(crate) fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause = error.source();
    let mut words = error.to_string();
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    if OUTDATED.iter().any(|sign| words.contains(sign)) {
        return format!(
            "it offers only TLS 1.1 or older, or ciphers that are not safe any more ({words}); put a \
             proxy with TLS 1.2 before it, or name an address that begins with http://"
        );
    }
    words
}
