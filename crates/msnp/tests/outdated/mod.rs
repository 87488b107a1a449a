//! Servers whose TLS is of another time are told apart, and the mend named.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use msnp::{CloseReason, Config, ConnectError, Protocol, Version};

use crate::{ADA, World};

/// A server that answers each greeting of TLS with some bytes.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut greeting = [0; 4096];
            // A client that is gone needs no answer.
            let _ = stream.read(&mut greeting);
            let _ = stream.write_all(answer);
            let _ = stream.read(&mut greeting);
        }
    });
    format!("https://{address}")
}

#[tokio::test]
async fn a_server_that_offers_only_old_tls_is_told_apart_and_named() {
    const NO_VERSION: &[u8] = &[0x15, 3, 1, 0, 2, 2, 70];
    const NO_CIPHER: &[u8] = &[0x15, 3, 3, 0, 2, 2, 40];
    // A greeting of TLS 1.0 with 3DES (0x000A).
    const OLD: &[u8] = &[
        0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0, 0, 10, 0,
    ];
    let world = World::new().await;
    for (answer, old) in
        [(NO_VERSION, true), (NO_CIPHER, true), (OLD, true), (b"HTTP/1.1 400\r\n\r\n", false)]
    {
        let server = world.network.addresses().notification.to_string();
        let mut config = Config::new(server, ADA, "x".to_owned().into());
        config.protocol = Protocol::Exactly(Version::Msnp15);
        config.services_url = Some(answering(answer));
        let why = match msnp::connect(config).await {
            Err(ConnectError::Ended(CloseReason::LoginService(why))) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why.contains("only TLS 1.1 or older") && why.contains("http://"), old, "{why}");
    }
}
