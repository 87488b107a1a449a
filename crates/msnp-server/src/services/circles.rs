//! Circles in the address book: made, asked into, joined and left.
//!
//! ```text
//! CreateCircle                       makes one
//! CreateContact, ManageWLConnection  ask somebody in; the latter answers too
//! BreakConnection                    leaves
//! ABFindContactsPaged                lists them, and with the id of one its members
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::xml::{Element, escaped};

use super::{NOW, cid, time};
use crate::{
    circle::{Circle, CircleError, CircleId, CircleMember, Standing},
    directory::Profile,
    network::Shared,
};

/// Says what is asked of a connection: to be made, and to be declined.
const MAKE: &str = "1";
const DECLINE: &str = "2";
/// The relationships with circles.
const CIRCLE_RELATIONSHIP: &str = "5";

/// Writes the ticket that opens an account's circles; another after each change of them.
pub(crate) fn circle_ticket(shared: &Shared, account: &str, circles: &[Circle]) -> String {
    let own = circles.iter().filter(|circle| circle.id.lasts() && circle.has(account));
    let own: String = own
        .map(|circle| {
            format!("  <Circle Id=\"{}\" HostedDomain=\"live.com\" />\r\n", circle.id.guid())
        })
        .collect();
    let data = format!(
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n<Ticket>\r\n{own}  \
         <TS>0000-01-01T00:00:00</TS>\r\n  <CID>{}</CID>\r\n</Ticket>",
        cid(account)
    );
    let seal = cid(&format!("{}{data}", shared.seal)).to_be_bytes();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-16\"?><SignedTicket ver=\"1\" keyVer=\"1\"><Data>{}</Data>\
         <Sig>{}</Sig></SignedTicket>",
        STANDARD.encode(data),
        STANDARD.encode(seal)
    )
}

/// Gives the circle whose address book a call is about; none for the account's own.
pub(super) fn book_of(call: &Element) -> Option<CircleId> {
    CircleId::from_guid(call.text_of(&["abHandle", "ABId"])?)
}

/// Writes what the account's own address book has of circles: the contacts that stand for them, and the
/// list with its ticket.
pub(super) async fn own(shared: &Shared, account: &str) -> (String, String) {
    let circles = shared.directory.circles(account).await;
    let asked = circles.iter().filter_map(|circle| {
        let own = circle.member(account)?;
        (circle.id.lasts() && own.standing != Standing::Named).then_some((circle, own))
    });
    let (contacts, listed): (Vec<String>, Vec<String>) =
        asked.map(|(circle, own)| (contact(circle, own), inverse(circle, own))).unzip();
    let ticket = escaped(&circle_ticket(shared, account, &circles));
    let result = format!(
        "<CircleResult><Circles>{}</Circles><CircleTicket>{ticket}</CircleTicket></CircleResult>",
        listed.concat()
    );
    (contacts.concat(), result)
}

fn contact(circle: &Circle, own: &CircleMember) -> String {
    let guid = circle.id.guid();
    let (upper, (state, role)) = (guid.to_uppercase(), relationship(own));
    let invitation = match (&own.invitation, own.standing) {
        (Some((by, words)), Standing::Invited) => invitation(by, words),
        _ => String::new(),
    };
    // Who is only asked learns the name from the list of circles.
    let name = match own.standing {
        Standing::Accepted => escaped(&circle.name),
        _ => format!("{upper}@hotmail.com"),
    };
    format!(
        "<Contact><contactId>{guid}</contactId><contactInfo><contactType>Circle</contactType>\
         <quickName>circle</quickName><passportName>{upper}@hotmail.com</passportName>\
         <displayName>{name}</displayName><CID>{}</CID><isMessengerUser>false</isMessengerUser>\
         <IsHidden>true</IsHidden>{}</contactInfo><fDeleted>false</fDeleted>\
         <lastChange>{NOW}</lastChange></Contact>",
        cid(guid),
        networks(state, role, &invitation)
    )
}

fn inverse(circle: &Circle, own: &CircleMember) -> String {
    let (role, state) = match (own.standing, own.is_admin) {
        (Standing::Accepted, true) => ("Admin", "Accepted"),
        (Standing::Accepted, false) => ("Member", "Accepted"),
        _ => ("StatePendingOutbound", "WaitingResponse"),
    };
    let name = escaped(&circle.name);
    format!(
        "<CircleInverseInfo><Content><Handle><Id>{}</Id></Handle><Info><Domain>1</Domain>\
         <HostedDomain>live.com</HostedDomain><Type>2</Type><MembershipAccess>0</MembershipAccess>\
         <IsPresenceEnabled>true</IsPresenceEnabled>\
         <RequestMembershipOption>0</RequestMembershipOption><DisplayName>{name}</DisplayName></Info>\
         </Content><PersonalInfo><MembershipInfo><CirclePersonalMembership><Role>{role}</Role>\
         <State>{state}</State></CirclePersonalMembership></MembershipInfo><Name>{name}</Name>\
         </PersonalInfo><Deleted>false</Deleted></CircleInverseInfo>",
        circle.id.guid()
    )
}

/// Writes the address book of a circle: its members, and last what describes it.
pub(super) async fn members(
    shared: &Shared,
    account: &str,
    id: &CircleId,
) -> Result<String, &'static str> {
    let circle = find(shared, account, id).await?;
    let members: String = circle.members.iter().map(member).collect();
    let guid = id.guid();
    Ok(format!(
        "<ABFindContactsPagedResult><Groups></Groups><Contacts>{members}<Contact>\
         <contactId>{guid}</contactId><contactInfo><contactType>Me</contactType>\
         <displayName>{name}</displayName><CID>{}</CID></contactInfo></Contact></Contacts><Ab>\
         <abId>{guid}</abId><abInfo><name>{name}</name><ownerPuid>0</ownerPuid>\
         <fDefault>false</fDefault><AddressBookType>Group</AddressBookType></abInfo>\
         <lastChange>{}</lastChange></Ab></ABFindContactsPagedResult>",
        cid(guid),
        time(),
        name = escaped(&circle.name)
    ))
}

fn member(member: &CircleMember) -> String {
    let (state, role) = match member.standing {
        Standing::Accepted => relationship(member),
        // In the circle's own book one who is waited for counts as one who is out.
        _ => (2, 3),
    };
    let kind = if member.standing == Standing::Accepted { "Regular" } else { "LivePending" };
    let networks = networks(state, role, "");
    let (id, info) = (contact_id(member), person(&member.presence.profile, kind, &networks));
    format!("<Contact><contactId>{id}</contactId>{info}<fDeleted>false</fDeleted></Contact>")
}

/// Does what a call asks of circles; none where it asks something else.
pub(super) async fn change(
    shared: &Shared,
    account: &str,
    call: &Element,
) -> Option<Result<String, &'static str>> {
    Some(match call.name() {
        "CreateCircle" => create(shared, account, call).await,
        "CreateContact" => name_member(shared, account, call).await,
        "ManageWLConnection" => connect(shared, account, call).await,
        "BreakConnection" => leave(shared, account, call).await,
        _ => return None,
    })
}

async fn create(shared: &Shared, account: &str, call: &Element) -> Result<String, &'static str> {
    let property = |name| call.text_of(&["properties", name]).unwrap_or_default();
    let fits = property("Domain") == "1"
        && property("HostedDomain") == "live.com"
        && property("Type") == "2"
        && matches!(property("IsPresenceEnabled"), "true" | "false");
    let name = property("DisplayName");
    if !fits || name.is_empty() {
        return Err("Forbidden");
    }
    let id = shared.directory.make_circle(account, Some(name)).await.map_err(fault)?;
    Ok(format!("<CreateCircleResult><Id>{}</Id></CreateCircleResult>", id.guid()))
}

async fn name_member(
    shared: &Shared,
    account: &str,
    call: &Element,
) -> Result<String, &'static str> {
    let id = book_of(call).ok_or("Forbidden")?;
    let who = call.text_of(&["contactHandle", "Email"]).unwrap_or_default();
    shared.directory.name_member(&id, account, who).await.map_err(fault)?;
    let circle = find(shared, account, &id).await?;
    let named = circle.member(who).ok_or("InvalidPassportUser")?;
    Ok(format!(
        "<CreateContactResult><contactId>{}</contactId>{}<fDeleted>false</fDeleted>\
         <CreateDate>{NOW}</CreateDate><lastChange>{NOW}</lastChange><CreatedBy>96</CreatedBy>\
         </CreateContactResult>",
        contact_id(named),
        person(&named.presence.profile, "LivePending", "")
    ))
}

/// Asks somebody in, where the call is about a circle's book; else answers for the account.
async fn connect(shared: &Shared, account: &str, call: &Element) -> Result<String, &'static str> {
    let directory = &shared.directory;
    let text = |name| call.text_of(&[name]).unwrap_or_default();
    let (id, action) = (text("contactId"), text("action"));
    if text("relationshipType") != CIRCLE_RELATIONSHIP {
        return Err("Forbidden");
    }
    let info = match book_of(call) {
        Some(circle_id) if action == MAKE => {
            let circle = find(shared, account, &circle_id).await?;
            let mut members = circle.members.iter();
            let asked = members.find(|member| contact_id(member) == id);
            let who = &asked.ok_or("ContactDoesNotExist")?.presence.profile;
            let words = call.find(&["annotations", "Annotation"]);
            let words = words.and_then(|words| words.text_of(&["Value"])).unwrap_or_default();
            let done = directory.invite_member(&circle_id, account, &who.account, words);
            done.await.map_err(fault)?;
            person(who, "LivePending", &networks(1, 3, ""))
        }
        None if action == MAKE || action == DECLINE => {
            let circle = CircleId::from_guid(id).ok_or("Forbidden")?;
            let accept = action == MAKE;
            directory.answer_invitation(&circle, account, accept).await.map_err(fault)?;
            let networks = if accept { networks(3, 3, "") } else { networks(4, 0, "") };
            format!("<contactInfo><contactType>Circle</contactType>{networks}</contactInfo>")
        }
        _ => return Err("Forbidden"),
    };
    Ok(format!(
        "<ManageWLConnectionResult><contactId>{}</contactId>{info}</ManageWLConnectionResult>",
        escaped(id)
    ))
}

async fn leave(shared: &Shared, account: &str, call: &Element) -> Result<String, &'static str> {
    let id = book_of(call).ok_or("Forbidden")?;
    let circle = find(shared, account, &id).await?;
    let own = circle.member(account).map(contact_id);
    let named = call.text_of(&["contactId"]).map(str::to_owned);
    if own != named {
        return Err("Forbidden");
    }
    shared.directory.quit_circle(&id, account).await.map_err(fault)?;
    Ok(String::new())
}

async fn find(shared: &Shared, account: &str, id: &CircleId) -> Result<Circle, &'static str> {
    let circles = shared.directory.circles(account).await;
    circles.into_iter().find(|circle| circle.id == *id).ok_or("ABDoesNotExist")
}

fn fault(error: CircleError) -> &'static str {
    match error {
        CircleError::AlreadyThere => "ContactAlreadyExists",
        CircleError::Full => "QuotaLimitReached",
        CircleError::NotAllowed => "Forbidden",
        CircleError::NotThere => "ContactDoesNotExist",
        CircleError::Unknown => "InvalidPassportUser",
    }
}

/// How somebody and a circle are related: state and role.
fn relationship(member: &CircleMember) -> (u8, u8) {
    match (member.standing, member.is_admin) {
        (Standing::Accepted, true) => (3, 1),
        (Standing::Accepted, false) => (3, 3),
        _ => (1, 4),
    }
}

fn networks(state: u8, role: u8, invitation: &str) -> String {
    format!(
        "<NetworkInfoList><NetworkInfo><DomainId>1</DomainId><SourceId>WL</SourceId>\
         <RelationshipType>{CIRCLE_RELATIONSHIP}</RelationshipType>\
         <RelationshipState>{state}</RelationshipState><RelationshipRole>{role}</RelationshipRole>\
         {invitation}</NetworkInfo></NetworkInfoList>"
    )
}

fn invitation(by: &Profile, words: &str) -> String {
    format!(
        "<InviterMessage>{}</InviterMessage><InviterCID>{}</InviterCID><InviterName>{}</InviterName>\
         <InviterEmail>{}</InviterEmail>",
        escaped(words),
        cid(&by.account),
        escaped(&by.name),
        escaped(&by.account)
    )
}

fn person(profile: &Profile, kind: &str, networks: &str) -> String {
    format!(
        "<contactInfo><contactType>{kind}</contactType><passportName>{}</passportName>\
         <displayName>{}</displayName><CID>{}</CID><isMessengerUser>false</isMessengerUser>\
         {networks}</contactInfo>",
        escaped(&profile.account),
        escaped(&profile.name),
        cid(&profile.account)
    )
}

/// Gives a member's id in the books of circles: the same in each.
fn contact_id(member: &CircleMember) -> String {
    let number = cid(&member.presence.profile.account).cast_unsigned() & 0xffff_ffff_ffff;
    format!("00000000-0000-4000-b000-{number:012x}")
}
