//! Files on Discord.
//!
//! Its addresses of files end after about a day, so a file is named by the message it hangs on and is
//! asked for anew when its bytes are needed.

use std::time::Duration;

use bridge_core::{
    DeliverError, MediaError, MediaStream,
    id::{MediaId, Timestamp},
    model::{Attachment, AttachmentKind, Link},
};
use futures_util::stream;
use reqwest012::{Client, StatusCode, Url};
use serenity::{
    http::Http,
    model::{
        channel::{Attachment as DiscordAttachment, Message},
        id::{AttachmentId, ChannelId, MessageId},
    },
};

use crate::error::Failure;

/// How long one file may take.
const DEADLINE: Duration = Duration::from_secs(600);
/// Where Discord keeps files; nothing else is ever fetched.
const HOSTS: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];
/// How long an address lasts that does not say so.
const LIFE: u64 = 24 * 3600 * 1000;

/// Lists the files of a message, and of a message it forwards.
pub(crate) fn files(message: &Message) -> Vec<Attachment> {
    let (channel, id) = (message.channel_id, message.id);
    all(message).map(|file| attachment(channel, id, file)).collect()
}

fn all(message: &Message) -> impl Iterator<Item = &DiscordAttachment> {
    let forwarded = message.message_snapshots.iter().flat_map(|snapshot| &snapshot.attachments);
    message.attachments.iter().chain(forwarded)
}

fn attachment(channel: ChannelId, message: MessageId, file: &DiscordAttachment) -> Attachment {
    let mime = file.content_type.clone();
    let kind = match &mime {
        _ if file.waveform.is_some() => AttachmentKind::Voice,
        Some(mime) if mime.starts_with("image/") => AttachmentKind::Picture,
        _ => AttachmentKind::File,
    };
    Attachment {
        media: MediaId::new(format!("{channel}/{message}/{}", file.id)),
        name: file.filename.clone(),
        kind,
        mime,
        size: Some(file.size.into()),
        caption: None,
        link: Some(Link { address: file.url.clone(), until: end_of(&file.url) }),
    }
}

/// Reads in an address when it ends: `ex` holds seconds since 1970, hexadecimal.
fn end_of(address: &str) -> Timestamp {
    let query = address.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let end = query.split('&').find_map(|pair| pair.strip_prefix("ex="));
    let end = end.and_then(|end| u64::from_str_radix(end, 16).ok());
    let later = || Timestamp::now().0.saturating_add(LIFE);
    Timestamp(end.map_or_else(later, |end| end.saturating_mul(1000)))
}

/// Opens a file: asks for its message, whose address of it is fresh then.
pub(crate) async fn open(
    rest: &Http,
    http: &Client,
    media: &MediaId,
) -> Result<MediaStream, DeliverError> {
    let gone = |text: &'static str| DeliverError::Gone(text.into());
    let (channel, message, file) =
        ids(media.as_str()).ok_or_else(|| gone("its name is none of Discord's"))?;
    let message =
        rest.get_message(channel, message).await.map_err(|error| match Failure::of(&error) {
            Failure::Doubtful(text) => DeliverError::retry(text),
            Failure::NoMessage | Failure::Refused(_) | Failure::Gone => {
                gone("its message was deleted")
            }
            Failure::Forbidden(_) => gone("the bot may not read the channel's history"),
            failure => failure.into(),
        })?;
    let found = all(&message).find(|found| found.id == file);
    let address = &found.ok_or_else(|| gone("it was taken from its message"))?.url;
    let address = Url::parse(address).ok().filter(is_discords);
    let address = address.ok_or_else(|| gone("its address is none of Discord's"))?;
    let response = http.get(address).timeout(DEADLINE).send().await;
    let response = response.map_err(|error| DeliverError::retry(reason(error)))?;
    match response.status() {
        status if status.is_success() => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(gone("Discord has it no more")),
        status => return Err(DeliverError::retry(format!("Discord's files: HTTP {status}"))),
    }
    let size = response.content_length();
    let pieces = stream::try_unfold(response, |mut response| async move {
        let piece = response.chunk().await;
        let piece = piece.map_err(|error| MediaError::Cut(reason(error).into()))?;
        Ok(piece.map(|piece| (piece, response)))
    });
    Ok(MediaStream::new(size, pieces))
}

fn ids(media: &str) -> Option<(ChannelId, MessageId, AttachmentId)> {
    let mut ids = media.split('/').map(|id| id.parse::<u64>().ok().filter(|id| *id > 0));
    let mut next = || ids.next().flatten();
    let found = (next()?, next()?, next()?);
    let (channel, message, file) = found;
    ids.next().is_none().then(|| (channel.into(), message.into(), file.into()))
}

fn is_discords(address: &Url) -> bool {
    address.scheme() == "https" && address.host_str().is_some_and(|host| HOSTS.contains(&host))
}

/// Says what went wrong without the address, which is as good as the file.
fn reason(error: reqwest012::Error) -> String {
    error.without_url().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_three_numbers() {
        assert_eq!(ids("1/2/3"), Some((1.into(), 2.into(), 3.into())));
        for wrong in ["", "1/2", "1/2/3/4", "1/x/3", "0/1/2", "https://cdn.discordapp.com/a"] {
            assert_eq!(ids(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_say_when_they_end() {
        let address = "https://cdn.discordapp.com/attachments/1/2/a.png?ex=65e11b00&is=1&hm=2";
        assert_eq!(end_of(address), Timestamp(0x65e1_1b00 * 1000));
        assert!(end_of("https://cdn.discordapp.com/a.png") > Timestamp::now());
    }

    #[test]
    fn nothing_but_discord_is_fetched() {
        for (address, fetched) in [
            ("https://cdn.discordapp.com/attachments/1/2/a", true),
            ("http://cdn.discordapp.com/attachments/1/2/a", false),
            ("https://127.0.0.1/a", false),
            ("https://cdn.discordapp.com.example.org/a", false),
            ("https://cdn.discordapp.com@example.org/a", false),
        ] {
            assert_eq!(is_discords(&Url::parse(address).unwrap()), fetched, "{address}");
        }
    }
}
