//! What is inside of words, whatever carries them: texts, names, personal messages.
//!
//! ```text
//! [c=4]Ada[/c] (L)        a name with a colour of Messenger Plus!, and a heart
//! ```
//! Nothing here touches what goes over the wire: names and texts are handed on as they came, and who shows
//! them reads them so. Docs: protocol, messages and emoticons.

pub mod charset;
pub mod emoticon;
pub mod plus;
