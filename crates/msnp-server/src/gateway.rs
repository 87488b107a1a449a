//! The HTTP gateway: links to the notification server and the switchboard, carried by requests.
//!
//! ```text
//! POST /gateway/gateway.dll?Action=open&Server=NS&IP=…
//! X-MSN-Messenger: SessionID=1f3a.1; GW-IP=…
//! ```
//! The name of a session changes with each answer, and only the newest is known.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use msnp_proto::LinkKind;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::{Instant, sleep_until, timeout},
};

use crate::network::{Shared, link_task, unguessable};

/// How long a session lives without a request.
const LIFE: Duration = Duration::from_secs(60);
/// How long an answer waits for what the server has to say to what came with its request.
const GRACE: Duration = Duration::from_millis(50);
/// How long a request that only fetches may ask to be held open.
const LONGEST: Duration = Duration::from_secs(30);
/// How long the server may take to read what was sent.
const READ_DEADLINE: Duration = Duration::from_secs(10);
/// Most sessions.
const SESSIONS_LIMIT: usize = 10_000;
/// How much is read at once.
const PIECE: usize = 4 * 1024;
/// Most bytes of a request, of an answer, and of what waits for one.
const BUFFER: usize = 64 * 1024;

/// The sessions, by the part of their names that stays.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Arc<Session>>>);

struct Session {
    far: tokio::sync::Mutex<DuplexStream>,
    /// How often it was answered, and when last.
    answered: Mutex<(u64, Instant)>,
    host: String,
}

impl Sessions {
    fn held(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn answered(&self) -> MutexGuard<'_, (u64, Instant)> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/gateway/gateway.dll", post(gateway)).layer(DefaultBodyLimit::max(BUFFER))
}

async fn gateway(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let part = |name: &str| query.get(name).map(String::as_str);
    let opened = match part("Action") {
        Some("open") => {
            let kind = match part("Server") {
                Some("NS") => LinkKind::Notification,
                Some("SB") => LinkKind::Switchboard,
                _ => return StatusCode::BAD_REQUEST.into_response(),
            };
            let opened = open(&shared, kind, part("IP").unwrap_or_default());
            if opened.is_none() {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
            opened
        }
        _ => part("SessionID").and_then(|name| find(&shared, name)),
    };
    let Some((key, session)) = opened else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let seconds = part("Lifespan").and_then(|seconds| seconds.parse().ok());
    let held = seconds.map_or(GRACE, Duration::from_secs).min(LONGEST);
    let held = if part("Action") == Some("poll") { held } else { GRACE };
    match pass(&session, &body, held).await {
        Ok(answer) => {
            let number = {
                let mut answered = session.answered();
                *answered = (answered.0 + 1, Instant::now());
                answered.0
            };
            said(&format!("SessionID={key}.{number}; GW-IP={}", session.host), answer)
        }
        Err(rest) => {
            shared.gateway.held().remove(&key);
            let last = format!("SessionID={key}; GW-IP={}; Session=close", session.host);
            said(&last, rest)
        }
    }
}

fn said(what: &str, body: Vec<u8>) -> Response {
    let name = HeaderName::from_static("x-msn-messenger");
    let kind = (header::CONTENT_TYPE, "application/x-msn-messenger".to_owned());
    (StatusCode::OK, [(name, what.to_owned()), kind], body).into_response()
}

/// Opens a link; none where there are too many already.
fn open(shared: &Arc<Shared>, kind: LinkKind, host: &str) -> Option<(String, Arc<Session>)> {
    let (near, far) = duplex(BUFFER);
    let key = unguessable();
    // It goes into a header: a name is all that it may be.
    let fits = |char: &char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-');
    let session = Arc::new(Session {
        far: tokio::sync::Mutex::new(far),
        answered: Mutex::new((0, Instant::now())),
        host: host.chars().filter(fits).take(253).collect(),
    });
    {
        let mut sessions = shared.gateway.held();
        if sessions.len() >= SESSIONS_LIMIT {
            return None;
        }
        sessions.insert(key.clone(), Arc::clone(&session));
    }
    let (reading, writing) = tokio::io::split(near);
    let link = link_task(Arc::clone(shared), kind, Box::new(reading), Box::new(writing));
    let (owner, name) = (Arc::clone(shared), key.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = owner.cancel.cancelled() => {}
            // What was said last stays to be fetched.
            () = async { link.await; forgotten(&owner, &name).await } => {}
            () = forgotten(&owner, &name) => {}
        }
    });
    Some((key, session))
}

/// Waits until nobody has asked for a session for too long, and takes it away.
async fn forgotten(shared: &Shared, key: &str) {
    loop {
        let Some(session) = shared.gateway.held().get(key).cloned() else {
            // The last word was fetched.
            return;
        };
        let until = session.answered().1 + LIFE;
        drop(session);
        if until <= Instant::now() {
            shared.gateway.held().remove(key);
            return;
        }
        sleep_until(until).await;
    }
}

/// Finds a session by its newest name.
fn find(shared: &Shared, name: &str) -> Option<(String, Arc<Session>)> {
    let (key, number) = name.rsplit_once('.')?;
    let session = shared.gateway.held().get(key).cloned()?;
    let newest = session.answered().0;
    (number.parse() == Ok(newest)).then(|| (key.to_owned(), session))
}

/// Passes on what was sent, and gives what the server has to say; as an error, its last words.
async fn pass(session: &Session, body: &[u8], held: Duration) -> Result<Vec<u8>, Vec<u8>> {
    let mut far = session.far.lock().await;
    let sent = timeout(READ_DEADLINE, far.write_all(body)).await;
    let mut answer = Vec::new();
    if !matches!(sent, Ok(Ok(()))) {
        // What it said before it ended can still be read.
        let _ = timeout(GRACE, read_some(&mut far, &mut answer)).await;
        return Err(answer);
    }
    let mut wait = held;
    while answer.len() < BUFFER {
        match timeout(wait, read_some(&mut far, &mut answer)).await {
            Ok(Ok(0) | Err(_)) => return Err(answer),
            // What is said in one breath comes in one answer.
            Ok(Ok(_)) => wait = Duration::from_millis(2),
            Err(_) => break,
        }
    }
    Ok(answer)
}

async fn read_some(far: &mut DuplexStream, answer: &mut Vec<u8>) -> io::Result<usize> {
    answer.reserve(PIECE);
    far.read_buf(answer).await
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Faults, MemoryDirectory, network::Addresses};

    fn shared() -> Arc<Shared> {
        let free = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let addresses = Addresses { notification: free, switchboard: free, http: free };
        let directory = Arc::new(MemoryDirectory::default());
        Arc::new(Shared::new(directory, Faults::default(), addresses, CancellationToken::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_nobody_asks_for_is_forgotten() {
        let shared = shared();
        let (key, session) =
            open(&shared, LinkKind::Notification, "a b\r\nc").expect("there is room");
        assert_eq!(session.host, "abc", "it goes into a header");
        let answer = pass(&session, b"VER 1 MSNP11 CVR0\r\n", GRACE).await.expect("it lives");
        assert_eq!(answer, b"VER 1 MSNP11\r\n");
        tokio::time::advance(LIFE).await;
        while shared.gateway.held().contains_key(&key) {
            tokio::time::advance(Duration::from_millis(1)).await;
            yield_now().await;
        }
        assert!(pass(&session, b"PNG\r\n", GRACE).await.is_err(), "its link is gone too");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_found_by_its_newest_name_alone() {
        let shared = shared();
        let (key, session) = open(&shared, LinkKind::Notification, "host").expect("there is room");
        session.answered().0 = 7;
        assert!(find(&shared, &format!("{key}.7")).is_some());
        for name in [format!("{key}.6"), format!("{key}.8"), key, "7".to_owned(), String::new()] {
            assert!(find(&shared, &name).is_none(), "{name}");
        }
    }
}
