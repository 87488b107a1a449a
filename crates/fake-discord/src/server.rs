//! The server: its fronts, and the state behind them.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{
        ConnectInfo, DefaultBodyLimit, State as Extracted,
        connect_info::IntoMakeServiceWithConnectInfo, ws::WebSocketUpgrade,
    },
    response::Response,
    routing::get,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    front::Front,
    gateway,
    line::{Lines, Resets},
    rest,
    state::{Controls, State},
    world::World,
};

/// How long a test waits for something before it fails.
const SOON: Duration = Duration::from_secs(40);

pub(crate) struct Shared {
    state: Mutex<State>,
    address: SocketAddr,
    /// Where clients are told that the gateway is, if not at the address.
    pub(crate) gateway: OnceLock<SocketAddr>,
    pub(crate) hang_upgrades: AtomicBool,
    /// Counts what happened, for those who wait for something to.
    news: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn controls(&self) -> Controls {
        self.state().controls
    }

    pub(crate) fn gateway_url(&self) -> String {
        format!("ws://{}/gw", self.gateway.get().unwrap_or(&self.address))
    }

    /// Says that something happened.
    pub(crate) fn note_news(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    /// Waits until what happened is written to all sessions, or sees to it that it is later.
    pub(crate) async fn told_everybody(self: &Arc<Self>) {
        let (waits, late, after) = {
            let mut state = self.state();
            let after = state.controls.echo_after;
            (std::mem::take(&mut state.waits), std::mem::take(&mut state.late), after)
        };
        rest::written(waits).await;
        self.note_news();
        if let (false, Some(after)) = (late.is_empty(), after) {
            let shared = Arc::clone(self);
            // It ends by itself, a moment after the answer.
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                let mut state = shared.state();
                for (name, data, wanted) in late {
                    state.tell(&name, &data, wanted);
                }
            });
        }
    }

    /// Waits until something holds, looking whenever anything happened.
    pub(crate) async fn until<T>(
        &self,
        end: Instant,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> Option<T> {
        let mut news = self.news.subscribe();
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            // The sender is ours: it does not go.
            if !matches!(timeout_at(end, news.changed()).await, Ok(Ok(()))) {
                return look(self);
            }
        }
    }
}

/// A Discord of one server, as long as it lives.
///
/// What a test does to it is in groups: people ([`by`](Self::by), [`say`](Self::say)), moderators
/// (channels, roles, webhooks), faults of REST and of the gateway, and what there is to see.
pub struct FakeDiscord {
    pub(crate) shared: Arc<Shared>,
    front: SocketAddr,
    authority: String,
    _tasks: JoinSet<()>,
}

impl FakeDiscord {
    /// Starts one whose bot has this token, all permissions and the message content intent.
    ///
    /// # Errors
    /// When the loopback cannot be listened on.
    pub async fn start(token: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Mutex::new(State::new(World::new(token)));
        let (hang_upgrades, gateway) = (AtomicBool::new(false), OnceLock::new());
        let news = watch::Sender::new(0);
        let shared = Arc::new(Shared { state, address, gateway, hang_upgrades, news });
        let router = Router::new()
            .route("/gw", get(upgrade))
            .route("/gw/", get(upgrade))
            .fallback(rest::serve)
            // What is too large is refused as Discord does it.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let service: IntoMakeServiceWithConnectInfo<Router, Resets> =
            router.into_make_service_with_connect_info();
        let front = Front::bind().await?;
        let (place, authority) = (front.address()?, front.authority.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(front.run(address));
        tasks.spawn(async move {
            // It serves until the whole is dropped.
            drop(axum::serve(Lines(listener), service).await);
        });
        Ok(Self { shared, front: place, authority, _tasks: tasks })
    }

    /// Where the gateway is.
    pub fn gateway(&self) -> SocketAddr {
        self.shared.address
    }

    /// Tells clients another address for the gateway, for a link that goes wrong; the first counts.
    pub fn detour(&self, gateway: SocketAddr) {
        self.shared.gateway.get_or_init(|| gateway);
    }

    /// Where `https://discord.com` is: connect there, or use it as an HTTP proxy.
    pub fn front(&self) -> SocketAddr {
        self.front
    }

    /// The certificate to trust for it, as PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Writes that certificate to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_authority(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, &self.authority)
    }

    /// Waits until something is there, looking whenever anything happened; fails the test when that is
    /// never.
    ///
    /// # Panics
    /// After 40 seconds.
    pub async fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let found = self.shared.until(Instant::now() + SOON, |_| look(self)).await;
        found.unwrap_or_else(|| panic!("never: {what}"))
    }
}

async fn upgrade(
    Extracted(shared): Extracted<Arc<Shared>>,
    ConnectInfo(resets): ConnectInfo<Resets>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if shared.hang_upgrades.load(Ordering::Relaxed) {
        return std::future::pending().await;
    }
    upgrade.on_upgrade(move |socket| gateway::serve(shared, socket, resets))
}
