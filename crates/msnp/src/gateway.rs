//! The HTTP gateway: a connection carried by requests, for networks that let nothing else pass.
//!
//! ```text
//! POST /gateway/gateway.dll?Action=open&Server=NS&IP=messenger.hotmail.com
//! X-MSN-Messenger: SessionID=1f3a.1; GW-IP=messenger.hotmail.com
//! POST /gateway/gateway.dll?SessionID=1f3a.1            commands
//! POST /gateway/gateway.dll?Action=poll&SessionID=1f3a.2   nothing, to fetch what the server has
//! ```
//! One request is under way at a time, each names the session as the answer before did, and all go to the
//! first host (docs: protocol, HTTP gateway).

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use msnp_proto::LinkKind;
use reqwest::Client;
use tokio::{
    io::{
        AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
    },
    time::timeout,
};

use crate::{
    dial::{Dial, Stream},
    http,
};

/// How long to wait before asking again whether there is something, at first and at most: real clients ask
/// every two seconds.
const POLL: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// Most bytes of one answer.
const ANSWER_LIMIT: usize = 1024 * 1024;
/// Most bytes of one request.
const PIECE: usize = 16 * 1024;
/// Most bytes that wait in one direction.
const BUFFER: usize = 64 * 1024;
/// Where the gateway is at its host.
const PATH: &str = "gateway/gateway.dll";

/// Opens connections through a gateway.
#[derive(Clone, Debug)]
pub struct GatewayDial {
    url: String,
}

impl GatewayDial {
    /// Takes where the gateway is: `http://host`, or its whole address where that ends in `.dll`.
    pub fn new(url: &str) -> Self {
        let url = url.trim_end_matches('/');
        let whole = url.ends_with(".dll");
        Self { url: if whole { url.to_owned() } else { format!("{url}/{PATH}") } }
    }
}

#[async_trait]
impl Dial for GatewayDial {
    async fn dial(&self, kind: LinkKind, address: &str) -> io::Result<Box<dyn Stream>> {
        let client = http::lasting_client().map_err(io::Error::other)?;
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let server = match kind {
            LinkKind::Notification => "NS",
            LinkKind::Switchboard => "SB",
        };
        let query = format!("Action=open&Server={server}&IP={host}");
        let mut tunnel = Tunnel { client, url: self.url.clone(), session: String::new() };
        let first = tunnel.ask(&query, Vec::new()).await.map_err(io::Error::other)?;
        if tunnel.session.is_empty() {
            return Err(io::Error::other("the gateway did not name a session"));
        }
        let (near, far) = duplex(BUFFER);
        let ended = Arc::new(Mutex::new(None));
        let link = GatewayLink { near, ended: Arc::clone(&ended) };
        tokio::spawn(async move {
            if let Err(why) = tunnel.carry(far, first).await {
                *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            }
        });
        Ok(Box::new(link))
    }
}

/// The session's end of a connection; reading fails with the reason when the gateway does.
struct GatewayLink {
    near: DuplexStream,
    ended: Arc<Mutex<Option<String>>>,
}

impl AsyncRead for GatewayLink {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.near).poll_read(cx, buffer))?;
        if buffer.filled().len() == before
            && let Some(why) = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            return Poll::Ready(Err(io::Error::other(why)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for GatewayLink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.near).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_shutdown(cx)
    }
}

/// One session at a gateway.
struct Tunnel {
    client: Client,
    url: String,
    /// Its name, as the newest answer gave it; empty before the first and after the last.
    session: String,
}

impl Tunnel {
    /// Carries bytes until either side ends, or the gateway fails.
    async fn carry(mut self, mut far: DuplexStream, first: Vec<u8>) -> Result<(), String> {
        let [soon, late] = POLL;
        let mut answer = first;
        let mut pause = soon;
        loop {
            // Whoever does not read is not asked for more.
            if far.write_all(&answer).await.is_err() || self.session.is_empty() {
                return Ok(());
            }
            let mut body = Vec::with_capacity(PIECE);
            let sent = match timeout(pause, far.read_buf(&mut body)).await {
                Ok(Ok(0) | Err(_)) => return Ok(()),
                Ok(Ok(_)) => true,
                Err(_) => false,
            };
            let name = &self.session;
            let query = match sent {
                true => format!("SessionID={name}"),
                false => format!("Action=poll&SessionID={name}"),
            };
            answer = self.ask(&query, body).await?;
            pause = if sent || !answer.is_empty() { soon } else { (pause * 2).min(late) };
        }
    }

    /// Asks once, and takes the session's new name.
    async fn ask(&mut self, query: &str, body: Vec<u8>) -> Result<Vec<u8>, String> {
        let request = self
            .client
            .post(format!("{}?{query}", self.url))
            .header("Content-Type", "application/x-msn-messenger")
            .header("Pragma", "no-cache")
            .body(body);
        let answer = match request.send().await {
            Ok(response) => http::read(response, ANSWER_LIMIT).await,
            Err(error) => http::failed(&http::why(&error.without_url())),
        };
        if let Some(why) = answer.failure {
            return Err(format!("the gateway cannot be reached: {why}"));
        }
        if answer.status != 200 {
            return Err(format!("the gateway answered {}", answer.status));
        }
        let said = answer.header("x-msn-messenger").unwrap_or_default();
        let part = |name: &str| {
            let mut parts = said.split(';').filter_map(|part| part.trim().split_once('='));
            parts.find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        self.session = match part("Session") {
            Some("close") => String::new(),
            _ => part("SessionID").map_or_else(|| self.session.clone(), str::to_owned),
        };
        Ok(answer.body)
    }
}
