//! An account's contact list, as a platform shows it to its owner.

use super::{Contact, Persona, Presence, UserId};
use crate::{
    id::{LoginId, RoomId},
    supervisor::LoginState,
};

/// A contact list at one moment, with names fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContactList {
    /// Whose account it is; her platform shows the list.
    pub owner: UserId,
    /// The account.
    pub login: LoginId,
    /// How the account itself is; none once it is signed out for good, when nothing of the list is to
    /// be shown any more.
    pub own: Option<OwnAccount>,
    /// What of it its owner wants to see.
    pub wishes: ListWishes,
    /// The account's groups, in its own order.
    pub groups: Vec<String>,
    /// The contacts, by shown name; empty while the account is not connected.
    pub entries: Vec<Listed>,
}

/// The account whose list it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAccount {
    /// Who it is on its network.
    pub persona: Persona,
    /// How the sign-in is doing.
    pub state: LoginState,
    /// How it appears to its contacts; offline is to be there unseen, or not to be there at all.
    pub presence: Presence,
}

/// What somebody wants to see of her contact list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListWishes {
    /// How available her contacts are, as her platform shows that of its own people.
    pub presence: bool,
    /// The list itself, kept up to date in a place of its own.
    pub live_list: bool,
}

/// One contact on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Who she is and how she is.
    pub contact: Contact,
    /// The room on the owner's platform that shows the conversation with her, if there is one.
    pub room: Option<RoomId>,
}

impl ContactList {
    /// Begins a list that shows nothing: that of an account that is signed out for good.
    pub fn of(owner: UserId, login: LoginId) -> Self {
        let wishes = ListWishes { presence: false, live_list: false };
        Self { owner, login, own: None, wishes, groups: Vec::new(), entries: Vec::new() }
    }
}
