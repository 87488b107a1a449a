//! Refusals with Discord's codes.

use serde_json::{Value, json};

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// How long to wait, in seconds, where that is the reason.
    pub(crate) wait: Option<f64>,
}

fn refusal(status: u16, code: u64, message: &str) -> Refusal {
    Refusal { status, body: json!({ "code": code, "message": message }), wait: None }
}

/// Makes a function for each of Discord's codes.
macro_rules! refusals {
    ($($name:ident = $status:literal, $code:literal, $message:literal;)*) => {
        $(pub(crate) fn $name() -> Refusal {
            refusal($status, $code, $message)
        })*
    };
}

refusals! {
    unauthorized = 401, 0, "401: Unauthorized";
    not_found = 404, 0, "404: Not Found";
    unknown_application = 404, 10002, "Unknown Application";
    unknown_channel = 404, 10003, "Unknown Channel";
    unknown_guild = 404, 10004, "Unknown Guild";
    unknown_member = 404, 10007, "Unknown Member";
    unknown_message = 404, 10008, "Unknown Message";
    unknown_overwrite = 404, 10009, "Unknown permission overwrite";
    unknown_user = 404, 10013, "Unknown User";
    unknown_emoji = 400, 10014, "Unknown Emoji";
    unknown_webhook = 404, 10015, "Unknown Webhook";
    unknown_interaction = 404, 10062, "Unknown interaction";
    unknown_command = 404, 10063, "Unknown application command";
    too_many_pins = 400, 30003, "Maximum number of pins reached for the channel (50)";
    too_many_webhooks = 400, 30007, "Maximum number of webhooks reached (15)";
    too_many_reactions = 400, 30010, "Maximum number of reactions reached (20)";
    too_many_channels = 400, 30013, "Maximum number of server channels reached (500)";
    too_large = 413, 40005, "Request entity too large";
    already_answered = 400, 40060, "Interaction has already been acknowledged.";
    tag_needed = 400, 40067, "A tag is required to create a forum post in this channel";
    missing_access = 403, 50001, "Missing Access";
    not_in_direct = 403, 50003, "Cannot execute action on a DM channel";
    another_ones_message = 403, 50005, "Cannot edit a message authored by another user";
    empty_message = 400, 50006, "Cannot send an empty message";
    closed_to_messages = 403, 50007, "Cannot send messages to this user";
    not_a_text_channel = 400, 50008, "Cannot send messages in a non-text channel";
    missing_permissions = 403, 50013, "Missing Permissions";
    bulk_count = 400, 50016, "Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages to delete";
    system_message = 403, 50021, "Cannot execute action on a system message";
    wrong_channel_type = 400, 50024, "Cannot execute action on this channel type";
    invalid_webhook_token = 401, 50027, "Invalid Webhook Token";
    too_old = 400, 50034, "A message provided was too old to bulk delete";
    archived_thread = 400, 50083, "Thread is archived";
    bad_json = 400, 50109, "The request body contains invalid JSON.";
    thread_exists = 400, 160_004, "A thread has already been created for this message";
    locked_thread = 403, 160_005, "Thread is locked";
    too_many_threads = 400, 160_006, "Maximum number of active threads reached";
    thread_name_needed = 400, 220_001, "Webhooks posted to forum channels must have a thread_name or thread_id";
    thread_name_or_id = 400, 220_002, "Webhooks posted to forum channels cannot have both a thread_name and thread_id";
    no_forum = 400, 220_003, "Webhooks can only create threads in forum channels";
}

/// A field of the form is wrong; dots in its name lead to it.
pub(crate) fn invalid_form(field: &str, code: &str, message: &str) -> Refusal {
    let wrong = json!({ "_errors": [{ "code": code, "message": message }] });
    let errors = field.rsplit('.').fold(wrong, |inner, part| json!({ part: inner }));
    let body = json!({ "code": 50035, "message": "Invalid Form Body", "errors": errors });
    Refusal { status: 400, body, wait: None }
}

/// A field is too short or too long.
pub(crate) fn bad_length(field: &str, least: usize, most: usize) -> Refusal {
    let text = format!("Must be between {least} and {most} in length.");
    invalid_form(field, "BASE_TYPE_BAD_LENGTH", &text)
}

/// A field is absent.
pub(crate) fn required(field: &str) -> Refusal {
    invalid_form(field, "BASE_TYPE_REQUIRED", "This field is required")
}

/// A field is none of what it may be.
pub(crate) fn bad_choice(field: &str) -> Refusal {
    invalid_form(field, "BASE_TYPE_CHOICES", "Value is not one of the values it may be.")
}

/// One request too many of a kind that has a limit of its own.
pub(crate) fn too_often(seconds: f64) -> Refusal {
    let body = json!({ "message": "You are being rate limited.", "retry_after": seconds,
                       "global": false, "code": 0 });
    Refusal { status: 429, body, wait: Some(seconds) }
}
