//! Lists, groups and privacy, in the words of the servers that are known.

mod any;

use msnp_proto::{
    Version,
    command::{GroupChange, List},
    session::{Command, ContactChange, Event, Invalid, RequestError},
};

use crate::Scene;

const BOB: &str = "bob@example.com";
const CAROL: &str = "carol@example.com";
/// The lists at MSNP12; before it, entries do not say their network.
const NEW_LISTS: &str = "SYN 5 0 0 2 1\r\nGTC A\r\nBLP AL\r\n\
     LSG Friends 5d5ab0b0-0000-4000-8000-000000000001\r\n\
     LST N=bob@example.com F=Bob C=f74b7ac1-0000-4000-8000-000000000002 11 1 \
     5d5ab0b0-0000-4000-8000-000000000001\r\nLST N=dave@example.com F=Dave 16 1 \r\n";
const OLD_LISTS: &str = "SYN 5 1 2 2\r\nGTC A\r\nBLP AL\r\nLSG 0 Other%20Contacts 0\r\nLSG 1 Friends 0\r\n\
                         LST bob@example.com Bob 11 1\r\nLST dave@example.com Dave 8 \r\n";
const FRIENDS: &str = "5d5ab0b0-0000-4000-8000-000000000001";

fn account(account: &str) -> String {
    account.to_owned()
}

impl Scene {
    /// Asks for something and plays the dialogue that follows, the client's words before the server's.
    fn play(
        &mut self,
        link: msnp_proto::session::LinkId,
        command: Command,
        dialogue: &[(&str, &str)],
    ) {
        let (request, mut said) = self.ask(command);
        for (wanted, answer) in dialogue {
            assert_eq!(said, format!("{wanted}\r\n"));
            assert_eq!(self.outcome(request), None, "done before its last step");
            said = self.hear(link, &format!("{answer}\r\n"));
        }
        assert_eq!(said, "");
        assert_eq!(self.outcome(request), Some(Ok(())));
    }

    fn changes(&mut self) -> Vec<(String, ContactChange)> {
        let events = std::mem::take(&mut self.events).into_iter();
        let changes = events.filter_map(|event| match event {
            Event::ContactChanged { account, change } => Some((account, change)),
            _ => None,
        });
        changes.collect()
    }
}

#[test]
fn a_contact_is_added_by_either_servers_answers() {
    let add = || Command::AddContact { account: account(CAROL), group: None };
    let (mut scene, link) = Scene::online_at(Version::Msnp12, NEW_LISTS);
    scene.play(
        link,
        add(),
        &[
            ("ADC 8 AL N=carol@example.com", "ADC 8 AL N=carol@example.com"),
            (
                "ADC 9 FL N=carol@example.com F=carol%40example.com",
                "ADC 9 FL N=carol@example.com F=Carol%20\u{e9} C=a302952d-013f-4eb3-b919-fd6dda6c195e",
            ),
        ],
    );
    let carol = scene.session.roster().contact(CAROL).expect("she is listed").clone();
    assert!(carol.is_contact() && carol.lists.has(List::Allow));
    assert_eq!(carol.id.as_deref(), Some("a302952d-013f-4eb3-b919-fd6dda6c195e"));
    let kinds: Vec<ContactChange> = scene.changes().into_iter().map(|(_, change)| change).collect();
    assert_eq!(kinds, [ContactChange::Listed, ContactChange::Added]);
    // Before MSNP10 a number stands before the address, or is missing.
    for serial in ["2 ", ""] {
        let (mut scene, link) = Scene::online_at(Version::Msnp8, OLD_LISTS);
        let answer = |trid: u8, list: &str| {
            format!("ADD {trid} {list} {serial}carol@example.com carol@example.com")
        };
        let said = |trid: u8, list: &str| {
            format!("ADD {trid} {list} carol@example.com carol%40example.com")
        };
        scene.play(
            link,
            add(),
            &[(&said(7, "AL"), &answer(7, "AL")), (&said(8, "FL"), &answer(8, "FL"))],
        );
        assert!(scene.session.roster().contact(CAROL).is_some_and(|carol| carol.is_contact()));
    }
}

#[test]
fn the_roster_changes_by_the_servers_answer_alone() {
    let (mut scene, link) = Scene::online_at(Version::Msnp11, &NEW_LISTS.replace("1 1 ", "1 "));
    let (request, _) = scene.ask(Command::BlockContact { account: account(BOB), on: true });
    let lists = |scene: &Scene| scene.session.roster().contact(BOB).map(|bob| bob.lists.0);
    assert_eq!(lists(&scene), Some(11));
    assert_eq!(scene.hear(link, "REM 8 AL bob@example.com\r\n"), "ADC 9 BL N=bob@example.com\r\n");
    assert_eq!(lists(&scene), Some(9));
    scene.hear(link, "201 9\r\n");
    assert_eq!(lists(&scene), Some(9), "what was refused did not happen");
    let refused = scene.outcome(request);
    assert!(matches!(refused, Some(Err(RequestError::Refused(code))) if code.0 == 201));
}

#[test]
fn what_is_so_already_is_done_and_the_opposite_list_is_left_first() {
    let (mut scene, link) = Scene::online_at(Version::Msnp12, NEW_LISTS);
    let block = || Command::BlockContact { account: account(CAROL), on: true };
    scene.play(
        link,
        block(),
        &[
            ("ADC 8 BL N=carol@example.com", "219 8"),
            ("REM 9 AL carol@example.com", "REM 9 AL carol@example.com"),
            ("ADC 10 BL N=carol@example.com", "215 10"),
        ],
    );
    assert!(
        scene.session.roster().contact(CAROL).is_some_and(|carol| carol.lists.has(List::Block))
    );
    // Nothing is asked of the server for what the roster has.
    scene.play(link, block(), &[]);
    // Once is enough: a server that insists is not asked for ever.
    let (request, _) =
        scene.ask(Command::BlockContact { account: account("eve@example.com"), on: true });
    scene.hear(link, "219 11\r\n216 12\r\n219 13\r\n");
    assert!(
        matches!(scene.outcome(request), Some(Err(RequestError::Refused(code))) if code.0 == 219)
    );
}

#[test]
fn a_contact_is_taken_off_by_its_guid_or_address() {
    let remove = || Command::RemoveContact { account: account(BOB) };
    let (mut scene, link) = Scene::online_at(Version::Msnp10, &NEW_LISTS.replace("1 1 ", "1 "));
    let wire = "REM 7 FL f74b7ac1-0000-4000-8000-000000000002";
    scene.play(link, remove(), &[(wire, wire)]);
    let bob = scene.session.roster().contact(BOB).expect("he may still write").clone();
    assert!(!bob.is_contact() && bob.groups.is_empty() && bob.id.is_none());
    assert_eq!(scene.changes(), [(account(BOB), ContactChange::Removed)]);
    let (mut scene, link) = Scene::online_at(Version::Msnp9, OLD_LISTS);
    scene.play(link, remove(), &[("REM 7 FL bob@example.com", "REM 7 FL 8 bob@example.com")]);
    assert!(!scene.session.roster().contact(BOB).expect("as above").is_contact());
}

#[test]
fn groups_are_made_renamed_emptied_and_removed_at_each_server() {
    let new = "59aa5448-506a-4fe0-98fb-bb5049af611e";
    let bob = "f74b7ac1-0000-4000-8000-000000000002";
    for (made, renamed, removed) in [
        (
            format!("ADG 8 My%20Pals {new} 0"),
            format!("REG 9 1 Pals%20x {new} 0"),
            format!("RMG 13 1 {new}"),
        ),
        (
            format!("ADG 8 1 My%20Pals {new}"),
            format!("REG 9 {new} Pals%20x"),
            format!("RMG 13 {new}"),
        ),
    ] {
        let (mut scene, link) = Scene::online_at(Version::Msnp12, NEW_LISTS);
        scene.play(
            link,
            Command::AddGroup { name: "My Pals".to_owned() },
            &[("ADG 8 My%20Pals", &made)],
        );
        assert_eq!(scene.session.roster().group_id("my pals"), Some(new));
        let rename = Command::RenameGroup { group: new.to_owned(), name: "Pals x".to_owned() };
        scene.play(link, rename, &[(&format!("REG 9 {new} Pals%20x"), &renamed)]);
        assert_eq!(scene.session.roster().group_name(new), Some("Pals x"));
        let into = format!("ADC 10 FL C={bob} {new}");
        let put = Command::GroupContact { account: account(BOB), group: new.to_owned(), on: true };
        scene.play(link, put, &[(&into, &into)]);
        // One that is not empty is emptied first.
        let out = format!("REM 12 FL {bob} {new}");
        scene.play(
            link,
            Command::RemoveGroup { group: new.to_owned() },
            &[
                (&format!("RMG 11 {new}"), "226 11"),
                (&out, &out),
                (&format!("RMG 13 {new}"), &removed),
            ],
        );
        assert_eq!(scene.session.roster().group_name(new), None);
        let groups: Vec<GroupChange> = scene
            .events
            .iter()
            .filter_map(|event| match event {
                Event::GroupChanged { change, .. } => Some(*change),
                _ => None,
            })
            .collect();
        assert_eq!(groups, [GroupChange::Add, GroupChange::Rename, GroupChange::Remove]);
    }
    // Numbers before MSNP10, and the last zero missing at one server.
    let (mut scene, link) = Scene::online_at(Version::Msnp8, OLD_LISTS);
    scene.play(
        link,
        Command::AddGroup { name: "Pals".to_owned() },
        &[("ADG 7 Pals 0", "ADG 7 5 Pals 8 0")],
    );
    let rename = Command::RenameGroup { group: "8".to_owned(), name: "Chums".to_owned() };
    scene.play(link, rename, &[("REG 8 8 Chums 0", "REG 8 6 8 Chums")]);
    let to = |group: Option<&str>| Command::MoveContact {
        account: account(BOB),
        group: group.map(str::to_owned),
    };
    scene.play(
        link,
        to(Some("8")),
        &[
            ("ADD 9 FL bob@example.com Bob 8", "ADD 9 FL 7 bob@example.com Bob 8"),
            ("REM 10 FL bob@example.com 1", "REM 10 FL 8 bob@example.com 1"),
        ],
    );
    assert_eq!(
        scene.session.roster().contact(BOB).map(|bob| bob.groups.clone()),
        Some(vec!["8".to_owned()])
    );
    scene.play(
        link,
        to(None),
        &[
            ("ADD 11 FL bob@example.com Bob 0", "ADD 11 FL 9 bob@example.com Bob 0"),
            ("REM 12 FL bob@example.com 8", "225 12"),
        ],
    );
    scene.play(
        link,
        Command::RemoveGroup { group: "8".to_owned() },
        &[("RMG 13 8", "RMG 13 10 8")],
    );
}

#[test]
fn a_contact_and_oneself_are_renamed() {
    let rename =
        || Command::RenameContact { account: account(BOB), name: "Bob the Builder".to_owned() };
    let (mut scene, link) = Scene::online_at(Version::Msnp12, NEW_LISTS);
    let wire = "SBP 8 f74b7ac1-0000-4000-8000-000000000002 MFN Bob%20the%20Builder";
    scene.play(link, rename(), &[(wire, wire)]);
    assert_eq!(scene.changes(), [(account(BOB), ContactChange::Renamed)]);
    // His own name does not take its place while the session lasts.
    scene.hear(link, "NLN NLN bob@example.com Bobby 0\r\n");
    let name =
        |scene: &Scene| scene.session.roster().contact(BOB).map(|bob| bob.shown_name().to_owned());
    assert_eq!(name(&scene).as_deref(), Some("Bob the Builder"));
    for answer in ["REA 7 2 bob@example.com Bob%20the%20Builder", "REA 7 bob@example.com Bob"] {
        let (mut scene, link) = Scene::online_at(Version::Msnp9, OLD_LISTS);
        scene.play(link, rename(), &[("REA 7 bob@example.com Bob%20the%20Builder", answer)]);
        assert_eq!(name(&scene).as_deref(), Some("Bob the Builder"));
        scene.play(
            link,
            Command::SetName { name: "Ada".to_owned() },
            &[("REA 8 ada@example.com Ada", "REA 8 3 ada@example.com Ada")],
        );
    }
}

#[test]
fn who_asked_is_accepted_declined_or_blocked() {
    let dave = "dave@example.com";
    let asks = |scene: &Scene| scene.session.roster().requests().count();
    let (mut scene, link) = Scene::online_at(Version::Msnp12, NEW_LISTS);
    assert_eq!(asks(&scene), 1);
    scene.play(
        link,
        Command::AcceptContact { account: account(dave), add: true },
        &[
            ("ADC 8 AL N=dave@example.com", "ADC 8 AL N=dave@example.com"),
            ("ADC 9 RL N=dave@example.com", "ADC 9 RL N=dave@example.com"),
            ("REM 10 PL dave@example.com", "REM 10 PL dave@example.com"),
            (
                "ADC 11 FL N=dave@example.com F=Dave",
                "ADC 11 FL N=dave@example.com F=Dave C=a302952d-013f-4eb3-b919-fd6dda6c1950",
            ),
        ],
    );
    let lists = |scene: &Scene| scene.session.roster().contact(dave).map(|dave| dave.lists.0);
    assert_eq!((lists(&scene), asks(&scene)), (Some(1 + 2 + 8), 0));
    // A server without a pending list refuses what strikes the question off; the answer stands.
    let (mut scene, link) = Scene::online_at(Version::Msnp12, NEW_LISTS);
    scene.play(
        link,
        Command::DeclineContact { account: account(dave), block: true },
        &[
            ("ADC 8 BL N=dave@example.com", "ADC 8 BL N=dave@example.com"),
            ("ADC 9 RL N=dave@example.com", "201 9"),
            ("REM 10 PL dave@example.com", "201 10"),
        ],
    );
    assert_eq!(lists(&scene), Some(4 + 16));
    let (mut scene, link) = Scene::online_at(Version::Msnp9, OLD_LISTS);
    assert_eq!(asks(&scene), 1);
    scene.play(link, Command::DeclineContact { account: account(dave), block: false }, &[]);
    scene.play(
        link,
        Command::AcceptContact { account: account(dave), add: false },
        &[("ADD 7 AL dave@example.com Dave", "ADD 7 AL 2 dave@example.com Dave")],
    );
    assert_eq!((lists(&scene), asks(&scene)), (Some(2 + 8), 0));
}

#[test]
fn somebody_who_asks_while_we_are_there_is_told_and_waits() {
    for (version, lists, push) in [
        (Version::Msnp12, NEW_LISTS, "ADC 0 RL N=carol@example.com F=Carol"),
        (Version::Msnp8, OLD_LISTS, "ADD 0 RL 2 carol@example.com Carol"),
    ] {
        let (mut scene, link) = Scene::online_at(version, lists);
        scene.hear(link, &format!("{push}\r\n"));
        let told = Event::AddedBy { account: account(CAROL), name: "Carol".to_owned() };
        assert!(scene.events.contains(&told));
        assert!(scene.session.roster().contact(CAROL).is_some_and(|carol| carol.asks), "{version}");
        let gone = if version.has_guids() {
            "REM 0 RL N=carol@example.com"
        } else {
            "REM 0 RL 3 carol@example.com"
        };
        scene.hear(link, &format!("{gone}\r\n"));
        assert!(scene.events.contains(&Event::RemovedBy { account: account(CAROL) }));
        assert!(scene.session.roster().contact(CAROL).is_none());
        // Somebody who is a contact does not ask.
        let again = if version.has_guids() {
            "ADC 0 RL N=bob@example.com F=Bob"
        } else {
            "ADD 0 RL 2 bob@example.com Bob"
        };
        scene.hear(link, &format!("{again}\r\n"));
        assert!(scene.session.roster().contact(BOB).is_some_and(|bob| !bob.asks));
    }
}

#[test]
fn somebody_pending_before_there_was_a_list_for_it_asks_too() {
    let waits = "SYN 5 0 0 1 0\r\nGTC A\r\nBLP AL\r\nLST N=bob@example.com F=Bob 16 \r\n";
    let (mut scene, link) = Scene::online_at(Version::Msnp10, waits);
    let asks = |scene: &Scene| scene.session.roster().requests().count();
    assert_eq!(asks(&scene), 1);
    scene.play(
        link,
        Command::AcceptContact { account: account(BOB), add: false },
        &[("ADC 7 AL N=bob@example.com", "ADC 7 AL N=bob@example.com")],
    );
    assert_eq!(asks(&scene), 0);
}

#[test]
fn a_question_that_has_its_answer_is_struck_off_unasked() {
    let waits = "SYN 5 0 0 1 0\r\nGTC A\r\nBLP AL\r\n\
                 LST N=bob@example.com F=Bob C=f74b7ac1-0000-4000-8000-000000000002 19\r\n";
    let bob =
        |scene: &Scene| scene.session.roster().contact(BOB).map(|bob| (bob.lists.0, bob.asks));
    // Before the sign-in: he is a contact and allowed, and waits all the same.
    let mut scene = Scene::new(&[Version::Msnp11]);
    let link = scene.open();
    for line in
        ["VER 1 MSNP11", "CVR 2 a a a b c", "USR 3 TWN S ct=1", "USR 4 OK ada@example.com 1 0"]
    {
        scene.hear(link, &format!("{line}\r\n"));
    }
    scene.hear(link, waits);
    assert_eq!(bob(&scene), Some((19, false)));
    let said = scene.hear(link, "CHG 7 NLN 1073774628\r\n");
    assert_eq!(said, "ADC 8 RL N=bob@example.com\r\n");
    let said = scene.hear(link, "ADC 8 RL N=bob@example.com\r\n");
    assert_eq!(said, "REM 9 PL bob@example.com\r\n");
    assert_eq!(scene.hear(link, "REM 9 PL bob@example.com\r\n"), "");
    assert_eq!(bob(&scene), Some((11, false)));
    // While we are there: added by us, then by him.
    let (mut scene, link) = Scene::online_at(Version::Msnp11, &waits.replace(" 19", " 3"));
    let said = scene.hear(link, "ADC 0 RL N=bob@example.com F=Bob\r\n");
    assert_eq!(said, "ADC 8 RL N=bob@example.com\r\n");
    let told = Event::AddedBy { account: account(BOB), name: "Bob".to_owned() };
    assert!(scene.events.contains(&told));
    // A server that took it for answered refuses.
    assert_eq!(scene.hear(link, "215 8\r\n"), "REM 9 PL bob@example.com\r\n");
    scene.hear(link, "216 9\r\n");
    assert_eq!(bob(&scene), Some((11, false)));
    let completed = |event: &Event| matches!(event, Event::Completed { .. });
    assert!(!scene.events.iter().any(completed), "nobody asked for it");
}

#[test]
fn words_without_an_address_make_the_lists_be_read_again() {
    let (mut scene, link) = Scene::online_at(Version::Msnp8, OLD_LISTS);
    scene.hear(link, "NLN NLN bob@example.com Bobby 0\r\n");
    assert_eq!(scene.hear(link, "REM 0 RL 1 9\r\n"), "SYN 7 0\r\n");
    scene.events.clear();
    let lists = "SYN 7 2 2 0\r\nGTC A\r\nBLP AL\r\nLST bob@example.com Bob 3 \r\nLST dave@example.com Dave 0 \r\n";
    scene.hear(link, lists);
    assert_eq!(
        scene.changes(),
        [
            (account(BOB), ContactChange::Listed),
            (account("dave@example.com"), ContactChange::Listed)
        ]
    );
    let bob = scene.session.roster().contact(BOB).expect("he is there").clone();
    assert_eq!(
        (bob.name.as_str(), bob.status, bob.lists.0),
        ("Bobby", msnp_proto::command::Status::Online, 3)
    );
    assert!(scene.session.roster().contact("dave@example.com").is_none());
    // A server that never answers is not waited for.
    scene.hear(link, "REM 0 RL 1 9\r\n");
    scene.wait(31);
    assert_eq!(scene.hear(link, "REM 0 RL 1 9\r\n"), "SYN 9 0\r\n");
}

#[test]
fn privacy_is_read_and_set() {
    let (mut scene, link) = Scene::online_at(Version::Msnp12, NEW_LISTS);
    assert_eq!(scene.session.roster().privacy().everybody, Some(true));
    scene.play(link, Command::SetPrivacy { everybody: true }, &[]);
    scene.play(link, Command::SetPrivacy { everybody: false }, &[("BLP 8 BL", "BLP 8 BL")]);
    assert_eq!(scene.session.roster().privacy().everybody, Some(false));
    scene.play(link, Command::SetAsking { ask: false }, &[("GTC 9 N", "218 9")]);
    assert_eq!(scene.session.roster().privacy().asks, Some(false));
    assert_eq!(scene.events.iter().filter(|event| **event == Event::PrivacyChanged).count(), 2);
    let (mut scene, link) = Scene::online_at(Version::Msnp8, OLD_LISTS);
    scene.play(link, Command::SetPrivacy { everybody: false }, &[("BLP 7 BL", "BLP 7 10 BL")]);
}

#[test]
fn what_no_server_takes_is_not_sent() {
    let (mut scene, _) = Scene::online_at(Version::Msnp8, OLD_LISTS);
    let long = "x".repeat(62);
    let group = |name: &str| Command::AddGroup { name: name.to_owned() };
    for (command, wanted) in [
        (Command::AddContact { account: account("nobody"), group: None }, Invalid::Address),
        (Command::AddContact { account: account("a b@c"), group: None }, Invalid::Address),
        (
            Command::AddContact { account: account("Ada@Example.com"), group: None },
            Invalid::Oneself,
        ),
        (
            Command::AddContact { account: account(CAROL), group: Some("7".to_owned()) },
            Invalid::UnknownGroup,
        ),
        (group(&long), Invalid::GroupName),
        (group("☃☃☃☃☃☃☃"), Invalid::GroupName),
        (group(" "), Invalid::GroupName),
        (group("friends"), Invalid::GroupExists),
        (Command::RemoveGroup { group: "0".to_owned() }, Invalid::GroupStays),
        (Command::RemoveGroup { group: "9".to_owned() }, Invalid::UnknownGroup),
        (
            Command::RenameContact { account: account(CAROL), name: "C".to_owned() },
            Invalid::NotAContact,
        ),
        (Command::RenameContact { account: account(BOB), name: "é".repeat(65) }, Invalid::Name),
        (Command::SetName { name: "x".repeat(388) }, Invalid::Name),
    ] {
        let (request, said) = scene.ask(command);
        assert_eq!(said, "");
        assert_eq!(scene.outcome(request), Some(Err(wanted.into())));
    }
    let lists: String = (0..30).map(|id| format!("LSG {id} Group{id} 0\r\n")).collect();
    let (mut scene, _) = Scene::online_at(Version::Msnp8, &format!("SYN 5 1 0 30\r\n{lists}"));
    let (request, said) = scene.ask(group("one more"));
    assert_eq!(
        (said.as_str(), scene.outcome(request)),
        ("", Some(Err(Invalid::TooManyGroups.into())))
    );
}

#[test]
fn requests_wait_for_each_other_and_a_silent_server_ends_them_one_by_one() {
    let (mut scene, link) = Scene::online_at(Version::Msnp12, NEW_LISTS);
    let block = |on| Command::BlockContact { account: account(BOB), on };
    let (first, said) = scene.ask(block(true));
    assert_eq!(said, "REM 8 AL bob@example.com\r\n");
    let (second, said) = scene.ask(block(false));
    assert_eq!(said, "", "it waits, and sees what the first has done");
    scene.hear(link, "REM 8 AL bob@example.com\r\n");
    assert_eq!(scene.hear(link, "ADC 9 BL N=bob@example.com\r\n"), "REM 10 BL bob@example.com\r\n");
    assert_eq!(scene.outcome(first), Some(Ok(())));
    let (third, _) = scene.ask(Command::RemoveContact { account: account(BOB) });
    let said = scene.wait(31);
    assert!(said.ends_with("REM 11 FL f74b7ac1-0000-4000-8000-000000000002\r\n"), "{said}");
    assert_eq!(scene.outcome(second), Some(Err(RequestError::Unconfirmed)));
    // Late is late for the request, but what it says is true.
    scene.hear(link, "REM 10 BL bob@example.com\r\n");
    assert!(scene.session.roster().contact(BOB).is_some_and(|bob| !bob.lists.has(List::Block)));
    let (fourth, _) = scene.ask(block(true));
    scene.ask(Command::SignOut);
    assert_eq!(scene.outcome(third), Some(Err(RequestError::Unconfirmed)));
    assert_eq!(scene.outcome(fourth), Some(Err(RequestError::NotSignedIn)));
}

#[test]
fn a_group_the_server_lost_makes_the_lists_be_read_again() {
    let (mut scene, link) = Scene::online_at(Version::Msnp12, NEW_LISTS);
    let (request, _) = scene.ask(Command::RemoveGroup { group: FRIENDS.to_owned() });
    assert_eq!(scene.hear(link, "224 8\r\n"), "SYN 9 0 0\r\n");
    assert!(
        matches!(scene.outcome(request), Some(Err(RequestError::Refused(code))) if code.0 == 224)
    );
    scene.hear(link, "SYN 9 0 0 1 0\r\nLST N=bob@example.com F=Bob C=f74b7ac1-0000-4000-8000-000000000002 11 1 \r\n");
    assert_eq!(scene.session.roster().groups().count(), 0);
    assert!(scene.changes().contains(&(account(BOB), ContactChange::Moved)));
}

#[test]
fn a_server_that_tells_of_people_and_groups_without_end_fills_no_memory() {
    let (mut scene, link) = Scene::online();
    let groups: String = (0..2_000).map(|number| format!("LSG G{number} g{number}\r\n")).collect();
    scene.hear(link, &groups);
    // In pieces: what a link brings at once is bounded too.
    for thousand in 0..101 {
        let people = (0..1000).map(|number| format!("p{thousand}.{number}@example.com"));
        let lines: String = people.map(|who| format!("LST N={who} F=X 8\r\n")).collect();
        scene.hear(link, &lines);
    }
    let roster = scene.session.roster();
    assert_eq!((roster.contacts().count(), roster.groups().count()), (100_000, 1_000));
    assert!(roster.contact("bob@example.com").is_some(), "who was there stays");
    scene.hear(link, "ADC 0 RL N=late@example.com F=Late\r\n");
    assert_eq!(scene.session.roster().contacts().count(), 100_000);
    assert_eq!(scene.end(), None, "the session goes on");
}
