//! `msn profile`: what an account keeps at the server for all its places.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
};

use clap::Args;
use msnp::{Event, Events, Handle, RoamingProfile};
use serde_json::json;

use super::{Show, own::done};
use crate::Failure;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Keep the picture of this file: PNG, JPEG or GIF, at most 256 KiB.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Write the picture that is kept to a new file.
    #[arg(long, value_name = "FILE")]
    picture_to: Option<PathBuf>,
}

pub(super) async fn run(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    options: Options,
) -> Result<(), Failure> {
    let unusable = |file: &PathBuf, error| Failure::Usage(format!("{}: {error}", file.display()));
    if let Some(file) = &options.picture {
        let image = fs::read(file).map_err(|error| unusable(file, error))?;
        done(handle.keep_picture(image).await)?;
    }
    done(handle.read_profile().await)?;
    let file = match &options.picture_to {
        Some(path) => {
            let made = OpenOptions::new().write(true).create_new(true).open(path);
            let made = made.map_err(|error| unusable(path, error))?;
            done(handle.fetch_kept_picture().await)?;
            Some((path, made))
        }
        None => None,
    };
    let (mut profile, mut picture) = (None, Vec::new());
    // All was told of by now, and the newest counts.
    handle.sign_out().await;
    while let Some(event) = events.next().await {
        match event {
            Event::ProfileRead { profile: read } => profile = Some(read),
            Event::KeptPicture { image } => picture = image,
            _ => {}
        }
    }
    if let Some(profile) = profile {
        tell(show, &profile);
    }
    if let Some((path, mut file)) = file {
        file.write_all(&picture).map_err(|error| unusable(path, error))?;
        show.value(&json!({ "event": "picture", "file": path }));
    }
    Ok(())
}

/// Waits until what was changed is kept in the profile too, where there is one.
pub(super) async fn settle(handle: &Handle) {
    // Many servers have none, and the session says so.
    let _ = handle.read_profile().await;
}

fn tell(show: &Show, profile: &RoamingProfile) {
    let size = profile.picture.as_ref().and_then(|picture| picture.size);
    let picture = profile.picture.is_some();
    if show.json {
        return show.value(&json!({
            "event": "profile", "name": profile.name, "psm": profile.message, "picture": picture,
            "picture_size": size,
        }));
    }
    println!("name: {}", profile.name.as_deref().unwrap_or_default());
    println!("message: {}", profile.message.as_deref().unwrap_or_default());
    println!("picture: {}", if picture { "yes" } else { "no" });
}
