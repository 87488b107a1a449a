//! The Matrix side of a running bridge: its tokens, its adapter, its listener.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::IntoResponse as _,
};
use bridge_core::AdapterExit;
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

/// Gives the token by which the bridge speaks as the homeserver's users, where that knows it.
///
/// # Errors
/// As [`matrix_tokens`].
pub fn double_puppet_token(
    matrix: &bridge_matrix::MatrixConfig,
    data: &Path,
) -> Result<SecretString, Failure> {
    match &matrix.double_puppet_token {
        Some(token) => Ok(token.clone()),
        None => kept_token(&data.join("matrix-double-puppet-token")),
    }
}

fn kept_token(path: &PathBuf) -> Result<SecretString, Failure> {
    use secrecy::ExposeSecret as _;

    let failed = |error: io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text.trim().to_owned().into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
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
    io::Write::write_all(&mut file, token.expose_secret().as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(token)
}

/// Makes the Matrix side, and the routes the homeserver pushes to.
pub(crate) fn matrix_adapter(
    matrix: &bridge_matrix::MatrixConfig,
    data: &Path,
) -> Result<(Arc<bridge_matrix::MatrixAdapter>, axum::Router), Failure> {
    let (as_token, hs_token) = matrix_tokens(matrix, data)?;
    let double_puppet_token = Some(double_puppet_token(matrix, data)?);
    let matrix = bridge_matrix::MatrixConfig { double_puppet_token, ..matrix.clone() };
    let keys = bridge_matrix::KeyHome {
        directory: bridge_matrix::keys_of(data),
        key: super::seal_key(data)?,
    };
    let made = bridge_matrix::MatrixAdapter::with_keys(matrix, as_token, hs_token, Some(keys));
    made.map_err(|error| Failure::Config(format!("matrix: {error}")))
}

/// Lets the homeserver try to reach the bridge; when the bridge does not run, somebody listens in its
/// place, and takes nothing but that try: messages wait until the bridge is there.
///
/// # Errors
/// [`Failure`] when the port cannot be listened on; inside, what the homeserver says.
pub(crate) async fn reach(
    matrix: &bridge_matrix::MatrixConfig,
    adapter: &bridge_matrix::MatrixAdapter,
    router: axum::Router,
) -> Result<Result<(), AdapterExit>, Failure> {
    let listener = match TcpListener::bind(&matrix.listen).await {
        Ok(listener) => listener,
        // The bridge runs, and listens itself.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            return Ok(adapter.check_reach().await);
        }
        Err(error) => return Err(not_listening(matrix, &error)),
    };
    let router = router.layer(from_fn(|request: Request, next: Next| async move {
        match request.uri().path().ends_with("/ping") {
            true => next.run(request).await,
            false => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }));
    let served = axum::serve(listener, router).into_future();
    tokio::select! {
        asked = adapter.check_reach() => Ok(asked),
        _ = served => Err(Failure::Failed("matrix.listen: nobody listens any more".to_owned())),
    }
}

fn not_listening(matrix: &bridge_matrix::MatrixConfig, error: &io::Error) -> Failure {
    Failure::Config(format!(
        "matrix.listen: cannot listen on {}: {error}. Stop what uses that port, or set another here and \
         in the homeserver's registration",
        matrix.listen
    ))
}

/// Makes the Matrix side and serves what the homeserver pushes.
pub(super) async fn start_matrix(
    matrix: &bridge_matrix::MatrixConfig,
    data: &Path,
    cancel: &CancellationToken,
) -> Result<(Arc<bridge_matrix::MatrixAdapter>, JoinHandle<()>), Failure> {
    let (adapter, router) = matrix_adapter(matrix, data)?;
    let listener = TcpListener::bind(&matrix.listen).await;
    let listener = listener.map_err(|error| not_listening(matrix, &error))?;
    let stopped = cancel.clone().cancelled_owned();
    let server = tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stopped);
        if let Err(error) = served.await {
            tracing::error!(%error, "the homeserver cannot be listened to any more");
        }
    });
    Ok((adapter, server))
}
