//! Commands: one table, said on Matrix, on Discord, on MSN and at the control socket.

use std::fs;

use testkit::{MatrixUser, Port, Synapse, wait_until};

use crate::{
    discord::{ACCOUNT, BOB, CAROL, World, says},
    support::{SOON, hears},
};

/// What is said, and what the answer holds, whoever says it.
const EVERYWHERE: &[(&str, &str)] = &[
    ("help contacts add", "ADDRESS is an address such as"),
    ("contacts add", "ADDRESS is missing. Say it like this: `contacts add ADDRESS [GROUP]`"),
    ("contacts add bob carol", "\"bob\" is no address such as bob@example.com"),
    ("presence asleep", "\"asleep\" is none of online, away"),
    ("set shape round", "\"shape\" is none of account, buddies"),
    ("ping now", "That is more than I need. Say it like this: `ping`"),
    ("frobnicate", "I do not know that command. Say `help`"),
    ("cancel", "There is nothing to cancel."),
    ("help avatar", "shows the picture you have here"),
    ("VERSION", "msn-bridge"),
    ("ping", "Pong."),
];

/// What only an admin is told.
const ADMIN: &[(&str, &str)] = &[
    ("permissions", "your role is admin"),
    ("portals", "relay lounge"),
    ("stats", "conversations"),
    ("sudo matrix:@nobody:example.test whoami", "your role is user"),
    ("audit", "whoami"),
    ("log level chatty=x=y", "is no level"),
    ("log level info soon", "\"soon\" is no time such as 30s"),
    ("backup verify nowhere.backup", "There is no"),
];

#[tokio::test]
async fn one_table_answers_on_matrix_on_discord_on_msn_and_at_the_socket() {
    let mut world = World::prepared(&[BOB]).await;
    world.permissions = "\"*\" = \"user\"\n\"@ada:example.test\" = \"admin\"\n\
                         \"carol@example.com\" = \"admin\"\n\"bob@example.com\" = \"relay\"";
    let port = Port::reserve();
    let matrix = |homeserver: &str| {
        format!(
            "[matrix]\nhomeserver = \"{homeserver}\"\ndomain = \"example.test\"\nlisten = \"127.0.0.1:{}\"\n",
            port.number()
        )
    };
    world.more = matrix("http://127.0.0.1:9");
    let printed = world.run(&["registration"]).await;
    let registration = world.home.path().join("registration.yaml");
    fs::write(&registration, printed.stdout).expect("it is written");
    let synapse = Synapse::start(&[registration]).await.unwrap_or_else(|error| panic!("{error}"));
    synapse.register_user("ada", "secret").await.expect("a new user");
    world.more = matrix(&synapse.url());
    world.start().await;

    // On Matrix, in the bot's own room.
    let ada = MatrixUser::sign_in(&synapse.url(), "ada", "secret").await.expect("she signs in");
    let bot = format!("@msnbot:{}", synapse.server_name());
    let bot = bot.as_str().try_into().expect("a user id");
    let room = ada.direct_chat_with(bot).await.expect("a room");
    ada.hears("Say `login`").await;
    for (line, answer) in EVERYWHERE.iter().chain(ADMIN) {
        ada.forget();
        ada.say(&room, line).await.expect("it is sent");
        ada.hears(answer).await;
    }

    // On Discord, in a direct message; Grace may sign in, and steer nothing.
    let mut heard = 0;
    let refused = [("portals", "I do not know that command"), ("whoami", "your role is user")];
    for (line, answer) in EVERYWHERE.iter().chain(&refused) {
        let direct = world.discord.whisper(world.grace, line);
        let plain = |text: &str| text.replace('\\', "");
        heard = wait_until(SOON, answer, || async {
            let messages = world.discord.messages(direct);
            let new = messages.get(heard..).unwrap_or_default();
            new.iter()
                .any(|message| plain(&message.content).contains(answer))
                .then_some(messages.len())
        })
        .await;
    }

    // On MSN, in a chat with the bridge's account: Carol is an admin there, and is asked for nothing.
    let (carol, mut carol_hears) = world.person(CAROL).await;
    let more = [("login", "I take no passwords in this chat")];
    for (line, answer) in EVERYWHERE.iter().chain(ADMIN).chain(&more) {
        says(&carol, line).await;
        hears(&mut carol_hears, answer).await;
    }
    // Bob's lines go to the relay, but for those that begin with the word for the bridge.
    let (bob, mut bob_hears) = world.person(BOB).await;
    says(&bob, "!msn whoami").await;
    hears(&mut bob_hears, "your role is relay").await;
    says(&bob, "!msn logins").await;
    hears(&mut bob_hears, "I do not know that command").await;
    says(&bob, "!msn login").await;
    hears(&mut bob_hears, "You may not sign in here.").await;

    // At the socket, where nobody is a person.
    let ctl = async |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let output = world.run(&[&["ctl"], words.as_slice()].concat()).await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (line, answer) in EVERYWHERE.iter().chain(ADMIN) {
        let said = ctl(line).await;
        assert!(said.contains(answer), "{line}: {said}");
    }
    assert!(ctl("logins").await.contains(ACCOUNT), "the operator sees all accounts");
    assert!(ctl("nudge bob@example.com").await.contains("to the bridge in a chat"));
    assert!(ctl("login").await.contains("to the bridge in a chat"));
    let quoted = world.run(&["ctl", "name", "Ada \"L\" \\ \"x"]).await;
    assert!(String::from_utf8_lossy(&quoted.stdout).contains("to the bridge in a chat"));
    world.stop().await;
    world.keeps_its_secrets();
}
