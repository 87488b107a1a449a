//! The address book: contacts and their groups, and what the account's own entry says of it.
//!
//! ```text
//! <Contact><contactId>a7efae41-…</contactId><contactInfo><contactType>Regular</contactType>
//!   <passportName>bob@example.com</passportName><isMessengerUser>true</isMessengerUser>…
//! ```
//! The containers are written small in ABFindAll and large in ABFindContactsPaged; both are read.

use super::{
    Answer, Call, Caller, NEVER, Service,
    circles::{BookCircle, read_circles},
    fields, scenario,
    sharing::annotation,
};
use crate::xml::{Element, escaped};

/// The id of everybody's own address book.
const DEFAULT_BOOK: &str = "00000000-0000-0000-0000-000000000000";
/// The kind of a group of contacts.
const GROUP_TYPE: &str = "C8529CE2-6EAD-434d-881F-341E17DB3FF8";

/// What an address book holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressBook {
    /// The account's own entry.
    pub me: Option<Me>,
    /// Everybody else.
    pub contacts: Vec<BookContact>,
    /// Groups of contacts: id and name.
    pub groups: Vec<(String, String)>,
    /// Ids of contacts that went, in an answer that tells changes only.
    pub gone_contacts: Vec<String>,
    /// Ids of groups that went.
    pub gone_groups: Vec<String>,
    /// When it changed last, as the service writes it: what a later question for changes says.
    pub last_change: Option<String>,
    /// The ticket that opens circles, byte for byte as it came; from MSNP18.
    pub circle_ticket: Option<String>,
    /// The account's circles, and those it is asked into; from MSNP18.
    pub circles: Vec<BookCircle>,
}

/// The account's own entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Me {
    /// Its name.
    pub name: Option<String>,
    /// Its id, a signed number.
    pub cid: Option<String>,
    /// Whether strangers are let in; not told where the account never chose.
    pub allows_strangers: Option<bool>,
    /// Whether the account is asked when somebody adds it.
    pub asks_when_added: Option<bool>,
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookContact {
    /// Her id in the book, opaque.
    pub id: String,
    /// Her address.
    pub account: String,
    /// Whether she is on the contact list; others are only cards.
    pub is_messenger_user: bool,
    /// Her own name, as last known.
    pub name: Option<String>,
    /// What the account calls her.
    pub nickname: Option<String>,
    /// Ids of the groups she is in.
    pub groups: Vec<String>,
    /// The number of her network where it is another one, such as 32 for Yahoo.
    pub network: Option<u32>,
    /// Whether she stands for a circle.
    pub is_circle: bool,
}

/// Asks for everything, as MSNP 13 to 17 do, or for what changed since an answer's
/// [`last_change`](AddressBook::last_change).
pub fn find_all(caller: &Caller, since: Option<&str>) -> Call {
    let inner = format!(
        "<abId>{DEFAULT_BOOK}</abId><abView>Full</abView><deltasOnly>{}</deltasOnly>\
         <lastChange>{}</lastChange>",
        since.is_some(),
        escaped(since.unwrap_or(NEVER))
    );
    caller.call(Service::AddressBook, "ABFindAll", scenario(since), &inner)
}

/// Asks for everything, circles too, as MSNP18 and later do, or for what changed since.
pub fn find_contacts_paged(caller: &Caller, since: Option<&str>) -> Call {
    let inner = format!(
        "<abView>MessengerClient8</abView><extendedContent>AB AllGroups CircleResult</extendedContent>\
         <filterOptions><DeltasOnly>{}</DeltasOnly><LastChanged>{}</LastChanged>\
         <ContactFilter><IncludeHiddenContacts>true</IncludeHiddenContacts>\
         <IncludeShellContacts>true</IncludeShellContacts></ContactFilter></filterOptions>\
         <pageContext><PageSize>1500</PageSize><Direction>Forward</Direction></pageContext>",
        since.is_some(),
        escaped(since.unwrap_or(NEVER))
    );
    caller.call(Service::AddressBook, "ABFindContactsPaged", scenario(since), &inner)
}

/// Reads an address book, from either call.
pub fn read_address_book(answer: &Answer) -> AddressBook {
    let mut book = AddressBook::default();
    let Some(result) = answer.body.children().first() else {
        return book;
    };
    let inside = |small: &str, large: &str| {
        result
            .find(&[small])
            .or_else(|| result.find(&[large]))
            .map(Element::children)
            .unwrap_or_default()
    };
    for group in inside("groups", "Groups") {
        let id = group.text_of(&["groupId"]);
        let name = group.text_of(&["groupInfo", "name"]);
        match (id, name) {
            (Some(id), _) if is_deleted(group) => book.gone_groups.push(id.to_owned()),
            (Some(id), Some(name)) => book.groups.push((id.to_owned(), name.to_owned())),
            _ => {}
        }
    }
    let contacts = inside("contacts", "Contacts");
    book.contacts.reserve(contacts.len());
    for contact in contacts {
        if let Some(id) = contact.text_of(&["contactId"]).filter(|_| is_deleted(contact)) {
            book.gone_contacts.push(id.to_owned());
            continue;
        }
        let Some(info) = contact.find(&["contactInfo"]) else {
            continue;
        };
        match info.text_of(&["contactType"]) {
            Some("Me") => book.me = Some(read_me(info)),
            kind => book.contacts.extend(read_contact(contact, info, kind == Some("Circle"))),
        }
    }
    let own = result.find(&["ab"]).or_else(|| result.find(&["Ab"]));
    book.last_change = own.and_then(|own| own.text_of(&["lastChange"])).map(str::to_owned);
    let ticket = result.find(&["CircleResult", "CircleTicket"]).map(Element::whole_text);
    book.circle_ticket = ticket.filter(|ticket| !ticket.is_empty()).map(str::to_owned);
    book.circles = read_circles(result);
    book
}

fn is_deleted(element: &Element) -> bool {
    element.text_of(&["fDeleted"]) == Some("true")
}

fn text_in(info: &Element, name: &str) -> Option<String> {
    info.text_of(&[name]).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn read_me(info: &Element) -> Me {
    let choice = |name, yes: &str, no: &str| match annotation(info, name) {
        Some(value) if value == yes => Some(true),
        Some(value) if value == no => Some(false),
        _ => None,
    };
    Me {
        name: text_in(info, "displayName"),
        cid: text_in(info, "CID"),
        allows_strangers: choice("MSN.IM.BLP", "1", "2"),
        asks_when_added: choice("MSN.IM.GTC", "1", "2"),
    }
}

fn read_contact(contact: &Element, info: &Element, is_circle: bool) -> Option<BookContact> {
    let mut emails = info.find(&["emails"]).map(Element::children).unwrap_or_default().iter();
    let elsewhere = emails.find(|email| email.text_of(&["isMessengerEnabled"]) == Some("true"));
    let passport = text_in(info, "passportName");
    let is_elsewhere = passport.is_none() && elsewhere.is_some();
    let account = passport.or_else(|| text_in(elsewhere?, "email"))?;
    let network =
        elsewhere.filter(|_| is_elsewhere).and_then(|email| email.text_of(&["Capability"]));
    let groups = info.find(&["groupIds"]).map(Element::children).unwrap_or_default();
    Some(BookContact {
        id: contact.text_of(&["contactId"])?.to_owned(),
        account,
        is_messenger_user: is_elsewhere || info.text_of(&["isMessengerUser"]) == Some("true"),
        name: text_in(info, "displayName"),
        nickname: annotation(info, "AB.NickName").filter(|name| !name.is_empty()),
        groups: groups.iter().map(|id| id.text().to_owned()).collect(),
        network: network.and_then(|number| number.parse().ok()),
        is_circle,
    })
}

/// Adds somebody, with words for her to read.
pub fn add_contact(caller: &Caller, account: &str, own_name: &str, invitation: &str) -> Call {
    let inner = format!(
        "<abId>{DEFAULT_BOOK}</abId><contacts><Contact xmlns=\"{}\"><contactInfo>\
         <contactType>LivePending</contactType>{}<isMessengerUser>true</isMessengerUser>\
         <MessengerMemberInfo><PendingAnnotations>{}</PendingAnnotations>{}</MessengerMemberInfo>\
         </contactInfo></Contact></contacts><options>\
         <EnableAllowListManagement>true</EnableAllowListManagement></options>",
        super::NAMESPACE,
        fields(&[("passportName", Some(account))]),
        write_annotation("MSN.IM.InviteMessage", invitation),
        fields(&[("DisplayName", Some(own_name))]),
    );
    caller.call(Service::AddressBook, "ABContactAdd", "ContactSave", &inner)
}

/// Reads the id of what was added: a contact's, or a group's.
pub fn read_added(answer: &Answer) -> Option<String> {
    let found = answer.body.descendants("guid").next()?;
    Some(found.text().to_owned())
}

/// Takes somebody out.
pub fn delete_contact(caller: &Caller, id: &str) -> Call {
    let inner = format!("<abId>{DEFAULT_BOOK}</abId>{}", contacts_of(id));
    caller.call(Service::AddressBook, "ABContactDelete", "ContactSave", &inner)
}

/// Gives somebody a name of the account's choosing; takes it away where it is empty.
pub fn rename_contact(caller: &Caller, id: &str, nickname: &str) -> Call {
    let contact = format!(
        "{}<contactInfo><annotations>{}</annotations></contactInfo>",
        fields(&[("contactId", Some(id))]),
        write_annotation("AB.NickName", nickname),
    );
    update_contact(caller, "ContactSave", &contact, "Annotation")
}

/// Keeps whether strangers are let in, and whether the account is asked when somebody adds it.
pub fn set_privacy(caller: &Caller, allows_strangers: bool, asks_when_added: bool) -> Call {
    let choice = |yes| if yes { "1" } else { "2" };
    let contact = format!(
        "<contactInfo><contactType>Me</contactType><annotations>{}{}</annotations></contactInfo>",
        write_annotation("MSN.IM.BLP", choice(allows_strangers)),
        write_annotation("MSN.IM.GTC", choice(asks_when_added)),
    );
    update_contact(caller, "PrivacyApply", &contact, "Annotation")
}

fn update_contact(caller: &Caller, scenario: &str, contact: &str, changed: &str) -> Call {
    let inner = format!(
        "<abId>{DEFAULT_BOOK}</abId><contacts><Contact xmlns=\"{}\">{contact}\
         <propertiesChanged>{changed}</propertiesChanged></Contact></contacts>",
        super::NAMESPACE
    );
    caller.call(Service::AddressBook, "ABContactUpdate", scenario, &inner)
}

/// Makes a group.
pub fn add_group(caller: &Caller, name: &str) -> Call {
    let inner = format!(
        "<abId>{DEFAULT_BOOK}</abId><groupAddOptions>\
         <fRenameOnMsgrConflict>false</fRenameOnMsgrConflict></groupAddOptions><groupInfo><GroupInfo>\
         {}<groupType>{GROUP_TYPE}</groupType><fMessenger>false</fMessenger><annotations>{}\
         </annotations></GroupInfo></groupInfo>",
        fields(&[("name", Some(name))]),
        write_annotation("MSN.IM.Display", "1"),
    );
    caller.call(Service::AddressBook, "ABGroupAdd", "GroupSave", &inner)
}

/// Renames a group.
pub fn rename_group(caller: &Caller, id: &str, name: &str) -> Call {
    let inner = format!(
        "<abId>{DEFAULT_BOOK}</abId><groups><Group>{}<groupInfo>{}</groupInfo>\
         <propertiesChanged>GroupName</propertiesChanged></Group></groups>",
        fields(&[("groupId", Some(id))]),
        fields(&[("name", Some(name))]),
    );
    caller.call(Service::AddressBook, "ABGroupUpdate", "GroupSave", &inner)
}

/// Removes a group; who was in it stays a contact.
pub fn delete_group(caller: &Caller, id: &str) -> Call {
    let inner = format!("<abId>{DEFAULT_BOOK}</abId>{}", group_filter(id));
    caller.call(Service::AddressBook, "ABGroupDelete", "GroupSave", &inner)
}

/// Puts a contact in a group.
pub fn add_to_group(caller: &Caller, contact: &str, group: &str) -> Call {
    let inner =
        format!("<abId>{DEFAULT_BOOK}</abId>{}{}", group_filter(group), contacts_of(contact));
    caller.call(Service::AddressBook, "ABGroupContactAdd", "GroupSave", &inner)
}

/// Takes a contact out of a group.
pub fn take_from_group(caller: &Caller, contact: &str, group: &str) -> Call {
    let inner =
        format!("<abId>{DEFAULT_BOOK}</abId>{}{}", contacts_of(contact), group_filter(group));
    caller.call(Service::AddressBook, "ABGroupContactDelete", "GroupSave", &inner)
}

fn contacts_of(id: &str) -> String {
    format!("<contacts><Contact>{}</Contact></contacts>", fields(&[("contactId", Some(id))]))
}

fn group_filter(id: &str) -> String {
    format!("<groupFilter><groupIds>{}</groupIds></groupFilter>", fields(&[("guid", Some(id))]))
}

pub(super) fn write_annotation(name: &str, value: &str) -> String {
    format!("<Annotation><Name>{name}</Name><Value>{}</Value></Annotation>", escaped(value))
}
