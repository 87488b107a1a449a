use std::collections::BTreeSet;

use bridge_core::{LoginState, desk::Account, id::*, model::UserId};

use super::{state::BridgeState, *};

/// The book's copy is what programs' authors read.
#[test]
fn the_book_has_the_description_of_all_routes() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/provisioning.openapi.json");
    let mut written = serde_json::to_string_pretty(&document()).unwrap();
    written.push('\n');
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(file, &written).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(kept, written, "docs/src/provisioning.openapi.json: run `cargo xtask openapi`");
}

#[test]
fn every_route_is_described_once_and_by_its_own_name() {
    let document = document();
    let paths = document.get("paths").and_then(Value::as_object).unwrap();
    let described: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(described, ROUTES.len());
    let ids: BTreeSet<&str> = ROUTES.iter().map(|route| route.id).collect();
    assert_eq!(ids.len(), ROUTES.len());
    let text = document.to_string();
    assert!(text.contains("#/components/schemas/LoginStep"), "{text}");
    assert!(!text.contains("$defs"), "{text}");
}

fn account(state: LoginState) -> Account {
    Account {
        login: LoginId::new("msn:home:ada@example.com"),
        owner: UserId { network: NetworkId::new("matrix"), id: PersonaId::new("@ada:hs") },
        network: NetworkId::new("msn"),
        id: PersonaId::new("ada@example.com"),
        name: Some("Ada".to_owned()),
        state,
        since: Timestamp(0),
        reason: Some("the link broke".to_owned()),
    }
}

#[test]
fn a_state_says_what_is_wrong_and_what_to_do() {
    let state = BridgeState::of(&account(LoginState::BadCredentials));
    let written = serde_json::to_value(&state).unwrap();
    let text = |key: &str| written.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_eq!(text("state_event"), "BAD_CREDENTIALS");
    assert_eq!(text("error"), "msn-password-refused");
    assert_eq!(text("user_action"), "RELOGIN");
    assert_eq!((text("user_id"), text("remote_name")), ("@ada:hs".to_owned(), "Ada".to_owned()));
    assert_eq!(written.get("ttl"), Some(&Value::from(3600)));
    let connected = BridgeState::of(&account(LoginState::Connected));
    assert!(!connected.says(&state));
    assert_eq!(connected.error, None);
    assert_eq!(state.signed_out().state_event, "LOGGED_OUT");
    assert!(state.says(&BridgeState { timestamp: 1, ..state.clone() }));
}
