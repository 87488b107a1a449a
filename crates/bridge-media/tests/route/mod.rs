//! Signed addresses over real HTTP.

use std::time::Duration;

use bridge_core::media::Spool as _;
use bridge_media::{FileSpool, Limits, Signer, router};
use reqwest::{Client, Response, StatusCode, header};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::support::{LIMITS, keep};

const KEY: [u8; 32] = [7; 32];

/// A spool behind its route.
struct Served {
    spool: FileSpool,
    url: String,
    http: Client,
    server: JoinHandle<()>,
    _home: TempDir,
}

impl Served {
    async fn with(limits: Limits, life: Duration) -> Self {
        let home = tempfile::tempdir().expect("it works");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("it works");
        let url = format!("http://{}", listener.local_addr().expect("it works"));
        let signer = Signer::new(&KEY, &url, life);
        let spool = FileSpool::open(home.path(), limits, Some(signer)).expect("it works");
        let router = router(spool.clone());
        let server =
            tokio::spawn(async move { axum::serve(listener, router).await.expect("it works") });
        let http = Client::builder().no_proxy().build().expect("it works");
        Self { spool, url, http, server, _home: home }
    }

    async fn new() -> Self {
        Self::with(LIMITS, Duration::from_secs(60)).await
    }

    /// Keeps a file; gives its address.
    async fn address(&self, name: &str, bytes: &[u8]) -> String {
        let media = keep(&self.spool, name, bytes).await.expect("it works");
        self.spool.link(&media).expect("it works").address
    }

    async fn get(&self, address: &str) -> Response {
        self.http.get(address).send().await.expect("it works")
    }

    async fn part(&self, address: &str, range: &str) -> Response {
        self.http.get(address).header(header::RANGE, range).send().await.expect("it works")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn told(response: &Response, name: header::HeaderName) -> String {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().expect("it works").to_owned())
        .unwrap_or_default()
}

/// Everything of an answer that a stranger sees, without the clock.
async fn seen(response: Response) -> (StatusCode, Vec<(String, String)>, String) {
    let status = response.status();
    let mut headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .filter(|(name, _)| **name != header::DATE)
        .map(|(name, value)| (name.to_string(), value.to_str().expect("it works").to_owned()))
        .collect();
    headers.sort();
    (status, headers, response.text().await.expect("it works"))
}

#[tokio::test]
async fn an_address_gives_the_bytes_with_their_type_and_nothing_may_run() {
    let served = Served::new().await;
    let png = b"\x89PNG\r\n\x1a\nand so on";
    let address = served.address("Ada's cat ☃.png", png).await;
    let response = served.get(&address).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(told(&response, header::CONTENT_TYPE), "image/png");
    assert_eq!(told(&response, header::CONTENT_LENGTH), png.len().to_string());
    assert_eq!(
        told(&response, header::CONTENT_DISPOSITION),
        "inline; filename=\"Ada_s cat _.png\"; filename*=UTF-8''Ada%27s%20cat%20%E2%98%83.png"
    );
    assert_eq!(told(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert!(
        told(&response, header::CONTENT_SECURITY_POLICY).starts_with("sandbox; default-src 'none'")
    );
    assert_eq!(told(&response, header::REFERRER_POLICY), "no-referrer");
    assert_eq!(response.bytes().await.unwrap().as_ref(), png);
}

#[tokio::test]
async fn what_a_browser_would_run_is_given_as_bytes_or_as_a_picture_that_is_none() {
    let served = Served::new().await;
    for (name, bytes, mime, how) in [
        (
            "page.html",
            &b"<!DOCTYPE html><script>alert(1)</script>"[..],
            "application/octet-stream",
            "attachment",
        ),
        ("pic.svg", b"<svg onload=alert(1)>", "application/octet-stream", "attachment"),
        ("both.html", b"GIF89a/*<html><script>alert(1)</script>*/", "image/gif", "inline"),
        ("run.js", b"alert(1)", "text/plain; charset=utf-8", "attachment"),
    ] {
        let address = served.address(name, bytes).await;
        let response = served.get(&address).await;
        assert_eq!(told(&response, header::CONTENT_TYPE), mime, "{name}");
        let disposition = told(&response, header::CONTENT_DISPOSITION);
        assert!(disposition.starts_with(how), "{name}: {disposition}");
        assert_eq!(told(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
}

#[tokio::test]
async fn a_wrong_address_tells_nothing_of_what_is_there() {
    let served = Served::new().await;
    let address = served.address("cat.txt", b"a cat").await;
    let (path, query) = address.split_once('?').unwrap();
    let hash = path.rsplit('/').nth(1).unwrap();
    let absent = "0".repeat(64);
    let other = Signer::new(&[8; 32], &served.url, Duration::from_secs(60));
    let foreign = other.link(hash.parse().unwrap(), "cat.txt").address;
    let mut answers = Vec::new();
    for wrong in [
        path.to_owned(),
        format!("{path}?exp=99999999999&sig=AAAA"),
        format!("{path}?{}", query.replace("exp=", "exp=9")),
        format!("{}?{query}", path.replace(hash, &absent)),
        format!("{}?{query}", path.replace("cat.txt", "dog.txt")),
        format!("{}/media/{absent}/x?exp=99999999999&sig=AAAA", served.url),
        format!("{}/media/nothing/x?{query}", served.url),
        format!("{path}?{query}&sig=").replace("sig=", "s="),
        format!("{path}%ff?{query}"),
        foreign,
    ] {
        answers.push((seen(served.get(&wrong).await).await, wrong));
    }
    let (first, _) = answers.first().unwrap();
    assert_eq!(first.0, StatusCode::NOT_FOUND);
    for (answer, address) in &answers {
        assert_eq!(answer, first, "{address}");
    }
    // No list of what is there.
    for list in ["/media", "/media/", &format!("/media/{hash}"), &format!("/media/{hash}/")] {
        let response = served.get(&format!("{}{list}", served.url)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{list}");
    }
    assert_eq!(served.get(&address).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_address_of_ours_says_when_its_time_is_over_and_when_the_file_is_gone() {
    let served = Served::with(LIMITS, Duration::ZERO).await;
    let address = served.address("a.txt", b"late").await;
    let response = served.get(&address).await;
    assert_eq!(response.status(), StatusCode::GONE);
    assert!(response.text().await.unwrap().contains("not kept any more"));

    let small = Limits { max_size: 100, quota: 100, ..LIMITS };
    let served = Served::with(small, Duration::from_secs(60)).await;
    let address = served.address("a.txt", &[b'a'; 80]).await;
    assert_eq!(served.get(&address).await.status(), StatusCode::OK);
    crate::support::until("the reader is done", || served.spool.size() == 80).await;
    // Room is made for another as soon as nobody reads the first.
    let mut tries = 0;
    while keep(&served.spool, "b.txt", &[b'b'; 80]).await.is_err() {
        tries += 1;
        assert!(tries < 500, "the first stays in use");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(served.get(&address).await.status(), StatusCode::GONE);
}

#[tokio::test]
async fn parts_are_given_so_that_films_can_be_wound() {
    let served = Served::new().await;
    let film: Vec<u8> = (0..200_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let address = served.address("film", &film).await;
    let whole = served.get(&address).await;
    assert_eq!(told(&whole, header::ACCEPT_RANGES), "bytes");
    assert_eq!(whole.bytes().await.unwrap(), film);
    let part = served.part(&address, "bytes=100000-100009").await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(told(&part, header::CONTENT_RANGE), "bytes 100000-100009/200000");
    assert_eq!(part.bytes().await.unwrap(), film[100_000..100_010]);
    let end = served.part(&address, "bytes=-5").await;
    assert_eq!(end.bytes().await.unwrap(), film[199_995..]);
    let beyond = served.part(&address, "bytes=200000-").await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(told(&beyond, header::CONTENT_RANGE), "bytes */200000");
    let head = served.http.head(&address).send().await.unwrap();
    assert_eq!(
        (head.status(), told(&head, header::CONTENT_LENGTH)),
        (StatusCode::OK, "200000".to_owned())
    );
}

#[tokio::test]
async fn without_a_signer_nothing_has_an_address() {
    let home = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(home.path(), LIMITS, None).unwrap();
    let media = keep(&spool, "a", b"a").await.unwrap();
    assert!(!spool.gives_links() && spool.link(&media).is_none());
}
