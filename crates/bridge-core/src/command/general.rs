//! Commands about the bridge as anybody sees it.

use futures_util::FutureExt as _;

use super::{ArgumentKind, ArgumentSpec, Caller, CommandSpec, Role, Run, answer, help};
use crate::{adapter::Reply, options, shown, texts};

const COMMAND: ArgumentSpec = ArgumentSpec::optional("COMMAND", ArgumentKind::Rest);

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "help",
        aliases: &["?"],
        arguments: &[COMMAND],
        help: "shows what I can do, or how one command is said.",
        role: Role::Relay,
        run: Run::Always(|caller, arguments| {
            let about = arguments.given("COMMAND");
            let text = match about {
                Some(words) => help::about(caller.role, words),
                None => help(caller.role),
            };
            async move { Reply::Text(text) }.boxed()
        }),
    },
    CommandSpec {
        name: "version",
        aliases: &[],
        arguments: &[],
        help: "shows which version of the bridge this is.",
        role: Role::Relay,
        run: Run::Always(|caller, _| {
            let text = format!("msn-bridge {}", caller.shared.config.version);
            async move { Reply::Text(text) }.boxed()
        }),
    },
    CommandSpec {
        name: "ping",
        aliases: &[],
        arguments: &[],
        help: "says that I am here, and which networks I reach.",
        role: Role::Relay,
        run: Run::Always(|caller, _| {
            let reply = ping(caller);
            async move { reply }.boxed()
        }),
    },
    CommandSpec {
        name: "whoami",
        aliases: &[],
        arguments: &[],
        help: "shows who you are to me, what you may do, and your accounts.",
        role: Role::Relay,
        run: Run::Always(|caller, _| whoami(caller).boxed()),
    },
    CommandSpec {
        name: "cancel",
        aliases: &[],
        arguments: &[],
        help: "ends a sign-in that is under way.",
        role: Role::Relay,
        // The centre ends what is under way; what comes here found nothing.
        run: Run::Always(|_, _| {
            async { answer::text(texts::general::THERE_IS_NOTHING_TO_CANCEL) }.boxed()
        }),
    },
];

fn ping(caller: &Caller<'_>) -> Reply {
    let adapters = caller.shared.adapters.iter();
    let reached: Vec<String> = adapters
        .map(|(network, adapter)| {
            let state = if adapter.is_ready() { "reached" } else { texts::general::NOT_REACHED };
            format!("{network} is {state}")
        })
        .collect();
    Reply::Text(format!("Pong. {}.", reached.join(", ")))
}

async fn whoami(caller: &Caller<'_>) -> Reply {
    let who = match caller.user {
        Some(user) => format!("{} on {}", shown::name(user.id.as_str()), user.network),
        None => texts::general::THE_OPERATOR_OF_THIS_MACHINE.to_owned(),
    };
    let logins: Vec<String> = caller.logins().iter().map(ToString::to_string).collect();
    let accounts = match logins.as_slice() {
        [] => texts::general::YOU_ARE_NOT_SIGNED_IN_TO_ANY.to_owned(),
        logins => texts::general::your_accounts(logins.join(", ")),
    };
    let notices = match caller.user {
        Some(user) if options::notices(caller.shared, user).await => {
            texts::general::YOU_ARE_TOLD_WHEN_CONTACTS_COME
        }
        _ => "",
    };
    Reply::Text(texts::general::who_you_are(&who, caller.role, &accounts, notices))
}
