//! Commands about one's own accounts: signing in and out, and how an account appears.

use futures_util::FutureExt as _;

use super::{
    Account, ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, adopt, answer,
};
use crate::{
    adapter::Reply,
    appearance::{self, Wished},
    connector::{OwnPicture, SelfPatch},
    error::DeliverError,
    model::{PresenceState, Reject},
    portal::person,
    shared::OnLogout,
    supervisor::Owner,
    texts,
};

const ACCOUNT: ArgumentSpec = ArgumentSpec::optional("ACCOUNT", ArgumentKind::Account);
const ROOMS: ArgumentSpec =
    ArgumentSpec::optional("ROOMS", ArgumentKind::Choice(&["keep", "leave", "delete"]));
const STATE: ArgumentSpec = ArgumentSpec::needed("STATE", ArgumentKind::Choice(STATES));
const WHICH: ArgumentSpec =
    ArgumentSpec::optional("WHICH", ArgumentKind::Choice(&["mine", "none"]));
const TOKEN: ArgumentSpec = ArgumentSpec::optional("TOKEN", ArgumentKind::Word);
const WORDS: ArgumentSpec = ArgumentSpec::needed("WORDS", ArgumentKind::Rest);

const STATES: &[&str] =
    &["online", "away", "busy", "brb", "phone", "lunch", "idle", "hidden", "auto"];

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "login",
        aliases: &["signin"],
        arguments: &[],
        help: "signs in to an account; I ask for what I need.",
        role: Role::User,
        // A dialogue needs a room: the centre takes it there, so this is for somebody else.
        run: Run::Person(|_, _, _| {
            async { answer::text(texts::account::ONLY_SHE_WHO_SIGNS_IN) }.boxed()
        }),
    },
    CommandSpec {
        name: adopt::LOGIN,
        aliases: &[],
        arguments: &[TOKEN],
        help: "lets me speak as you on Matrix, by an access token of yours; I ask for it.",
        role: Role::User,
        // As above: a token is a secret.
        run: Run::Person(|_, _, _| {
            async { answer::text(texts::account::ONLY_SHE_WHO_SIGNS_IN) }.boxed()
        }),
    },
    CommandSpec {
        name: "logout-matrix",
        aliases: &[],
        arguments: &[],
        help: "forgets your access token: I do not speak as you any more.",
        role: Role::User,
        run: Run::Person(|caller, user, _| adopt::drop_own(caller, user).boxed()),
    },
    CommandSpec {
        name: "logins",
        aliases: &["accounts"],
        arguments: &[],
        help: "lists your accounts and how each is doing.",
        role: Role::User,
        run: Run::Always(|caller, _| {
            let reply = list(caller);
            async move { reply }.boxed()
        }),
    },
    CommandSpec {
        name: "logout",
        aliases: &["signout"],
        arguments: &[ACCOUNT, ROOMS],
        help: "signs out and forgets the account and its password; ROOMS says what becomes of its \
               conversations.",
        role: Role::User,
        run: Run::Login(|caller, account, arguments| logout(caller, account, arguments).boxed()),
    },
    CommandSpec {
        name: "relogin",
        aliases: &["reconnect"],
        arguments: &[ACCOUNT],
        help: "ends the account's session and begins another.",
        role: Role::User,
        run: Run::Login(|caller, account, _| {
            caller.shared.puppets.begin_anew(&account.login);
            async { answer::text(texts::account::SIGNING_IN_AGAIN) }.boxed()
        }),
    },
    CommandSpec {
        name: "presence",
        aliases: &[],
        arguments: &[STATE],
        help: "shows your account as online, away, busy, brb, phone, lunch, idle or hidden; `auto`, as \
               you are here.",
        role: Role::User,
        run: Run::Login(|caller, account, arguments| presence(caller, account, arguments).boxed()),
    },
    CommandSpec {
        name: "psm",
        aliases: &[],
        arguments: &[WORDS],
        help: "changes your account's own words.",
        role: Role::User,
        run: Run::Login(|caller, account, arguments| {
            let words = Some(arguments.text("WORDS").to_owned());
            let patch = SelfPatch { status_text: words, ..SelfPatch::default() };
            set_self(caller, account, patch, texts::account::YOUR_OWN_WORDS_ARE_CHANGED.to_owned())
                .boxed()
        }),
    },
    CommandSpec {
        name: "name",
        aliases: &[],
        arguments: &[WORDS],
        help: "changes your account's name.",
        role: Role::User,
        run: Run::Login(|caller, account, arguments| {
            let name = Some(arguments.text("WORDS").to_owned());
            let patch = SelfPatch { name, ..SelfPatch::default() };
            set_self(caller, account, patch, texts::account::YOUR_NAME_IS_CHANGED.to_owned())
                .boxed()
        }),
    },
    CommandSpec {
        name: "avatar",
        aliases: &[],
        arguments: &[WHICH],
        help: "shows the picture you have here as your account's; with `none`, none.",
        role: Role::User,
        run: Run::Login(|caller, account, arguments| avatar(caller, account, arguments).boxed()),
    },
];

fn list(caller: &Caller<'_>) -> Reply {
    let own = caller.logins();
    let all = caller.shared.puppets.status().into_iter();
    let rows: Vec<Vec<String>> = all
        .filter(|status| caller.user.is_none() || own.contains(&status.login))
        .map(|status| {
            let reason = status.reason.unwrap_or_default();
            vec![status.login.to_string(), status.state.to_string(), reason]
        })
        .collect();
    if rows.is_empty() {
        return answer::nobody(caller);
    }
    answer::table(texts::operate::YOUR_ACCOUNTS, &["account", "state", "reason"], rows)
}

async fn logout(caller: &Caller<'_>, account: Account, arguments: Arguments) -> Reply {
    let policy = match arguments.given("ROOMS") {
        Some("delete") => OnLogout::Delete,
        Some("keep") => OnLogout::Keep,
        Some("leave") => OnLogout::Leave,
        _ => caller.shared.config.on_logout,
    };
    let rooms = match policy {
        OnLogout::Delete => texts::account::ITS_CONVERSATIONS_ARE_DELETED,
        OnLogout::Keep => texts::account::ITS_ROOMS_STAY_AS_THEY_ARE,
        OnLogout::Leave => texts::account::I_HAVE_LEFT_ITS_ROOMS,
    };
    Reply::Text(match person::log_out(caller.shared, &account.login, policy).await {
        Ok(()) => texts::account::signed_out(&account.login, rooms),
        Err(error) => texts::account::the_account_could_not_be_forgotten(&error),
    })
}

async fn presence(caller: &Caller<'_>, account: Account, arguments: Arguments) -> Reply {
    let word = arguments.text("STATE").to_owned();
    if word == "auto" {
        return as_here(caller, account).await;
    }
    let state = match word.as_str() {
        "away" => PresenceState::Away,
        "brb" => PresenceState::BeRightBack,
        "busy" => PresenceState::Busy,
        "hidden" => PresenceState::Offline,
        "idle" => PresenceState::Idle,
        "lunch" => PresenceState::OutToLunch,
        "phone" => PresenceState::OnThePhone,
        _ => PresenceState::Online,
    };
    let patch = SelfPatch { state: Some(state), ..SelfPatch::default() };
    set_self(caller, account, patch, texts::account::you_appear_as_word_now(&word)).await
}

/// Lets an account appear as its owner does here.
async fn as_here(caller: &Caller<'_>, account: Account) -> Reply {
    let Some(Owner::Person(owner)) = caller.shared.puppets.owner(&account.login) else {
        return answer::nobody(caller);
    };
    Reply::Text(match appearance::let_go(caller.shared, &account.login, &owner).await {
        Ok(()) => texts::account::YOU_APPEAR_AS_YOU_ARE_HERE.to_owned(),
        Err(error) => texts::general::that_could_not_be_stored(&error),
    })
}

async fn avatar(caller: &Caller<'_>, account: Account, arguments: Arguments) -> Reply {
    let (picture, done) = match arguments.given("WHICH") {
        Some("none") => (OwnPicture::default(), texts::account::YOU_SHOW_NO_PICTURE),
        _ => match face_of(caller).await {
            Ok(Some(picture)) => (picture, texts::account::YOUR_PICTURE_IS_CHANGED),
            Ok(None) => return answer::text(texts::account::YOU_HAVE_NO_PICTURE_HERE),
            Err(error) => return answer::failure(&error),
        },
    };
    let patch = SelfPatch { picture: Some(picture), ..SelfPatch::default() };
    set_self(caller, account, patch, done.to_owned()).await
}

/// Fetches the picture that the caller shows of herself on her own platform, as small as accounts show
/// theirs.
async fn face_of(caller: &Caller<'_>) -> Result<Option<OwnPicture>, DeliverError> {
    let unsupported = || DeliverError::Reject {
        reason: Reject::Unsupported,
        tell_user: texts::delivery::YOUR_PICTURE_IS_NOT_SEEN_HERE.to_owned(),
    };
    let user = caller.user.ok_or_else(unsupported)?;
    let adapter = caller.shared.adapters.get(&user.network).ok_or_else(unsupported)?;
    let library = caller.shared.media.as_ref().ok_or_else(unsupported)?;
    let Some(face) = adapter.face_of(user).await? else {
        return Ok(None);
    };
    let bounds = OwnPicture::BOUNDS;
    let small = library.face(caller.shared, &user.network, &face, bounds).await?;
    let bytes = small.open().await?.read_all(bounds.bytes).await?;
    Ok(Some(OwnPicture::new(bytes)))
}

async fn set_self(caller: &Caller<'_>, account: Account, patch: SelfPatch, done: String) -> Reply {
    let Account { login, puppet } = account;
    match appearance::change(caller.shared, &login, &*puppet, patch).await {
        Ok(Wished::Now) => Reply::Text(done),
        Ok(Wished::Later) => Reply::Text(texts::account::it_holds_once_connected(&done, &login)),
        Err(error) => answer::failure(&error),
    }
}
