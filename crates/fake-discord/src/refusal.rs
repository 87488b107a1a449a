//! Refusals with Discord's codes.

use serde_json::{Value, json};

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

fn refusal(status: u16, code: u64, message: &str) -> Refusal {
    Refusal { status, body: json!({ "code": code, "message": message }) }
}

pub(crate) fn unauthorized() -> Refusal {
    refusal(401, 0, "401: Unauthorized")
}

pub(crate) fn not_found() -> Refusal {
    refusal(404, 0, "404: Not Found")
}

pub(crate) fn unknown_channel() -> Refusal {
    refusal(404, 10003, "Unknown Channel")
}

pub(crate) fn unknown_guild() -> Refusal {
    refusal(404, 10004, "Unknown Guild")
}

pub(crate) fn unknown_member() -> Refusal {
    refusal(404, 10007, "Unknown Member")
}

pub(crate) fn unknown_message() -> Refusal {
    refusal(404, 10008, "Unknown Message")
}

pub(crate) fn unknown_user() -> Refusal {
    refusal(404, 10013, "Unknown User")
}

pub(crate) fn unknown_webhook() -> Refusal {
    refusal(404, 10015, "Unknown Webhook")
}

pub(crate) fn too_many_webhooks() -> Refusal {
    refusal(400, 30007, "Maximum number of webhooks reached (15)")
}

pub(crate) fn too_large() -> Refusal {
    refusal(413, 40005, "Request entity too large")
}

pub(crate) fn missing_access() -> Refusal {
    refusal(403, 50001, "Missing Access")
}

pub(crate) fn another_ones_message() -> Refusal {
    refusal(403, 50005, "Cannot edit a message authored by another user")
}

pub(crate) fn empty_message() -> Refusal {
    refusal(400, 50006, "Cannot send an empty message")
}

pub(crate) fn missing_permissions() -> Refusal {
    refusal(403, 50013, "Missing Permissions")
}

pub(crate) fn invalid_webhook_token() -> Refusal {
    refusal(401, 50027, "Invalid Webhook Token")
}

pub(crate) fn bad_json() -> Refusal {
    refusal(400, 50109, "The request body contains invalid JSON.")
}

/// A field of the form is wrong.
pub(crate) fn invalid_form(field: &str, code: &str, message: &str) -> Refusal {
    let errors = json!({ field: { "_errors": [{ "code": code, "message": message }] } });
    let body = json!({ "code": 50035, "message": "Invalid Form Body", "errors": errors });
    Refusal { status: 400, body }
}
