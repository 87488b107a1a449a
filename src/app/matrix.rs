//! The Matrix side of a running bridge: its tokens, its adapter, its listener.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bridge_core::Adapter;
use secrecy::SecretString;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::Failure;

/// Gives the tokens between bridge and homeserver: as configured, or made once and kept.
///
/// # Errors
/// [`Failure`] names the file that cannot be read or made.
pub fn matrix_tokens(
    matrix: &bridge_matrix::MatrixConfig,
    data: &Path,
) -> Result<(SecretString, SecretString), Failure> {
    let token = |configured: &Option<SecretString>, name: &str| match configured {
        Some(token) => Ok(token.clone()),
        None => kept_token(&data.join(name)),
    };
    Ok((token(&matrix.as_token, "matrix-as-token")?, token(&matrix.hs_token, "matrix-hs-token")?))
}

fn kept_token(path: &PathBuf) -> Result<SecretString, Failure> {
    use secrecy::ExposeSecret as _;

    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text.trim().to_owned().into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let token = bridge_matrix::generate_token()
        .map_err(|error| Failure::Failed(format!("the machine gives no randomness: {error}")))?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, token.expose_secret().as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(token)
}

/// Makes the Matrix side, and the routes the homeserver pushes to.
pub(crate) fn matrix_adapter(
    matrix: &bridge_matrix::MatrixConfig,
    data: &Path,
) -> Result<(Arc<bridge_matrix::MatrixAdapter>, axum::Router), Failure> {
    let (as_token, hs_token) = matrix_tokens(matrix, data)?;
    let made = bridge_matrix::MatrixAdapter::new(matrix.clone(), as_token, hs_token);
    made.map_err(|error| Failure::Config(format!("matrix: {error}")))
}

/// Makes the Matrix side and serves what the homeserver pushes.
pub(super) async fn start_matrix(
    matrix: &bridge_matrix::MatrixConfig,
    data: &Path,
    cancel: &CancellationToken,
) -> Result<(Arc<dyn Adapter>, JoinHandle<()>), Failure> {
    let (adapter, router) = matrix_adapter(matrix, data)?;
    let listener = TcpListener::bind(&matrix.listen).await.map_err(|error| {
        Failure::Config(format!(
            "matrix.listen: cannot listen on {}: {error}. Stop what uses that port, or set another \
             here and in the homeserver's registration",
            matrix.listen
        ))
    })?;
    let stopped = cancel.clone().cancelled_owned();
    let server = tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stopped);
        if let Err(error) = served.await {
            tracing::error!(%error, "the homeserver cannot be listened to any more");
        }
    });
    Ok((adapter, server))
}
