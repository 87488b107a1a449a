//! What is neither words nor a plain file: stickers, spoken messages, animations.

use bridge_core::{
    Media,
    id::MediaId,
    model::{Attachment, AttachmentKind, Wink},
};
use ruma::{
    OwnedMxcUri, UInt,
    events::{
        room::ImageInfo,
        room::message::{
            ImageMessageEventContent, MessageType, RoomMessageEventContent,
            UnstableVoiceContentBlock,
        },
        sticker::{StickerEventContent, StickerMediaSource},
    },
};

use crate::texts;

/// Reads a sticker as the picture it is; none where its bytes are nobody's to read.
pub(crate) fn sticker(content: StickerEventContent) -> Option<Attachment> {
    let StickerEventContent { body, info, source, .. } = content;
    let StickerMediaSource::Plain(address) = source else {
        return None;
    };
    // It has words instead of a name.
    let ending = match info.mimetype.as_deref() {
        Some("image/gif") => ".gif",
        Some("image/jpeg") => ".jpg",
        Some("image/png") => ".png",
        Some("image/webp") => ".webp",
        _ => "",
    };
    Some(Attachment {
        media: MediaId::new(address.as_str()),
        name: if body.ends_with(ending) { body } else { format!("{body}{ending}") },
        kind: AttachmentKind::Picture,
        mime: info.mimetype.clone(),
        size: info.size.map(|size: UInt| size.into()),
        caption: None,
        link: None,
    })
}

/// Marks a sound that somebody spoke.
pub(crate) fn spoken(
    mut content: RoomMessageEventContent,
    kind: AttachmentKind,
) -> RoomMessageEventContent {
    if let (MessageType::Audio(audio), AttachmentKind::Voice) = (&mut content.msgtype, kind) {
        audio.voice = Some(UnstableVoiceContentBlock::new());
    }
    content
}

/// Makes a message of an animation: its picture where there is one, else words.
pub(crate) fn wink(wink: &Wink, shown: Option<(&Media, OwnedMxcUri)>) -> RoomMessageEventContent {
    let words = texts::sent_a_wink(&wink.name);
    let Some((media, address)) = shown else {
        return RoomMessageEventContent::emote_plain(words);
    };
    let mut info = ImageInfo::new();
    info.mimetype = Some(media.mime.to_owned());
    info.size = UInt::try_from(media.size).ok();
    if let Some((width, height)) = media.dimensions {
        (info.width, info.height) = (Some(width.into()), Some(height.into()));
    }
    let mut image = ImageMessageEventContent::plain(words, address);
    image.filename = Some(media.name.clone());
    image.info = Some(Box::new(info));
    RoomMessageEventContent::new(MessageType::Image(image))
}
