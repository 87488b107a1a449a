//! Making connections: TCP, a [gateway](crate::GatewayDial), or whatever a test puts in their place.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    ops::RangeInclusive,
    time::Duration,
};

use async_trait::async_trait;
use msnp_proto::LinkKind;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

/// How long a TCP connection may take to come to be.
const CONNECT_DEADLINE: Duration = Duration::from_secs(15);

/// A byte stream both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens streams to `host:port`.
#[async_trait]
pub trait Dial: Send + Sync + 'static {
    /// Opens one, to a notification server or a switchboard.
    ///
    /// # Errors
    /// Whatever kept it from coming to be.
    async fn dial(&self, kind: LinkKind, address: &str) -> io::Result<Box<dyn Stream>>;

    /// Opens one to a peer, for a direct link; unless said otherwise, by TCP.
    ///
    /// # Errors
    /// As [`dial`](Self::dial).
    async fn dial_direct(&self, address: SocketAddrV4) -> io::Result<Box<dyn Stream>> {
        let stream = timeout(CONNECT_DEADLINE, direct_socket()?.connect(address.into()))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// Opens TCP connections, without delay of small writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDial;

#[async_trait]
impl Dial for TcpDial {
    async fn dial(&self, _: LinkKind, address: &str) -> io::Result<Box<dyn Stream>> {
        let stream = timeout(CONNECT_DEADLINE, TcpStream::connect(address))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// Listens for direct links at the first port that is free.
pub(crate) fn listen_direct(
    address: Ipv4Addr,
    ports: RangeInclusive<u16>,
) -> io::Result<TcpListener> {
    let mut outcome = Err(io::Error::from(io::ErrorKind::AddrInUse));
    for port in ports {
        let socket = direct_socket()?;
        // A port is free again as soon as nobody listens at it; elsewhere the word means something else.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        outcome = socket
            .bind(SocketAddrV4::new(address, port).into())
            .and_then(|()| socket.listen(DIRECT_WAITING));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Connections that may wait to be taken.
const DIRECT_WAITING: u32 = 4;
/// What the system may hold of a direct link's bytes in each direction, before it doubles it: when a link
/// breaks, less is under way than is kept to be sent again.
const DIRECT_BUFFER: u32 = 128 * 1024;

fn direct_socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(DIRECT_BUFFER)?;
    socket.set_recv_buffer_size(DIRECT_BUFFER)?;
    Ok(socket)
}
