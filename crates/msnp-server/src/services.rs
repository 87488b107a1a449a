//! The web services that later versions cannot sign in without: tickets, sharing, address book.
//!
//! ```text
//! POST /RST.srf, /RST2.srf
//! POST /abservice/SharingService.asmx, /abservice/abservice.asmx
//! ```
//! They read and change the same lists as the notification server.

mod circles;

use std::{sync::Arc, time::UNIX_EPOCH};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use msnp_proto::{
    auth::{
        security_token::{self, Form, MESSENGER_CLEAR, Ticket},
        sso::SECRET_LENGTH,
    },
    command::List,
    oim,
    xml::{self, Element, escaped},
};

pub(crate) use self::circles::circle_ticket;
use crate::{
    directory::{EditError, Entry, Group, GroupEdit, ListEdit},
    network::{Admits, Shared},
    soap,
};

/// Most bytes of a request.
const BODY_LIMIT: usize = 256 * 1024;
/// The site of tickets that sign in without a proof.
const MESSENGER: &str = "messenger.msn.com";
const NAMESPACE: &str = "http://www.msn.com/webservices/AddressBook";
/// The stamps of everything: the network keeps no times.
const NOW: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2036-01-01T00:00:00Z";

/// The note that holds what somebody wrote who asks to be a contact.
const INVITATION: &str = "MSN.IM.InviteMessage";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/RST.srf", post(first_tokens))
        .route("/RST2.srf", post(second_tokens))
        .route("/abservice/abservice.asmx", post(call))
        .route("/abservice/SharingService.asmx", post(call))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

async fn first_tokens(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    tokens(&shared, Form::First, &body).await
}

async fn second_tokens(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    tokens(&shared, Form::Second, &body).await
}

async fn tokens(shared: &Shared, form: Form, body: &[u8]) -> Response {
    let Some(asked) = security_token::read_request(body) else {
        return soap::document(StatusCode::OK, security_token::refusal(form));
    };
    let Some(profile) = shared.directory.authenticate(&asked.account, &asked.password).await else {
        return soap::document(StatusCode::OK, security_token::refusal(form));
    };
    let ticket = |address: &String| {
        let account = profile.account.clone();
        let (admits, secret) = match address.as_str() {
            MESSENGER => (Admits::SignIn { account }, None),
            MESSENGER_CLEAR => {
                let secret = secret();
                (Admits::Proof { account, secret }, Some(secret.into()))
            }
            _ => (Admits::Services { account }, None),
        };
        let ticket = format!("t={}&p=", shared.ticket(admits)).into();
        Ticket { address: address.clone(), ticket, secret, expires: LATER.to_owned() }
    };
    // The first is the passport's own, which opens nothing here.
    let tickets: Vec<Ticket> = asked.sites.iter().skip(1).take(16).map(ticket).collect();
    let answer = security_token::answer(form, &tickets, NOW);
    soap::document(StatusCode::OK, secrecy::ExposeSecret::expose_secret(&answer).to_owned())
}

fn secret() -> [u8; SECRET_LENGTH] {
    let mut bytes = [0; SECRET_LENGTH];
    // A machine without randomness cannot make secrets; its network is for loopback only.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

async fn call(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(envelope) = xml::parse(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let ticket = envelope.text_of(&["Header", "ABAuthHeader", "TicketToken"]);
    let Some(account) = ticket.and_then(|ticket| shared.account_of(ticket)) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let operation = envelope.find(&["Body"]).and_then(|body| body.children().first());
    let Some(operation) = operation else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let name = operation.name();
    let mut deltas = operation.descendants("deltasOnly").chain(operation.descendants("DeltasOnly"));
    let changes_only = deltas.next().is_some_and(|only| only.text() == "true");
    // The network keeps no times: whoever asks for changes hears everything, and what is no more. Told to
    // ask for everything instead, one known client never does.
    let gone = match changes_only {
        true => Some(shared.directory.gone(&account).await),
        false => None,
    };
    let done = match name {
        "FindMembership" => Ok(memberships(&shared, &account, gone.as_ref()).await),
        "ABFindAll" | "ABFindContactsPaged" => match circles::book_of(operation) {
            Some(circle) => circles::members(&shared, &account, &circle).await,
            None => Ok(book(&shared, &account, name, gone.as_ref()).await),
        },
        _ => match circles::change(&shared, &account, operation).await {
            Some(done) => done,
            None => change(&shared, &account, operation).await,
        },
    };
    match done {
        Ok(inner) => {
            let body = format!("<{name}Response xmlns=\"{NAMESPACE}\">{inner}</{name}Response>");
            soap::envelope(StatusCode::OK, "", &body)
        }
        Err(code) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            soap::fault(status, NAMESPACE, code, words_of(code))
        }
    }
}

/// Says a fault in words: some clients look for these, not for the code.
fn words_of(code: &'static str) -> &'static str {
    match code {
        "ContactAlreadyExists" => "Contact Already Exists",
        "GroupAlreadyExists" => "Group Already Exists",
        "MemberAlreadyExists" => "Member already exists",
        "MemberDoesNotExist" => "Member does not exist",
        code => code,
    }
}

async fn memberships(
    shared: &Shared,
    account: &str,
    gone: Option<&(Vec<Entry>, Vec<Group>)>,
) -> String {
    let (entries, _) = shared.directory.roster(account).await;
    let role = |(list, role): (List, &str)| {
        let off = gone.into_iter().flat_map(|(gone, _)| gone.iter().chain(&entries));
        let off: String = off
            .filter(|entry| !entry.lists.has(list))
            .map(|entry| {
                format!(
                    "<Member xsi:type=\"PassportMember\"><MembershipId>{}</MembershipId>\
                     <Type>Passport</Type><State>Accepted</State><Deleted>true</Deleted>\
                     <LastChanged>{}</LastChanged><PassportName>{}</PassportName></Member>",
                    membership(entry, list),
                    time(),
                    escaped(&entry.account)
                )
            })
            .collect();
        let on = entries.iter().filter(|entry| entry.lists.has(list));
        let members: String = on
            .map(|entry| {
                let words = entry.invitation.as_deref().filter(|_| list == List::Pending);
                let words = words.map(|words| {
                    let words = escaped(words);
                    format!(
                        "<Annotations><Annotation><Name>{INVITATION}</Name><Value>{words}</Value>\
                         </Annotation></Annotations>"
                    )
                });
                format!(
                    "<Member xsi:type=\"PassportMember\"><MembershipId>{}</MembershipId>\
                     <Type>Passport</Type><DisplayName>{}</DisplayName><State>Accepted</State>\
                     <Deleted>false</Deleted><LastChanged>{NOW}</LastChanged>\
                     <PassportName>{}</PassportName>{}</Member>",
                    membership(entry, list),
                    escaped(&entry.name),
                    escaped(&entry.account),
                    words.unwrap_or_default()
                )
            })
            .collect();
        format!(
            "<Membership><MemberRole>{role}</MemberRole><Members>{members}{off}</Members></Membership>"
        )
    };
    let lists = [
        (List::Allow, "Allow"),
        (List::Block, "Block"),
        (List::Reverse, "Reverse"),
        (List::Pending, "Pending"),
    ];
    let lists: String = lists.map(role).concat();
    format!(
        "<FindMembershipResult><Services><Service><Memberships>{lists}</Memberships><Info><Handle>\
         <Id>1</Id><Type>Messenger</Type><ForeignId></ForeignId></Handle></Info>\
         <LastChange>{}</LastChange><Deleted>false</Deleted></Service></Services>\
         </FindMembershipResult>",
        time()
    )
}

async fn book(
    shared: &Shared,
    account: &str,
    call: &str,
    gone: Option<&(Vec<Entry>, Vec<Group>)>,
) -> String {
    let (entries, groups) = shared.directory.roster(account).await;
    let privacy = shared.directory.privacy(account).await;
    let profile = shared.directory.profile(account).await.unwrap_or_default();
    let paged = call == "ABFindContactsPaged";
    let (circles, listed) = match paged {
        true => circles::own(shared, account).await,
        false => (String::new(), String::new()),
    };
    let containers =
        if paged { ["Groups", "Contacts", "Ab"] } else { ["groups", "contacts", "ab"] };
    let groups: String = groups
        .iter()
        .map(|group| {
            format!(
                "<Group><groupId>{}</groupId><groupInfo><name>{}</name></groupInfo>\
                 <fDeleted>false</fDeleted></Group>",
                group.id,
                escaped(&group.name)
            )
        })
        .collect();
    let gone_groups: String = gone
        .into_iter()
        .flat_map(|(_, groups)| groups)
        .map(|group| {
            format!("<Group><groupId>{}</groupId><fDeleted>true</fDeleted></Group>", group.id)
        })
        .collect();
    let contacts = entries.iter().filter(|entry| entry.lists.has(List::Forward)).map(contact);
    let gone = gone.into_iter().flat_map(|(gone, _)| gone.iter().chain(&entries));
    let gone = gone.filter(|entry| !entry.lists.has(List::Forward)).map(|entry| {
        let id = &entry.id;
        format!("<Contact><contactId>{id}</contactId><fDeleted>true</fDeleted></Contact>")
    });
    let choice = |yes| if yes { "1" } else { "2" };
    let me = format!(
        "<Contact><contactId>00000000-0000-4000-8000-000000000000</contactId><contactInfo>\
         <contactType>Me</contactType><passportName>{}</passportName><displayName>{}</displayName>\
         <CID>{}</CID><annotations><Annotation><Name>MSN.IM.BLP</Name><Value>{}</Value></Annotation><Annotation>\
         <Name>MSN.IM.GTC</Name><Value>{}</Value></Annotation></annotations></contactInfo></Contact>",
        escaped(&profile.account),
        escaped(&profile.name),
        cid(account),
        choice(privacy.everybody),
        choice(privacy.asks)
    );
    let contacts: String = [me].into_iter().chain(contacts).chain([circles]).chain(gone).collect();
    format!(
        "<{call}Result><{0}>{groups}{gone_groups}</{0}><{1}>{contacts}</{1}>{listed}\
         <{2}><abId>00000000-0000-0000-0000-000000000000</abId><abInfo><ownerPuid>0</ownerPuid>\
         <OwnerCID>{3}</OwnerCID><ownerEmail>{4}</ownerEmail><fDefault>true</fDefault>\
         <AddressBookType>Individual</AddressBookType></abInfo>\
         <lastChange>{5}</lastChange></{2}></{call}Result>",
        containers[0],
        containers[1],
        containers[2],
        cid(account),
        escaped(&profile.account),
        time()
    )
}

/// Names an entry on a list: a number, for clients read one there, and take somebody off by it alone.
fn membership(entry: &Entry, list: List) -> u64 {
    let number = entry.id.rsplit('-').next().and_then(|last| u64::from_str_radix(last, 16).ok());
    (number.unwrap_or_default() << u8::BITS) | u64::from(list.bit())
}

/// Gives the id of an entry that a number names.
fn named_by(membership: &str) -> Option<String> {
    let number = membership.parse::<u64>().ok().filter(|number| *number > 0)? >> u8::BITS;
    Some(format!("00000000-0000-4000-8000-{number:012x}"))
}

/// Gives the time, in so small parts that what changes twice has two: clients heed lists alone whose time
/// is later than the one they know.
fn time() -> String {
    let passed = UNIX_EPOCH.elapsed().unwrap_or_default();
    let seconds = oim::time(passed.as_secs());
    format!("{}.{:07}Z", seconds.trim_end_matches('Z'), passed.subsec_nanos() / 100)
}

/// Gives an account's id, which is a signed number: the same each time, for the network keeps none.
pub(crate) fn cid(account: &str) -> i64 {
    // FNV-1a, of 64 bits.
    let hash = account.to_lowercase().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

fn contact(entry: &Entry) -> String {
    let groups: String = entry.groups.iter().map(|id| format!("<guid>{id}</guid>")).collect();
    // libpurple shows nobody whose groups are an empty list.
    let groups = match groups.is_empty() {
        true => groups,
        false => format!("<groupIds>{groups}</groupIds>"),
    };
    let (name, account) = (escaped(&entry.name), escaped(&entry.account));
    format!(
        "<Contact><contactId>{}</contactId><contactInfo><contactType>Regular</contactType>\
         <passportName>{account}</passportName><displayName>{name}</displayName>\
         <CID>{}</CID><isMessengerUser>true</isMessengerUser>{groups}\
         </contactInfo></Contact>",
        entry.id,
        cid(&entry.account)
    )
}

/// Changes what the account keeps; gives the answer's inside, or a fault's code.
async fn change(shared: &Shared, account: &str, call: &Element) -> Result<String, &'static str> {
    let directory = &shared.directory;
    let text = |name| call.descendants(name).next().map(|found| found.text().to_owned());
    let fault = |error| match error {
        EditError::AlreadyThere => "MemberAlreadyExists",
        EditError::GroupExists => "GroupAlreadyExists",
        EditError::GroupNameTooLong => "BadArgumentLength",
        EditError::NoSuchGroup => "GroupDoesNotExist",
        EditError::NotInGroup | EditError::NotThere => "MemberDoesNotExist",
        EditError::Unknown => "InvalidPassportUser",
        _ => "Forbidden",
    };
    let edit = |add, list, who, group| directory.edit(account, ListEdit { add, list, who, group });
    let result = |name: &str, id: &str| format!("<{name}Result><guid>{id}</guid></{name}Result>");
    let named = || text("MembershipId").and_then(|id| named_by(&id));
    let who = text("PassportName").or_else(named).unwrap_or_default();
    let group = text("guid").unwrap_or_default();
    let id = text("contactId").unwrap_or_default();
    match call.name() {
        "AddMember" | "DeleteMember" => {
            let role = text("MemberRole").unwrap_or_default();
            let list = match role.as_str() {
                "Allow" => List::Allow,
                "Block" => List::Block,
                "Pending" => List::Pending,
                "Reverse" => List::Reverse,
                _ => return Err("Forbidden"),
            };
            edit(call.name() == "AddMember", list, who, None).await.map_err(fault)?;
            Ok(String::new())
        }
        "ABContactAdd" => {
            let who = text("passportName").unwrap_or_default();
            let mut notes = call.descendants("Annotation");
            let words = notes
                .find(|note| note.text_of(&["Name"]) == Some(INVITATION))
                .and_then(|note| note.text_of(&["Value"]));
            if let Some(words) = words.filter(|words| !words.is_empty()) {
                directory.invite(account, &who, words).await;
            }
            let added = edit(true, List::Forward, who.clone(), None).await;
            // One known client makes its first call twice, and heeds the second answer alone.
            if !matches!(added, Ok(_) | Err(EditError::AlreadyThere)) {
                added.map_err(fault)?;
            }
            let (entries, _) = directory.roster(account).await;
            let mut known = entries.iter();
            let known = known.find(|entry| entry.account.eq_ignore_ascii_case(&who));
            let entry = known.ok_or("InvalidPassportUser")?;
            let managed = text("EnableAllowListManagement").as_deref() == Some("true");
            if managed && !entry.lists.has(List::Allow) && !entry.lists.has(List::Block) {
                edit(true, List::Allow, who, None).await.map_err(fault)?;
            }
            Ok(result("ABContactAdd", &entry.id))
        }
        "ABContactDelete" => {
            edit(false, List::Forward, id, None).await.map_err(|_| "ContactDoesNotExist")?;
            Ok(String::new())
        }
        "ABGroupContactAdd" | "ABGroupContactDelete" => {
            let add = call.name() == "ABGroupContactAdd";
            edit(add, List::Forward, id, Some(group)).await.map_err(fault)?;
            Ok(String::new())
        }
        "ABGroupAdd" => {
            let name = call.find(&["groupInfo", "GroupInfo", "name"]);
            let name = name.map(|name| name.text().to_owned()).ok_or("BadArgumentLength")?;
            let made = directory.edit_group(account, GroupEdit::Add(name)).await.map_err(fault)?;
            Ok(result("ABGroupAdd", &made.id))
        }
        "ABGroupUpdate" => {
            let id = text("groupId").ok_or("GroupDoesNotExist")?;
            let edit = GroupEdit::Rename(id, text("name").unwrap_or_default());
            directory.edit_group(account, edit).await.map_err(fault)?;
            Ok(String::new())
        }
        "ABGroupDelete" => {
            let (entries, _) = directory.roster(account).await;
            for entry in entries.into_iter().filter(|entry| entry.groups.contains(&group)) {
                // Who was in it stays a contact.
                edit(false, List::Forward, entry.account, Some(group.clone()))
                    .await
                    .map_err(fault)?;
            }
            directory.edit_group(account, GroupEdit::Remove(group)).await.map_err(fault)?;
            Ok(String::new())
        }
        "ABContactUpdate" => update(shared, account, call, &id).await,
        _ => Err("Forbidden"),
    }
}

/// Renames a contact, or changes the account's own settings.
async fn update(
    shared: &Shared,
    account: &str,
    call: &Element,
    id: &str,
) -> Result<String, &'static str> {
    let directory = &shared.directory;
    let mut privacy = directory.privacy(account).await;
    for annotation in call.descendants("Annotation") {
        let value = annotation.text_of(&["Value"]).unwrap_or_default();
        match annotation.text_of(&["Name"]) {
            Some("AB.NickName") => {
                let renamed = directory.rename_contact(account, id, value).await;
                renamed.map_err(|_| "ContactDoesNotExist")?;
            }
            Some("MSN.IM.BLP") => privacy.everybody = value == "1",
            Some("MSN.IM.GTC") => privacy.asks = value == "1",
            _ => {}
        }
    }
    if privacy != directory.privacy(account).await {
        directory.set_privacy(account, privacy).await;
    }
    Ok(String::new())
}
