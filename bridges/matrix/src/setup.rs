//! The beginning: who the bot is, and whether the homeserver and the bridge reach each other.

use std::{sync::atomic::Ordering, time::Duration};

use bridge_core::AdapterExit;
use ruma::api::client::{account::whoami, appservice::request_ping, profile::set_display_name};
use tokio::time::sleep;

use crate::{
    adapter::MatrixAdapter, crypto::CryptoError, ghost, intent::IntentError, media, registration,
    texts,
};

/// Wait before a homeserver that cannot be reached is tried again.
pub(crate) const RETRY: Duration = Duration::from_secs(2);

impl MatrixAdapter {
    /// Makes the bot, checks what the configuration says, and sees whether the homeserver reaches
    /// us. `Err` is final; what may pass is tried again.
    pub(crate) async fn set_up(&self) -> Result<(), AdapterExit> {
        self.until_done(|| self.introduce()).await?;
        // Before the homeserver pushes: what it pushes may be for the bot's device.
        self.begin_encryption().await?;
        self.until_done(|| self.ping()).await
    }

    async fn until_done<F>(&self, attempt: impl Fn() -> F) -> Result<(), AdapterExit>
    where
        F: Future<Output = Result<(), IntentError>>,
    {
        loop {
            match attempt().await {
                Ok(()) => return Ok(()),
                Err(error) if may_pass(&error) => {
                    tracing::warn!(%error, homeserver = %self.homeserver, "the homeserver is not there yet");
                    sleep(RETRY).await;
                }
                Err(error) if error.is_about_tokens() => {
                    return Err(AdapterExit::Refused(self.explain(&error)));
                }
                Err(error) => return Err(AdapterExit::Failed(self.explain(&error))),
            }
        }
    }

    /// Asks the homeserver whether it takes our token; works before the adapter runs.
    ///
    /// # Errors
    /// [`AdapterExit::Refused`] when it does not, [`AdapterExit::Failed`] when it cannot be asked; the
    /// text says what to do.
    pub async fn check(&self) -> Result<(), AdapterExit> {
        // Before the bridge first runs, its bot is no user yet.
        let asked = match ghost::register(&self.intent, &self.names.bot).await {
            Ok(_) => self.intent.send(&self.names.bot, whoami::v3::Request::new()).await,
            Err(error) => Err(error),
        };
        let asked = match asked {
            Ok(_) => self.check_devices().await,
            Err(error) => Err(error.into()),
        };
        asked.map_err(|error| match error {
            CryptoError::Homeserver(error) if error.is_about_tokens() => {
                AdapterExit::Refused(self.explain(&error))
            }
            CryptoError::Homeserver(error @ IntentError::Unreachable(_)) => {
                AdapterExit::Failed(format!("{error}. Is `matrix.homeserver` right, and is it up?"))
            }
            CryptoError::Homeserver(error) => AdapterExit::Failed(self.explain(&error)),
            error => AdapterExit::Refused(error.to_string()),
        })
    }

    /// Asks the homeserver to reach the bridge, which must listen while it does.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn check_reach(&self) -> Result<(), AdapterExit> {
        self.ping().await.map_err(|error| match error {
            IntentError::Unreachable(_) => AdapterExit::Failed(error.to_string()),
            error => AdapterExit::Refused(self.explain(&error)),
        })
    }

    pub(crate) async fn introduce(&self) -> Result<(), IntentError> {
        let bot = &self.names.bot;
        ghost::register(&self.intent, bot).await?;
        self.intent.send(bot, whoami::v3::Request::new()).await?;
        #[expect(deprecated, reason = "its path is the same on every server")]
        let name = set_display_name::v3::Request::new(bot.clone(), Some(texts::BOT.to_owned()));
        self.intent.send(bot, name).await?;
        let limit = media::upload_limit(&self.intent, bot).await.unwrap_or_default();
        self.upload_limit.store(limit, Ordering::Relaxed);
        self.look_for_doubles().await;
        Ok(())
    }

    /// Asks the homeserver to reach us; after a pause it also begins to push again at once.
    pub(crate) async fn ping(&self) -> Result<(), IntentError> {
        let request = request_ping::v1::Request::new(registration::ID.to_owned());
        self.intent.send(&self.names.bot, request).await.map(drop)
    }

    /// Says which key is wrong.
    pub(crate) fn explain(&self, error: &IntentError) -> String {
        let words = error.in_full();
        let hint = match error {
            IntentError::Refused { errcode, .. } => match errcode.as_str() {
                "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN" => {
                    "it does not know our as_token: put the file that `msn-bridge registration` \
                     prints into its app_service_config_files, and restart it"
                }
                "M_EXCLUSIVE" | "M_FORBIDDEN" => {
                    "the registration it has is not for matrix.bot_localpart and matrix.domain: make \
                     it again with `msn-bridge registration`, and restart the homeserver"
                }
                "M_BAD_STATUS" => {
                    "it reaches us but we refuse it: the hs_token of its registration is not ours; \
                     make the registration again"
                }
                "M_CONNECTION_FAILED" | "M_CONNECTION_TIMED_OUT" | "M_URL_NOT_SET" => {
                    return format!(
                        "the homeserver cannot reach the bridge at {} ({words}): set matrix.url to an \
                         address it can reach, make the registration again, and restart it",
                        self.url
                    );
                }
                _ => "see the homeserver's log",
            },
            _ => "see the homeserver's log",
        };
        format!("{words}; {hint}")
    }
}

/// Tells whether an error while setting up may pass by itself.
pub(crate) fn may_pass(error: &IntentError) -> bool {
    match error {
        IntentError::Limited { .. } | IntentError::Unreachable(_) => true,
        IntentError::Refused { status, errcode, .. } => {
            *status >= 500 && !errcode.starts_with("M_CONNECTION") && errcode != "M_BAD_STATUS"
        }
        IntentError::Unreadable(_) => false,
    }
}
