//! The sharing service: who may see and write to the account, who has it on her list, who waits.
//!
//! ```text
//! <Membership><MemberRole>Allow</MemberRole><Members><Member xsi:type="PassportMember">
//!   <MembershipId>Allow/a7efae41-…</MembershipId>…<PassportName>bob@example.com</PassportName>
//! ```
//! A membership's id is opaque: one server writes text where Microsoft wrote numbers.

use super::{Answer, Call, Caller, NEVER, Service, fields, scenario};
use crate::{
    command::List,
    xml::{Element, escaped},
};

/// The membership lists, as FindMembership gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships {
    /// The entries, in the order they came.
    pub members: Vec<Member>,
    /// The account's own id, a signed number, for pictures and storage.
    pub owner_cid: Option<String>,
    /// When they changed last, as the service writes it: what a later question for changes says.
    pub last_change: Option<String>,
}

/// Somebody on one of the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The list.
    pub list: List,
    /// Her address; of another network for [`MemberKind::Email`].
    pub account: String,
    /// What she is.
    pub kind: MemberKind,
    /// The entry's own id, opaque.
    pub id: String,
    /// Her name, where it is told: of who waits, or has the account on her list.
    pub name: Option<String>,
    /// What she wrote when she asked.
    pub invitation: Option<String>,
    /// Whether the entry went, in an answer that tells changes only.
    pub deleted: bool,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A group of people, by its id.
    Circle,
    /// Somebody of another network.
    Email,
    /// Somebody with an account of this network.
    Passport,
    /// A telephone.
    Phone,
}

impl MemberKind {
    /// The type of the element, the word inside it, and the name of the element with the address.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Circle => ("CircleMember", "Circle", "CircleId"),
            Self::Email => ("EmailMember", "Email", "Email"),
            Self::Passport => ("PassportMember", "Passport", "PassportName"),
            Self::Phone => ("PhoneMember", "Phone", "PhoneNumber"),
        }
    }

    fn of(element: &Element) -> Option<Self> {
        let name = element.attribute("type")?;
        let name = name.rsplit(':').next().unwrap_or(name);
        let all = [Self::Circle, Self::Email, Self::Passport, Self::Phone];
        all.into_iter().find(|kind| kind.names().0 == name)
    }
}

/// Asks for all lists, or for what changed since an answer's [`last_change`](Memberships::last_change).
pub fn find_membership(caller: &Caller, since: Option<&str>) -> Call {
    let inner = format!(
        "<serviceFilter><Types><ServiceType>Messenger</ServiceType></Types></serviceFilter>\
         <View>Full</View><deltasOnly>{}</deltasOnly><lastChange>{}</lastChange>",
        since.is_some(),
        escaped(since.unwrap_or(NEVER))
    );
    caller.call(Service::Sharing, "FindMembership", scenario(since), &inner)
}

/// Reads the lists; members of kinds that are none of ours are left out.
pub fn read_memberships(answer: &Answer) -> Memberships {
    let mut found = Memberships::default();
    let result = answer.body.find(&["FindMembershipResult"]);
    let services = result.and_then(|result| result.find(&["Services"]));
    let messenger = services.into_iter().flat_map(|services| services.all("Service"));
    let messenger = messenger
        .filter(|service| service.text_of(&["Info", "Handle", "Type"]) == Some("Messenger"));
    let messenger: Vec<&Element> = messenger.collect();
    let last_change = messenger.iter().find_map(|service| service.text_of(&["LastChange"]));
    found.last_change = last_change.map(str::to_owned);
    let lists = messenger.into_iter().filter_map(|service| service.find(&["Memberships"]));
    for membership in lists.flat_map(|lists| lists.all("Membership")) {
        let role = membership.text_of(&["MemberRole"]).unwrap_or_default();
        let Some(list) = [List::Allow, List::Block, List::Pending, List::Reverse]
            .into_iter()
            .find(|list| role_of(*list) == role)
        else {
            continue;
        };
        let members = membership.find(&["Members"]).map(Element::children).unwrap_or_default();
        found.members.reserve(members.len());
        let members = members.iter().filter(|member| member.name() == "Member");
        found.members.extend(members.filter_map(|member| read_member(list, member)));
    }
    let owner = result.and_then(|result| result.text_of(&["OwnerNamespace", "Info", "CreatorCID"]));
    found.owner_cid = owner.map(str::to_owned);
    found
}

fn read_member(list: List, member: &Element) -> Option<Member> {
    let kind = MemberKind::of(member)?;
    let text = |name| member.text_of(&[name]).filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Member {
        list,
        account: text(kind.names().2)?,
        kind,
        id: text("MembershipId").unwrap_or_default(),
        name: text("DisplayName"),
        invitation: annotation(member, "MSN.IM.InviteMessage"),
        deleted: member.text_of(&["Deleted"]) == Some("true"),
    })
}

/// Finds an annotation's value.
pub(super) fn annotation(element: &Element, name: &str) -> Option<String> {
    let all =
        element.children().iter().find(|child| child.name().eq_ignore_ascii_case("annotations"));
    let mut all = all.into_iter().flat_map(|all| all.all("Annotation"));
    let found = all.find(|annotation| annotation.text_of(&["Name"]) == Some(name))?;
    found.text_of(&["Value"]).map(str::to_owned)
}

/// Puts somebody on a list.
pub fn add_member(caller: &Caller, list: List, kind: MemberKind, account: &str) -> Call {
    change_member(caller, "AddMember", list, kind, account, None)
}

/// Takes somebody off a list, by the entry's id where it is known.
pub fn delete_member(
    caller: &Caller,
    list: List,
    kind: MemberKind,
    account: &str,
    id: Option<&str>,
) -> Call {
    change_member(caller, "DeleteMember", list, kind, account, id)
}

fn change_member(
    caller: &Caller,
    operation: &str,
    list: List,
    kind: MemberKind,
    account: &str,
    id: Option<&str>,
) -> Call {
    let scenario = match list {
        List::Allow | List::Block => "BlockUnblock",
        List::Pending => "MessengerPendingList",
        List::Forward | List::Reverse => "ContactMsgrAPI",
    };
    let (element, word, place) = kind.names();
    let member = fields(&[
        ("MembershipId", id),
        ("Type", Some(word)),
        ("State", Some("Accepted")),
        (place, Some(account)),
    ]);
    let inner = format!(
        "<serviceHandle><Id>0</Id><Type>Messenger</Type><ForeignId></ForeignId></serviceHandle>\
         <memberships><Membership><MemberRole>{}</MemberRole><Members>\
         <Member xsi:type=\"{element}\">{member}</Member></Members></Membership></memberships>",
        role_of(list)
    );
    caller.call(Service::Sharing, operation, scenario, &inner)
}

/// Names a list as the service does; it has none for contacts, which the address book keeps.
fn role_of(list: List) -> &'static str {
    match list {
        List::Allow => "Allow",
        List::Block => "Block",
        List::Forward => "",
        List::Pending => "Pending",
        List::Reverse => "Reverse",
    }
}
