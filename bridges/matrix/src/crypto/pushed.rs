//! What a transaction brings for devices: taken in before its events are read, and stored before it is
//! acknowledged.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{
    OneTimeKeyAlgorithm, OwnedDeviceId, OwnedUserId, UInt,
    events::{AnyTimelineEvent, AnyToDeviceEvent},
    serde::Raw,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Crypto, CryptoError, Machine, exchange::News, start::ECHO};
use crate::adapter::MatrixAdapter;

/// Keys of a transaction's body, by the names of the drafts (MSC2409, MSC3202) and of the standard.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Pushed {
    to_device: Option<Box<RawValue>>,
    #[serde(rename = "de.sorunome.msc2409.to_device")]
    old_to_device: Option<Box<RawValue>>,
    device_lists: Option<Box<RawValue>>,
    #[serde(rename = "org.matrix.msc3202.device_lists")]
    old_device_lists: Option<Box<RawValue>>,
    device_one_time_keys_count: Option<Box<RawValue>>,
    #[serde(rename = "org.matrix.msc3202.device_one_time_keys_count")]
    old_counts: Option<Box<RawValue>>,
    #[serde(rename = "org.matrix.msc3202.device_one_time_key_counts")]
    older_counts: Option<Box<RawValue>>,
    device_unused_fallback_key_types: Option<Box<RawValue>>,
    #[serde(rename = "org.matrix.msc3202.device_unused_fallback_key_types")]
    old_fallback: Option<Box<RawValue>>,
}

type ByDevice<T> = BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, T>>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lists {
    changed: Vec<OwnedUserId>,
}

#[derive(Deserialize)]
struct Addressed {
    to_user_id: OwnedUserId,
    to_device_id: OwnedDeviceId,
    #[serde(rename = "type")]
    kind: String,
}

/// The same, sorted.
#[derive(Default)]
struct Sorted {
    to_device: ByDevice<Vec<Raw<AnyToDeviceEvent>>>,
    changed: Vec<OwnedUserId>,
    counts: ByDevice<BTreeMap<OneTimeKeyAlgorithm, UInt>>,
    fallback: ByDevice<Vec<OneTimeKeyAlgorithm>>,
    /// Whether our own word to ourselves is among it.
    echo: bool,
}

impl Sorted {
    fn read(body: &[u8]) -> Self {
        // What is not understood is passed over; the events have been read already.
        let pushed: Pushed = serde_json::from_slice(body).unwrap_or_default();
        let mut sorted = Self {
            changed: first::<Lists>([pushed.device_lists, pushed.old_device_lists]).changed,
            counts: first([
                pushed.device_one_time_keys_count,
                pushed.old_counts,
                pushed.older_counts,
            ]),
            fallback: first([pushed.device_unused_fallback_key_types, pushed.old_fallback]),
            ..Self::default()
        };
        let messages: Vec<Raw<AnyToDeviceEvent>> = first([pushed.to_device, pushed.old_to_device]);
        for message in messages {
            let Ok(to) = message.deserialize_as_unchecked::<Addressed>() else {
                tracing::debug!("a message to a device could not be read and is passed over");
                continue;
            };
            if to.kind == ECHO {
                sorted.echo = true;
                continue;
            }
            let devices = sorted.to_device.entry(to.to_user_id).or_default();
            devices.entry(to.to_device_id).or_default().push(message);
        }
        sorted
    }

    fn news_for(&mut self, machine: &Machine) -> News {
        let (user, device) = (machine.olm().user_id(), machine.device());
        News {
            to_device: take(&mut self.to_device, user, device).unwrap_or_default(),
            changed: self.changed.clone(),
            one_time_keys: take(&mut self.counts, user, device).unwrap_or_default(),
            fallback_keys: take(&mut self.fallback, user, device),
        }
    }
}

impl MatrixAdapter {
    /// Takes in what a transaction holds for our devices. What is for one that is not open it fetches
    /// itself when it is opened.
    ///
    /// # Errors
    /// Nothing of the transaction may be acknowledged: it must come again.
    pub(crate) async fn take_keys(
        self: &Arc<Self>,
        body: &[u8],
        events: &[Raw<AnyTimelineEvent>],
    ) -> Result<(), CryptoError> {
        let Some(crypto) = &self.crypto else { return Ok(()) };
        let bot = crypto.open_machine(&self.names.bot);
        let bot = bot.ok_or(CryptoError::Unfit("the bot's are not open yet"))?;
        let mut sorted = Sorted::read(body);
        // Whoever comes in may have other devices than when she was last asked about.
        let came = events.iter().filter_map(|event| crypto.note_state(event));
        sorted.changed.extend(came.filter(|user| !self.names.is_own(user.as_str())));
        if sorted.echo {
            let counted = sorted.counts.contains_key(&self.names.bot);
            crypto.waiting.heard_echo(counted);
        }
        for machine in crypto.open_machines() {
            let news = sorted.news_for(&machine);
            let heard = machine.hear(news, &crypto.decryption()).await?;
            let Some(learnt) = heard else { continue };
            if !learnt.is_empty() && Arc::ptr_eq(&machine, &bot) {
                crypto.waiting.wake();
            }
            self.flush_later(&machine);
        }
        Ok(())
    }

    /// Sends what a device wants sent, without anybody waiting for it.
    pub(super) fn flush_later(self: &Arc<Self>, machine: &Arc<Machine>) {
        let (adapter, machine) = (Arc::clone(self), Arc::clone(machine));
        self.tasks.spawn(async move {
            if let Err(error) = machine.flush(&adapter.intent).await {
                tracing::debug!(%error, "keys could not be exchanged now");
            }
        });
    }
}

impl Crypto {
    /// Wakes what waits for keys.
    pub(super) fn keys_came(&self) {
        self.waiting.wake();
    }
}

fn take<T>(all: &mut ByDevice<T>, user: &ruma::UserId, device: &ruma::DeviceId) -> Option<T> {
    all.get_mut(user)?.remove(device)
}

/// Reads the first of some spellings that is there.
fn first<T: Default + DeserializeOwned>(
    spellings: impl IntoIterator<Item = Option<Box<RawValue>>>,
) -> T {
    let found = spellings.into_iter().flatten().next();
    found.and_then(|found| serde_json::from_str(found.get()).ok()).unwrap_or_default()
}
