//! The control socket: an operator's commands, from the same machine.
//!
//! One line in, one JSON object out: `{"text": …}`, with `"buttons": [{"label": …, "line": …}]` where
//! something can be said next, or `{"title": …, "columns": …, "rows": …}`. Who may open the data
//! directory may use it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bridge_core::{
    Core,
    adapter::{Button, Reply},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::Failure;

/// How long one command may take, asking and answering.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long an answer may take when the bridge stops.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Longest command line, in bytes.
const LINE_LIMIT: u64 = 64 * 1024;

/// Gives the socket's place in a data directory.
pub fn socket_path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Serves the socket until cancelled.
pub(super) fn serve(
    path: &Path,
    core: Arc<Core>,
    cancel: CancellationToken,
) -> Result<JoinHandle<()>, Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {} // the store's lock says that no other process serves it
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .map_err(failed)?;
    let path = path.to_owned();
    Ok(tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = cancel.cancelled() => break,
            };
            let Ok((stream, _)) = accepted else { continue };
            // A stop waits for the answer that began it, and for no long one.
            let late = async {
                cancel.cancelled().await;
                sleep(LAST_WORDS).await;
            };
            // One at a time: an operator types, nobody else asks.
            tokio::select! {
                answered = answer(stream, &core) => if let Err(error) = answered {
                    tracing::debug!(%error, "a control command was not answered");
                },
                () = late => break,
            }
        }
        // It is gone with the process anyway.
        let _ = fs::remove_file(path);
    }))
}

async fn answer(stream: UnixStream, core: &Core) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reading.take(LINE_LIMIT));
    timeout(DEADLINE, reader.read_line(&mut line)).await??;
    let answer = if line.trim() == "status --json" {
        serde_json::to_value(core.status())?
    } else {
        reply_json(&timeout(DEADLINE, core.execute(line.trim())).await?)
    };
    timeout(DEADLINE, writing.write_all(answer.to_string().as_bytes())).await??;
    Ok(())
}

fn reply_json(reply: &Reply) -> Value {
    match reply {
        Reply::Buttons { text, buttons } => {
            let button = |button: &Button| json!({ "label": button.label, "line": button.line });
            json!({ "text": text, "buttons": buttons.iter().map(button).collect::<Vec<_>>() })
        }
        Reply::Text(text) => json!({ "text": text }),
        Reply::Table { title, columns, rows } => {
            json!({ "title": title, "columns": columns, "rows": rows })
        }
        _ => json!({ "text": "the answer has no words here" }),
    }
}

/// Asks a running bridge.
///
/// # Errors
/// [`Failure::Unreachable`] when none runs on this data directory.
pub async fn ask(data: &Path, line: &str) -> Result<Value, Failure> {
    let path = socket_path(data);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Failure::Failed(format!(
            "{}: this user may not ask the bridge: give the command as the user it runs as, such as \
             sudo -u msn-bridge",
            path.display()
        )),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
            Failure::Unreachable(format!(
                "no bridge runs on {}: start it with `msn-bridge run`, or name the configuration of the \
                 one that runs with -c",
                data.display()
            ))
        }
        _ => Failure::Unreachable(format!(
            "the bridge at {} does not answer: {error}; see its log",
            path.display()
        )),
    };
    let exchange = async {
        let mut stream = UnixStream::connect(&path).await?;
        stream.write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    };
    let answer = timeout(DEADLINE, exchange).await.unwrap_or_else(|late| Err(late.into()));
    serde_json::from_slice(&answer.map_err(failed)?)
        .map_err(|error| Failure::Failed(format!("the bridge's answer cannot be read: {error}")))
}
