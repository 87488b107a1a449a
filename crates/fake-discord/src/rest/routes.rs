//! Which route a request is for.

use axum::http::Method;

/// The routes; `{}` stands for an id or a name. The first that fits counts.
const ROUTES: &[&str] = &[
    "GET /gateway",
    "GET /gateway/bot",
    "GET /users/@me",
    "GET /users/{}",
    "GET /oauth2/applications/@me",
    "GET /applications/@me",
    "PATCH /applications/@me",
    "POST /users/@me/channels",
    "GET /guilds/{}",
    "GET /guilds/{}/channels",
    "POST /guilds/{}/channels",
    "GET /guilds/{}/emojis",
    "GET /guilds/{}/members",
    "PATCH /guilds/{}/members/@me",
    "GET /guilds/{}/members/{}",
    "GET /guilds/{}/roles",
    "GET /guilds/{}/threads/active",
    "GET /guilds/{}/webhooks",
    "GET /channels/{}",
    "PATCH /channels/{}",
    "DELETE /channels/{}",
    "PUT /channels/{}/permissions/{}",
    "DELETE /channels/{}/permissions/{}",
    "POST /channels/{}/typing",
    "GET /channels/{}/messages",
    "POST /channels/{}/messages",
    "POST /channels/{}/messages/bulk-delete",
    "GET /channels/{}/messages/pins",
    "PUT /channels/{}/messages/pins/{}",
    "DELETE /channels/{}/messages/pins/{}",
    "GET /channels/{}/pins",
    "PUT /channels/{}/pins/{}",
    "DELETE /channels/{}/pins/{}",
    "GET /channels/{}/messages/{}",
    "PATCH /channels/{}/messages/{}",
    "DELETE /channels/{}/messages/{}",
    "PUT /channels/{}/messages/{}/reactions/{}/@me",
    "DELETE /channels/{}/messages/{}/reactions/{}/@me",
    "DELETE /channels/{}/messages/{}/reactions/{}/{}",
    "GET /channels/{}/messages/{}/reactions/{}",
    "DELETE /channels/{}/messages/{}/reactions/{}",
    "DELETE /channels/{}/messages/{}/reactions",
    "POST /channels/{}/messages/{}/threads",
    "POST /channels/{}/threads",
    "GET /channels/{}/threads/archived/public",
    "GET /channels/{}/thread-members",
    "PUT /channels/{}/thread-members/@me",
    "DELETE /channels/{}/thread-members/@me",
    "PUT /channels/{}/thread-members/{}",
    "DELETE /channels/{}/thread-members/{}",
    "GET /channels/{}/webhooks",
    "POST /channels/{}/webhooks",
    "GET /webhooks/{}",
    "PATCH /webhooks/{}",
    "DELETE /webhooks/{}",
    "GET /webhooks/{}/{}",
    "PATCH /webhooks/{}/{}",
    "DELETE /webhooks/{}/{}",
    "POST /webhooks/{}/{}",
    "GET /webhooks/{}/{}/messages/{}",
    "PATCH /webhooks/{}/{}/messages/{}",
    "DELETE /webhooks/{}/{}/messages/{}",
    "POST /interactions/{}/{}/callback",
    "GET /applications/{}/commands",
    "PUT /applications/{}/commands",
    "POST /applications/{}/commands",
    "GET /applications/{}/commands/{}",
    "PATCH /applications/{}/commands/{}",
    "DELETE /applications/{}/commands/{}",
    "GET /applications/{}/guilds/{}/commands",
    "PUT /applications/{}/guilds/{}/commands",
    "POST /applications/{}/guilds/{}/commands",
    "GET /applications/{}/guilds/{}/commands/{}",
    "PATCH /applications/{}/guilds/{}/commands/{}",
    "DELETE /applications/{}/guilds/{}/commands/{}",
    ATTACHMENT,
    AVATAR,
    EMOJI,
    STICKER,
];

/// The routes of files, on hosts of their own: no bucket counts them, and they need no token.
pub(super) const ATTACHMENT: &str = "GET /attachments/{}/{}/{}";
pub(super) const AVATAR: &str = "GET /avatars/{}/{}";
pub(super) const EMOJI: &str = "GET /emojis/{}";
pub(super) const STICKER: &str = "GET /stickers/{}";

pub(super) fn is_file(route: &str) -> bool {
    [ATTACHMENT, AVATAR, EMOJI, STICKER].contains(&route)
}

pub(super) fn find(method: &Method, path: &str) -> Option<(&'static str, Vec<String>)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    ROUTES.iter().find_map(|route| {
        let (verb, pattern) = route.split_once(' ')?;
        let pattern: Vec<&str> = pattern.trim_matches('/').split('/').collect();
        if verb != method.as_str() || pattern.len() != parts.len() {
            return None;
        }
        let mut captured = Vec::new();
        for (wanted, part) in pattern.iter().zip(&parts) {
            match *wanted {
                "{}" => captured.push((*part).to_owned()),
                wanted if wanted == *part => {}
                _ => return None,
            }
        }
        Some((*route, captured))
    })
}
