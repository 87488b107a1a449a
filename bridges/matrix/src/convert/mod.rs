//! Between Matrix events and the neutral model.

pub(crate) mod emoticons;
pub(crate) mod from_matrix;
mod html;
pub(crate) mod media;
pub(crate) mod odd;
pub(crate) mod split;
mod tags;
pub(crate) mod to_matrix;
