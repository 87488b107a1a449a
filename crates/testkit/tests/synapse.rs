//! The kit itself: a real homeserver, two real people.

use std::time::Duration;

use testkit::{MatrixUser, Seen, Synapse, install_tls};

#[tokio::test]
async fn two_people_on_a_real_homeserver_talk() {
    install_tls();
    let synapse = Synapse::start(&[]).await.expect("Synapse starts");
    for name in ["ada", "bob"] {
        synapse.register_user(name, "secret").await.expect("a new user");
    }
    let ada = MatrixUser::sign_in(&synapse.url(), "ada", "secret").await.expect("ada signs in");
    let bob = MatrixUser::sign_in(&synapse.url(), "bob", "secret").await.expect("bob signs in");
    let bob_id = format!("@bob:{}", synapse.server_name()).try_into().expect("a user id");
    let bob_id: matrix_sdk::ruma::OwnedUserId = bob_id;
    let room = ada.direct_chat_with(&bob_id).await.expect("a room");
    ada.say(&room, "hello bob").await.expect("it is sent");
    let heard = |seen: &Seen| {
        matches!(seen, Seen::Message { body, .. } if body == "hello bob").then_some(())
    };
    bob.sees(Duration::from_secs(30), "ada's words", heard).await;
}
