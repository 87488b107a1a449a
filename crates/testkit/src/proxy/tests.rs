use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

use super::{End, FaultyLink, LinkFault, Place, Way};
use crate::wait::wait_until;

const SOON: Duration = Duration::from_secs(20);
/// Long enough to see that nothing comes.
const MOMENT: Duration = Duration::from_millis(100);

/// A link to a server that says everything back.
async fn link() -> FaultyLink {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback is free");
    let server = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    FaultyLink::to(server).await.expect("the loopback is free")
}

async fn client(link: &FaultyLink) -> TcpStream {
    TcpStream::connect(link.address()).await.expect("it connects")
}

/// Says something and gives what comes back until it is as long as that.
async fn echo(stream: &mut TcpStream, words: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(words).await?;
    let mut heard = vec![0; words.len()];
    timeout(SOON, stream.read_exact(&mut heard)).await.expect("it is answered")?;
    Ok(heard)
}

async fn hears_nothing(stream: &mut TcpStream) -> bool {
    timeout(MOMENT, stream.read_u8()).await.is_err()
}

#[tokio::test]
async fn without_a_fault_everything_is_carried_both_ways_to_the_end() {
    let link = link().await;
    let mut stream = client(&link).await;
    let words = vec![7; 300_000];
    let (mut from, mut to) = stream.split();
    let mut heard = Vec::new();
    let (_, said) = tokio::join!(from.read_to_end(&mut heard), async {
        to.write_all(&words).await?;
        to.shutdown().await
    });
    said.expect("it is said");
    assert_eq!((heard.len(), link.connections()), (words.len(), 1));
}

#[tokio::test]
async fn a_cut_ends_open_connections_and_new_ones_as_it_is_told() {
    let link = link().await;
    for (end, wanted) in
        [(End::Close, None), (End::Reset, Some(std::io::ErrorKind::ConnectionReset))]
    {
        let mut open = client(&link).await;
        echo(&mut open, b"hello").await.expect("it is carried");
        link.set(LinkFault::Cut(end));
        let read = timeout(SOON, open.read(&mut [0])).await.expect("it ends");
        assert_eq!(read.err().map(|error| error.kind()), wanted);
        let mut new = client(&link).await;
        let read = timeout(SOON, new.read(&mut [0])).await.expect("it ends");
        assert_eq!(read.unwrap_or_default(), 0);
        link.set(LinkFault::None);
        echo(&mut client(&link).await, b"again").await.expect("it is carried");
    }
}

#[tokio::test]
async fn a_stall_holds_everything_and_loses_nothing() {
    let link = link().await;
    let mut stream = client(&link).await;
    link.set(LinkFault::Stall);
    stream.write_all(b"held").await.expect("it is taken");
    assert!(hears_nothing(&mut stream).await);
    link.set(LinkFault::None);
    let mut heard = [0; 4];
    timeout(SOON, stream.read_exact(&mut heard)).await.expect("in time").expect("it comes");
    assert_eq!(&heard, b"held");
}

#[tokio::test]
async fn a_half_open_connection_stays_dead_and_the_next_one_lives() {
    let link = link().await;
    for way in [Way::ToClient, Way::ToServer] {
        let mut stream = client(&link).await;
        echo(&mut stream, b"hello").await.expect("it is carried");
        link.set(LinkFault::HalfOpen(way));
        stream.write_all(b"lost").await.expect("it is taken");
        assert!(hears_nothing(&mut stream).await);
        link.set(LinkFault::None);
        stream.write_all(b"lost too").await.expect("it is taken");
        assert!(hears_nothing(&mut stream).await);
        echo(&mut client(&link).await, b"again").await.expect("it is carried");
    }
}

#[tokio::test]
async fn a_slow_link_takes_its_time_and_loses_nothing() {
    let link = link().await;
    let mut stream = client(&link).await;
    link.set(LinkFault::Slow(200));
    let began = Instant::now();
    assert_eq!(echo(&mut stream, &[9; 64]).await.expect("it is carried"), vec![9; 64]);
    assert!(began.elapsed() > Duration::from_millis(200), "{:?}", began.elapsed());
}

#[tokio::test]
async fn garbage_is_said_once_at_its_place() {
    let link = link().await;
    for (place, first) in [(Place::Boundary, None), (Place::Middle, Some(b"he".as_slice()))] {
        let mut stream = client(&link).await;
        link.set(LinkFault::Garbage(place));
        stream.write_all(b"hell").await.expect("it is said");
        let mut heard = vec![0; 204];
        timeout(SOON, stream.read_exact(&mut heard)).await.expect("in time").expect("it comes");
        assert!(heard.starts_with(first.unwrap_or_default()));
        assert!(heard.ends_with(if first.is_some() { b"ll" } else { b"hell" }));
        assert_eq!(echo(&mut stream, b"clean").await.expect("it is carried"), b"clean");
        link.set(LinkFault::None);
    }
}

#[tokio::test]
async fn an_answer_is_heard_whole_and_the_server_hears_nothing() {
    let link = link().await;
    link.set(LinkFault::limited(Some(Duration::from_secs(2)), None));
    let mut stream = client(&link).await;
    stream.write_all(&[b'x'; 100_000]).await.expect("it is taken");
    let mut heard = String::new();
    timeout(SOON, stream.read_to_string(&mut heard)).await.expect("in time").expect("it is text");
    assert!(
        heard.starts_with("HTTP/1.1 429 ") && heard.contains("\r\nretry-after: 2\r\n"),
        "{heard}"
    );
    assert!(heard.ends_with("\"error\": \"Too many\"}"), "{heard}");
}

#[tokio::test]
async fn a_truncated_connection_ends_after_its_bytes() {
    let link = link().await;
    let mut stream = client(&link).await;
    link.set(LinkFault::Truncate(3));
    stream.write_all(b"hello").await.expect("it is said");
    let mut heard = Vec::new();
    timeout(SOON, stream.read_to_end(&mut heard)).await.expect("in time").expect("it ends");
    assert_eq!(heard, b"hel");
}

#[tokio::test]
async fn a_script_gives_new_connections_faults_of_their_own() {
    let link = link().await;
    link.script([LinkFault::Cut(End::Close), LinkFault::Truncate(2)]);
    let mut first = client(&link).await;
    assert_eq!(timeout(SOON, first.read(&mut [0])).await.expect("it ends").unwrap_or_default(), 0);
    let mut second = client(&link).await;
    second.write_all(b"hello").await.expect("it is said");
    let mut heard = Vec::new();
    timeout(SOON, second.read_to_end(&mut heard)).await.expect("in time").expect("it ends");
    assert_eq!(heard, b"he");
    echo(&mut client(&link).await, b"third").await.expect("it is carried");
    wait_until(SOON, "all are counted", || async { (link.connections() == 3).then_some(()) }).await;
}
