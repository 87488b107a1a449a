//! What each person chose for herself: kept over restarts, read where it matters.

use crate::{
    command::{ArgumentKind, ArgumentSpec},
    id::LoginId,
    model::{Colour, ListWishes, Style, UserId},
    outward,
    record::{UserRecord, user_key},
    roster,
    shared::Shared,
    store::{Batch, Durability, StoreError, Table},
};

/// Something one can choose.
pub(crate) struct OptionSpec {
    /// Its name, for `set`.
    pub(crate) name: &'static str,
    /// What its value must be.
    pub(crate) value: ArgumentSpec,
    /// What it is while nobody chose.
    pub(crate) default: &'static str,
    /// What it does, in one sentence that goes on from its name.
    pub(crate) help: &'static str,
}

/// The account that is meant where none is named.
pub(crate) const ACCOUNT: &str = "account";
/// Whether the contact list is shown, live.
const BUDDIES: &str = "buddies";
/// Whether edits and removals are told in words where they cannot be shown, and reactions.
pub(crate) const CHANGES: &str = "changes";
pub(crate) const REACTIONS: &str = "reactions";
/// How one's words look on a network that has looks for whole messages.
const COLOUR: &str = "colour";
const FONT: &str = "font";
/// Longest name of a font, in bytes.
const FONT_LIMIT: usize = 64;
/// Whether one is told when contacts come and go.
const NOTICES: &str = "notices";
/// What one appears as who is not there on her own platform.
const OFFLINE_AS: &str = "offline-as";
/// Which ways it is told how available people are.
const PRESENCE: &str = "presence";

/// All options, by name.
pub(crate) const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: ACCOUNT,
        value: ArgumentSpec::needed("VALUE", ArgumentKind::Account),
        default: "",
        help: "is the account that is meant where you name none.",
    },
    OptionSpec {
        name: BUDDIES,
        value: ArgumentSpec::needed("VALUE", ArgumentKind::Choice(&["on", "off"])),
        default: "off",
        help: "shows your contact list here, kept up to date, where that can be done.",
    },
    OptionSpec {
        name: CHANGES,
        value: ArgumentSpec::needed("VALUE", ArgumentKind::Choice(&["on", "off"])),
        default: "on",
        help: "says in words what you change or take back, to contacts whose network cannot show it.",
    },
    OptionSpec {
        name: COLOUR,
        value: ArgumentSpec::needed("VALUE", ArgumentKind::Colour),
        default: "",
        help: "is the colour your words have on MSN where you give them none.",
    },
    OptionSpec {
        name: FONT,
        value: ArgumentSpec::needed("VALUE", ArgumentKind::Word),
        default: "",
        help: "is the font your words have on MSN, such as \"Comic Sans MS\".",
    },
    OptionSpec {
        name: NOTICES,
        value: ArgumentSpec::needed("VALUE", ArgumentKind::Choice(&["on", "off"])),
        default: "off",
        help: "tells you when a contact comes online or goes.",
    },
    OptionSpec {
        name: OFFLINE_AS,
        value: ArgumentSpec::needed("VALUE", ArgumentKind::Choice(&["away", "hidden", "online"])),
        default: "away",
        help: "is what you appear as to contacts while you are offline here.",
    },
    OptionSpec {
        name: PRESENCE,
        value: ArgumentSpec::needed("VALUE", ArgumentKind::Choice(&["both", "in", "out", "off"])),
        default: "both",
        help: "says which way presence goes: `in` shows you how your contacts are, `out` shows them how \
               you are, `both` does both.",
    },
    OptionSpec {
        name: REACTIONS,
        value: ArgumentSpec::needed("VALUE", ArgumentKind::Choice(&["on", "off"])),
        default: "on",
        help: "says in words what you react with, to contacts whose network cannot show it.",
    },
];

/// The names of all options, for the commands about them.
pub(crate) const NAMES: &[&str] =
    &[ACCOUNT, BUDDIES, CHANGES, COLOUR, FONT, NOTICES, OFFLINE_AS, PRESENCE, REACTIONS];

/// Tells whether somebody wants to be told when her contacts come and go.
pub(crate) async fn notices(shared: &Shared, user: &UserId) -> bool {
    value(shared, user, NOTICES).await.as_deref() == Some("on")
}

/// Tells what somebody wants to see of her contact lists.
pub(crate) async fn list_wishes(shared: &Shared, user: &UserId) -> ListWishes {
    let presence = value(shared, user, PRESENCE).await;
    ListWishes {
        presence: matches!(presence.as_deref(), None | Some("both" | "in")),
        live_list: value(shared, user, BUDDIES).await.as_deref() == Some("on"),
    }
}

/// What one appears as to contacts while one is offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    Away,
    Hidden,
    Online,
}

/// Tells whether somebody wants her contacts to see how she is, and as what when she is not there.
pub(crate) async fn shows_herself(shared: &Shared, user: &UserId) -> Option<Gone> {
    let direction = value(shared, user, PRESENCE).await;
    if !matches!(direction.as_deref(), None | Some("both" | "out")) {
        return None;
    }
    Some(match value(shared, user, OFFLINE_AS).await.as_deref() {
        Some("hidden") => Gone::Hidden,
        Some("online") => Gone::Online,
        _ => Gone::Away,
    })
}

/// Gives the looks that somebody wants her words to have.
pub(crate) async fn look(shared: &Shared, user: &UserId) -> Vec<Style> {
    let record = match load(shared, user).await {
        Ok(record) => record,
        Err(error) => {
            tracing::warn!(%error, "somebody's options cannot be read");
            return Vec::new();
        }
    };
    let font = record.options.get(FONT).filter(|font| font.len() <= FONT_LIMIT);
    let colour = record.options.get(COLOUR).and_then(|text| colour(text));
    let font = font.map(|font| Style::Font(font.clone()));
    font.into_iter().chain(colour.map(Style::Colour)).collect()
}

/// Reads a colour: `#` and six digits of base 16.
pub(crate) fn colour(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let fine = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = fine.then(|| u32::from_str_radix(digits, 16).ok()).flatten()?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some(Colour { red, green, blue })
}

/// Gives the account somebody means where she names none, if she chose one.
pub(crate) async fn preferred(shared: &Shared, user: &UserId) -> Option<LoginId> {
    value(shared, user, ACCOUNT).await.map(LoginId::new)
}

/// Gives what somebody chose; none where she did not.
pub(crate) async fn value(shared: &Shared, user: &UserId, name: &str) -> Option<String> {
    match load(shared, user).await {
        Ok(mut record) => record.options.remove(name),
        Err(error) => {
            tracing::warn!(%error, "somebody's options cannot be read");
            None
        }
    }
}

/// Keeps what somebody chose, or with no value that she did not.
///
/// # Errors
/// [`StoreError`] when it could not be stored; nothing is changed then.
pub(crate) async fn choose(
    shared: &Shared,
    user: &UserId,
    name: &str,
    value: Option<String>,
) -> Result<(), StoreError> {
    let mut record = load(shared, user).await?;
    match value {
        Some(value) => record.options.insert(name.to_owned(), value),
        None => record.options.remove(name),
    };
    let mut batch = Batch::new();
    if record.options.is_empty() {
        batch.remove(user_key(user));
    } else {
        Table::put(&mut batch, user_key(user), &record)?;
    }
    let stored = shared.store.commit(batch, Durability::Durable).await;
    stored.map_err(|error| StoreError::Engine(error.to_string()))?;
    roster::wished(shared, user);
    outward::wished(shared, user);
    Ok(())
}

async fn load(shared: &Shared, user: &UserId) -> Result<UserRecord, StoreError> {
    Ok(Table::get(&*shared.store, &user_key(user)).await?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_options() {
        let names: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
        assert_eq!(names, NAMES);
    }
}
