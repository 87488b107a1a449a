//! One connection through a faulty link.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::timeout,
};

use super::{End, LinkFault, Place, Way};

/// Most bytes carried at once.
const PIECE: usize = 16 * 1024;
/// Most bytes carried at once when slow.
const SLOW_PIECE: usize = 16;
/// How many random bytes are put in.
const GARBAGE: usize = 200;
/// How long a client may take to hear an answer.
const HEARD: Duration = Duration::from_secs(5);

/// Why a connection is carried no further.
enum Over {
    Answered(Vec<u8>),
    Cut(End),
    Failed,
}

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self::Failed
    }
}

pub(super) async fn connection(
    mut client: TcpStream,
    mut target: watch::Receiver<Option<SocketAddr>>,
    faults: watch::Receiver<(u64, LinkFault)>,
    own: Option<LinkFault>,
) {
    // Small answers must not wait for acknowledgements.
    let _ = client.set_nodelay(true);
    let way = |way| Carrier::new(way, faults.clone(), own.clone());
    let (mut up, mut down) = (way(Way::ToServer), way(Way::ToClient));
    if let Some(end) = up.cut() {
        return finish(&client, end);
    }
    let server = match target.wait_for(Option::is_some).await.map(|found| *found) {
        Ok(Some(server)) => TcpStream::connect(server).await,
        _ => return,
    };
    let Ok(mut server) = server else {
        return finish(&client, End::Reset);
    };
    let _ = server.set_nodelay(true);
    let over = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(up.carry(from_client, to_server), down.carry(from_server, to_client))
    };
    match over {
        // Both ends said all they had.
        Ok(_) => {}
        Err(Over::Answered(answer)) => {
            let say = async {
                client.write_all(&answer).await?;
                client.shutdown().await?;
                // What the client still says is heard, for closing on it would take the answer back.
                let mut rest = [0; 1024];
                while client.read(&mut rest).await? > 0 {}
                io::Result::Ok(())
            };
            // A client that goes earlier ends only itself.
            let _ = timeout(HEARD, say).await;
        }
        Err(Over::Cut(end)) => {
            finish(&server, end);
            finish(&client, end);
        }
        Err(Over::Failed) => {
            finish(&server, End::Reset);
            finish(&client, End::Reset);
        }
    }
}

/// Says how the connection ends when it is dropped.
fn finish(stream: &TcpStream, end: End) {
    if end == End::Reset {
        // Otherwise it ends in order, which is an end too.
        let _ = stream.set_zero_linger();
    }
}

/// One way of a connection.
struct Carrier {
    way: Way,
    faults: watch::Receiver<(u64, LinkFault)>,
    own: Option<LinkFault>,
    /// Whether something was swallowed: nothing comes through any more.
    dead: bool,
    /// The setting whose garbage was said.
    spoilt: Option<u64>,
    /// The setting of a truncation, and what is left of it.
    left: Option<(u64, usize)>,
}

impl Carrier {
    fn new(way: Way, faults: watch::Receiver<(u64, LinkFault)>, own: Option<LinkFault>) -> Self {
        Self { way, faults, own, dead: false, spoilt: None, left: None }
    }

    fn fault(&mut self) -> (u64, LinkFault) {
        let (number, fault) = self.faults.borrow_and_update().clone();
        match (&self.own, fault) {
            (Some(own), LinkFault::None) => (0, own.clone()),
            (_, fault) => (number, fault),
        }
    }

    fn cut(&mut self) -> Option<End> {
        match self.fault().1 {
            LinkFault::Cut(end) => Some(end),
            _ => None,
        }
    }

    /// Carries one way until its end; an error ends both.
    async fn carry(&mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Over> {
        let mut buffer = vec![0; PIECE];
        loop {
            match self.fault().1 {
                LinkFault::Cut(end) => return Err(Over::Cut(end)),
                LinkFault::Stall => {
                    self.changed().await;
                    continue;
                }
                _ => {}
            }
            let read = tokio::select! {
                read = from.read(&mut buffer) => read?,
                () = changed(&mut self.faults) => continue,
            };
            // What is set by now is what happens to it.
            if self.held_back().await {
                return Err(Over::Cut(self.cut().unwrap_or(End::Close)));
            }
            if read == 0 {
                if self.dead {
                    std::future::pending::<()>().await;
                }
                to.shutdown().await?;
                return Ok(());
            }
            let piece = buffer.get(..read).unwrap_or_default();
            self.pass(piece, &mut to).await?;
        }
    }

    /// Waits while the link stalls; tells whether it was cut then.
    async fn held_back(&mut self) -> bool {
        loop {
            match self.fault().1 {
                LinkFault::Cut(_) => return true,
                LinkFault::Stall => self.changed().await,
                _ => return false,
            }
        }
    }

    async fn pass(&mut self, piece: &[u8], to: &mut WriteHalf<'_>) -> Result<(), Over> {
        let (number, fault) = self.fault();
        match (fault, self.way) {
            _ if self.dead => {}
            (LinkFault::HalfOpen(way), _) if way == self.way => self.dead = true,
            (LinkFault::Answer(answer), Way::ToServer) => return Err(Over::Answered(answer)),
            (LinkFault::Garbage(place), Way::ToClient) if self.spoilt != Some(number) => {
                self.spoilt = Some(number);
                let at = match place {
                    Place::Boundary => 0,
                    Place::Middle => piece.len() / 2,
                };
                let (before, after) = piece.split_at(at);
                to.write_all(&[before, &garbage(number), after].concat()).await?;
            }
            (LinkFault::Truncate(most), Way::ToClient) => {
                let left = match self.left {
                    Some((of, left)) if of == number => left,
                    _ => most,
                };
                let said = left.min(piece.len());
                to.write_all(piece.get(..said).unwrap_or_default()).await?;
                self.left = Some((number, left - said));
                if left == said {
                    return Err(Over::Cut(End::Close));
                }
            }
            (LinkFault::Slow(_), _) => self.pass_slowly(piece, to).await?,
            _ => to.write_all(piece).await?,
        }
        Ok(())
    }

    /// Says a piece bit by bit, and the rest of it at once when the fault is over.
    async fn pass_slowly(&mut self, piece: &[u8], to: &mut WriteHalf<'_>) -> Result<(), Over> {
        for bit in piece.chunks(SLOW_PIECE) {
            to.write_all(bit).await?;
            if let LinkFault::Slow(bytes) = self.fault().1 {
                let said = u32::try_from(bit.len()).unwrap_or(u32::MAX);
                let pause = Duration::from_secs(1) * said / bytes.max(1);
                // Either is an end of the pause.
                let _ = timeout(pause, self.changed()).await;
            }
        }
        Ok(())
    }

    async fn changed(&mut self) {
        changed(&mut self.faults).await;
    }
}

/// Waits for another setting; a link that is dropped has its last for ever.
async fn changed(faults: &mut watch::Receiver<(u64, LinkFault)>) {
    if faults.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The same for the same setting, so that a failure can be seen again.
fn garbage(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state >> 56).unwrap_or_default()
    });
    bytes.take(GARBAGE).collect()
}
