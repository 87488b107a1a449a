//! The front for `discord.com`: TLS, reached directly or as through an HTTP proxy.

use std::{io, net::SocketAddr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// The names it answers to: REST, and where files lie.
const NAMES: [&str; 3] = ["discord.com", "cdn.discordapp.com", "media.discordapp.net"];
/// Longest head of a request to the proxy.
const HEAD_LIMIT: usize = 8 * 1024;

/// A front and the authority that vouches for it.
pub(crate) struct Front {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    /// The authority's certificate, as PEM.
    pub(crate) authority: String,
}

impl Front {
    pub(crate) async fn bind() -> io::Result<Self> {
        let bad = |error: rcgen::Error| io::Error::other(error);
        let mut authority = CertificateParams::new(Vec::new()).map_err(bad)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().map_err(bad)?;
        let authority_pem = authority.self_signed(&authority_key).map_err(bad)?.pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().map_err(bad)?;
        let certificate = CertificateParams::new(NAMES.map(str::to_owned)).map_err(bad)?;
        let certificate = certificate.signed_by(&key, &issuer).map_err(bad)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .map_err(io::Error::other)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { listener, acceptor, authority: authority_pem })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Passes connections on to a plain listener until it is dropped.
    pub(crate) async fn run(self, behind: SocketAddr) {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let acceptor = self.acceptor.clone();
                    open.spawn(async move {
                        // A client that goes away, or does not trust us, ends only itself.
                        drop(pass(stream, &acceptor, behind).await);
                    });
                }
                Some(_) = open.join_next() => {}
            }
        }
    }
}

async fn pass(mut stream: TcpStream, acceptor: &TlsAcceptor, behind: SocketAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    // A TLS client begins with the record type 22, one of a proxy with a method's letter.
    if stream.peek(&mut first).await? == 1 && first != [22] && !tunnel(&mut stream).await? {
        return Ok(());
    }
    let mut secure = acceptor.accept(stream).await?;
    let mut plain = TcpStream::connect(behind).await?;
    plain.set_nodelay(true)?;
    copy_bidirectional(&mut secure, &mut plain).await.map(drop)
}

/// Answers `CONNECT discord.com:443`, or another of its names; tells whether it was that.
async fn tunnel(stream: &mut TcpStream) -> io::Result<bool> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_LIMIT {
            return Ok(false);
        }
        head.push(stream.read_u8().await?);
    }
    let known =
        NAMES.iter().any(|name| head.starts_with(format!("CONNECT {name}:443 ").as_bytes()));
    let answer: &[u8] = if known {
        b"HTTP/1.1 200 Connection established\r\n\r\n"
    } else {
        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"
    };
    stream.write_all(answer).await?;
    Ok(known)
}
