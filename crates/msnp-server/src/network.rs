//! The network as a whole: its listeners, and what its parts share.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use msnp_proto::{
    LinkKind, Version,
    auth::sso::{self, SECRET_LENGTH},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    calls::Calls,
    directory::{Directory, TalkId},
    fault::Faults,
    gateway, http, link,
    memory::MemoryDirectory,
    notification, switchboard,
};

/// How long a ticket is good.
const TICKET_LIFE: Duration = Duration::from_secs(120);
/// How long a ticket for the web services is good, and one that needs a proof.
const SERVICE_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Most tickets kept.
const TICKETS_LIMIT: usize = 65_536;

/// Where to listen, and with whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// The notification server; port 0 takes a free one.
    pub notification: SocketAddr,
    /// The switchboard.
    pub switchboard: SocketAddr,
    /// All that is served over HTTP: sign-in, web services, gateway.
    pub http: SocketAddr,
    /// Misdeeds.
    pub faults: Faults,
}

impl Default for Options {
    /// Free ports of the loopback, no misdeeds.
    fn default() -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { notification: free, switchboard: free, http: free, faults: Faults::default() }
    }
}

/// Where a network listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The notification server.
    pub notification: SocketAddr,
    /// The switchboard.
    pub switchboard: SocketAddr,
    /// All that is served over HTTP: sign-in, web services, gateway.
    pub http: SocketAddr,
}

/// A listener could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// Why not.
    pub source: std::io::Error,
}

/// A running network; it ends when dropped, or in order by [`shutdown`](Self::shutdown).
pub struct Network {
    addresses: Addresses,
    /// Ends all that the network does, also when it is dropped.
    cancel: DropGuard,
    tasks: JoinSet<()>,
}

/// What the parts of a network share.
pub(crate) struct Shared {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) faults: Faults,
    pub(crate) addresses: Addresses,
    pub(crate) gateway: gateway::Sessions,
    pub(crate) calls: Calls,
    /// What makes tickets of circles that nobody else makes.
    pub(crate) seal: String,
    /// Ends all that the network does.
    pub(crate) cancel: CancellationToken,
    tickets: Mutex<HashMap<String, Ticket>>,
}

/// What a ticket lets in to.
#[derive(Clone)]
pub(crate) enum Admits {
    /// The notification server, as this account.
    SignIn { account: String },
    /// The notification server, as this account, with a proof made of the secret.
    Proof { account: String, secret: [u8; SECRET_LENGTH] },
    /// The web services, as this account, as often as it likes.
    Services { account: String },
    /// A switchboard, as this account, in this conversation.
    Talk { account: String, talk: TalkId, version: Version, called: bool },
}

struct Ticket {
    admits: Admits,
    until: Instant,
    /// How often all tickets had been ended when it was made.
    ended: u32,
}

impl Network {
    /// Starts a network of the directory's people, its scripted contacts among them.
    ///
    /// # Errors
    /// [`BindError`] names the address that cannot be had.
    pub async fn bind(directory: MemoryDirectory, options: Options) -> Result<Self, BindError> {
        let mut network = Self::bind_to(Arc::new(directory.clone()), options).await?;
        directory.start_scripts(&mut network.tasks);
        Ok(network)
    }

    /// Starts a network of people that somebody else keeps.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_to(
        directory: Arc<dyn Directory>,
        options: Options,
    ) -> Result<Self, BindError> {
        let notification = listen(options.notification).await?;
        let switchboard = listen(options.switchboard).await?;
        let http = listen(options.http).await?;
        let addresses = Addresses {
            notification: address_of(&notification, options.notification)?,
            switchboard: address_of(&switchboard, options.switchboard)?,
            http: address_of(&http, options.http)?,
        };
        let mut tasks = JoinSet::new();
        let cancel = CancellationToken::new();
        let shared = Arc::new(Shared::new(directory, options.faults, addresses, cancel.clone()));
        tasks.spawn(serve(
            notification,
            LinkKind::Notification,
            Arc::clone(&shared),
            cancel.clone(),
        ));
        tasks.spawn(serve(switchboard, LinkKind::Switchboard, Arc::clone(&shared), cancel.clone()));
        tasks.spawn(http::serve(http, shared, cancel.clone()));
        Ok(Self { addresses, cancel: cancel.drop_guard(), tasks })
    }

    /// Gives the addresses it listens on.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Gives the address where all web services are.
    pub fn services_url(&self) -> String {
        format!("http://{}", self.addresses.http)
    }

    /// Gives the address where a Passport sign-in begins.
    pub fn nexus_url(&self) -> String {
        format!("http://{}/rdr/pprdr.asp", self.addresses.http)
    }

    /// Ends all links and waits for them.
    pub async fn shutdown(mut self) {
        self.cancel.disarm().cancel();
        self.tasks.shutdown().await;
    }
}

/// Makes a name that nobody guesses.
pub(crate) fn unguessable() -> String {
    unguessable_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives bytes that nobody guesses.
pub(crate) fn unguessable_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    // A machine without randomness cannot make secrets; its network is for loopback only.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

impl Shared {
    pub(crate) fn new(
        directory: Arc<dyn Directory>,
        faults: Faults,
        addresses: Addresses,
        cancel: CancellationToken,
    ) -> Self {
        let (gateway, tickets) = (gateway::Sessions::default(), Mutex::default());
        let (calls, seal) = (Calls::default(), unguessable());
        Self { directory, faults, addresses, gateway, calls, seal, cancel, tickets }
    }

    /// Gives where an account is to come for its conversations.
    pub(crate) fn switchboard_for(&self, account: &str) -> SocketAddr {
        self.faults.detour_of(account).unwrap_or(self.addresses.switchboard)
    }

    /// Makes a ticket.
    pub(crate) fn ticket(&self, admits: Admits) -> String {
        // Told apart from everything else, so that tests find one where none may be.
        let text = format!("ticket-{}", unguessable());
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if tickets.len() >= TICKETS_LIMIT {
            tickets.retain(|_, ticket| ticket.until > now);
        }
        let lasts = matches!(admits, Admits::Services { .. } | Admits::Proof { .. });
        let life = if lasts { SERVICE_LIFE } else { TICKET_LIFE };
        tickets
            .insert(text.clone(), Ticket { admits, until: now + life, ended: self.faults.ended() });
        text
    }

    /// Looks at a ticket whose secret makes the proof of a nonce; gives the account. It is not spent: a
    /// proof is good for its nonce alone, and clients keep their tickets for the next sign-in.
    pub(crate) fn redeem_sso(&self, ticket: &str, nonce: &str, proof: &str) -> Option<String> {
        let tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        match tickets.get(ticket).filter(|ticket| ticket.until > Instant::now())? {
            Ticket { admits: Admits::Proof { account, secret }, .. } => {
                sso::verify(secret, nonce, proof).then(|| account.clone())
            }
            _ => None,
        }
    }

    /// Tells whose a ticket for the web services is, without spending it.
    pub(crate) fn account_of(&self, ticket: &str) -> Option<String> {
        let ticket = ticket.strip_prefix("t=").unwrap_or(ticket);
        let ticket = ticket.split('&').next().unwrap_or(ticket);
        let tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.faults.ended();
        let lives = |ticket: &&Ticket| ticket.until > Instant::now() && ticket.ended == ended;
        match tickets.get(ticket).filter(lives)? {
            Ticket {
                admits: Admits::Services { account } | Admits::SignIn { account }, ..
            } => Some(account.clone()),
            _ => None,
        }
    }

    /// Spends a ticket.
    pub(crate) fn redeem(&self, ticket: &str) -> Option<Admits> {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = tickets.remove(ticket).filter(|ticket| ticket.until > Instant::now())?;
        // It signs in once, and is good for the services afterwards.
        if let Admits::SignIn { account } = &spent.admits {
            let admits = Admits::Services { account: account.clone() };
            tickets.insert(ticket.to_owned(), Ticket { admits, ..spent });
        }
        Some(spent.admits)
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}

fn address_of(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, BindError> {
    listener.local_addr().map_err(|source| BindError { address: asked, source })
}

async fn serve(
    listener: TcpListener,
    kind: LinkKind,
    shared: Arc<Shared>,
    cancel: CancellationToken,
) {
    let mut links = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = cancel.cancelled() => return links.shutdown().await,
            Some(_) = links.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a link");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        // Without it small answers wait for the client's acknowledgements.
        let _ = stream.set_nodelay(true);
        let (reading, writing) = stream.into_split();
        links.spawn(link_task(Arc::clone(&shared), kind, Box::new(reading), Box::new(writing)));
    }
}

/// Serves one link until it ends, however it is carried.
pub(crate) async fn link_task(
    shared: Arc<Shared>,
    kind: LinkKind,
    reading: Box<dyn AsyncRead + Send + Unpin>,
    writing: Box<dyn AsyncWrite + Send + Unpin>,
) {
    let (reader, speaker, writing) = link::split(reading, writing, kind, shared.faults.clone());
    let talk = async {
        match kind {
            LinkKind::Notification => notification::serve(shared, reader, speaker).await,
            LinkKind::Switchboard => switchboard::serve(shared, reader, speaker).await,
        }
    };
    // Writing ends once the other has let go of its speakers and all is written.
    tokio::join!(talk, writing.run());
}
