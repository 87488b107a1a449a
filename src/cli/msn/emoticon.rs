//! `msn emoticon`: pictures that stand for letters.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use msnp::{ChatId, Event, Events, Extra, Handle, Object, Text};
use serde_json::json;

use super::{
    Show, connect_failure, end_after,
    own::done,
    told,
    transfer::{Wanted, ending_of, image, object, write},
    watch,
};
use crate::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Emoticon {
    /// Wait for somebody's, fetch them to new files that are named by their letters.
    Receive(Wanted),
    /// Say something with one in it, and send its picture to whoever asks.
    Send {
        /// Whom to say it to.
        to: String,
        /// The letters it stands for.
        letters: String,
        /// The picture: PNG, JPEG or GIF.
        file: PathBuf,
        /// What to say; the letters alone when it is left out.
        #[arg(long)]
        text: Option<String>,
        /// Stay so many seconds; until stopped when it is left out.
        #[arg(long)]
        seconds: Option<u64>,
    },
}

pub(super) async fn emoticon(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    account: &str,
    action: Emoticon,
) -> Result<(), Failure> {
    match action {
        Emoticon::Receive(Wanted { into, from, seconds }) => tokio::select! {
            received = receive(show, handle, events, &into, from.as_deref()) => received,
            () = end_after(seconds) => Err(Failure::Temporary("none came in time".to_owned())),
        },
        Emoticon::Send { to, letters, file, text, seconds } => {
            let image = image(&file)?;
            if letters.is_empty() || letters.contains(|c: char| c.is_whitespace() || c.is_control())
            {
                return Err(Failure::Usage("letters of an emoticon have no blanks".to_owned()));
            }
            let picture = Object::describing(account, Object::EMOTICON, "0", &image);
            let description = picture.write();
            done(handle.serve_object(picture, Arc::from(image)).await)?;
            let text = text.unwrap_or_else(|| letters.clone());
            let emoticon = msnp::Emoticon { shortcut: letters, description, moves: false };
            let chat = ChatId::with(&to);
            done(handle.send_extra(&chat, Extra::Emoticons(vec![emoticon])).await)?;
            told(show, &to, handle.send_text(&chat, Text::plain(text)).await)?;
            tokio::select! {
                outcome = watch(show, handle, events) => outcome,
                () = end_after(seconds) => Ok(()),
            }
        }
    }
}

async fn receive(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    into: &Path,
    wanted: Option<&str>,
) -> Result<(), Failure> {
    while let Some(event) = events.next().await {
        show.event(handle, &event);
        let (chat, from, list) = match event {
            Event::Extra { chat, from, extra: Extra::Emoticons(list), .. } => (chat, from, list),
            Event::Closed { reason } => return Err(connect_failure(&reason.into())),
            _ => continue,
        };
        if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&from)) {
            continue;
        }
        for emoticon in list {
            let letters = emoticon.shortcut;
            let image = object(show, handle, events, &chat, &from, &emoticon.description).await?;
            let ending = ending_of(&image).unwrap_or("bin");
            let path = write(into, format!("{letters}.{ending}"), &image)?;
            let size = image.len();
            show.value(&json!({
                "event": "emoticon", "from": from, "letters": letters, "file": path, "size": size,
            }));
            if !show.json {
                println!("{letters} {}", path.display());
            }
        }
        return Ok(());
    }
    Err(Failure::Temporary("the session ended".to_owned()))
}
