//! Making connections: TCP, a [gateway](crate::GatewayDial), or whatever a test puts in their place.

use std::{io, time::Duration};

use async_trait::async_trait;
use msnp_proto::LinkKind;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
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
