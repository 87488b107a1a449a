//! `msn presence`, `name`, `psm`, `endpoints`: what the account shows, and where it is.

use std::time::Duration;

use msnp::{Event, Events, Handle, Media, RequestError, Status};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::Show;
use crate::Failure;

/// How long to wait for the server to tell where the account is signed in.
const PLACES_DEADLINE: Duration = Duration::from_secs(2);

/// Reads a status as people write it.
pub(super) fn status(word: &str) -> Result<Status, String> {
    Ok(match word {
        "away" => Status::Away,
        "brb" => Status::BeRightBack,
        "busy" => Status::Busy,
        "hidden" => Status::Hidden,
        "idle" => Status::Idle,
        "lunch" => Status::OutToLunch,
        "online" => Status::Online,
        "phone" => Status::OnThePhone,
        _ => {
            return Err("not one of online, busy, idle, brb, away, phone, lunch, hidden".to_owned());
        }
    })
}

pub(super) fn done(outcome: Result<(), RequestError>) -> Result<(), Failure> {
    outcome.map_err(|error| match error {
        RequestError::Unconfirmed | RequestError::Busy => Failure::Temporary(error.to_string()),
        error => Failure::Failed(error.to_string()),
    })
}

/// Writes that a piece of music is playing.
pub(super) fn music(title: String, by: Option<String>) -> String {
    let format = if by.is_some() { "{0} - {1}" } else { "{0}" }.to_owned();
    let words = [title].into_iter().chain(by).collect();
    Media { program: String::new(), kind: "Music".to_owned(), format, words }.write()
}

pub(super) async fn presence(handle: &Handle, status: Status, seconds: u64) -> Result<(), Failure> {
    done(handle.set_status(status).await)?;
    tokio::select! {
        () = sleep(Duration::from_secs(seconds)) => {}
        () = crate::cli::stop_signal() => {}
    }
    Ok(())
}

pub(super) async fn endpoints(show: &Show, handle: &Handle, events: &mut Events) {
    told(handle, events).await;
    for place in handle.roster().endpoints() {
        let status = place.status.map_or("", Status::code);
        if show.json {
            show.value(&json!({
                "event": "endpoint", "id": place.id, "name": place.name, "idle": place.idle,
                "client_type": place.client_type, "status": status,
                "capabilities": place.capabilities.names().collect::<Vec<_>>(),
            }));
        } else {
            println!("{}  {}  {status}", place.id, place.name);
        }
    }
}

pub(super) async fn sign_out(
    handle: &Handle,
    events: &mut Events,
    id: &str,
) -> Result<(), Failure> {
    told(handle, events).await;
    done(handle.sign_out_endpoint(id).await)
}

/// Waits until the server told where the account is signed in; some versions never tell.
async fn told(handle: &Handle, events: &mut Events) {
    let told = async {
        while handle.roster().endpoints().is_empty() {
            match events.next().await {
                Some(Event::Closed { .. }) | None => break,
                Some(_) => {}
            }
        }
    };
    // Without news in time there are none to tell of.
    let _ = timeout(PLACES_DEADLINE, told).await;
}
