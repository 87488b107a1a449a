//! One connection: a task that reads and writes, and ends when either side does.

use std::{sync::Arc, time::Duration};

use msnp_proto::{
    LinkKind,
    session::{LinkChange, LinkId},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::mpsc,
    time::timeout,
};

use crate::dial::{Dial, Stream};

/// How long a write may wait for the peer to read.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// Commands that are written at once when they wait together, as packets of a file do.
const TOGETHER: usize = 64;
/// How much one read takes at least, which an idle link holds, and at most.
const READ_SIZE: [usize; 2] = [512, 64 * 1024];

/// What a link's task tells the driver.
pub(crate) enum LinkNews {
    Bytes(LinkId, Vec<u8>),
    Change(LinkId, LinkChange),
}

/// Opens a link and carries its bytes until `outgoing` is closed or the peer ends it.
///
/// `news` is bounded: when the driver is behind, reading pauses and TCP holds the peer back.
pub(crate) async fn carry(
    id: LinkId,
    kind: LinkKind,
    dial: Arc<dyn Dial>,
    address: String,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    news: mpsc::Sender<Box<LinkNews>>,
) {
    let stream = match dial.dial(kind, &address).await {
        Ok(stream) => stream,
        Err(error) => {
            return tell(&news, LinkNews::Change(id, LinkChange::Failed(error.to_string()))).await;
        }
    };
    tell(&news, LinkNews::Change(id, LinkChange::Opened)).await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let ended = tokio::select! {
        ended = read(id, &mut reader, &news) => ended,
        ended = write(&mut writer, &mut outgoing) => ended,
    };
    tell(&news, LinkNews::Change(id, LinkChange::Closed(ended))).await;
}

async fn read(
    id: LinkId,
    reader: &mut ReadHalf<Box<dyn Stream>>,
    news: &mpsc::Sender<Box<LinkNews>>,
) -> String {
    let [least, most] = READ_SIZE;
    let mut size = least;
    loop {
        let mut buffer = Vec::with_capacity(size);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return "the server closed it".to_owned(),
            Ok(length) => {
                // A full one says that there is more, and of what comes at once less is to be told: a
                // flood costs 7 in 100 fewer instructions than with buffers that grow fourfold.
                size = if length == buffer.capacity() { most } else { least };
                tell(news, LinkNews::Bytes(id, buffer)).await;
            }
            Err(error) => return error.to_string(),
        }
    }
}

/// Writes whole commands until there will be no more.
async fn write(
    writer: &mut WriteHalf<Box<dyn Stream>>,
    outgoing: &mut mpsc::Receiver<Vec<u8>>,
) -> String {
    let mut commands = Vec::new();
    while outgoing.recv_many(&mut commands, TOGETHER).await > 0 {
        let bytes = match commands.as_mut_slice() {
            [only] => std::mem::take(only),
            several => several.concat(),
        };
        commands.clear();
        match timeout(WRITE_DEADLINE, writer.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the server does not read".to_owned(),
        }
    }
    // Closing is a courtesy: the last words are written already.
    let _ = timeout(Duration::from_secs(1), writer.shutdown()).await;
    "we closed it".to_owned()
}

/// Tells the driver, who may be gone already; then nobody wants to know.
async fn tell(news: &mpsc::Sender<Box<LinkNews>>, what: LinkNews) {
    let _ = news.send(Box::new(what)).await;
}
