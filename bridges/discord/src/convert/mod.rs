//! Between Discord's messages and the neutral model.

pub(crate) mod from_discord;
pub(crate) mod markdown;
pub(crate) mod names;
pub(crate) mod to_discord;
