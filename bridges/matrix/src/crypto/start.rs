//! The beginning: the bot's device, and whether the homeserver pushes what it needs.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bridge_core::AdapterExit;
use ruma::{
    OwnedDeviceId, OwnedTransactionId,
    api::client::{
        device::{delete_device, get_devices, update_device},
        to_device::send_event_to_device,
    },
    events::{AnyToDeviceEventContent, ToDeviceEventType},
    serde::Raw,
    to_device::DeviceIdOrAllDevices,
};
use serde_json::{json, value::to_raw_value};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{CryptoError, Machine};
use crate::{adapter::MatrixAdapter, intent::IntentError, setup, texts};

/// What the bot says to its own device to see whether it hears it.
pub(super) const ECHO: &str = "net.msnbridge.echo";
/// A device that is made to see whether one can be, and removed.
const PROBE: &str = "MSNBRIDGECHECK";
/// How long the homeserver may take to push that.
const ECHO_DEADLINE: Duration = Duration::from_secs(20);
/// How often a homeserver is asked that does not push.
const POLL: Duration = Duration::from_secs(2);

impl MatrixAdapter {
    /// Opens the bot's device; `Err` is final.
    pub(crate) async fn begin_encryption(&self) -> Result<(), AdapterExit> {
        let Some(crypto) = &self.crypto else { return Ok(()) };
        loop {
            match crypto.machine(&self.intent, &self.names.bot).await {
                Ok(machine) => {
                    tracing::info!(
                        device = %machine.device(),
                        fingerprint = %machine.fingerprint(),
                        "encrypted rooms are read"
                    );
                    break;
                }
                Err(CryptoError::Homeserver(error)) if setup::may_pass(&error) => {
                    tracing::warn!(%error, "the bot's keys cannot be exchanged yet");
                    sleep(setup::RETRY).await;
                }
                Err(CryptoError::Homeserver(error)) => {
                    return Err(AdapterExit::Failed(self.explain(&error)));
                }
                Err(error) => return Err(AdapterExit::Failed(error.to_string())),
            }
        }
        self.recall_unread().await.map_err(|error| AdapterExit::Failed(error.to_string()))
    }

    /// Sees whether the bridge may make devices, where it must.
    pub(crate) async fn check_devices(&self) -> Result<(), CryptoError> {
        if self.crypto.is_none() {
            return Ok(());
        }
        let bot = &self.names.bot;
        let known = self.intent.send(bot, get_devices::v3::Request::new()).await?.devices;
        if known.iter().any(|device| device.display_name.as_deref() == Some(texts::DEVICE)) {
            return Ok(()); // it has made one
        }
        let probe = OwnedDeviceId::from(PROBE);
        match self.intent.send(bot, update_device::v3::Request::new(probe.clone())).await {
            Ok(_) => {}
            Err(IntentError::Refused { status: 404, .. }) => return Err(CryptoError::NoDevices),
            Err(error) => return Err(error.into()),
        }
        self.intent.send(bot, delete_device::v3::Request::new(probe)).await?;
        Ok(())
    }

    /// Begins what goes on beside as long as the adapter runs.
    pub(crate) fn go_on_encrypting(self: &Arc<Self>, cancel: &CancellationToken) {
        if self.crypto.is_none() {
            return;
        }
        self.tasks.spawn(Arc::clone(self).look_after_unread(cancel.clone()));
        let (adapter, cancelled) = (Arc::clone(self), cancel.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = adapter.see_what_is_pushed() => {}
                () = cancelled.cancelled() => {}
            }
        });
    }

    /// Sees whether the homeserver pushes what devices need; asks for it again and again where it does not.
    async fn see_what_is_pushed(self: Arc<Self>) {
        let Some(crypto) = &self.crypto else { return };
        let Ok(machine) = crypto.machine(&self.intent, &self.names.bot).await else { return };
        if let Err(error) = self.say_to_itself(&machine).await {
            tracing::debug!(%error, "the bot could not speak to its own device");
        }
        // It is notified once; an earlier one is remembered.
        let _ = timeout(ECHO_DEADLINE, crypto.waiting.echoed.notified()).await;
        let missing = match crypto.waiting.pushes() {
            (true, true) => return,
            (true, false) => {
                "`msc3202_transaction_extensions: true` among experimental_features, or \
                 `org.matrix.msc3202: true` in the registration"
            }
            (false, _) => "`msc2409_to_device_messages_enabled: true` among experimental_features",
        };
        tracing::warn!(
            missing,
            "the homeserver does not push all that encryption needs, and is asked for it every two seconds; \
             set what is missing in homeserver.yaml and restart it"
        );
        loop {
            sleep(POLL).await;
            match machine.catch_up(&self.intent, &crypto.decryption()).await {
                Ok(learnt) if learnt.is_empty() => {}
                Ok(_) => crypto.keys_came(),
                Err(error) => tracing::debug!(%error, "keys could not be asked for"),
            }
            if let Err(error) = machine.flush(&self.intent).await {
                tracing::debug!(%error, "keys could not be exchanged now");
            }
        }
    }

    async fn say_to_itself(&self, machine: &Machine) -> Result<(), CryptoError> {
        let words = to_raw_value(&json!({}));
        let words = words.map_err(|error| CryptoError::Machine(error.to_string()))?;
        let words: Raw<AnyToDeviceEventContent> = Raw::from_json(words);
        let device = DeviceIdOrAllDevices::DeviceId(machine.device().to_owned());
        let to = BTreeMap::from([(self.names.bot.clone(), BTreeMap::from([(device, words)]))]);
        let request = send_event_to_device::v3::Request::new_raw(
            ToDeviceEventType::from(ECHO),
            OwnedTransactionId::from(bridge_core::id::RowId::new().to_string()),
            to,
        );
        self.intent.send_from(&self.names.bot, machine.device(), request).await?;
        Ok(())
    }
}
