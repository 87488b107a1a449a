//! `msn clip`: voice clips and winks.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use msnp::{ChatId, Event, Events, Extra, Handle, OBJECT_LIMIT, Object, wink};
use serde_json::json;

use super::{
    Show, connect_failure, end_after,
    own::done,
    told,
    transfer::{Wanted, ending_of, object, unusable, write},
    watch,
};
use crate::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Clip {
    /// Wait for a voice clip or a wink, fetch it to a new file; beside a wink, its picture.
    Receive(Wanted),
    /// Show one, and send it to whoever asks.
    Send {
        /// Whom to show it to.
        to: String,
        /// The clip: a RIFF WAVE is a voice clip, a cabinet a wink.
        file: PathBuf,
        /// The wink's name for people.
        #[arg(long, default_value = "")]
        name: String,
        /// Stay so many seconds; until stopped when it is left out.
        #[arg(long)]
        seconds: Option<u64>,
    },
}

pub(super) async fn clip(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    account: &str,
    action: Clip,
) -> Result<(), Failure> {
    match action {
        Clip::Receive(Wanted { into, from, seconds }) => tokio::select! {
            received = receive(show, handle, events, &into, from.as_deref()) => received,
            () = end_after(seconds) => Err(Failure::Temporary("none came in time".to_owned())),
        },
        Clip::Send { to, file, name, seconds } => {
            let bytes = fs::read(&file).map_err(|error| unusable(&file, &error))?;
            let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= OBJECT_LIMIT);
            let kind = [(&b"RIFF"[..], Object::VOICE), (&b"MSCF"[..], Object::WINK)];
            let kind = kind.iter().find(|(mark, _)| bytes.starts_with(mark));
            let Some((_, kind)) = kind.filter(|_| fits) else {
                let text = "not a RIFF WAVE or a cabinet of at most 1 MiB";
                return Err(Failure::Usage(format!("{}: {text}", file.display())));
            };
            let location = if *kind == Object::VOICE { "voice.wav" } else { "0" };
            let object = Object::describing(account, *kind, location, &bytes).named(&name);
            let description = object.write();
            done(handle.serve_object(object, Arc::from(bytes)).await)?;
            let extra = match *kind {
                Object::VOICE => Extra::Voice(description),
                _ => Extra::Wink(description),
            };
            told(show, &to, handle.send_extra(&ChatId::with(&to), extra).await)?;
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
        let (chat, from, extra) = match event {
            Event::Extra { chat, from, extra, .. } => (chat, from, extra),
            Event::Closed { reason } => return Err(connect_failure(&reason.into())),
            _ => continue,
        };
        if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&from)) {
            continue;
        }
        let (description, kind, usual) = match extra {
            Extra::Voice(description) => (description, "voice", "voice.wav"),
            Extra::Wink(description) => (description, "wink", "wink.cab"),
            _ => continue,
        };
        let bytes = object(show, handle, events, &chat, &from, &description).await?;
        let name = Object::read(&description).and_then(|object| object.friendly_name());
        let stem = name.clone().filter(|_| kind == "wink");
        let path =
            write(into, stem.map_or(usual.to_owned(), |stem| format!("{stem}.cab")), &bytes)?;
        let picture = match wink::thumbnail(&bytes) {
            Some(picture) => {
                let ending = ending_of(&picture).unwrap_or("bin");
                let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                Some(write(into, format!("{stem}.{ending}"), &picture)?)
            }
            None => None,
        };
        show.value(&json!({
            "event": "clip", "from": from, "kind": kind, "name": name, "file": path,
            "picture": picture, "size": bytes.len(),
        }));
        if !show.json {
            println!("{kind} {}", path.display());
        }
        return Ok(());
    }
    Err(Failure::Temporary("the session ended".to_owned()))
}
