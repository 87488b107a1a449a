//! Accounts: who has which, signing in, signing out.

use axum::http::StatusCode;
use bridge_core::{
    connector::{FieldKind, LoginField},
    desk::Account,
    id::{LoginId, NetworkId},
};

use super::{
    Call, Outcome, answer,
    failure::Failure,
    forms::{
        Answers, Complete, Field, Flow, Flows, Login, LoginStep, Logins, Network, Nothing, Profile,
        UserInput, Whoami,
    },
    state::BridgeState,
};
use crate::texts;

/// The names of the steps.
const FORM: &str = "net.msnbridge.form";
const COMPLETE: &str = "net.msnbridge.complete";
/// The type of the only step that is answered.
const USER_INPUT: &str = "user_input";

pub(super) async fn whoami(call: Call) -> Outcome {
    let accounts = call.desk.accounts(&call.user).await?;
    let management_room = call.desk.management_room(&call.user).await?;
    answer(
        StatusCode::OK,
        &Whoami {
            network: Network {
                displayname: "MSN Messenger",
                network_url: "https://en.wikipedia.org/wiki/MSN_Messenger",
                network_icon: "",
                network_id: "msn",
                beeper_bridge_type: "msn-bridge",
            },
            login_flows: all_flows(&call),
            homeserver: call.adapter.names.bot.server_name().to_string(),
            bridge_bot: call.adapter.names.bot.to_string(),
            command_prefix: call.adapter.command_prefix.clone(),
            management_room: management_room.map(|room| room.to_string()),
            logins: accounts.iter().map(login).collect(),
        },
    )
}

fn login(account: &Account) -> Login {
    let state = BridgeState::of(account).without_account();
    Login {
        state_event: state.state_event,
        state_ts: state.timestamp,
        state_reason: state.reason.clone(),
        state,
        id: account.login.to_string(),
        name: account.name.clone().unwrap_or_else(|| account.id.to_string()),
        profile: Profile { email: account.id.to_string(), name: account.name.clone() },
    }
}

pub(super) async fn logins(call: Call) -> Outcome {
    let accounts = call.desk.accounts(&call.user).await?;
    let login_ids = accounts.iter().map(|account| account.login.to_string()).collect();
    answer(StatusCode::OK, &Logins { login_ids })
}

#[expect(clippy::unused_async, reason = "all routes are alike")]
pub(super) async fn flows(call: Call) -> Outcome {
    answer(StatusCode::OK, &Flows { flows: all_flows(&call) })
}

fn all_flows(call: &Call) -> Vec<Flow> {
    let flows = call.desk.flows().into_iter();
    let flows = flows.map(|(network, _)| Flow {
        name: texts::FLOW_NAME,
        description: texts::FLOW,
        id: network.to_string(),
    });
    flows.collect()
}

pub(super) async fn start(call: Call) -> Outcome {
    let network = NetworkId::new(call.part("flow"));
    let again = call.login();
    let process = call.desk.begin_sign_in(&call.user, &network, again.as_ref()).await?;
    let known = match &again {
        Some(login) => {
            let accounts = call.desk.accounts(&call.user).await?;
            accounts.into_iter().find(|account| account.login == *login)
        }
        None => None,
    };
    let address = known.map(|account| account.id.to_string());
    let form = call.desk.form_of(&call.user, &process)?;
    let fields = form.into_iter().map(|field| shown(field, address.as_deref())).collect();
    answer(
        StatusCode::OK,
        &LoginStep {
            txn_id: transaction(&process),
            login_id: process,
            kind: USER_INPUT,
            step_id: FORM,
            instructions: texts::FILL_IN_THE_FORM.to_owned(),
            user_input: Some(UserInput { fields, attachments: Vec::new() }),
            complete: None,
        },
    )
}

fn shown(field: LoginField, address: Option<&str>) -> Field {
    let LoginField { id, kind, name, options } = field;
    let (kind, default_value) = match kind {
        FieldKind::Email => ("email", address.map(str::to_owned)),
        FieldKind::Select => ("select", options.first().cloned()),
        // What is not known is not shown to anybody.
        _ => ("password", None),
    };
    Field { kind, id, name, description: "", default_value, options }
}

/// Names the only transaction of a sign-in: the form handed in twice is handed in once.
fn transaction(process: &str) -> String {
    format!("{process}-form")
}

pub(super) async fn step(call: Call) -> Outcome {
    let process = call.part("process").to_owned();
    match call.part("type") {
        USER_INPUT => {}
        "complete" | "cookies" | "display_and_wait" | "webauthn" => {
            return Err(Failure::BadState("this sign-in waits for a form that is filled in"));
        }
        _ => return Err(Failure::NotFound("there is no such type of step".to_owned())),
    }
    if call.part("step") != FORM {
        return Err(Failure::BadState("this sign-in is not at this step"));
    }
    let named = call.query.get("txn_id").filter(|named| !named.is_empty());
    if named.is_some_and(|named| *named != transaction(&process)) {
        return Err(Failure::BadState("this is another step's transaction"));
    }
    let Answers(answers) = call.read()?;
    let login = call.desk.sign_in(&call.user, &process, answers).await?;
    answer(
        StatusCode::OK,
        &LoginStep {
            txn_id: format!("{process}-complete"),
            login_id: process,
            kind: "complete",
            step_id: COMPLETE,
            instructions: texts::signed_in_to(&login),
            user_input: None,
            complete: Some(Complete { user_login_id: login.to_string() }),
        },
    )
}

#[expect(clippy::unused_async, reason = "all routes are alike")]
pub(super) async fn cancel(call: Call) -> Outcome {
    call.desk.cancel_sign_in(&call.user, call.part("process"))?;
    answer(StatusCode::OK, &Nothing {})
}

pub(super) async fn logout(call: Call) -> Outcome {
    let logins = match call.part("login") {
        "all" => {
            let accounts = call.desk.accounts(&call.user).await?;
            accounts.into_iter().map(|account| account.login).collect()
        }
        one => vec![LoginId::new(one)],
    };
    for login in logins {
        call.desk.log_out(&call.user, &login).await?;
    }
    answer(StatusCode::OK, &Nothing {})
}
