//! Circles in the address book, from MSNP18: made, asked into, answered, left; and those that it lists.
//!
//! ```text
//! <CircleInverseInfo><Content><Handle><Id>00000000-0000-0000-0009-000000000001</Id></Handle><Info>
//!   <HostedDomain>live.com</HostedDomain><DisplayName>Gardeners</DisplayName>…
//! ```
//! A circle stands in the book twice: in a list of its own, and as a contact, which alone says who asked
//! the account in. Members are named by ids of the circle's own book.

use std::collections::BTreeMap;

use super::{Answer, Call, Caller, Service, address_book::write_annotation, fields};
use crate::xml::{Element, escaped};

/// Where circles are unless their book says otherwise.
const HOST: &str = "live.com";
/// The kind of relationship that is one with a circle.
const RELATIONSHIP: &str = "5";
/// Most circles read of one book.
const READ_LIMIT: usize = 1024;
/// Longest id or host that is read, in bytes.
const ID_LIMIT: usize = 64;

/// A circle, as the account's own book has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookCircle {
    /// Its id, a GUID in lower case.
    pub id: String,
    /// Its address: the id, then a host.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Whether the account may ask others in.
    pub is_admin: bool,
    /// How the account stands to it.
    pub standing: BookStanding,
}

/// How an account stands to a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookStanding {
    /// It is asked in, and has not answered.
    Asked(CircleInvitation),
    /// It is none of the account's any more.
    Gone,
    /// It is a member.
    Member,
}

/// Who asked the account into a circle; each is empty where it is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CircleInvitation {
    /// The address of whoever asked.
    pub by: String,
    /// Her name.
    pub name: String,
    /// Her words.
    pub words: String,
}

/// Makes a circle.
pub fn create(caller: &Caller, name: &str, own_name: &str) -> Call {
    let inner = format!(
        "<properties><Domain>1</Domain><HostedDomain>{HOST}</HostedDomain><Type>2</Type>\
         <MembershipAccess>0</MembershipAccess><IsPresenceEnabled>true</IsPresenceEnabled>\
         <RequestMembershipOption>2</RequestMembershipOption>{}</properties><callerInfo>{}</callerInfo>",
        fields(&[("DisplayName", Some(name))]),
        fields(&[("PublicDisplayName", Some(own_name))]),
    );
    caller.call(Service::Sharing, "CreateCircle", "CircleSave", &inner)
}

/// Writes somebody down to be asked in; the answer has her id in the circle's book.
pub fn name_member(caller: &Caller, circle: &str, account: &str) -> Call {
    let inner = format!(
        "{}<contactHandle>{}<Puid>0</Puid><Cid>0</Cid>\
         <CircleId>00000000-0000-0000-0000-000000000000</CircleId></contactHandle>",
        book_of(circle),
        fields(&[("Email", Some(account))]),
    );
    caller.call(Service::AddressBook, "CreateContact", "CircleSave", &inner)
}

/// Asks somebody in who is written down, by her id in the circle's book.
pub fn ask_member(caller: &Caller, circle: &str, member: &str, words: &str) -> Call {
    let words = write_annotation("MSN.IM.InviteMessage", words);
    let inner = format!(
        "{}{}<annotations>{words}</annotations>",
        book_of(circle),
        connection(member, true, "3")
    );
    caller.call(Service::AddressBook, "ManageWLConnection", "CircleInvite", &inner)
}

/// Answers an invitation.
pub fn answer(caller: &Caller, circle: &str, accept: bool) -> Call {
    let inner = connection(circle, accept, "0");
    caller.call(Service::AddressBook, "ManageWLConnection", "CircleStatus", &inner)
}

/// Asks who belongs to a circle.
pub fn find_members(caller: &Caller, circle: &str) -> Call {
    let inner = format!(
        "{}<abView>MessengerClient8</abView><extendedContent>AB</extendedContent>",
        book_of(circle)
    );
    caller.call(Service::AddressBook, "ABFindContactsPaged", "CircleIdAlert", &inner)
}

/// Ends being a member, by the account's own id in the circle's book.
pub fn leave(caller: &Caller, circle: &str, own: &str) -> Call {
    let inner = format!(
        "{}{}<deleteContact>true</deleteContact><blockContact>false</blockContact>",
        book_of(circle),
        fields(&[("contactId", Some(own))]),
    );
    caller.call(Service::AddressBook, "BreakConnection", "CircleLeave", &inner)
}

fn book_of(circle: &str) -> String {
    format!("<abHandle><ABId>{}</ABId><Puid>0</Puid><Cid>0</Cid></abHandle>", escaped(circle))
}

fn connection(contact: &str, make: bool, role: &str) -> String {
    format!(
        "<contactId>{}</contactId><connection>true</connection><presence>false</presence>\
         <action>{}</action><relationshipType>{RELATIONSHIP}</relationshipType>\
         <relationshipRole>{role}</relationshipRole>",
        escaped(contact),
        if make { 1 } else { 2 },
    )
}

/// Reads the id of the circle that was made; none where it is no id.
pub fn read_created(answer: &Answer) -> Option<String> {
    id_of(answer.body.descendants("Id").next()?)
}

/// Reads the address that a circle of an id has where no book says another.
pub fn address_of(id: &str) -> String {
    format!("{id}@{HOST}")
}

/// Reads the id of whoever was written down.
pub fn read_named(answer: &Answer) -> Option<String> {
    answer.body.descendants("contactId").next().map(|id| id.text().to_owned())
}

/// Reads somebody's id in a circle's book.
pub fn read_member(answer: &Answer, account: &str) -> Option<String> {
    let found = answer.body.descendants("Contact").find(|contact| {
        let name = contact.text_of(&["contactInfo", "passportName"]);
        name.is_some_and(|name| name.eq_ignore_ascii_case(account))
    })?;
    found.text_of(&["contactId"]).map(str::to_owned)
}

/// Reads what is wrong where a connection was not made: one known server says so in an answer that is no
/// fault otherwise.
pub fn read_refusal(answer: &Answer) -> Option<String> {
    let text = answer.body.descendants("clientErrorData").next()?.whole_text().trim();
    (!text.is_empty()).then(|| text.chars().take(200).collect())
}

/// Reads the circles of an address book.
pub(super) fn read_circles(result: &Element) -> Vec<BookCircle> {
    let listed = result.find(&["CircleResult", "Circles"]).map(Element::children);
    let listed = listed.unwrap_or_default();
    if listed.is_empty() {
        return Vec::new(); // most accounts have none, and thousands of contacts
    }
    let contacts = result.find(&["Contacts"]).map(Element::children).unwrap_or_default().iter();
    let is_circle =
        |contact: &&Element| contact.text_of(&["contactInfo", "contactType"]) == Some("Circle");
    let contacts: BTreeMap<String, &Element> = contacts
        .filter(is_circle)
        .filter_map(|contact| Some((contact.text_of(&["contactId"])?.to_lowercase(), contact)))
        .collect();
    let listed = listed.iter().take(READ_LIMIT);
    listed.filter_map(|circle| read_circle(circle, &contacts)).collect()
}

fn read_circle(circle: &Element, contacts: &BTreeMap<String, &Element>) -> Option<BookCircle> {
    let id = id_of(circle.find(&["Content", "Handle", "Id"])?)?;
    let text = |path: &[&str]| circle.text_of(path).unwrap_or_default();
    let host = text(&["Content", "Info", "HostedDomain"]).to_lowercase();
    let host = if is_plain(&host) { host } else { HOST.to_owned() };
    let own = |name| text(&["PersonalInfo", "MembershipInfo", "CirclePersonalMembership", name]);
    let networks = contacts.get(&id).and_then(|it| it.find(&["contactInfo", "NetworkInfoList"]));
    let mut networks = networks.map(Element::children).unwrap_or_default().iter();
    let network = networks.find(|one| one.text_of(&["RelationshipType"]) == Some(RELATIONSHIP));
    let told = |name| network.and_then(|it| it.text_of(&[name])).unwrap_or_default().to_owned();
    let standing = match (told("RelationshipState").as_str(), own("State")) {
        _ if text(&["Deleted"]) == "true" => BookStanding::Gone,
        ("3", _) | ("", "Accepted") => BookStanding::Member,
        ("1", _) | ("", "WaitingResponse") => BookStanding::Asked(CircleInvitation {
            by: told("InviterEmail").to_lowercase(),
            name: told("InviterName"),
            words: told("InviterMessage"),
        }),
        _ => BookStanding::Gone,
    };
    Some(BookCircle {
        address: format!("{id}@{host}"),
        id,
        name: text(&["Content", "Info", "DisplayName"]).to_owned(),
        is_admin: matches!(own("Role"), "Admin" | "AssistantAdmin"),
        standing,
    })
}

fn id_of(element: &Element) -> Option<String> {
    let id = element.text().trim().to_lowercase();
    is_plain(&id).then_some(id)
}

/// Whether a text may stand in a command as it is.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !text.is_empty() && text.len() <= ID_LIMIT && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::soap::{address_book::read_address_book, read_answer};

    const CIRCLE: &str = "00000000-0000-0000-0009-766289ea629f";

    /// What a book of circles holds, as one known server wrote it.
    fn recorded() -> Vec<BookCircle> {
        let text = include_str!("../../tests/vectors/soap/ab-circle-asked.xml");
        read_address_book(&read_answer(200, text.as_bytes()).expect("an answer")).circles
    }

    fn book(circles: &str) -> Vec<BookCircle> {
        let text = format!(
            "<E><Body><R><X><Contacts/><CircleResult><Circles>{circles}</Circles></CircleResult></X>\
             </R></Body></E>"
        );
        read_address_book(&read_answer(200, text.as_bytes()).expect("an answer")).circles
    }

    #[test]
    fn an_invitation_is_read_with_the_circles_name_and_who_asked() {
        let invitation = CircleInvitation {
            by: "alice@example.com".to_owned(),
            name: "alice@example.com".to_owned(),
            words: "come in".to_owned(),
        };
        let circle = BookCircle {
            id: CIRCLE.to_owned(),
            address: format!("{CIRCLE}@live.com"),
            name: "Test Circle".to_owned(),
            is_admin: false,
            standing: BookStanding::Asked(invitation),
        };
        assert_eq!(recorded(), [circle]);
    }

    #[test]
    fn a_circle_whose_id_would_forge_a_command_is_none() {
        let circle = |id: &str, state: &str, deleted: &str| {
            format!(
                "<CircleInverseInfo><Content><Handle><Id>{id}</Id></Handle></Content><PersonalInfo>\
                 <MembershipInfo><CirclePersonalMembership><State>{state}</State>\
                 </CirclePersonalMembership></MembershipInfo></PersonalInfo><Deleted>{deleted}</Deleted>\
                 </CircleInverseInfo>"
            )
        };
        for id in ["", "a b", "a&#13;&#10;OUT", "a@b", "a;b", &"x".repeat(65)] {
            assert_eq!(book(&circle(id, "Accepted", "false")), [], "{id}");
        }
        let standing = |state, deleted| {
            let found = book(&circle(CIRCLE, state, deleted)).pop().expect("a circle");
            found.standing
        };
        assert_eq!(standing("Accepted", "false"), BookStanding::Member);
        assert_eq!(standing("Accepted", "true"), BookStanding::Gone);
        assert_eq!(standing("Rejected", "false"), BookStanding::Gone);
        assert_eq!(book(&circle(CIRCLE, "Accepted", "false").repeat(2000)).len(), READ_LIMIT);
    }

    #[test]
    fn calls_are_those_of_a_recorded_client() {
        let caller = Caller::default();
        let inside = |call: Call| {
            let body = call.body.expose_secret().to_owned();
            let (_, inner) = body.split_once("<soap:Body>").expect("a body");
            inner.split_once("</soap:Body>").expect("its end").0.to_owned()
        };
        let space = "xmlns=\"http://www.msn.com/webservices/AddressBook\"";
        let handle =
            format!("<abHandle><ABId>{CIRCLE}</ABId><Puid>0</Puid><Cid>0</Cid></abHandle>");
        let alice = "alice@example.com";
        for (call, wanted) in [
            (
                create(&caller, "Test Circle", alice),
                format!(
                    "<CreateCircle {space}><properties><Domain>1</Domain><HostedDomain>live.com\
                     </HostedDomain><Type>2</Type><MembershipAccess>0</MembershipAccess>\
                     <IsPresenceEnabled>true</IsPresenceEnabled><RequestMembershipOption>2\
                     </RequestMembershipOption><DisplayName>Test Circle</DisplayName></properties>\
                     <callerInfo><PublicDisplayName>{alice}</PublicDisplayName></callerInfo>\
                     </CreateCircle>"
                ),
            ),
            (
                name_member(&caller, CIRCLE, "bob@example.com"),
                format!(
                    "<CreateContact {space}>{handle}<contactHandle><Email>bob@example.com</Email>\
                     <Puid>0</Puid><Cid>0</Cid><CircleId>00000000-0000-0000-0000-000000000000</CircleId>\
                     </contactHandle></CreateContact>"
                ),
            ),
            (
                ask_member(&caller, CIRCLE, "f1ec77ec", "come in"),
                format!(
                    "<ManageWLConnection {space}>{handle}<contactId>f1ec77ec</contactId>\
                     <connection>true</connection><presence>false</presence><action>1</action>\
                     <relationshipType>5</relationshipType><relationshipRole>3</relationshipRole>\
                     <annotations><Annotation><Name>MSN.IM.InviteMessage</Name><Value>come in</Value>\
                     </Annotation></annotations></ManageWLConnection>"
                ),
            ),
            (
                answer(&caller, CIRCLE, true),
                format!(
                    "<ManageWLConnection {space}><contactId>{CIRCLE}</contactId>\
                     <connection>true</connection><presence>false</presence><action>1</action>\
                     <relationshipType>5</relationshipType><relationshipRole>0</relationshipRole>\
                     </ManageWLConnection>"
                ),
            ),
        ] {
            assert_eq!(inside(call), wanted);
        }
    }

    #[test]
    fn a_refusal_in_an_ordinary_answer_is_read() {
        let read = |inner: &str| {
            let text = format!("<E><Body><R><X>{inner}</X></R></Body></E>");
            read_refusal(&read_answer(500, text.as_bytes()).expect("an answer"))
        };
        assert_eq!(read("<clientErrorData />"), None);
        assert_eq!(read("<contactId>1</contactId>"), None);
        let said = read("<clientErrorData>member already invited</clientErrorData>");
        assert_eq!(said.as_deref(), Some("member already invited"));
    }
}
