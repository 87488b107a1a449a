//! Spoken messages and animations: fetched from their contact's client, then told of. What is said meanwhile
//! does not wait; where one does not come, words say that there was one.

use std::sync::Arc;

use bridge_core::{
    PuppetContext,
    id::Timestamp,
    model::{Attachment, AttachmentKind, Content, EventKind, Persona, Wink},
};
use msnp::{ChatId, Object, wink};

use crate::{files, puppet::MsnPuppet, texts};

/// What a spoken message is called.
const VOICE: &str = "voice.wav";
/// What an animation's picture is called.
const PICTURE: &str = "wink";
/// Longest name of an animation, in characters.
const NAME: usize = 60;

/// Something of a contact's that is to be fetched, by its description.
pub(crate) enum Clip {
    Voice(String),
    Wink(String),
}

/// When and where a clip was shown, and by whom.
pub(crate) struct Shown {
    pub(crate) chat: ChatId,
    pub(crate) sender: Persona,
    pub(crate) source: String,
    pub(crate) at: Timestamp,
}

/// Fetches a clip and tells of it.
pub(crate) async fn tell(puppet: Arc<MsnPuppet>, cx: PuppetContext, clip: Clip, shown: Shown) {
    let Shown { chat, sender, source, at } = shown;
    let from = sender.id.as_str();
    let kind = match clip {
        Clip::Voice(description) => {
            let kept = match fetch(&puppet, &chat, from, &description).await {
                Some(bytes) => {
                    let (plays, size) = (plays(&bytes), u64::try_from(bytes.len()).ok());
                    let kept = files::keep(&cx, VOICE, bytes).await;
                    kept.ok().map(|media| (media, plays, size))
                }
                None => None,
            };
            match kept {
                Some((media, plays, size)) => EventKind::File(Attachment {
                    media,
                    name: VOICE.to_owned(),
                    kind: AttachmentKind::Voice,
                    mime: Some("audio/wav".to_owned()),
                    size,
                    caption: (!plays).then(|| texts::A_VOICE_CLIP.to_owned()),
                    link: None,
                }),
                None => EventKind::Message(Content {
                    emote: true,
                    ..Content::plain(texts::SENT_A_VOICE_CLIP)
                }),
            }
        }
        Clip::Wink(description) => {
            let name = Object::read(&description).and_then(|object| object.friendly_name());
            let name: String = name.unwrap_or_default().trim().chars().take(NAME).collect();
            let name = if name.is_empty() { texts::A_WINK.to_owned() } else { name };
            let picture = fetch(&puppet, &chat, from, &description).await;
            let media = match picture.as_deref().and_then(wink::thumbnail) {
                Some(picture) => files::keep(&cx, PICTURE, picture).await.ok(),
                None => None,
            };
            EventKind::Wink(Wink { name, media })
        }
    };
    puppet.accept_at(&cx, &chat, sender, source, at, kind).await;
}

/// Fetches an object; none where it does not come.
async fn fetch(
    puppet: &MsnPuppet,
    chat: &ChatId,
    from: &str,
    description: &str,
) -> Option<Vec<u8>> {
    // Objects do not travel where several talk.
    if chat.is_group() {
        return None;
    }
    let handle = puppet.handle().ok()?;
    let fetched = puppet.objects.fetch(&handle, chat, from, description).await;
    fetched.inspect_err(|error| tracing::debug!(%error, "a clip did not come")).ok()
}

/// Tells whether people's programs play a sound: in the container that MSN's clips have, those of Messenger's
/// own codec are.
fn plays(bytes: &[u8]) -> bool {
    const SIREN: u16 = 0x028E;
    let Some(mut rest) = bytes.strip_prefix(b"RIFF").and_then(|rest| rest.get(8..)) else {
        return true; // it is no such container
    };
    while let (Some(name), Some(length)) = (rest.first_chunk::<4>(), word(rest, 4)) {
        if name == b"fmt " {
            let tag = rest.get(8..).and_then(|rest| rest.first_chunk()).copied();
            return tag.map(u16::from_le_bytes) != Some(SIREN);
        }
        let Some(after) = rest.get(8_usize.saturating_add(length).next_multiple_of(2)..) else {
            break;
        };
        rest = after;
    }
    true
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    usize::try_from(word).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(tag: u16) -> Vec<u8> {
        let mut sound = b"RIFF\x30\0\0\0WAVEnote\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        sound.extend(tag.to_le_bytes());
        sound
    }

    #[test]
    fn messengers_own_codec_is_told_from_others() {
        assert!(plays(&sound(1)) && !plays(&sound(0x028E)));
        assert!(plays(b"") && plays(b"OggS") && plays(b"RIFF\xff\xff\xff\xffWAVEfmt "));
        assert!(plays(b"RIFF\0\0\0\0WAVEnote\xff\xff\xff\xffabc"));
    }
}
