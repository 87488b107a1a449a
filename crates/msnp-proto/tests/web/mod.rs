//! Sign-ins and lists by web service, on a virtual clock.

mod changes;
mod circles;
mod entering;
pub(crate) mod roaming;
pub(crate) mod services;
mod tickets;

use msnp_proto::{
    Version,
    auth::sso,
    command::{List, Status},
    session::{CloseReason, Command, ContactChange, Event},
    xml,
};

use super::Scene;

const NONCE: &str = "BwwRFhsgJSovNDk+Q0hNUldcYWZrcHV6f4SJjpOYnaKnrLG2u8DFys/U2d7j6O3y";
const BOB: &str = "bob@example.com";

fn on_the_web() -> impl Iterator<Item = Version> {
    Version::ALL.into_iter().filter(|version| version.has_web_lists())
}

/// Comes to where the server asks for a proof; gives the scene, its link, and what the client says.
fn proving(
    version: Version,
    prepare: impl FnOnce(&mut Scene),
) -> (Scene, msnp_proto::session::LinkId, String) {
    let mut scene = Scene::new(&[version]);
    prepare(&mut scene);
    let link = scene.open();
    scene.hear(link, &format!("VER 1 {version}\r\n"));
    let said = scene.hear(link, "CVR 2 a a a b c\r\n");
    let scheme = version.scheme().word();
    assert_eq!(said, format!("USR 3 {scheme} I ada@example.com\r\n"));
    let policy = if scheme == "SSO" { format!("MBI_KEY_OLD {NONCE}") } else { "ct=1,id=1".into() };
    // Policies come in between.
    let said = scene.hear(link, &format!("GCF 0 5\r\n<P/>\nUSR 3 {scheme} S {policy}\r\n"));
    (scene, link, said)
}

fn online(version: Version) -> (Scene, msnp_proto::session::LinkId) {
    online_with(version, |_| {})
}

/// Signs in to services that are prepared.
pub(crate) fn online_with(
    version: Version,
    prepare: impl FnOnce(&mut Scene),
) -> (Scene, msnp_proto::session::LinkId) {
    let (mut scene, link, said) = proving(version, prepare);
    let scheme = version.scheme().word();
    let rest = said.strip_prefix(&format!("USR 4 {scheme} S t=messenger&p="));
    let rest = rest.unwrap_or_else(|| panic!("{version}: {said}"));
    let mut words = rest.split_whitespace();
    if scheme == "SSO" {
        assert!(sso::verify(&[7; 24], NONCE, words.next().unwrap_or_default()), "{version}");
        let wanted = "{6b2d1c1e-4c0a-4e0b-9e57-0c4b7a9f2d11}";
        assert_eq!(words.next(), version.has_machine_id().then_some(wanted), "{version}");
    }
    let said = scene.hear(link, "USR 4 OK ada@example.com 1 0\r\n");
    let book = if version.has_circles() { "ABFindContactsPaged" } else { "ABFindAll" };
    let asked = scene.asked.split_off(scene.asked.len() - 2);
    assert_eq!(asked, ["FindMembership", book], "{version}");
    assert!(said.starts_with("BLP 5 "), "{version}: {said}");
    let bob = "<ml l=\"1\"><d n=\"example.com\"><c n=\"bob\"";
    assert!(said.contains(bob) || scene.web.lists.is_some(), "{version}: {said}");
    let taken: String = said
        .split("\r\n")
        .flat_map(|line| line.split("</ml>"))
        .filter_map(|line| line.strip_prefix("ADL "))
        .map(|line| format!("ADL {} OK\r\n", line.split(' ').next().unwrap_or_default()))
        .collect();
    let said = scene.hear(link, &taken);
    let (verb, answer) =
        if version.has_publications() { ("PUT ", "OK 0") } else { ("CHG ", "NLN") };
    let number = said.rsplit(verb).next().and_then(|rest| rest.split(' ').next());
    let number = number.unwrap_or_else(|| panic!("{version}: {said}"));
    // What follows the sign-in is the test's to look at.
    scene.said = scene.hear(link, &format!("{verb}{number} {answer}\r\n"));
    let is_online = |event: &Event| matches!(event, Event::Online { .. });
    assert!(scene.events.iter().any(is_online), "{version}: {said}");
    (scene, link)
}

#[test]
fn each_version_signs_in_with_lists_of_the_web_services() {
    for version in on_the_web() {
        let (scene, _) = online(version);
        let bob = scene.session.roster().contact(BOB).expect("he is on the lists");
        assert!(bob.is_contact() && bob.lists.has(List::Allow) && bob.lists.has(List::Reverse));
    }
}

#[test]
fn a_wrong_password_is_refused_by_the_token_service() {
    for version in on_the_web() {
        let mut scene = Scene::with_password(&[version], "wrong");
        let link = scene.open();
        scene.hear(link, &format!("VER 1 {version}\r\n"));
        scene.hear(link, "CVR 2 a a a b c\r\n");
        let scheme = version.scheme().word();
        scene.hear(link, &format!("USR 3 {scheme} S MBI {NONCE}\r\n"));
        assert_eq!(scene.end(), Some(CloseReason::AuthRejected), "{version}");
    }
}

#[test]
fn presence_has_the_form_of_its_version() {
    for version in on_the_web() {
        let (mut scene, link) = online(version);
        let words = match version.number() {
            13 => "NLN BSY bob@example.com Bob%20B 805306368\r\n",
            14 | 15 => "NLN BSY bob@example.com 1 Bob%20B 805306368\r\n",
            16 | 17 => "NLN BSY bob@example.com 1 Bob%20B 805306368:32 %3Cmsnobj%2F%3E\r\n",
            18..=20 => "NLN BSY 1:bob@example.com Bob%20B 805306368:32\r\n",
            _ => {
                "NFY PUT 264\r\nRouting: 1.0\r\nTo: 1:ada@example.com\r\nFrom: 1:bob@example.com\r\n\
                  \r\nReliability: 1.0\r\n\r\nNotification: 1.0\r\nUri: /user\r\n\r\n\
                  <user><s n=\"IM\"><Status>BSY</Status></s><s n=\"PE\"><FriendlyName>Bob B\
                  </FriendlyName></s><sep n=\"IM\"><Capabilities>805306368:32</Capabilities></sep></user>"
            }
        };
        let words = match words.strip_prefix("NFY PUT 264\r\n") {
            Some(payload) => format!("NFY PUT {}\r\n{payload}", payload.len()),
            None => words.to_owned(),
        };
        scene.hear(link, &words);
        let bob = scene.session.roster().contact(BOB).cloned().expect("he is there");
        assert_eq!((bob.status, bob.name.as_str()), (Status::Busy, "Bob B"), "{version}");
        assert_eq!(bob.capabilities.generation(), 3, "{version}");
        let extended = version.has_extended_capabilities().then_some(32);
        assert_eq!(bob.capabilities.extended, extended, "{version}");
    }
}

#[test]
fn an_edit_is_a_call_and_then_a_word_to_the_server() {
    for version in on_the_web() {
        let (mut scene, link) = online(version);
        scene.asked.clear();
        let command = Command::BlockContact { account: BOB.to_owned(), on: true };
        let (request, said) = scene.ask(command);
        assert_eq!(scene.asked, ["DeleteMember"], "{version}");
        let number = said.split(' ').nth(1).expect("a number").to_owned();
        assert!(said.starts_with("RML ") && said.contains("l=\"2\""), "{version}: {said}");
        let said = scene.hear(link, &format!("RML {number} OK\r\n"));
        assert_eq!(scene.asked, ["DeleteMember", "AddMember"], "{version}");
        assert!(said.starts_with("ADL ") && said.contains("l=\"4\""), "{version}: {said}");
        assert_eq!(scene.outcome(request), None);
        let number = said.split(' ').nth(1).expect("a number").to_owned();
        scene.hear(link, &format!("ADL {number} OK\r\n"));
        assert_eq!(scene.outcome(request), Some(Ok(())), "{version}");
        let bob = scene.session.roster().contact(BOB).expect("he is there");
        assert!(bob.lists.has(List::Block) && !bob.lists.has(List::Allow), "{version}");
    }
}

#[test]
fn who_adds_the_account_is_told_and_a_change_elsewhere_is_read() {
    let (mut scene, link) = online(Version::Msnp18);
    let payload =
        "<ml><d n=\"example.org\"><c n=\"carol\" t=\"1\" l=\"8\" f=\"Carol%20C\"/></d></ml>";
    scene.hear(link, &format!("ADL 0 {}\r\n{payload}", payload.len()));
    let added =
        Event::AddedBy { account: "carol@example.org".to_owned(), name: "Carol C".to_owned() };
    assert!(scene.events.contains(&added));
    assert_eq!(scene.session.roster().requests().count(), 1);
    scene.asked.clear();
    let notice = "<NOTIFICATION>&lt;Service&gt;ABCHInternal&lt;/Service&gt;</NOTIFICATION>";
    scene.hear(link, &format!("NOT {}\r\n{notice}", notice.len()));
    assert_eq!(scene.asked, ["FindMembership", "ABFindContactsPaged"]);
    // The services know nothing of her: she is gone again.
    assert_eq!(scene.session.roster().requests().count(), 0);
    let gone = |event: &Event| {
        matches!(event, Event::ContactChanged { account, change: ContactChange::Listed }
            if account == "carol@example.org")
    };
    assert!(scene.events.iter().any(gone));
}

#[test]
fn a_contact_who_adds_the_account_too_is_struck_off_and_stays_allowed() {
    // One known server names a contact who is pending on no list, not even the one of those pending.
    let mut reads = 0;
    let answer = move |operation: &str, _: &xml::Element| {
        let allowed = "<Membership><MemberRole>Allow</MemberRole><Members>\
                       <Member type=\"PassportMember\"><MembershipId>Allow/1</MembershipId>\
                       <PassportName>bob@example.com</PassportName></Member></Members></Membership>";
        let text = if operation == "FindMembership" {
            reads += 1;
            let lists = if reads == 1 { allowed } else { "" };
            format!(
                "<E><Body><R><FindMembershipResult><Services><Service><Memberships>{lists}\
                 </Memberships><Info><Handle><Type>Messenger</Type></Handle></Info></Service>\
                 </Services></FindMembershipResult></R></Body></E>"
            )
        } else {
            "<E><Body><R><X><contacts><Contact><contactId>c1</contactId><contactInfo><passportName>\
             bob@example.com</passportName><isMessengerUser>true</isMessengerUser></contactInfo>\
             </Contact></contacts></X></R></Body></E>"
                .to_owned()
        };
        services::reply(200, text.into_bytes())
    };
    let prepare = |scene: &mut Scene| scene.web.lists = Some(Box::new(answer));
    let (mut scene, link) = online_with(Version::Msnp18, prepare);
    scene.asked.clear();
    let payload = "<ml><d n=\"example.com\"><c n=\"bob\" t=\"1\" l=\"8\" f=\"Bob\"/></d></ml>";
    scene.hear(link, &format!("ADL 0 {}\r\n{payload}", payload.len()));
    assert_eq!(scene.asked, ["FindMembership", "ABFindContactsPaged", "AddMember", "DeleteMember"]);
    let bob = scene.session.roster().contact(BOB).expect("he is a contact");
    let lists = [List::Forward, List::Allow, List::Reverse, List::Pending];
    assert_eq!(lists.map(|list| bob.lists.has(list)), [true, true, true, false]);
    assert!(!bob.asks);
}

#[test]
fn own_places_are_listed_and_one_is_signed_out_on_request() {
    let (mut scene, link) = online(Version::Msnp18);
    let data = "<Data><PSM></PSM><EndpointData id=\"{0F9F}\"><Capabilities>1:2</Capabilities>\
                </EndpointData><PrivateEndpointData id=\"{0f9f}\"><EpName>Sofa</EpName><Idle>true</Idle>\
                <ClientType>3</ClientType><State>IDL</State></PrivateEndpointData></Data>";
    scene.hear(link, &format!("UBX 1:ada@example.com {}\r\n{data}", data.len()));
    assert!(scene.events.contains(&Event::EndpointsChanged));
    let places = scene.session.roster().endpoints().to_vec();
    assert_eq!((places[0].id.as_str(), places[0].name.as_str()), ("0f9f", "Sofa"));
    let (request, said) = scene.ask(Command::SignOutEndpoint { id: "{0F9F}".to_owned() });
    assert!(said.contains(" ada@example.com;{0f9f} 4 14\r\ngoawyplzthxbye"), "{said}");
    let number = said.split(' ').nth(1).expect("a number").to_owned();
    scene.hear(link, &format!("UUN {number} OK\r\n"));
    assert_eq!(scene.outcome(request), Some(Ok(())));
    // Only the account itself is obeyed.
    scene.hear(link, "UBN bob@example.com;{0f9f} 4 14\r\ngoawyplzthxbye");
    assert_eq!(scene.end(), None);
    scene.hear(link, "UBN ada@example.com;{0f9f} 4 14\r\ngoawyplzthxbye");
    assert_eq!(scene.end(), Some(CloseReason::SignedInElsewhere));
}

#[test]
fn own_places_do_not_grow_without_end() {
    let (mut scene, link) = online(Version::Msnp21);
    for round in 0..3 {
        let places: String = (0..40)
            .map(|number| format!("<sep n=\"IM\" epid=\"{{{round}-{number}}}\"></sep>"))
            .collect();
        let payload = format!(
            "Routing: 1.0\r\nFrom: 1:ada@example.com\r\n\r\nReliability: 1.0\r\n\r\n\
             Publication: 1.0\r\nUri: /user\r\n\r\n<user>{places}</user>"
        );
        scene.hear(link, &format!("NFY PUT {}\r\n{payload}", payload.len()));
    }
    assert_eq!(scene.session.roster().endpoints().len(), 64);
}
