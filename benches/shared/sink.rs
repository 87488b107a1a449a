//! A platform that takes everything at once and says what it took.

use std::sync::Arc;

use async_trait::async_trait;
use bridge_core::{
    Adapter, AdapterContext, AdapterExit, DeliverError,
    adapter::{CommandOrigin, Reply},
    id::{IdempotencyKey, MessageId, NetworkId, PortalId, RoomId},
    model::{
        Capabilities, Delivery, Membership, Persona, Receipt, RoomSpec, ShownFates, Signal, UserId,
    },
};

type Told = Box<dyn Fn(&RoomId, &Delivery) + Send + Sync>;

pub(crate) struct Sink {
    network: NetworkId,
    /// A room it never answers for.
    stalled: Option<RoomId>,
    told: Told,
}

impl Sink {
    pub(crate) fn new(
        network: &str,
        told: impl Fn(&RoomId, &Delivery) + Send + Sync + 'static,
    ) -> Self {
        Self { network: NetworkId::new(network), stalled: None, told: Box::new(told) }
    }

    /// Lets it answer nothing in one room.
    pub(crate) fn stalled_in(mut self, room: &str) -> Self {
        self.stalled = Some(RoomId::new(room));
        self
    }
}

#[async_trait]
impl Adapter for Sink {
    fn network(&self) -> NetworkId {
        self.network.clone()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            fates: ShownFates::All,
            idempotent: true,
            speakers: true,
            ..Capabilities::NONE
        }
    }

    fn is_ready(&self) -> bool {
        true
    }

    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit {
        cx.cancel.cancelled().await;
        AdapterExit::Cancelled
    }

    async fn create_room(&self, spec: &RoomSpec) -> Result<RoomId, DeliverError> {
        Ok(RoomId::new(spec.portal.to_string()))
    }

    async fn find_room(&self, _: PortalId) -> Result<Option<RoomId>, DeliverError> {
        Ok(None)
    }

    async fn invite(&self, _: &RoomId, _: &UserId) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn set_membership(
        &self,
        _: &RoomId,
        _: &Persona,
        _: Membership,
    ) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn deliver(&self, room: &RoomId, item: &Delivery) -> Result<Receipt, DeliverError> {
        if self.stalled.as_ref() == Some(room) {
            std::future::pending::<()>().await;
        }
        (self.told)(room, item);
        Ok(Receipt { messages: vec![MessageId::new(item.key.to_string())], ..Receipt::default() })
    }

    async fn signal(&self, _: &RoomId, _: &Persona, _: &Signal) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn reply(
        &self,
        _: &CommandOrigin,
        _: &Reply,
        _: IdempotencyKey,
    ) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn conceal(&self, _: &CommandOrigin) -> Result<(), DeliverError> {
        Ok(())
    }
}
