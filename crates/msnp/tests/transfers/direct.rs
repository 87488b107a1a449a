//! Files over direct links on loopback: that they go there, and where they go when it fails.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use async_trait::async_trait;
use msnp::{
    ChatId, Config, Dial, Direct, Event, Events, FileContext, Handle, Protocol, Stream, TcpDial,
    Text, Version,
};
use msnp_proto::LinkKind;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
};

use super::{noise, offered, receive, send};
use crate::{ADA, BOB, World, seen, text_of};

/// What becomes of direct connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// They hold.
    Holds,
    /// They are refused.
    Refused,
    /// The side that connects has its nonce falsified on the way.
    WrongNonce,
    /// Somebody else answers, who knows no nonce.
    Stranger,
    /// They break once so many bytes were written.
    Breaks(usize),
}

/// Counts what is written through switchboards and over direct links.
#[derive(Clone)]
struct Counting {
    fate: Fate,
    boards: Arc<AtomicUsize>,
    links: Arc<AtomicUsize>,
}

struct Counted {
    stream: Box<dyn Stream>,
    count: Arc<AtomicUsize>,
    fate: Fate,
}

impl Counting {
    fn new(fate: Fate) -> Self {
        Self { fate, boards: Arc::default(), links: Arc::default() }
    }

    fn written(&self) -> [usize; 2] {
        [self.boards.load(Relaxed), self.links.load(Relaxed)]
    }
}

#[async_trait]
impl Dial for Counting {
    async fn dial(&self, kind: LinkKind, address: &str) -> io::Result<Box<dyn Stream>> {
        let stream = TcpDial.dial(kind, address).await?;
        if kind != LinkKind::Switchboard {
            return Ok(stream);
        }
        let count = Arc::clone(&self.boards);
        Ok(Box::new(Counted { stream, count, fate: Fate::Holds }))
    }

    async fn dial_direct(&self, address: SocketAddrV4) -> io::Result<Box<dyn Stream>> {
        let fate = self.fate;
        let stream = match fate {
            Fate::Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
            Fate::Stranger => {
                let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                let at = stranger.local_addr()?.to_string();
                let connected = TcpDial.dial(LinkKind::Switchboard, &at);
                let (stream, accepted) = (connected.await?, stranger.accept().await?);
                // She says what a link says, with another nonce, and reads nothing.
                let answer = [&[16, 0, 0, 0][..], &[9; 16]].concat();
                accepted.0.try_write(&answer)?;
                tokio::spawn(async move {
                    let (mut theirs, _) = accepted;
                    let _ = tokio::io::copy(&mut theirs, &mut tokio::io::sink()).await;
                });
                stream
            }
            _ => TcpDial.dial_direct(address).await?,
        };
        Ok(Box::new(Counted { stream, count: Arc::clone(&self.links), fate }))
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let before = self.count.load(Relaxed);
        let mut bytes = bytes.to_vec();
        match self.fate {
            Fate::WrongNonce if before == 0 => *bytes.last_mut().expect("a nonce") ^= 1,
            Fate::Breaks(after) if before >= after => {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            Fate::Breaks(after) => bytes.truncate(after - before),
            _ => {}
        }
        let written = Pin::new(&mut self.stream).poll_write(context, &bytes);
        if let Poll::Ready(Ok(length)) = written {
            self.count.fetch_add(length, Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn config(world: &World, account: &str, version: Version) -> Config {
    let direct =
        Direct { listen: Ipv4Addr::LOCALHOST, ports: 0..=0, announce: Vec::new(), nearby: true };
    Config { direct: Some(direct), ..world.config(account, Protocol::Exactly(version)) }
}

/// Sends a file and takes it; both ends know then that it is whole.
async fn transfer(
    (from, from_events): (&Handle, &mut Events),
    (to, to_events): (&Handle, &mut Events),
    account: &str,
    bytes: &[u8],
) {
    let size = u64::try_from(bytes.len()).expect("it is small");
    let file = FileContext { size, name: "a.bin".to_owned(), preview: Vec::new() };
    let own = from.offer_file(&ChatId::with(account), account, file).await.expect("she is asked");
    let (transfer, _) = seen(to_events, offered).await;
    to.accept_file(transfer).await.expect("it is offered");
    let (sent, received) =
        tokio::join!(send(from, from_events, own, bytes), receive(to_events, transfer));
    assert_eq!(sent, Ok(()));
    assert!(received.as_deref() == Ok(bytes), "every byte once, in its place");
}

#[tokio::test]
async fn files_go_over_direct_links_both_ways_and_not_through_switchboards() {
    let world = World::new().await;
    for version in [Version::Msnp9, Version::Msnp15, Version::Msnp18, Version::Msnp21] {
        let (hers, his) = (Counting::new(Fate::Holds), Counting::new(Fate::Holds));
        let (ada, mut ada_events) =
            msnp::connect_with(config(&world, ADA, version), Arc::new(hers.clone())).await.unwrap();
        let (bob, mut bob_events) =
            msnp::connect_with(config(&world, BOB, version), Arc::new(his.clone())).await.unwrap();
        let bytes = noise(3_000_000);
        transfer((&ada, &mut ada_events), (&bob, &mut bob_events), BOB, &bytes).await;
        let [boards, links] = hers.written();
        assert!(links > 3_000_000 && boards < 10_000, "{version}: {boards}, {links}");
        // The same link serves the other way.
        transfer((&bob, &mut bob_events), (&ada, &mut ada_events), ADA, &bytes).await;
        let [boards, links] = his.written();
        assert!(boards < 10_000, "{version}: {boards}");
        assert_eq!(links, 0, "he accepted, and did not connect");
        bob.send_text(&ChatId::with(ADA), Text::plain("thank you")).await.unwrap();
        assert_eq!(seen(&mut ada_events, text_of).await.1, "thank you");
        ada.sign_out().await;
        bob.sign_out().await;
        tokio::join!(ada_events.finish(), bob_events.finish());
    }
    world.network.shutdown().await;
}

#[tokio::test]
async fn a_file_goes_through_the_conversation_when_its_link_fails() {
    let world = World::new().await;
    for version in [Version::Msnp9, Version::Msnp18] {
        for fate in [
            Fate::Refused,
            Fate::WrongNonce,
            Fate::Stranger,
            Fate::Breaks(500),
            Fate::Breaks(300_000),
        ] {
            let counting = Counting::new(fate);
            let (ada, mut ada_events) =
                msnp::connect_with(config(&world, ADA, version), Arc::new(counting.clone()))
                    .await
                    .unwrap();
            let (bob, mut bob_events) = msnp::connect(config(&world, BOB, version)).await.unwrap();
            let bytes = noise(600_000);
            transfer((&ada, &mut ada_events), (&bob, &mut bob_events), BOB, &bytes).await;
            let [boards, links] = counting.written();
            match fate {
                Fate::Breaks(after) => assert_eq!(links, after, "{version}"),
                _ => assert!(links < 100, "{version}, {fate:?}: {links}"),
            }
            assert!(boards > 290_000, "{version}, {fate:?}: {boards}");
            ada.sign_out().await;
            bob.sign_out().await;
            tokio::join!(ada_events.finish(), bob_events.finish());
        }
    }
    world.network.shutdown().await;
}

#[tokio::test]
async fn who_allows_no_links_is_served_as_before() {
    let world = World::new().await;
    let counting = Counting::new(Fate::Holds);
    let hers = config(&world, ADA, Version::Msnp18);
    let (ada, mut ada_events) = msnp::connect_with(hers, Arc::new(counting.clone())).await.unwrap();
    let his = world.config(BOB, Protocol::Exactly(Version::Msnp18));
    assert_eq!(his.direct, None, "off by default");
    let (bob, mut bob_events) = msnp::connect(his).await.unwrap();
    transfer((&ada, &mut ada_events), (&bob, &mut bob_events), BOB, &noise(100_000)).await;
    let [boards, links] = counting.written();
    assert!(boards > 100_000 && links == 0, "{boards}, {links}");
    let closed = |event: &Event| matches!(event, Event::Closed { .. }).then_some(());
    ada.sign_out().await;
    seen(&mut ada_events, closed).await;
    world.network.shutdown().await;
}

#[tokio::test]
async fn before_peer_to_peer_files_go_over_connections_of_their_own() {
    let world = World::new().await;
    for version in [Version::Msnp2, Version::Msnp7, Version::Msnp8] {
        let (hers, his) = (Counting::new(Fate::Holds), Counting::new(Fate::Holds));
        let (ada, mut ada_events) =
            msnp::connect_with(config(&world, ADA, version), Arc::new(hers.clone())).await.unwrap();
        let (bob, mut bob_events) =
            msnp::connect_with(config(&world, BOB, version), Arc::new(his.clone())).await.unwrap();
        for length in [0, 1_000_000] {
            let bytes = noise(length);
            transfer((&ada, &mut ada_events), (&bob, &mut bob_events), BOB, &bytes).await;
            transfer((&bob, &mut bob_events), (&ada, &mut ada_events), ADA, &bytes).await;
        }
        // Who receives connects, and writes little.
        for [boards, links] in [hers.written(), his.written()] {
            assert!(boards < 5000 && (1..500).contains(&links), "{version}: {boards}, {links}");
        }
        ada.sign_out().await;
        bob.sign_out().await;
        tokio::join!(ada_events.finish(), bob_events.finish());
    }
    world.network.shutdown().await;
}
