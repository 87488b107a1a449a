//! Files between a Discord channel, a Matrix room and an MSN contact.

use fake_discord::Message;
use reqwest::{Client, StatusCode};

use super::*;
use crate::support::files_below;

/// A picture of one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
                     \0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

/// A world with a Matrix room in the relay.
struct Three {
    world: World,
    ada: MatrixUser,
    room: testkit::RoomId,
    _synapse: Synapse,
    _ports: (Port, Port),
}

impl Three {
    /// Makes one; `media` is the section of that name, where `PUBLIC` stands for an address that leads
    /// to the bridge.
    async fn new(media: &str) -> Self {
        let mut world = World::prepared(&[BOB]).await;
        let (port, http) = (Port::reserve(), Port::reserve());
        let media = media.replace("PUBLIC", &format!("http://127.0.0.1:{}", http.number()));
        let more = |homeserver: &str| {
            format!(
                "[matrix]\nhomeserver = \"{homeserver}\"\ndomain = \"example.test\"\n\
                 listen = \"127.0.0.1:{}\"\n[http]\nlisten = \"127.0.0.1:{}\"\n[media]\n{media}\n",
                port.number(),
                http.number(),
            )
        };
        world.more = more("http://127.0.0.1:9");
        let printed = world.run(&["registration"]).await;
        let registration = world.home.path().join("registration.yaml");
        fs::write(&registration, printed.stdout).expect("it is written");
        let synapse =
            Synapse::start(&[registration]).await.unwrap_or_else(|error| panic!("{error}"));
        synapse.register_user("ada", "secret").await.expect("a new user");
        let ada = MatrixUser::sign_in(&synapse.url(), "ada", "secret").await.expect("she signs in");
        let room = ada.new_room("Lounge").await.expect("a room");
        world.more = more(&synapse.url());
        world.rooms = vec![room.to_string()];
        world.start().await;
        let bot = format!("@msnbot:{}", synapse.server_name());
        ada.invite(&room, bot.as_str().try_into().expect("an id")).await.expect("it is invited");
        ada.hears("Here I listen to what begins with").await;
        Self { world, ada, room, _synapse: synapse, _ports: (port, http) }
    }

    fn grace_sends(&self, words: &str, files: &[(&str, &[u8])]) -> u64 {
        let World { discord, channel, grace, .. } = &self.world;
        discord.say_with(*channel, *grace, words, files)
    }

    async fn ada_sends(&self, name: &str, bytes: &[u8], caption: Option<&str>) {
        let sent = self.ada.send_picture(&self.room, name, bytes, caption).await;
        sent.expect("it is sent");
    }

    /// Waits for a file in the channel.
    async fn channel_shows_file(&self, name: &str) -> Message {
        wait_until(SOON, &format!("the channel shows {name}"), || async {
            let messages = self.world.discord.messages(self.world.channel);
            messages.into_iter().find(|message| message.files.iter().any(|file| file.name == name))
        })
        .await
    }

    /// Nothing of what crossed is in the log.
    fn log_holds_none_of(&self, words: &[&str]) {
        let log = self.world.log();
        for word in words {
            let line = log.lines().find(|line| line.contains(word));
            assert_eq!(line, None, "{word:?} is in the log");
        }
    }
}

/// The address in what somebody was told.
fn address_in(event: &Event) -> String {
    let Event::Message { text, .. } = event else { panic!("a message") };
    let at = text.words.find("http").unwrap_or_else(|| panic!("no address in {:?}", text.words));
    text.words[at..].split_whitespace().next().expect("an address").to_owned()
}

#[tokio::test]
async fn a_picture_each_way_arrives_whole_under_its_name() {
    let mut three = Three::new("public_url = \"PUBLIC\"").await;
    let (bob, mut bob_hears) = three.world.person(BOB).await;
    says(&bob, "here").await;
    three.world.shows("here").await;

    // From Discord: its words, its picture, then what is said after it, in order.
    three.grace_sends("look at this", &[("cat.png", PNG)]);
    three.world.grace_says("nice, no?");
    let file = |seen: &Seen| match seen {
        Seen::File { name, mime, address, .. } => {
            Some((name.clone(), mime.clone(), address.clone()))
        }
        _ => None,
    };
    let (name, mime, address) = three.ada.sees(SOON, "a picture", file).await;
    assert_eq!((name.as_str(), mime.as_deref()), ("cat.png", Some("image/png")));
    assert_eq!(three.ada.fetch(&address).await, PNG);
    three.ada.hears("nice, no?").await;
    let said = three.ada.all().into_iter().filter_map(|seen| match seen {
        Seen::Message { body, sender, .. } if sender.as_str().contains("discord") => Some(body),
        _ => None,
    });
    assert_eq!(said.collect::<Vec<_>>(), ["look at this", "cat.png", "nice, no?"]);
    // MSN takes no files: it gets an address of ours, not one of Discord's that ends sooner.
    hears(&mut bob_hears, "look at this").await;
    let told = hears(&mut bob_hears, "sent a picture: cat.png, ").await;
    hears(&mut bob_hears, "nice, no?").await;
    let address = address_in(&told);
    assert!(address.starts_with("http://127.0.0.1:") && address.contains("/media/"), "{address}");
    let response = Client::new().get(&address).send().await.expect("it answers");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.bytes().await.expect("all of it").as_ref(), PNG);
    let altered = address.replace("cat.png", "dog.png");
    let response = Client::new().get(&altered).send().await.expect("it answers");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);

    // From Matrix: the same, under the name of her who sent it, with what she wrote under it.
    three.ada_sends("dog.png", PNG, Some("mine")).await;
    let shown = three.channel_shows_file("dog.png").await;
    assert_eq!((shown.name.as_str(), shown.content.as_str()), ("ada", "mine"));
    assert_eq!(shown.files[0].bytes, PNG);
    assert!(shown.webhook.is_some(), "it speaks under her name");
    let told = hears(&mut bob_hears, "sent a picture: dog.png, ").await;
    let response = Client::new().get(address_in(&told)).send().await.expect("it answers");
    assert_eq!(response.bytes().await.expect("all of it").as_ref(), PNG);

    // The same bytes lie on the disk once, and nothing of them is in the log.
    let kept = files_below(&three.world.home.path().join("data").join("media"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    three.world.stop().await;
    three.world.keeps_its_secrets();
    three.log_holds_none_of(&["cat.png", "dog.png", "sig=", "hm="]);
}

#[tokio::test]
async fn a_file_that_cannot_arrive_is_told_to_its_sender_and_holds_nothing_up() {
    let mut three = Three::new("max_size = \"100 KiB\"").await;
    let (bob, mut bob_hears) = three.world.person(BOB).await;
    says(&bob, "here").await;
    three.world.shows("here").await;

    // Too large for the bridge.
    let large = [PNG, &vec![0; 200 * 1024]].concat();
    three.ada_sends("large.png", &large, None).await;
    three.ada.say(&three.room, "and on").await.expect("it is sent");
    three.ada.hears("Not delivered: The file is too large: the bridge carries at most").await;
    three.world.shows("and on").await;
    // Where no files go, and there is no address, the name goes, and she is told that it was no more.
    hears(&mut bob_hears, "sent a picture: large.png, 201 KiB").await;
    three.ada.hears("Only the file's name arrived").await;

    // Gone before it was fetched.
    let fault = Fault::Answer { status: 404, headers: Vec::new(), body: String::new() };
    three.world.discord.fault("GET /attachments/{}/{}/{}", fault);
    let lost = three.grace_sends("", &[("lost.png", PNG)]);
    three.world.grace_says("still here");
    wait_until(SOON, "Grace is told", || async {
        let messages = three.world.discord.messages(three.world.channel);
        let told = |message: &Message| {
            message.reply_to == Some(lost) && message.content.contains("not there any more")
        };
        messages.iter().any(told).then_some(())
    })
    .await;
    three.ada.hears("still here").await;
    let files = three.ada.all().into_iter().filter(|seen| matches!(seen, Seen::File { .. }));
    assert_eq!(files.count(), 1, "only her own");
    // Bob got Discord's own address of it, for there is none of ours.
    let told = hears(&mut bob_hears, "sent a picture: lost.png, ").await;
    assert!(address_in(&told).starts_with("https://cdn.discordapp.com/attachments/"));
    three.world.stop().await;
    three.world.keeps_its_secrets();
    three.log_holds_none_of(&["large.png", "lost.png", "hm="]);
}
