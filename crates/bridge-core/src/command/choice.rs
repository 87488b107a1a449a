//! Commands about one's options.

use futures_util::FutureExt as _;

use super::{
    ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, answer, bind, is_called,
    parse::Word,
};
use crate::{
    adapter::Reply,
    model::UserId,
    options::{self, NAMES, OPTIONS, OptionSpec},
    texts,
};

const OPTION: ArgumentSpec = ArgumentSpec::needed("OPTION", ArgumentKind::Choice(NAMES));
const VALUE: ArgumentSpec = ArgumentSpec::needed("VALUE", ArgumentKind::Word);

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "get",
        aliases: &["options"],
        arguments: &[ArgumentSpec { optional: true, ..OPTION }],
        help: "shows your options, or one of them.",
        role: Role::User,
        run: Run::Person(|caller, user, arguments| get(caller, user, arguments).boxed()),
    },
    CommandSpec {
        name: "set",
        aliases: &[],
        arguments: &[OPTION, VALUE],
        help: "chooses an option; `get` lists them with what they do.",
        role: Role::User,
        run: Run::Person(|caller, user, arguments| set(caller, user, arguments).boxed()),
    },
    CommandSpec {
        name: "unset",
        aliases: &[],
        arguments: &[OPTION],
        help: "makes an option what it is while nobody chose.",
        role: Role::User,
        run: Run::Person(|caller, user, arguments| {
            async move { keep(caller, user, arguments.text("OPTION"), None).await }.boxed()
        }),
    },
];

fn named(name: &str) -> impl Iterator<Item = &'static OptionSpec> {
    OPTIONS.iter().filter(move |option| name.is_empty() || option.name == name)
}

async fn get(caller: &Caller<'_>, user: &UserId, arguments: Arguments) -> Reply {
    let mut rows = Vec::new();
    for option in named(arguments.text("OPTION")) {
        let chosen = options::value(caller.shared, user, option.name).await;
        let value = chosen.unwrap_or_else(|| option.default.to_owned());
        rows.push(vec![option.name.to_owned(), value, option.help.to_owned()]);
    }
    answer::table(
        texts::general::YOUR_OPTIONS,
        &["option", "value", texts::general::WHAT_IT_DOES],
        rows,
    )
}

async fn set(caller: &Caller<'_>, user: &UserId, arguments: Arguments) -> Reply {
    let (name, said) = (arguments.text("OPTION"), arguments.text("VALUE"));
    let Some(option) = named(name).next() else {
        return answer::text(texts::general::THERE_IS_NO_SUCH_OPTION);
    };
    let word = Word { text: said.to_owned(), quoted: true };
    let value = match bind::bind(std::slice::from_ref(&option.value), vec![word]) {
        Ok(value) => value.text(option.value.name).to_owned(),
        Err(error) => return Reply::Text(error.to_string()),
    };
    let value = match option.value.kind {
        ArgumentKind::Account => {
            let login = caller.logins().into_iter().find(|login| is_called(login, &value));
            match login {
                Some(login) => login.to_string(),
                None => {
                    let kind = ArgumentKind::Account;
                    let wrong = bind::BindError::Wrong { said: value, kind };
                    return Reply::Text(wrong.to_string());
                }
            }
        }
        _ => value,
    };
    keep(caller, user, name, Some(value)).await
}

async fn keep(caller: &Caller<'_>, user: &UserId, name: &str, value: Option<String>) -> Reply {
    let done = match &value {
        Some(value) => texts::general::is_chosen(name, value),
        None => texts::general::as_if_never_chosen(name),
    };
    Reply::Text(match options::choose(caller.shared, user, name, value).await {
        Ok(()) => done,
        Err(error) => texts::general::that_could_not_be_stored(&error),
    })
}
