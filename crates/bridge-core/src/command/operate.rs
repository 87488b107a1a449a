//! Commands that look at the bridge as a whole and steer it.

use std::time::Duration;

use futures_util::{FutureExt as _, future::BoxFuture};

use super::{
    ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, answer, portal, sudo,
};
use crate::{adapter::Reply, id::Timestamp, rediscover, supervisor::LoginState, texts};

const LEVEL: ArgumentSpec = ArgumentSpec::needed("LEVEL", ArgumentKind::Word);
const FILE: ArgumentSpec = ArgumentSpec::optional("FILE", ArgumentKind::Word);
const USER: ArgumentSpec = ArgumentSpec::needed("USER", ArgumentKind::Word);
const COMMAND: ArgumentSpec = ArgumentSpec::needed("COMMAND", ArgumentKind::Command);
const DURATION: ArgumentSpec = ArgumentSpec::optional("DURATION", ArgumentKind::Duration);

/// How long `drain` waits.
const DRAIN: Duration = Duration::from_secs(50);
/// How long a message may wait before `doctor` speaks of it.
const LONG: Duration = Duration::from_secs(60);

/// A command without arguments.
macro_rules! plain {
    ($name:literal, $role:ident, $help:literal, $run:expr) => {
        CommandSpec {
            name: $name,
            aliases: &[],
            arguments: &[],
            help: $help,
            role: Role::$role,
            run: Run::Always($run),
        }
    };
}

pub(super) const COMMANDS: &[CommandSpec] = &[
    plain!("status", User, "shows the accounts and how they are doing.", |caller, _| {
        at_once(status(caller))
    }),
    plain!("doctor", User, "says in plain words what is wrong, and what to do.", |caller, _| {
        doctor(caller).boxed()
    }),
    CommandSpec {
        name: "sudo",
        aliases: &[],
        arguments: &[USER, COMMAND],
        help: "does a command in somebody's name, and records that.",
        role: Role::Admin,
        run: Run::Always(|caller, arguments| sudo::sudo(caller, arguments).boxed()),
    },
    plain!("audit", Admin, "lists what was done in others' names.", |caller, _| {
        sudo::audit(caller).boxed()
    }),
    plain!("stats", Admin, "counts what there is.", |caller, _| stats(caller).boxed()),
    plain!("permissions", Admin, "lists who may do what, and what you may.", |caller, _| {
        at_once(permissions(caller))
    }),
    CommandSpec {
        name: "log level",
        aliases: &[],
        arguments: &[LEVEL, DURATION],
        help: "says more or less in the log, such as `debug`, for a time or until the restart.",
        role: Role::Admin,
        run: Run::Always(|caller, arguments| at_once(log_level(caller, &arguments))),
    },
    plain!("backup", Admin, "writes a copy of the store to its backups.", |caller, _| {
        backup(caller).boxed()
    }),
    CommandSpec {
        name: "backup verify",
        aliases: &[],
        arguments: &[FILE],
        help: "reads a backup to its end and says whether it is good: the newest, or the one named.",
        role: Role::Admin,
        run: Run::Always(|caller, arguments| verify(caller, arguments).boxed()),
    },
    plain!(
        "portals rediscover",
        Admin,
        "looks through the rooms for conversations that a lost store knew.",
        |caller, _| {
            async move { Reply::Text(rediscover::by_command(caller.shared).await) }.boxed()
        }
    ),
    plain!(
        "compact",
        Admin,
        "has the store written anew at the next start, for the room it takes.",
        |caller, _| compact(caller).boxed()
    ),
    plain!(
        "reload",
        Admin,
        "reads the configuration again and says what needs a restart.",
        |caller, _| reload(caller).boxed()
    ),
    plain!(
        "drain",
        Admin,
        "takes nothing new in until nothing waits any more, for up to a minute.",
        |caller, _| { drain(caller).boxed() }
    ),
    plain!("shutdown", Admin, "stops the bridge in order.", |caller, _| {
        at_once(shutdown(caller))
    }),
];

fn at_once(reply: Reply) -> BoxFuture<'static, Reply> {
    async move { reply }.boxed()
}

fn status(caller: &Caller<'_>) -> Reply {
    let (all, own) = (caller.role == Role::Admin, caller.logins());
    let logins = caller.shared.puppets.status().into_iter();
    let rows: Vec<Vec<String>> = logins
        .filter(|login| all || own.contains(&login.login))
        .map(|login| {
            let reason = login.reason.unwrap_or_default();
            vec![login.login.to_string(), login.owner, login.state.to_string(), reason]
        })
        .collect();
    if rows.is_empty() {
        return answer::nobody(caller);
    }
    let (portals, waiting) = {
        let index = caller.shared.index();
        (index.portals.len(), index.waiting())
    };
    let title = match all {
        true => texts::operate::accounts_and_conversations(portals, waiting),
        false => texts::operate::YOUR_ACCOUNTS.to_owned(),
    };
    answer::table(&title, &["account", "owner", "state", "reason"], rows)
}

/// Says what is wrong, each with what can be done.
async fn doctor(caller: &Caller<'_>) -> Reply {
    let mut found = Vec::new();
    for (network, adapter) in &caller.shared.adapters {
        if !adapter.is_ready() {
            found.push(texts::operate::is_not_reached(network));
        }
    }
    let (all, own) = (caller.role == Role::Admin, caller.logins());
    let logins = caller.shared.puppets.status();
    let seen: Vec<_> = logins.iter().filter(|login| all || own.contains(&login.login)).collect();
    if seen.is_empty() && caller.user.is_some() {
        found.push(texts::operate::YOU_ARE_NOT_SIGNED_IN.to_owned());
    }
    for login in seen {
        let why = login.reason.clone().unwrap_or_else(|| login.state.to_string());
        let mend = match login.state {
            LoginState::Connected => {
                let puppet = caller.shared.puppets.get(&login.login);
                for trouble in match puppet {
                    Some(puppet) => puppet.troubles().await,
                    None => Vec::new(),
                } {
                    found.push(format!("{}: {trouble}", login.login));
                }
                continue;
            }
            LoginState::BadCredentials => texts::operate::SAY_LOGIN_AND_GIVE_THE_PASSWORD,
            LoginState::Kicked => texts::operate::SIGN_THE_ACCOUNT_OUT_ELSEWHERE,
            LoginState::LoggedOut => texts::operate::SAY_LOGIN_WHEN_IT_SHALL_COME_BACK,
            _ => texts::operate::I_KEEP_TRYING,
        };
        found.push(texts::operate::is_not_connected(&login.login, &why, mend));
    }
    if all {
        for leg in portal::behind(caller) {
            let age = portal::oldest(caller, &leg).await.unwrap_or_default();
            if age > LONG {
                found.push(texts::operate::messages_wait_for(
                    leg.waiting,
                    &leg.place,
                    age.as_secs(),
                ));
            }
        }
    }
    if found.is_empty() {
        return answer::text(texts::operate::ALL_IS_WELL);
    }
    Reply::Text(found.join("\n"))
}

async fn stats(caller: &Caller<'_>) -> Reply {
    let (portals, waiting) = {
        let index = caller.shared.index();
        (index.portals.len(), index.waiting())
    };
    let mut rows = vec![
        vec!["accounts".to_owned(), caller.shared.puppets.status().len().to_string()],
        vec!["conversations".to_owned(), portals.to_string()],
        vec![texts::operate::MESSAGES_WAITING.to_owned(), waiting.to_string()],
    ];
    if let Ok(stats) = caller.shared.store.stats().await {
        rows.push(vec![
            texts::operate::KIB_ON_DISK.to_owned(),
            (stats.disk_bytes / 1024).to_string(),
        ]);
        rows.push(vec![
            texts::operate::COMMITS_SINCE_THE_START.to_owned(),
            stats.commits.to_string(),
        ]);
        rows.push(vec![texts::operate::SYNCS_SINCE_THE_START.to_owned(), stats.syncs.to_string()]);
    }
    answer::table(texts::operate::WHAT_THERE_IS, &["what", texts::operate::HOW_MANY], rows)
}

fn permissions(caller: &Caller<'_>) -> Reply {
    let patterns = caller.shared.patterns().into_iter();
    let rows = patterns.map(|(pattern, role)| vec![pattern, role.to_string()]).collect();
    let title = texts::operate::who_may_do_what(caller.role);
    answer::table(&title, &["who", "role"], rows)
}

fn log_level(caller: &Caller<'_>, arguments: &Arguments) -> Reply {
    match &caller.shared.host {
        Some(host) => Reply::Text(
            host.set_log_filter(arguments.text("LEVEL"), arguments.duration("DURATION")),
        ),
        None => answer::text(texts::operate::THERE_IS_NO_LOG_HERE),
    }
}

async fn backup(caller: &Caller<'_>) -> Reply {
    let Some(directory) = &caller.shared.config.backups else {
        return answer::text(texts::operate::THERE_IS_NO_PLACE_FOR_BACKUPS_HERE);
    };
    let made = async {
        tokio::fs::create_dir_all(directory).await.map_err(|error| error.to_string())?;
        let path = directory.join(format!("{:015}.backup", Timestamp::now().0));
        let facts = caller.shared.store.backup(&path).await.map_err(|error| error.to_string())?;
        Ok::<_, String>((path, facts))
    };
    Reply::Text(match made.await {
        Ok((path, facts)) => texts::operate::the_backup_is_written(facts.entries, path.display()),
        Err(error) => texts::operate::the_backup_failed(&error),
    })
}

async fn verify(caller: &Caller<'_>, arguments: Arguments) -> Reply {
    match &caller.shared.host {
        Some(host) => Reply::Text(host.verify_backup(arguments.given("FILE")).await),
        None => answer::text(texts::operate::THERE_IS_NO_PLACE_FOR_BACKUPS_HERE),
    }
}

async fn compact(caller: &Caller<'_>) -> Reply {
    match caller.shared.store.compact_at_next_open().await {
        Ok(()) => answer::text(texts::operate::THE_STORE_IS_WRITTEN_ANEW),
        Err(error) => Reply::Text(texts::general::that_did_not_work(&error)),
    }
}

async fn reload(caller: &Caller<'_>) -> Reply {
    match &caller.shared.host {
        Some(host) => Reply::Text(host.reload().await),
        None => answer::text(texts::operate::THERE_IS_NO_CONFIGURATION_HERE),
    }
}

async fn drain(caller: &Caller<'_>) -> Reply {
    Reply::Text(match caller.shared.drain(DRAIN).await {
        0 => texts::operate::NOTHING_WAITS_ANY_MORE.to_owned(),
        left => texts::operate::messages_still_wait(left),
    })
}

fn shutdown(caller: &Caller<'_>) -> Reply {
    match &caller.shared.host {
        Some(host) => {
            host.shut_down();
            answer::text(texts::operate::STOPPING)
        }
        None => answer::text(texts::operate::THERE_IS_NO_PROGRAM_TO_STOP_HERE),
    }
}
