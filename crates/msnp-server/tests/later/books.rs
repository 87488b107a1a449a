//! The address book and its like, asked as clients of others ask.

use msnp_proto::{
    Version,
    auth::{
        challenge::{self, Product},
        security_token::Site,
    },
    xml,
};
use secrecy::ExposeSecret as _;

use super::{ALICE, post, tickets};
use crate::{Network, network, sign_in};

const CAROL: &str = "echo@example.com";

pub(super) struct Book<'n> {
    network: &'n Network,
    ticket: String,
}

impl<'n> Book<'n> {
    async fn open(network: &'n Network) -> Self {
        Self::open_of(network, ALICE).await
    }

    pub(super) async fn open_of(network: &'n Network, account: &str) -> Self {
        let sites = [Site { address: "contacts.msn.com", policy: "MBI" }];
        let tickets = tickets(network, account, &sites).await;
        let ticket =
            tickets.first().expect("a ticket").ticket.expose_secret().replace('&', "&amp;");
        Self { network, ticket }
    }

    pub(super) async fn call(&self, inner: &str) -> xml::Element {
        let ticket = &self.ticket;
        let document = format!(
            "<E><Header><ABAuthHeader><TicketToken>{ticket}</TicketToken></ABAuthHeader></Header>\
             <Body>{inner}</Body></E>"
        );
        let answer = post(self.network, "/abservice/abservice.asmx", &document).await;
        let answer = xml::parse(answer.as_bytes()).expect("a document");
        answer.find(&["Body"]).and_then(|body| body.children().first()).expect("an answer").clone()
    }

    async fn memberships(&self, changes: bool) -> xml::Element {
        self.call(&format!("<FindMembership><deltasOnly>{changes}</deltasOnly></FindMembership>"))
            .await
    }
}

pub(super) fn text(element: &xml::Element, name: &str) -> String {
    element.descendants(name).next().map(|found| found.text().to_owned()).unwrap_or_default()
}

/// Finds somebody on a list: the number of the entry, and whether it is one that was taken away.
fn member(answer: &xml::Element, role: &str, account: &str) -> Option<(String, bool)> {
    let mut roles = answer.descendants("Membership");
    let found = roles.find(|found| text(found, "MemberRole") == role)?;
    let mut members = found.descendants("Member");
    let found = members.find(|member| text(member, "PassportName") == account)?;
    Some((text(found, "MembershipId"), text(found, "Deleted") == "true"))
}

#[tokio::test]
async fn a_contact_that_is_added_twice_is_there_once_and_allowed() {
    let network = network().await;
    let book = Book::open(&network).await;
    let gone = "<DeleteMember><MemberRole>Allow</MemberRole><PassportName>echo@example.com</PassportName>\
                </DeleteMember>";
    book.call(gone).await;
    let add = "<ABContactAdd><passportName>echo@example.com</passportName>\
               <EnableAllowListManagement>true</EnableAllowListManagement></ABContactAdd>";
    let first = text(&book.call(add).await, "guid");
    assert_eq!(text(&book.call(add).await, "guid"), first);
    assert!(!first.is_empty());
    assert!(member(&book.memberships(false).await, "Allow", CAROL).is_some());
}

#[tokio::test]
async fn who_is_in_no_group_has_no_list_of_groups() {
    let network = network().await;
    let book = Book::open(&network).await;
    let all = book.call("<ABFindAll/>").await;
    assert!(all.descendants("passportName").any(|name| name.text() == CAROL));
    assert_eq!(all.descendants("groupIds").count(), 0);
}

#[tokio::test]
async fn whoever_asks_for_changes_hears_of_those_who_are_gone() {
    let network = network().await;
    let book = Book::open(&network).await;
    let before = book.memberships(false).await;
    let (number, deleted) = member(&before, "Allow", CAROL).expect("she is allowed");
    assert!(!deleted && number.parse::<u32>().is_ok(), "{number}");
    // Some name the entry alone.
    let gone = format!(
        "<DeleteMember><MemberRole>Allow</MemberRole><MembershipId>{number}</MembershipId></DeleteMember>"
    );
    assert_eq!(book.call(&gone).await.name(), "DeleteMemberResponse");
    let again = book.call(&gone).await;
    assert_eq!(again.text_of(&["faultstring"]), Some("Member does not exist"));
    let after = book.memberships(true).await;
    assert_eq!(member(&after, "Allow", CAROL), Some((number, true)));
    assert_eq!(member(&book.memberships(false).await, "Allow", CAROL), None);
    assert!(
        text(&after, "LastChange") > text(&before, "LastChange"),
        "clients heed later lists alone"
    );
    let contacts = book.call("<ABFindContactsPaged></ABFindContactsPaged>").await;
    let id = |found: &xml::Element| text(found, "contactId");
    let mut found = contacts.descendants("Contact");
    let carol = found.find(|contact| text(contact, "passportName") == CAROL).map(id);
    let carol = carol.expect("she is a contact");
    book.call(&format!("<ABContactDelete><contactId>{carol}</contactId></ABContactDelete>")).await;
    let changes = "<ABFindContactsPaged><deltasOnly>true</deltasOnly></ABFindContactsPaged>";
    let contacts = book.call(changes).await;
    let mut found = contacts.descendants("Contact");
    let found = found.find(|contact| id(contact) == carol).expect("she is told of");
    assert_eq!(text(found, "fDeleted"), "true");
    assert!(!text(&contacts, "lastChange").is_empty());
}

#[tokio::test]
async fn a_question_is_struck_off_in_either_order() {
    let network = network().await;
    let book = Book::open(&network).await;
    let change = |operation: &str, role: &str| {
        format!(
            "<{operation}><MemberRole>{role}</MemberRole><PassportName>bob@example.com</PassportName>\
             </{operation}>"
        )
    };
    // He takes her off and puts her on again, when she has forgotten him.
    let mut bob = sign_in(&network, "bob@example.com", 12).await;
    bob.say("SYN 5 0 0\r\n").await;
    let lists = bob.hear("LST N=alice@example.com").await;
    let id = lists.split("C=").nth(1).and_then(|rest| rest.split(' ').next()).expect("an id");
    bob.say(&format!("REM 6 FL {id}\r\n")).await;
    bob.hear("REM 6 FL").await;
    let contacts = book.call("<ABFindAll></ABFindAll>").await;
    let mut found = contacts.descendants("Contact");
    let found = found.find(|found| text(found, "passportName") == "bob@example.com");
    let id = text(found.expect("he is a contact"), "contactId");
    book.call(&format!("<ABContactDelete><contactId>{id}</contactId></ABContactDelete>")).await;
    book.call(&change("DeleteMember", "Allow")).await;
    bob.say("ADC 7 FL N=alice@example.com F=Alice\r\n").await;
    bob.hear("ADC 7 FL").await;
    let asks = book.memberships(false).await;
    assert!(member(&asks, "Pending", "bob@example.com").is_some());
    for (operation, role) in [("DeleteMember", "Pending"), ("AddMember", "Reverse")] {
        let done = book.call(&change(operation, role)).await;
        assert_eq!(done.name(), format!("{operation}Response"));
    }
    let answered = book.memberships(false).await;
    assert!(member(&answered, "Reverse", "bob@example.com").is_some());
    assert!(member(&answered, "Pending", "bob@example.com").is_none());
}

#[tokio::test]
async fn what_is_left_for_later_is_challenged_alone_and_acknowledged() {
    let network = network().await;
    let sites = [Site { address: "messengersecure.live.com", policy: "MBI_SSL" }];
    let tickets = tickets(&network, ALICE, &sites).await;
    let ticket = tickets.first().expect("a ticket").ticket.expose_secret().replace('&', "&amp;");
    let product = "PROD0120PW!CCV9@";
    let store = |key: &str| {
        format!(
            "<E><Header><From memberName=\"{ALICE}\"/><Sequence><MessageNumber>1</MessageNumber>\
             </Sequence><Ticket passport=\"{ticket}\" appid=\"{product}\" lockkey=\"{key}\"/>\
             <To memberName=\"bob@example.com\"/></Header><Body><Content>MIME-Version: 1.0\n\
             X-OIM-Message-Type: OfflineMessage\nX-OIM-Sequence-Num: 1\n\
             Content-Transfer-Encoding: base64\n\nbGF0ZXI=</Content></Body></E>"
        )
    };
    let refused = post(&network, "/OimWS/oim.asmx", &store("")).await;
    let refused = xml::parse(refused.as_bytes()).expect("a document");
    let challenge = text(&refused, "LockKeyChallenge");
    // Clients that take the whole detail for the challenge find nothing else in it.
    assert_eq!(refused.descendants("TweenerChallenge").count(), 0);
    let product = Product::by_id(product).expect("it is known");
    let key = challenge::answer(Version::Msnp15, product, &challenge);
    let stored = post(&network, "/OimWS/oim.asmx", &store(&key)).await;
    assert!(stored.contains("<AcknowledgmentRange Upper=\"1\" Lower=\"1\"/>"), "{stored}");
}
