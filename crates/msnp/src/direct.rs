//! Direct links with peers: listening, connecting, carrying bytes. Whether and with whom is decided elsewhere.

use std::{collections::HashMap, sync::Arc, time::Instant};

use msnp_proto::{
    p2p::direct::{DirectAction, DirectId, DirectNews},
    session::Session,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::mpsc,
    task::JoinSet,
    time::{Duration, sleep, timeout},
};

use crate::{
    config::Direct,
    dial::{Dial, Stream, listen_direct},
    link::{LinkNews, WRITE_DEADLINE, tell},
};

/// Bytes that a connection is given to write at once, and that it reads.
const PIECE: usize = 64 * 1024;

/// What the tasks of direct links tell the driver.
pub(crate) enum DirectTold {
    Accepted(DirectId, Box<dyn Stream>),
    Bytes(DirectId, Vec<u8>),
    Closed(DirectId),
    Listening(DirectId, u16),
    Opened(DirectId),
    /// All that it was given is written.
    Wrote(DirectId),
}

/// The direct links of a session. When they are dropped, all are closed.
pub(crate) struct DirectLinks {
    config: Direct,
    dial: Arc<dyn Dial>,
    /// Bounded: when the application is behind, reading pauses and TCP holds the peers back.
    teller: mpsc::Sender<Box<LinkNews>>,
    open: HashMap<DirectId, Open>,
    tasks: JoinSet<()>,
}

struct Open {
    task: tokio::task::AbortHandle,
    /// Holds one piece; none where it listens, or writes still.
    outgoing: Option<mpsc::Sender<Vec<u8>>>,
    writes: bool,
}

impl DirectLinks {
    pub(crate) fn new(
        config: Direct,
        dial: Arc<dyn Dial>,
        teller: mpsc::Sender<Box<LinkNews>>,
    ) -> Self {
        Self { config, dial, teller, open: HashMap::new(), tasks: JoinSet::new() }
    }

    pub(crate) fn perform(&mut self, action: DirectAction) {
        while self.tasks.try_join_next().is_some() {}
        match action {
            DirectAction::Close(id) => {
                if let Some(open) = self.open.remove(&id) {
                    open.task.abort();
                }
            }
            DirectAction::Connect(id, address) => {
                let dial = Arc::clone(&self.dial);
                self.carry(id, async move {
                    let opened = dial.dial_direct(address).await;
                    opened.inspect_err(|error| tracing::debug!(%error, "no direct connection")).ok()
                });
            }
            DirectAction::Listen(id) => {
                let task = self.tasks.spawn(listen(id, self.config.clone(), self.teller.clone()));
                self.open.insert(id, Open { task, outgoing: None, writes: true });
            }
            action => tracing::debug!(?action, "not known what to do"),
        }
    }

    pub(crate) fn take(&mut self, session: &mut Session, now: Instant, told: DirectTold) {
        match told {
            DirectTold::Accepted(listening, stream) => {
                // Without a name nobody waits for it, and it is closed.
                if let Some(id) = session.handle_accepted(listening) {
                    self.carry(id, async move { Some(stream) });
                }
            }
            DirectTold::Bytes(id, bytes) if self.open.contains_key(&id) => {
                session.handle_direct(now, DirectNews::Bytes(id, &bytes));
            }
            DirectTold::Closed(id) => {
                self.open.remove(&id);
                session.handle_direct(now, DirectNews::Closed(id));
            }
            DirectTold::Listening(id, port) => {
                session.handle_direct(now, DirectNews::Listening(id, port));
            }
            DirectTold::Opened(id) => session.handle_direct(now, DirectNews::Opened(id)),
            DirectTold::Wrote(id) => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.writes = false;
                }
            }
            DirectTold::Bytes(..) => {}
        }
    }

    /// Gives each connection that has written everything what there is for it; true when there was something.
    pub(crate) fn write(&mut self, session: &mut Session, now: Instant) -> bool {
        let mut given = false;
        for (id, open) in self.open.iter_mut().filter(|(_, open)| !open.writes) {
            let Some(outgoing) = &open.outgoing else {
                continue;
            };
            if let Some(bytes) = session.poll_direct(now, *id, PIECE) {
                // A connection that has just ended says so.
                open.writes = outgoing.try_send(bytes).is_ok();
                given = true;
            }
        }
        given
    }

    fn carry(
        &mut self,
        id: DirectId,
        stream: impl Future<Output = Option<Box<dyn Stream>>> + Send + 'static,
    ) {
        let (outgoing, taken) = mpsc::channel(1);
        let task = self.tasks.spawn(carry(id, stream, taken, self.teller.clone()));
        self.open.insert(id, Open { task, outgoing: Some(outgoing), writes: false });
    }
}

/// Listens until it is aborted; there is a deadline for that in the session.
async fn listen(id: DirectId, config: Direct, news: mpsc::Sender<Box<LinkNews>>) {
    let listener = listen_direct(config.listen, config.ports);
    let port = listener.as_ref().ok().and_then(|listener| Some(listener.local_addr().ok()?.port()));
    let (Ok(listener), Some(port)) = (listener, port) else {
        tracing::debug!("no port to listen at for a direct link");
        return told(&news, DirectTold::Closed(id)).await;
    };
    told(&news, DirectTold::Listening(id, port)).await;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true); // it is only faster with it
                told(&news, DirectTold::Accepted(id, Box::new(stream))).await;
            }
            // Too many files are open, or the connection is gone already.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn carry(
    id: DirectId,
    stream: impl Future<Output = Option<Box<dyn Stream>>>,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    news: mpsc::Sender<Box<LinkNews>>,
) {
    if let Some(stream) = stream.await {
        told(&news, DirectTold::Opened(id)).await;
        let (mut reader, mut writer) = tokio::io::split(stream);
        tokio::select! {
            () = read(id, &mut reader, &news) => {}
            () = write(id, &mut writer, &mut outgoing, &news) => {}
        }
    }
    told(&news, DirectTold::Closed(id)).await;
}

async fn read(
    id: DirectId,
    reader: &mut ReadHalf<Box<dyn Stream>>,
    news: &mpsc::Sender<Box<LinkNews>>,
) {
    loop {
        let mut buffer = Vec::with_capacity(PIECE);
        match reader.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => told(news, DirectTold::Bytes(id, buffer)).await,
        }
    }
}

async fn write(
    id: DirectId,
    writer: &mut WriteHalf<Box<dyn Stream>>,
    outgoing: &mut mpsc::Receiver<Vec<u8>>,
    news: &mpsc::Sender<Box<LinkNews>>,
) {
    while let Some(bytes) = outgoing.recv().await {
        match timeout(WRITE_DEADLINE, writer.write_all(&bytes)).await {
            Ok(Ok(())) => told(news, DirectTold::Wrote(id)).await,
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

async fn told(news: &mpsc::Sender<Box<LinkNews>>, what: DirectTold) {
    tell(news, LinkNews::Direct(what)).await;
}
