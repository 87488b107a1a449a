//! People: as they appear in conversations, as contacts, as users of the bridge.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    id::{NetworkId, PersonaId},
    redact::Redacted,
};

/// Somebody on a network, as known at that moment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persona {
    /// Her network.
    pub network: NetworkId,
    /// Her name there for programs.
    pub id: PersonaId,
    /// Her name for people, from her own record; absent when the network told none.
    pub name: Option<String>,
}

impl fmt::Debug for Persona {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persona")
            .field("network", &self.network)
            .field("id", &self.id)
            .field("name", &self.name.as_ref().map(Redacted))
            .finish()
    }
}

impl Persona {
    /// Gives the name to show: her own, or her id.
    pub fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

/// Somebody who uses the bridge, named by the network she speaks to it from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId {
    /// The network she speaks from.
    pub network: NetworkId,
    /// Her id there.
    pub id: PersonaId,
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// How available somebody is, and what she says about it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Her availability.
    pub state: PresenceState,
    /// Her own words.
    pub status_text: Option<String>,
    /// What she listens to, plays or uses.
    pub media: Option<CurrentMedia>,
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("state", &self.state)
            .field("status_text", &self.status_text.as_ref().map(Redacted))
            .field("media", &self.media)
            .finish()
    }
}

/// What somebody listens to, plays or uses.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentMedia {
    /// For people: `Artist – Title`, or the game's name.
    pub text: String,
    /// What it is, as its network calls it: `Music`, `Games`, `Office`.
    pub kind: String,
}

impl fmt::Debug for CurrentMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentMedia")
            .field("text", &Redacted(&self.text))
            .field("kind", &self.kind)
            .finish()
    }
}

/// Availability, in the words of messengers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum PresenceState {
    /// Not at the keyboard.
    Away,
    /// Back in a moment.
    BeRightBack,
    /// Not to be disturbed.
    Busy,
    /// At the keyboard long ago.
    Idle,
    /// Not signed in, or not showing it.
    #[default]
    Offline,
    /// There.
    Online,
    /// Speaking on the telephone.
    OnThePhone,
    /// Eating.
    OutToLunch,
}

impl fmt::Display for PresenceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Away => "away",
            Self::BeRightBack => "be right back",
            Self::Busy => "busy",
            Self::Idle => "idle",
            Self::Offline => "offline",
            Self::Online => "online",
            Self::OnThePhone => "on the phone",
            Self::OutToLunch => "out to lunch",
        })
    }
}

/// Somebody on an account's contact list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub persona: Persona,
    /// How available she is now.
    pub presence: Presence,
    /// The account's own groups she is in.
    pub groups: Vec<String>,
    /// Whether the account blocks her.
    pub blocked: bool,
}

impl Contact {
    /// Tells whether her name, her id or one of her groups holds some words, written small.
    pub(crate) fn says(&self, wanted: &str) -> bool {
        let (name, id) = (self.persona.shown_name(), self.persona.id.as_str());
        let mut all = [name, id].into_iter().chain(self.groups.iter().map(String::as_str));
        all.any(|text| text.to_lowercase().contains(wanted))
    }
}
