//! What lies on the hosts for files: attachments, pictures of people, emojis, stickers.

use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::routes::{ATTACHMENT, AVATAR};
use crate::{state::State, time, world::World};

/// Gives a file to whoever has an address of it that is not over.
pub(super) fn serve(state: &State, route: &str, captured: &[String], query: &str) -> Response {
    let word = |at: usize| captured.get(at).map(String::as_str).unwrap_or_default();
    // A name may end in the kind of picture that is wanted.
    let id = |at: usize| word(at).split('.').next().and_then(|id| id.parse().ok());
    let first = id(0).unwrap_or_default();
    let found = match route {
        ATTACHMENT => attachment(state, first, id(1).unwrap_or_default(), query),
        AVATAR => {
            let picture = state.world.users.get(&first).and_then(|user| user.avatar.as_ref());
            let picture = picture.filter(|picture| word(1).starts_with(&picture.hash));
            picture.map(|picture| picture.bytes.clone())
        }
        _ => {
            let sticker = route.contains("stickers");
            let found = state.world.emojis.get(&first).filter(|emoji| emoji.sticker == sticker);
            found.map(|emoji| emoji.bytes.clone())
        }
    };
    match found {
        Some(bytes) => (StatusCode::OK, bytes).into_response(),
        None => (StatusCode::NOT_FOUND, "This content is no longer available.").into_response(),
    }
}

fn attachment(state: &State, channel: u64, id: u64, query: &str) -> Option<Vec<u8>> {
    let value =
        |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let end = u64::from_str_radix(value("ex")?, 16).ok()?;
    if end <= time::now() / 1000 || value("hm")? != World::signature(id) {
        return None;
    }
    let all = state.world.messages.get(&channel).into_iter().flatten();
    let hung = all.flat_map(|message| &message.files);
    let given = state.world.given.iter().filter(|(place, _)| *place == channel);
    let mut files = hung.chain(given.map(|(_, file)| file));
    files.find(|file| file.id == id).map(|file| file.bytes.clone())
}
