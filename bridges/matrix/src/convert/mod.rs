//! Between Matrix events and the neutral model.

pub(crate) mod emoticons;
pub(crate) mod from_matrix;
pub(crate) mod media;
pub(crate) mod to_matrix;
