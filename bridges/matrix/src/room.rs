//! Rooms of portals: made once, found again.

use bridge_core::{
    id::PortalId,
    model::{RoomKind, RoomSpec},
};
use ruma::{
    OwnedRoomId, OwnedUserId,
    api::client::{
        membership::joined_rooms,
        room::create_room::{self, v3::RoomPreset},
        state::get_state_event_for_key,
    },
    events::StateEventType,
    serde::Raw,
};
use serde_json::{Value, json, value::to_raw_value};

use crate::{
    intent::{Intent, IntentError},
    names::Names,
};

/// The key of `m.room.create` that says which portal a room is of.
const PORTAL_KEY: &str = "net.msnbridge.portal";

/// Makes the room of a portal: the bot makes it, ghosts and users are invited.
pub(crate) async fn create(
    intent: &Intent,
    names: &Names,
    spec: &RoomSpec,
    ghosts: &[OwnedUserId],
) -> Result<OwnedRoomId, IntentError> {
    let mut request = create_room::v3::Request::new();
    request.preset = Some(RoomPreset::PrivateChat);
    request.is_direct = spec.kind == RoomKind::Direct;
    request.name.clone_from(&spec.name);
    let users = spec.invite.iter().filter_map(|user| OwnedUserId::try_from(user.id.as_str()).ok());
    request.invite = ghosts.iter().cloned().chain(users).collect();
    request.creation_content = raw(&json!({ PORTAL_KEY: spec.portal.to_string() }));
    let bridge = json!({
        "bridgebot": names.bot,
        "protocol": { "id": "msn", "displayname": "MSN Messenger" },
        "channel": { "id": spec.portal.to_string(), "displayname": title(spec) },
        PORTAL_KEY: spec.portal.to_string(),
    });
    let state_key = format!("net.msnbridge/{}", spec.portal);
    let state = [
        ("m.bridge", state_key.as_str(), bridge.clone()),
        ("uk.half-shot.bridge", state_key.as_str(), bridge),
        // The bot is no partner of the conversation: clients name the room without it.
        ("io.element.functional_members", "", json!({ "service_members": [names.bot] })),
    ];
    request.initial_state = state
        .iter()
        .filter_map(|(kind, key, content)| {
            raw(&json!({ "type": kind, "state_key": key, "content": content }))
        })
        .collect();
    // Nothing is said of the bot's power: in newer rooms the maker's is above all numbers, and
    // naming it there is an error.
    Ok(intent.send(&names.bot, request).await?.room_id)
}

/// Finds the room of a portal among those the bot is in.
pub(crate) async fn find(
    intent: &Intent,
    names: &Names,
    portal: PortalId,
) -> Result<Option<OwnedRoomId>, IntentError> {
    let rooms = intent.send(&names.bot, joined_rooms::v3::Request::new()).await?.joined_rooms;
    for room in rooms {
        let request = get_state_event_for_key::v3::Request::new(
            room.clone(),
            StateEventType::RoomCreate,
            String::new(),
        );
        let Ok(state) = intent.send(&names.bot, request).await else {
            continue;
        };
        let content: Value = serde_json::from_str(state.event_or_content.get()).unwrap_or_default();
        if content.get(PORTAL_KEY).and_then(Value::as_str) == Some(&portal.to_string()) {
            return Ok(Some(room));
        }
    }
    Ok(None)
}

fn title(spec: &RoomSpec) -> String {
    let names = spec.personas.iter().map(|persona| persona.shown_name());
    spec.name.clone().unwrap_or_else(|| names.collect::<Vec<_>>().join(", "))
}

fn raw<T>(value: &Value) -> Option<Raw<T>> {
    to_raw_value(value).ok().map(Raw::from_json)
}
