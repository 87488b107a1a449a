//! Conversations and where they lead.

use std::fmt::Display;

pub(crate) fn the_room_with_name_is_open(name: impl Display) -> String {
    format!("The room with {name} is open; you are invited.")
}

pub(crate) const NO_CONVERSATION_OF_YOURS: &str =
    "No conversation of yours has that id. `chat list` lists them.";

pub(crate) fn looked_at_portals_conversations(portals: impl Display) -> String {
    format!("Looked at {portals} conversations: all is well.")
}

pub(crate) fn no_room_yet(network: impl Display) -> String {
    format!("{network}, no room yet")
}

pub(crate) const CLOSED_JUST_NOW: &str = "This conversation was closed just now.";

pub(crate) const ITS_OWNER: &str = "its owner";

pub(crate) const LEADS_TO: &str = "leads to";

pub(crate) fn is_signed_out(login: impl Display) -> String {
    format!("{login} is signed out: `login` brings it back.")
}

pub(crate) fn is_switched_off(network: impl Display) -> String {
    format!("{network} is switched off in the configuration.")
}

pub(crate) fn not_everybody_is_in_room(
    network: impl Display,
    room: impl Display,
    error: impl Display,
) -> String {
    format!("{network} {room}: not everybody is in it: {error}.")
}

pub(crate) fn room_is_gone_or_i_am_out_of_it(network: impl Display, room: impl Display) -> String {
    format!("{network} {room} is gone, or I am out of it: invite me again.")
}

pub(crate) fn room_was_gone_or_i_was_out_of_it(
    network: impl Display,
    room: impl Display,
) -> String {
    format!("{network} {room} was gone, or I was out of it: a new room is made.")
}

pub(crate) fn room_is_gone(
    network: impl Display,
    room: impl Display,
    error: impl Display,
) -> String {
    format!("{network} {room} is gone: {error}.")
}

pub(crate) fn room_cannot_be_looked_at(
    network: impl Display,
    room: impl Display,
    why: impl Display,
) -> String {
    format!("{network} {room} cannot be looked at: {why}.")
}

pub(crate) fn a_room_could_not_be_made(error: impl Display) -> String {
    format!("A room could not be made: {error}.")
}

pub(crate) fn a_room_on_network(network: impl Display) -> String {
    format!("a room on {network}")
}

pub(crate) fn what_you_write_here_is_carried(name: impl Display, places: impl Display) -> String {
    format!(
        "{name}: what you write here is carried, under your name, to {places}. What waits for delivery is \
             stored by the bridge until it is delivered or given up."
    )
}

pub(crate) fn what_you_write_here_is_not_carried(
    name: impl Display,
    places: impl Display,
) -> String {
    format!(
        "{name}: what you write here is not carried to {places}. The room shows somebody's own \
             conversation; its owner can let others speak with `relay on`, where the bridge's operator \
             allows them."
    )
}
