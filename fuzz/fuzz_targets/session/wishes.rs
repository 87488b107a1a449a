//! What an application wants: every command, with texts that came from the input.

use msnp_proto::{
    command::Status,
    msg::{Extra, Format, Ink, Look, Object, PersonalMessage, Text},
    p2p::{FileContext, TransferId},
    session::{ChatId, Command},
};

use crate::server::{ASKED, BOB, CIRCLE, EVE, GROUP};

/// Makes one of all commands; gives its name too.
pub(crate) fn wish(how: u8, text: &str) -> (&'static str, Command) {
    let on = text.len() % 2 == 0;
    // An empty text stands for what is known.
    let or = |known: &str| if text.is_empty() { known.to_owned() } else { text.to_owned() };
    let (account, text, group) = (or(BOB), text.to_owned(), or(GROUP));
    let chat = match text.as_str() {
        "" => ChatId::with(BOB),
        "e" => ChatId::with(EVE),
        "c" => ChatId::from_text(&format!("9:{CIRCLE}@live.com")),
        "a" => ChatId::from_text(&format!("9:{ASKED}@live.com")),
        "g" => ChatId::from_text(TEMPORARY),
        text => ChatId::from_text(text),
    };
    let bob = BOB.to_owned();
    let wish = match how {
        0 => Command::AcceptContact { account, add: on },
        1 => Command::AddContact { account, group: None },
        2 => Command::AddContact { account: "carol@example.org".to_owned(), group: Some(group) },
        3 => Command::AddGroup { name: text },
        4 => Command::AcknowledgeOffline { ids: text.split(' ').map(str::to_owned).collect() },
        5 => Command::AskNetworks { account },
        6 => Command::BlockContact { account, on },
        7 => Command::DeclineContact { account, block: on },
        8 => Command::FetchKeptPicture,
        9 => Command::GroupContact { account: bob, group, on },
        10 => Command::InviteContact { account, group: None, words: text },
        11 => Command::KeepPicture { image: [b"GIF8", text.as_bytes()].concat() },
        12 => Command::LeaveOffline { account: bob, text },
        13 => Command::LeaveOffline { account, text: "later".to_owned() },
        14 => Command::LeaveChat { chat },
        15 => Command::MoveContact { account: bob, group: on.then_some(group) },
        16 => Command::ReadOffline,
        17 => Command::ReadProfile,
        18 => Command::RemoveContact { account },
        19 => Command::RemoveGroup { group },
        20 => Command::RenameContact { account: bob, name: text },
        21 => Command::RenameGroup { group: GROUP.to_owned(), name: text },
        22 => Command::SendNudge { chat },
        23 => Command::SendText { chat, text: Text::plain("hello") },
        24 => Command::SendText { chat: ChatId::with(BOB), text: Text::plain(text) },
        25 => Command::SendText { chat: ChatId::with(EVE), text: Text::plain(text) },
        // Long ones are split.
        26 => Command::SendText {
            chat: ChatId::with(if on { BOB } else { EVE }),
            text: Text {
                words: or(" ").repeat(2000 / (text.len() + 1)),
                format: Format::default(),
                shown_as: None,
            },
        },
        27 => Command::SendTyping { chat },
        28 => Command::SetAsking { ask: on },
        29 => Command::SetLook { look: Look { sound: text, ..Look::default() } },
        30 => Command::SetName { name: text },
        31 => {
            Command::SetPersonalMessage { message: PersonalMessage { text, media: String::new() } }
        }
        32 => Command::SetPicture { object: Object::read(&text) },
        33 => Command::SetPicture {
            object: Some(Object { creator: text, hash: "x".to_owned(), ..Object::default() }),
        },
        34 => Command::SetPrivacy { everybody: on },
        35 => Command::SetStatus { status: if on { Status::Away } else { Status::Hidden } },
        36 => Command::SignOutEndpoint { id: text },
        37 => Command::AcceptFile { transfer: TransferId(1) },
        38 => Command::CancelTransfer { transfer: TransferId(1) },
        39 => Command::FeedFile { transfer: TransferId(1), bytes: text.into_bytes() },
        40 => {
            let description = Object::describing(BOB, 3, "0", text.as_bytes()).write();
            Command::FetchObject { transfer: TransferId(1), chat, account: bob, description }
        }
        41 => Command::InviteToChat { chat: ChatId::with(BOB), account },
        42 => {
            let file = FileContext { size: 9, name: text, preview: Vec::new() };
            Command::OfferFile { transfer: TransferId(1), chat, account: bob, file }
        }
        43 => Command::SendExtra { chat, extra: Extra::Action(text) },
        44 => {
            let drawing = or(" ").repeat(4000 / (text.len() + 1)).into_bytes();
            Command::SendExtra { chat: ChatId::with(BOB), extra: Extra::Ink(Ink::Gif(drawing)) }
        }
        45 => {
            let object = Object::describing(BOB, 3, "0", text.as_bytes());
            Command::ServeObject { object, bytes: text.as_bytes().into() }
        }
        46 => Command::WithdrawObject { hash: text },
        47 => Command::AnswerCircle { circle: chat, accept: on },
        48 => Command::AnswerCircle {
            circle: ChatId::from_text(&format!("9:{ASKED}@live.com")),
            accept: on,
        },
        49 => Command::EnterCircle { circle: chat },
        50 => Command::InviteToChat { chat, account: bob },
        51 => Command::InviteToCircle { circle: chat, account: bob, words: text },
        52 => Command::LeaveCircle { circle: chat },
        53 => Command::MakeCircle { name: text },
        54 => Command::MakeGroup { people: text.split(' ').map(str::to_owned).collect() },
        55 => Command::MakeGroup { people: vec![bob] },
        u8::MAX => Command::SignOut,
        how => return wish(how % 56, &text),
    };
    let name = NAMES.get(usize::from(how)).copied().unwrap_or("SignOut");
    (name, wish)
}

/// The temporary group that a server that answers as it should makes.
const TEMPORARY: &str = "10:00000001-003d-0003-4136-314b00000000@live.com";

const NAMES: [&str; 56] = [
    "AcceptContact",
    "AddContact",
    "AddContact",
    "AddGroup",
    "AcknowledgeOffline",
    "AskNetworks",
    "BlockContact",
    "DeclineContact",
    "FetchKeptPicture",
    "GroupContact",
    "InviteContact",
    "KeepPicture",
    "LeaveOffline",
    "LeaveOffline",
    "LeaveChat",
    "MoveContact",
    "ReadOffline",
    "ReadProfile",
    "RemoveContact",
    "RemoveGroup",
    "RenameContact",
    "RenameGroup",
    "SendNudge",
    "SendText",
    "SendText",
    "SendText elsewhere",
    "SendText long",
    "SendTyping",
    "SetAsking",
    "SetLook",
    "SetName",
    "SetPersonalMessage",
    "SetPicture",
    "SetPicture",
    "SetPrivacy",
    "SetStatus",
    "SignOutEndpoint",
    "AcceptFile",
    "CancelTransfer",
    "FeedFile",
    "FetchObject",
    "InviteToChat",
    "OfferFile",
    "SendExtra",
    "SendExtra long",
    "ServeObject",
    "WithdrawObject",
    "AnswerCircle",
    "AnswerCircle",
    "EnterCircle",
    "InviteToChat several",
    "InviteToCircle",
    "LeaveCircle",
    "MakeCircle",
    "MakeGroup",
    "MakeGroup",
];
