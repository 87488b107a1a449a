//! A server on the loopback that says back what it hears: the least a message can take.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A server on the loopback that says everything back.
pub(crate) struct Echo {
    stream: TcpStream,
    words: Vec<u8>,
}

impl Echo {
    pub(crate) async fn start(length: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("it binds");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).await;
        let (mut server, _) = listener.accept().await.expect("it is accepted");
        server.set_nodelay(true).expect("it is set");
        tokio::spawn(async move {
            let mut words = vec![0; length];
            while server.read_exact(&mut words).await.is_ok() {
                if server.write_all(&words).await.is_err() {
                    break;
                }
            }
        });
        let stream = stream.expect("it connects");
        stream.set_nodelay(true).expect("it is set");
        Self { stream, words: vec![0x5A; length] }
    }

    /// Says something of that length and hears it.
    pub(crate) async fn round(&mut self) -> Duration {
        let began = Instant::now();
        self.stream.write_all(&self.words).await.expect("it is said");
        self.stream.read_exact(&mut self.words).await.expect("it is answered");
        began.elapsed()
    }
}
