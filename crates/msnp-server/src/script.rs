//! Contacts that act by themselves, through the same directory as everybody else.
//!
//! Here: what scripts there are, and what each answers. How a contact listens and speaks is in [`actor`],
//! its files in [`transfers`], and what it has in [`belongings`].

mod actor;
mod belongings;
mod clips;
mod png;
mod talk;
mod transfers;

use std::sync::Arc;

use msnp_proto::msg::{self, Extra, Text};
use serde::Deserialize;

use self::{
    actor::Actor,
    belongings::{Belongings, SHORTCUT},
};
use crate::directory::Directory;

/// What a contact does.
///
/// Whatever it does, it has a display picture and serves it to who asks, takes the files it is offered
/// and says back their size and SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Script {
    /// Says back what is said to it.
    Echo,
    /// Greets each contact who comes online, and answers.
    Greeter,
    /// Answers with a nudge.
    Nudger,
    /// Does what it is told: `nudge`, `emoticon`, `voice`, `wink` or `file`.
    Performer,
}

/// What a contact does about something said to it.
enum Answer {
    /// Offers its file.
    Offer,
    /// Says this at once.
    Say(Vec<u8>),
    /// Writes these, one after the other.
    Write(Vec<Vec<u8>>),
}

impl Script {
    /// Greets somebody who came, if it does that.
    fn greeting(self, name: &str) -> Option<Text> {
        let hello = || Text::plain(format!("Hello {name}, good to see you here!"));
        (self == Self::Greeter).then(hello)
    }

    fn answer(self, said: &Text, own: &Belongings) -> Answer {
        let write = |text: Text| Answer::Write(vec![text.write()]);
        match (self, said.words.trim().to_lowercase().as_str()) {
            (Self::Echo, _) => write(said.clone()),
            (Self::Greeter, _) => write(Text::plain(format!("You said: {}", said.words))),
            (Self::Nudger, _) | (Self::Performer, "nudge") => Answer::Say(msg::write_nudge()),
            (Self::Performer, "emoticon") => {
                // Clients look for the letters in the words that come next.
                let text = Text::plain(format!("This is a disc: {SHORTCUT}"));
                Answer::Write(vec![Extra::Emoticons(own.emoticons()).write(), text.write()])
            }
            (Self::Performer, "voice") => {
                Answer::Write(vec![Extra::Voice(own.voice.description()).write()])
            }
            (Self::Performer, "wink") => {
                Answer::Write(vec![Extra::Wink(own.wink.description()).write()])
            }
            (Self::Performer, "file") => Answer::Offer,
            (Self::Performer, _) => {
                write(Text::plain("Say nudge, emoticon, voice, wink or file, or send me a file."))
            }
        }
    }
}

/// Plays a script until it is cancelled.
pub(crate) async fn play(script: Script, account: String, directory: Arc<dyn Directory>) {
    Actor::new(script, account, directory).play().await;
}
