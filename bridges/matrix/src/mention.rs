//! People named in words: `@Ada` becomes a pill, where it can only be one of those in the room.

use std::collections::BTreeSet;

use bridge_core::model::{Content, Mention};
use ruma::{OwnedRoomId, OwnedUserId, UserId};

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    convert::to_matrix::Pill,
};

/// In a room of more people nobody is looked for.
const PEOPLE: usize = 500;
/// Most signs that are looked at in one message, and most pills made of them.
const SIGNS: usize = 100;
const PILLS: usize = 20;

impl MatrixAdapter {
    /// Finds whom words name: those that their network says, and those who are named by the sign.
    pub(crate) async fn pills(&self, room: &OwnedRoomId, content: &Content) -> Vec<Pill> {
        let mut pills: Vec<Pill> =
            content.mentions.iter().take(PILLS).filter_map(|mention| self.pill(mention)).collect();
        if content.text.plain.contains('@') {
            let people = self.members.people(&self.intent, &self.names.bot, room, PEOPLE).await;
            let people: Vec<_> =
                people.into_iter().filter(|(user, _)| !self.names.is_own(user.as_str())).collect();
            let taken: BTreeSet<usize> = pills.iter().map(|pill| pill.start).collect();
            let found = found(&content.text.plain, &people);
            pills.extend(found.into_iter().filter(|pill| !taken.contains(&pill.start)));
        }
        pills.sort_by_key(|pill| pill.start);
        pills
    }

    fn pill(&self, mention: &Mention) -> Option<Pill> {
        let user = if mention.person.network.as_str() == NETWORK {
            UserId::parse(mention.person.id.as_str()).ok()?
        } else {
            self.names.ghost(&mention.person)?
        };
        let own = self.names.is_own(user.as_str());
        let (start, end) =
            (usize::try_from(mention.start).ok()?, usize::try_from(mention.end).ok()?);
        Some(Pill { start, end, user, notify: !own })
    }
}

/// Finds names behind the sign; one that several people bear is nobody's.
fn found(plain: &str, people: &[(OwnedUserId, Option<String>)]) -> Vec<Pill> {
    let mut pills: Vec<Pill> = Vec::new();
    for (start, _) in plain.match_indices('@').take(SIGNS) {
        let before = plain.get(..start).and_then(|before| before.chars().next_back());
        if pills.len() >= PILLS || before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let rest = plain.get(start + 1..).unwrap_or_default();
        let mut best: Option<(usize, BTreeSet<&UserId>)> = None;
        for (user, name) in people {
            let names = name.as_deref().into_iter().chain([user.localpart()]);
            let length = names.filter_map(|name| length_of_name(rest, name)).max();
            let Some(length) = length else { continue };
            match &mut best {
                Some((longest, users)) if *longest == length => {
                    users.insert(user);
                }
                Some((longest, _)) if *longest > length => {}
                best => *best = Some((length, BTreeSet::from([&**user]))),
            }
        }
        if let Some((length, users)) = best
            && users.len() == 1
            && let Some(user) = users.first()
        {
            let user = (*user).to_owned();
            pills.push(Pill { start, end: start + 1 + length, user, notify: true });
        }
    }
    pills
}

/// Tells how long a name is at the beginning of a text, whatever its case, if it stands there as a word.
fn length_of_name(text: &str, name: &str) -> Option<usize> {
    let mut rest = text.char_indices();
    for wanted in name.chars() {
        let (_, found) = rest.next()?;
        if found != wanted && !found.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    let end = rest.clone().next().map_or(text.len(), |(at, _)| at);
    let after = text.get(end..)?.chars().next();
    // What all of a room would be called is nobody's name.
    let fine = !name.trim().is_empty() && !name.eq_ignore_ascii_case("room");
    (fine && !after.is_some_and(char::is_alphanumeric)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(plain: &str, people: &[(&str, Option<&str>)]) -> Vec<(String, String)> {
        let people = people
            .iter()
            .map(|(user, name)| (OwnedUserId::try_from(*user).unwrap(), name.map(str::to_owned)));
        let pills = found(plain, &people.collect::<Vec<_>>());
        let part = |pill: &Pill| plain.get(pill.start..pill.end).unwrap().to_owned();
        pills.iter().map(|pill| (part(pill), pill.user.to_string())).collect()
    }

    #[test]
    fn a_name_behind_the_sign_is_its_bearers() {
        let people = [("@ada:hs", Some("Ada L")), ("@adam:hs", Some("Adam")), ("@eve:hs", None)];
        let found = named("@ada l, @ADAM and @eve; mail@ada.org @nobody @Adamant", &people);
        let wanted = [("@ada l", "@ada:hs"), ("@ADAM", "@adam:hs"), ("@eve", "@eve:hs")];
        assert_eq!(found, wanted.map(|(part, user)| (part.to_owned(), user.to_owned())));
    }

    #[test]
    fn a_name_of_several_or_of_the_room_is_nobodys() {
        let two = [("@a:hs", Some("Ada")), ("@b:hs", Some("ada"))];
        assert_eq!(named("@Ada", &two), []);
        assert_eq!(named("@room", &[("@room:hs", Some("room"))]), []);
        assert_eq!(named("@", &[("@x:hs", Some(" "))]), []);
    }

    #[test]
    fn the_longer_name_is_meant() {
        let two = [("@a:hs", Some("Ada")), ("@b:hs", Some("Ada Lovelace"))];
        assert_eq!(named("hi @Ada Lovelace!", &two)[0].1, "@b:hs");
        assert_eq!(named("hi @Ada!", &two)[0].1, "@a:hs");
    }

    #[test]
    fn many_signs_make_few_pills() {
        let plain = "@ada ".repeat(10_000);
        assert_eq!(named(&plain, &[("@ada:hs", None)]).len(), PILLS);
    }
}
