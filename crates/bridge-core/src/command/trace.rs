//! Captures of an account's session: begun, ended, listed, and removed when they are old.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use futures_util::FutureExt as _;
use tokio::task::spawn_blocking;

use super::{
    ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, answer, is_called, spec,
};
use crate::{
    adapter::Reply,
    connector::TraceRequest,
    id::{LoginId, RowId},
    texts,
};

/// How long a capture lasts unless said.
const USUAL: Duration = Duration::from_secs(600);
/// How long one may last.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long a file is kept after it was written last.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// What a capture's file is called at its end.
const ENDING: &str = ".trace";

const TIME: ArgumentSpec = ArgumentSpec::optional("TIME", ArgumentKind::Word);
const ACCOUNT: ArgumentSpec = ArgumentSpec::optional("ACCOUNT", ArgumentKind::Word);
const NAMES: ArgumentSpec = ArgumentSpec::optional("NAMES", ArgumentKind::Choice(&["names"]));

pub(super) const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "trace",
    aliases: &[],
    arguments: &[TIME, ACCOUNT, NAMES],
    help: "writes what an account's session says and hears to a file for a time, such as 10m, or \
               until `off`; without words, lists the files. Secrets and messages are left out, and \
               people unless you say `names`.",
    role: Role::User,
    run: Run::Always(|caller, arguments| trace(caller, arguments).boxed()),
}];

async fn trace(caller: &Caller<'_>, arguments: Arguments) -> Reply {
    let Some(place) = caller.shared.config.traces.clone() else {
        return answer::text(texts::trace::THERE_IS_NO_PLACE_FOR_CAPTURES);
    };
    let Some(time) = arguments.given("TIME") else {
        return list(caller, &place).await;
    };
    let login = match account(caller, arguments.given("ACCOUNT")) {
        Ok(login) => login,
        Err(text) => return answer::text(text),
    };
    let Some(puppet) = caller.shared.puppets.get(&login) else {
        return answer::text(texts::trace::THERE_IS_NO_SUCH_ACCOUNT);
    };
    if time.eq_ignore_ascii_case("off") {
        return answer::outcome(puppet.trace(None), || {
            texts::trace::is_not_captured_any_more(&login)
        });
    }
    let Some(time) = spec::duration(time) else {
        let text = texts::trace::HOW_TO_CAPTURE;
        return answer::text(text);
    };
    let time = time.min(LONGEST);
    let made = {
        let place = place.clone();
        spawn_blocking(move || make_place(&place)).await
    };
    if !matches!(made, Ok(Ok(()))) {
        return answer::text(texts::trace::THE_PLACE_FOR_CAPTURES_CANNOT);
    }
    let file = place.join(format!("{}{ENDING}", RowId::new()));
    let names = arguments.given("NAMES").is_some();
    let request = TraceRequest { file: file.clone(), time, names };
    answer::outcome(puppet.trace(Some(request)), || {
        texts::trace::the_session_is_captured(&login, file.display(), time.as_secs().div_ceil(60))
    })
}

/// Finds the account that is meant: an admin may mean anybody's.
fn account(caller: &Caller<'_>, name: Option<&str>) -> Result<LoginId, &'static str> {
    let mut all: Vec<LoginId> =
        if caller.role == Role::Admin && (name.is_some() || caller.user.is_none()) {
            caller.shared.puppets.status().into_iter().map(|status| status.login).collect()
        } else {
            caller.logins()
        };
    if let Some(name) = name {
        all.retain(|login| is_called(login, name));
    }
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(texts::trace::THERE_IS_NO_SUCH_ACCOUNT_LOGINS_LISTS_YOURS),
        (Some(_), false) => Err(texts::trace::WHICH_ACCOUNT),
    }
}

async fn list(caller: &Caller<'_>, place: &Path) -> Reply {
    if caller.role < Role::Admin {
        return answer::text(texts::trace::HOW_TO_CAPTURE);
    }
    let place = place.to_owned();
    let files = spawn_blocking(move || files(&place)).await.unwrap_or_default();
    if files.is_empty() {
        return answer::text(
            texts::trace::THERE_ARE_NO_CAPTURES
                .replace("USUAL", &format!("{}m", USUAL.as_secs() / 60))
                .as_str(),
        );
    }
    let rows = files.into_iter().map(|(name, size, age)| {
        vec![name, format!("{size} bytes"), format!("{} minutes", age.as_secs() / 60)]
    });
    answer::table("Captures", &["file", "size", texts::trace::WRITTEN_BEFORE], rows.collect())
}

/// Makes the folder, for nobody else's eyes.
fn make_place(place: &Path) -> std::io::Result<()> {
    fs::create_dir_all(place)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        fs::set_permissions(place, fs::Permissions::from_mode(0o700))?;
    }
    remove_old(place);
    Ok(())
}

/// Removes captures that have had their time.
pub(crate) fn remove_old(place: &Path) {
    for (name, _, age) in files(place) {
        if age > KEPT
            && let Err(error) = fs::remove_file(place.join(&name))
        {
            tracing::warn!(%error, "an old capture could not be removed");
        }
    }
}

fn files(place: &Path) -> Vec<(String, u64, Duration)> {
    let Ok(entries) = fs::read_dir(place) else {
        return Vec::new();
    };
    let found = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let about = entry.metadata().ok().filter(|about| about.is_file())?;
        let age = about.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        name.ends_with(ENDING).then(|| (name, about.len(), age.unwrap_or_default()))
    });
    found.collect()
}
