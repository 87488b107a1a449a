//! Pictures that stand for letters, both ways: a contact's are fetched from her client, those in words for
//! her are shown before the words and served while the session lasts.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bridge_core::{
    Media, PuppetContext,
    id::{MediaId, NetworkId},
    media::{ExpectedPicture, PictureBounds},
    model::{Content, CustomEmoticon},
};
use msnp::{ChatId, Emoticon, Extra, Handle, Object};
use tokio::task::JoinSet;

use crate::{connector::NETWORK, puppet::MsnPuppet};

/// How large pictures for letters may be: original clients show none larger than this side.
pub(crate) const BOUNDS: PictureBounds = PictureBounds { side: 50, bytes: 64 * 1024 };

/// Most people whose own shortcuts are remembered until they speak; past that all are forgotten.
const REMEMBERED: usize = 1024;
/// Most shortcuts of one of them.
const SHORTCUTS: usize = 64;
/// Most pictures of one message.
const PICTURES: usize = 20;
/// Largest picture that is fetched, in bytes.
const FETCHED: u64 = 512 * 1024;
/// Most pictures that are served; past it the one shown first goes.
const SERVED: usize = 128;
/// Most pictures that are announced at once: what original clients send.
const AT_ONCE: usize = 5;
/// Longest letters of a picture, in bytes.
const LETTERS: usize = 64;

/// Shortcuts that people have pictures of their own for. They are told right before the words they are in.
#[derive(Default)]
pub(crate) struct OwnShortcuts(HashMap<(ChatId, String), Vec<Emoticon>>);

impl OwnShortcuts {
    /// Remembers what somebody tells before she speaks.
    pub(crate) fn remember(&mut self, chat: &ChatId, from: &str, pictures: Vec<Emoticon>) {
        let who = (chat.clone(), from.to_owned());
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&who) {
            self.0.clear();
        }
        let known = self.0.entry(who).or_default();
        let room = SHORTCUTS.saturating_sub(known.len());
        known.extend(pictures.into_iter().take(room));
    }

    /// Gives what somebody told before the words she says now.
    pub(crate) fn take(&mut self, chat: &ChatId, from: &str) -> Vec<Emoticon> {
        self.0.remove(&(chat.clone(), from.to_owned())).unwrap_or_default()
    }
}

/// Names the pictures in somebody's words, and sees to it that those come that are not here.
///
/// What shows the words waits for them a moment; one that did not come a while ago stays letters.
pub(crate) async fn named(
    puppet: &Arc<MsnPuppet>,
    cx: &PuppetContext,
    (chat, from): (&ChatId, &str),
    own: Vec<Emoticon>,
    words: &str,
    work: &mut JoinSet<()>,
) -> Vec<CustomEmoticon> {
    let mut named: Vec<CustomEmoticon> = Vec::new();
    // Files and objects do not travel where several talk.
    if chat.is_group() {
        return named;
    }
    for Emoticon { shortcut, description, .. } in own {
        let known = named.iter().any(|known| known.shortcut == shortcut);
        if known || named.len() >= PICTURES || !words.contains(&shortcut) {
            continue;
        }
        let Some(object) = Object::read(&description) else {
            continue;
        };
        let tame = object.kind == Object::EMOTICON && object.size <= FETCHED;
        if !tame || !is_hash(&object.hash) || puppet.objects.is_given_up(from, &object.hash) {
            continue;
        }
        let media = MediaId::new(format!("sha1:{}", object.hash));
        let place = cx.inbox.expect_picture(&NetworkId::new(NETWORK), &media).await;
        if let (Some(place), Ok(handle)) = (place, puppet.handle()) {
            let (puppet, chat, from) = (Arc::clone(puppet), chat.clone(), from.to_owned());
            work.spawn(async move {
                fetch(&puppet, &handle, (&chat, &from), (&object, &description), place).await;
            });
        }
        named.push(CustomEmoticon { shortcut, media });
    }
    named
}

async fn fetch(
    puppet: &MsnPuppet,
    handle: &Handle,
    (chat, from): (&ChatId, &str),
    (object, description): (&Object, &str),
    place: ExpectedPicture,
) {
    match puppet.objects.fetch(handle, chat, from, description).await {
        Ok(bytes) => {
            if let Err(error) = place.keep(bytes).await {
                tracing::debug!(%error, "an emoticon was not kept");
            }
        }
        Err(error) => {
            tracing::debug!(%error, "an emoticon did not come");
            puppet.objects.give_up(from, &object.hash);
        }
    }
}

/// Tells whether a text can be the SHA-1 of something, in base64.
fn is_hash(text: &str) -> bool {
    let fine = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
    text.len() == 28 && text.bytes().all(fine)
}

/// Pictures that were shown in this session, by hash, the one shown first in front.
#[derive(Default)]
pub(crate) struct Shown(Mutex<VecDeque<String>>);

impl Shown {
    fn hashes(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the news that a session begins: what another one served is served no more.
    pub(crate) fn forget(&self) {
        self.hashes().clear();
    }

    /// Notes that a picture is shown; gives those that are to be served no longer.
    fn note(&self, hash: &str) -> Vec<String> {
        let mut hashes = self.hashes();
        hashes.retain(|known| known != hash);
        hashes.push_back(hash.to_owned());
        let surplus = hashes.len().saturating_sub(SERVED);
        hashes.drain(..surplus).collect()
    }
}

/// Shows the pictures of some words in a conversation, which are said next. What cannot be shown stays
/// letters.
pub(crate) async fn show(
    puppet: &MsnPuppet,
    handle: &Handle,
    chat: &ChatId,
    content: &Content,
    pictures: &[Media],
) {
    let (mut still, mut moving) = (Vec::new(), Vec::new());
    for (CustomEmoticon { shortcut, .. }, media) in content.emoticons.iter().zip(pictures) {
        let odd = shortcut.len() > LETTERS || shortcut.contains(char::is_control);
        if odd || !content.text.plain.contains(shortcut.as_str()) {
            continue;
        }
        let bytes = match media.open().await {
            Ok(stream) => stream.read_all(BOUNDS.bytes).await,
            Err(error) => Err(error),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::debug!(%error, "an emoticon cannot be read");
                continue;
            }
        };
        let object = puppet.describe(Object::EMOTICON, "0", &bytes);
        for former in puppet.shown.note(&object.hash) {
            // Where the session is over, nobody can fetch it anyway.
            let _ = handle.withdraw_object(&former).await;
        }
        let description = object.write();
        if let Err(error) = handle.serve_object(object, Arc::from(bytes)).await {
            tracing::debug!(%error, "an emoticon cannot be served");
            continue;
        }
        let moves = media.mime == "image/gif";
        let list = if moves { &mut moving } else { &mut still };
        list.push(Emoticon { shortcut: shortcut.clone(), description, moves });
    }
    for list in still.chunks(AT_ONCE).chain(moving.chunks(AT_ONCE)) {
        if let Err(error) = handle.send_extra(chat, Extra::Emoticons(list.to_vec())).await {
            tracing::debug!(%error, "emoticons were not announced");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_shortcuts_are_for_the_next_words_only_and_not_too_many() {
        let mut own = OwnShortcuts::default();
        let chat = ChatId::with("bob@example.com");
        let picture =
            Emoticon { shortcut: "(l)".to_owned(), description: String::new(), moves: false };
        own.remember(&chat, "bob@example.com", vec![picture; 100]);
        assert_eq!(own.take(&chat, "carol@example.com"), []);
        assert_eq!(own.take(&chat, "bob@example.com").len(), SHORTCUTS);
        assert_eq!(own.take(&chat, "bob@example.com"), []);
    }

    #[test]
    fn the_picture_shown_first_is_the_first_to_go() {
        let shown = Shown::default();
        let gone: Vec<String> = (0..SERVED).flat_map(|one| shown.note(&one.to_string())).collect();
        assert_eq!(gone, [""; 0]);
        assert_eq!(shown.note("0"), [""; 0]);
        assert_eq!(shown.note("another"), ["1"]);
    }

    #[test]
    fn only_what_can_be_a_hash_names_a_picture() {
        assert!(is_hash("0jm94Gjt9FXmrvBZO3zCGyjH0zA="));
        for wrong in ["", "0jm94", "0jm94Gjt9FXmrvBZO3zCGyjH0zA\n", &"a".repeat(1000)] {
            assert!(!is_hash(wrong), "{wrong}");
        }
    }
}
