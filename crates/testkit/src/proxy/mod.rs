//! A TCP link between two programs that goes wrong on demand.
//!
//! It knows nothing of what it carries. What a connection does follows the fault set at that moment,
//! for open connections too; a script gives single new connections faults of their own.

mod carry;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// What a link does instead of carrying everything as it comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LinkFault {
    /// Answers whatever a client says with these bytes, carries nothing to the server, and closes.
    Answer(Vec<u8>),
    /// Ends open connections, and new ones at once.
    Cut(End),
    /// Says random bytes to the client, once on each connection, with the next that the server says.
    Garbage(Place),
    /// Swallows all that goes a way. A connection that lost something so stays as dead as it is when
    /// the fault is over, and neither end hears of it.
    HalfOpen(Way),
    /// Carries everything as it comes.
    #[default]
    None,
    /// Carries so many bytes in a second, both ways, in pieces of at most sixteen.
    Slow(u32),
    /// Takes connections and carries nothing; what was said meanwhile goes on when the fault is over.
    Stall,
    /// Ends each connection after so many more bytes to the client, wherever that is.
    Truncate(usize),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order, as a program that stops ends it (FIN).
    Close,
    /// At once, as a machine that forgot it does (RST).
    Reset,
}

/// Where in what the server says something is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before it, which is most often between two of the protocol's units.
    Boundary,
    /// Amid it.
    Middle,
}

/// A way through a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the server.
    ToClient,
    /// From the client.
    ToServer,
}

/// A running link; it ends when dropped.
pub struct FaultyLink {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    target: watch::Sender<Option<SocketAddr>>,
    /// The fault, and how often one was set: set again, it strikes again.
    fault: watch::Sender<(u64, LinkFault)>,
    script: Mutex<VecDeque<LinkFault>>,
    accepted: AtomicU64,
}

impl FaultyLink {
    /// Listens on a free port of the loopback; connections wait until the link leads somewhere.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: watch::Sender::new(None),
            fault: watch::Sender::default(),
            script: Mutex::default(),
            accepted: AtomicU64::new(0),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, serving })
    }

    /// Listens, and leads to a server.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn to(server: SocketAddr) -> io::Result<Self> {
        let link = Self::start().await?;
        link.lead_to(server);
        Ok(link)
    }

    /// Leads new connections, and those that wait, to a server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.shared.target.send_replace(Some(server));
    }

    /// Gives where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets what goes wrong from now on, on all connections; [`LinkFault::None`] ends it.
    pub fn set(&self, fault: LinkFault) {
        self.shared.fault.send_modify(|now| *now = (now.0 + 1, fault));
    }

    /// Gives the next new connections a fault each, in this order, while the link's own is
    /// [`LinkFault::None`].
    pub fn script(&self, faults: impl IntoIterator<Item = LinkFault>) {
        self.shared.script().extend(faults);
    }

    /// Tells how many connections it took.
    pub fn connections(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for FaultyLink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, VecDeque<LinkFault>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LinkFault {
    /// An answer of an HTTP server.
    pub fn http(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "HTTP/1.1 {status} Fault\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len(),
        );
        Self::Answer([head.as_bytes(), body.as_bytes()].concat())
    }

    /// What a proxy before a dead server says.
    pub fn bad_gateway() -> Self {
        let body = "<html><body><h1>502 Bad Gateway</h1></body></html>";
        Self::http(502, &[("content-type", "text/html")], body)
    }

    /// A homeserver's 429, with the time to wait in the header, in the body, or in neither.
    pub fn limited(header: Option<Duration>, body: Option<Duration>) -> Self {
        let seconds = header.map(|wait| wait.as_secs().max(1).to_string());
        let headers: Vec<(&str, &str)> =
            seconds.iter().map(|seconds| ("retry-after", seconds.as_str())).collect();
        let wait = body.map(|wait| format!(", \"retry_after_ms\": {}", wait.as_millis()));
        let body = format!(
            "{{\"errcode\": \"M_LIMIT_EXCEEDED\", \"error\": \"Too many\"{}}}",
            wait.unwrap_or_default(),
        );
        Self::http(429, &headers, &body)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that went away again before it was taken ends only itself.
                let Ok((client, _)) = accepted else { continue };
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                let own = shared.script().pop_front();
                open.spawn(carry::connection(
                    client,
                    shared.target.subscribe(),
                    shared.fault.subscribe(),
                    own,
                ));
            }
            Some(_) = open.join_next() => {}
        }
    }
}
