//! What is stored: portals, rows, cursors, logins, commands, names of messages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::{
        ChatId, LoginId, MessageId, NetworkId, PersonaId, PortalId, RoomId, RowId, SourceId,
        Timestamp,
    },
    model::{DeliveryState, Event, EventKind, Persona, PresenceState, RoomKind, UserId},
    store::{Batch, Key, KeyBuilder, MAX_VALUE_LENGTH, Record, Store, StoreError, Table, TableId},
    supervisor::standing::Standing,
};

/// A place a portal reaches: where its events come from and go to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    Chat(LoginId, ChatId),
    Room(NetworkId, RoomId),
}

impl Endpoint {
    pub(crate) fn key(&self) -> Key {
        let key = KeyBuilder::new(TableId::Endpoint);
        match self {
            Self::Chat(login, chat) => {
                key.small(0).text(login.as_str()).text(chat.as_str()).build()
            }
            Self::Room(network, room) => {
                key.small(1).text(network.as_str()).text(room.as_str()).build()
            }
        }
    }
}

/// A portal: its kind and its legs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PortalRecord {
    pub(crate) kind: RoomKind,
    pub(crate) name: Option<String>,
    /// The relay of the configuration it belongs to; none for a conversation of somebody's account.
    pub(crate) relay: Option<String>,
    /// Its legs by number; a number is never given to another leg.
    pub(crate) legs: Vec<Leg>,
}

/// One way into and out of a portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Leg {
    /// A conversation of a signed-in account, and the other person in it.
    Chat { login: LoginId, chat: ChatId, peer: Persona },
    /// One that was taken away.
    Closed,
    /// A room of an adapter; none until the first delivery makes it, for its owner. A room of a relay
    /// has no owner.
    Room { network: NetworkId, room: Option<RoomId>, owner: Option<UserId> },
}

impl Leg {
    /// Names the network it leads to; none when it was taken away.
    pub(crate) fn network(&self) -> Option<&NetworkId> {
        match self {
            Self::Chat { peer, .. } => Some(&peer.network),
            Self::Closed => None,
            Self::Room { network, .. } => Some(network),
        }
    }

    pub(crate) fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Self::Chat { login, chat, .. } => Some(Endpoint::Chat(login.clone(), chat.clone())),
            Self::Room { network, room: Some(room), .. } => {
                Some(Endpoint::Room(network.clone(), room.clone()))
            }
            Self::Closed | Self::Room { room: None, .. } => None,
        }
    }
}

/// Which portal a room or chat belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndpointRecord(pub(crate) PortalId);

/// One accepted event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogRow {
    pub(crate) row: RowId,
    pub(crate) accepted: Timestamp,
    /// The leg it came from; none when the core made it.
    pub(crate) origin: Option<u16>,
    /// The only leg it goes to, where not to all.
    pub(crate) only: Option<u16>,
    pub(crate) event: Event,
}

/// How far a leg is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegState {
    /// The next row to pass.
    pub(crate) cursor: u64,
    /// An attempt under way when this was written: the row, or the making of the room.
    pub(crate) in_flight: Option<InFlight>,
    /// The last message its network named.
    pub(crate) last: Option<MessageId>,
}

/// What may or may not have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum InFlight {
    /// The row of this number was sent.
    Row(u64),
    /// The room was asked for.
    Room,
}

/// How a leg treats its people; absent is as the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegMode {
    /// Whether people other than the account's owner are carried, under their names.
    pub(crate) relay: bool,
    /// Since when it leads where it does: names of earlier messages are names in another room.
    pub(crate) since: Option<Timestamp>,
}

/// A message that did not arrive at a leg, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FateRecord {
    pub(crate) at: Timestamp,
    pub(crate) state: DeliveryState,
    /// Who wrote it.
    pub(crate) sender: UserId,
    /// Whether an attempt at it may have arrived all the same.
    pub(crate) doubtful: bool,
}

/// What is to be done otherwise with a waiting row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// An attempt under another name may have arrived.
    Doubtful,
    /// It is not to be sent.
    Withdrawn,
}

/// What somebody was told becomes of her words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    /// Where they are carried.
    Carried,
    /// That they are not.
    NotCarried,
}

/// An event was seen, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen(pub(crate) Timestamp);

/// How far a source was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position(pub(crate) String);

/// Names a leg's network gave a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names(pub(crate) Vec<MessageId>);

/// The row a message name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowOf {
    pub(crate) portal: PortalId,
    pub(crate) row: RowId,
}

/// A signed-in account; its credentials are sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginRecord {
    pub(crate) network: NetworkId,
    pub(crate) owner: UserId,
    pub(crate) persona: Persona,
    pub(crate) sealed: Vec<u8>,
}

/// A command that is not answered yet; the line is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommandRecord {
    pub(crate) user: UserId,
    pub(crate) room: RoomId,
    pub(crate) message: Option<MessageId>,
    pub(crate) sealed: Vec<u8>,
}

/// What somebody chose of the options, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserRecord {
    pub(crate) options: BTreeMap<String, String>,
}

/// How an account shall appear; what is absent is as its network has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppearanceRecord {
    pub(crate) name: Option<String>,
    pub(crate) state: Option<PresenceState>,
    pub(crate) status_text: Option<String>,
}

/// Something an admin did in somebody's name. What followed the command is not kept: it may be private.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditRecord {
    pub(crate) at: Timestamp,
    /// The admin; none at the control socket.
    pub(crate) who: Option<UserId>,
    pub(crate) whom: UserId,
    pub(crate) command: String,
}

/// Somebody asks to be a contact of an account; her question was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestRecord {
    pub(crate) since: Timestamp,
    /// Whether the answer was no, where the network keeps no such answer.
    pub(crate) declined: bool,
}

/// Something an account's owner is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoticeRecord {
    pub(crate) owner: UserId,
    pub(crate) login: LoginId,
    pub(crate) at: Timestamp,
    pub(crate) kind: EventKind,
}

/// What is told of a message whose fate another event was to tell, should it not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnderwayRecord(pub(crate) Event);

/// Whether an owner wants to hear of somebody, where she said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WatchRecord(pub(crate) bool);

macro_rules! records {
    ($($record:ty => $table:ident $version:literal),+ $(,)?) => {$(
        impl Record for $record {
            const TABLE: TableId = TableId::$table;
            const VERSION: u8 = $version;
        }
    )+

        /// Every record and its table: the test of stored forms must know them all.
        #[cfg(test)]
        const RECORDS: &[(&str, TableId)] = &[$((stringify!($record), TableId::$table)),+];
    };
}

records! {
    AppearanceRecord => Appearance 1,
    AuditRecord => Audit 1,
    CommandRecord => Command 1,
    EndpointRecord => Endpoint 1,
    FateRecord => Fate 1,
    LegMode => LegMode 1,
    LegState => Leg 1,
    LogRow => PortalLog 1,
    LoginRecord => Login 1,
    Mark => Mark 1,
    Names => MessageForward 1,
    NoticeRecord => Notice 1,
    PortalRecord => Portal 1,
    Position => Cursor 1,
    RequestRecord => Request 1,
    RowOf => MessageReverse 1,
    Seen => Dedupe 1,
    Standing => Standing 1,
    Told => Told 1,
    UnderwayRecord => Underway 1,
    UserRecord => User 1,
    WatchRecord => Watch 1,
}

pub(crate) fn portal_key(portal: PortalId) -> Key {
    KeyBuilder::new(TableId::Portal).portal(portal).build()
}

pub(crate) fn log_key(portal: PortalId, number: u64) -> Key {
    KeyBuilder::new(TableId::PortalLog).portal(portal).number(number).build()
}

pub(crate) fn leg_key(portal: PortalId, leg: u16) -> Key {
    KeyBuilder::new(TableId::Leg).portal(portal).small(leg).build()
}

pub(crate) fn leg_mode_key(portal: PortalId, leg: u16) -> Key {
    KeyBuilder::new(TableId::LegMode).portal(portal).small(leg).build()
}

pub(crate) fn fate_key(portal: PortalId, row: RowId, leg: u16) -> Key {
    KeyBuilder::new(TableId::Fate).portal(portal).row(row).small(leg).build()
}

pub(crate) fn mark_key(portal: PortalId, number: u64) -> Key {
    KeyBuilder::new(TableId::Mark).portal(portal).number(number).build()
}

pub(crate) fn told_key(portal: PortalId, person: &UserId) -> Key {
    let key = KeyBuilder::new(TableId::Told).portal(portal);
    key.text(person.network.as_str()).text(person.id.as_str()).build()
}

pub(crate) fn dedupe_key(network: &NetworkId, source: &SourceId) -> Key {
    KeyBuilder::new(TableId::Dedupe).text(network.as_str()).text(source.as_str()).build()
}

pub(crate) fn cursor_key(network: &NetworkId, stream: &str) -> Key {
    KeyBuilder::new(TableId::Cursor).text(network.as_str()).text(stream).build()
}

pub(crate) fn names_key(row: RowId, leg: u16) -> Key {
    KeyBuilder::new(TableId::MessageForward).row(row).small(leg).build()
}

pub(crate) fn row_of_key(network: &NetworkId, message: &MessageId) -> Key {
    KeyBuilder::new(TableId::MessageReverse).text(network.as_str()).text(message.as_str()).build()
}

pub(crate) fn login_key(login: &LoginId) -> Key {
    KeyBuilder::new(TableId::Login).text(login.as_str()).build()
}

pub(crate) fn standing_key(login: &LoginId) -> Key {
    KeyBuilder::new(TableId::Standing).text(login.as_str()).build()
}

pub(crate) fn user_key(user: &UserId) -> Key {
    KeyBuilder::new(TableId::User).text(user.network.as_str()).text(user.id.as_str()).build()
}

pub(crate) fn appearance_key(login: &LoginId) -> Key {
    KeyBuilder::new(TableId::Appearance).text(login.as_str()).build()
}

/// Rows sort by time.
pub(crate) fn audit_key(row: RowId) -> Key {
    KeyBuilder::new(TableId::Audit).row(row).build()
}

pub(crate) fn request_key(login: &LoginId, person: &PersonaId) -> Key {
    KeyBuilder::new(TableId::Request).text(login.as_str()).text(person.as_str()).build()
}

pub(crate) fn notice_key(row: RowId) -> Key {
    KeyBuilder::new(TableId::Notice).row(row).build()
}

/// Named as the event that was to tell it.
pub(crate) fn underway_key(network: &NetworkId, source: &SourceId) -> Key {
    KeyBuilder::new(TableId::Underway).text(network.as_str()).text(source.as_str()).build()
}

pub(crate) fn watch_key(login: &LoginId, person: &PersonaId) -> Key {
    KeyBuilder::new(TableId::Watch).text(login.as_str()).text(person.as_str()).build()
}

pub(crate) fn command_key(row: RowId) -> Key {
    KeyBuilder::new(TableId::Command).row(row).build()
}

/// Marks a log value whose row lies in pieces in the overflow table.
const IN_PIECES: u8 = 0;

/// Adds a row to a batch, in pieces where it is longer than a value may be.
pub(crate) fn put_row(
    batch: &mut Batch,
    portal: PortalId,
    number: u64,
    row: &LogRow,
) -> Result<(), StoreError> {
    let bytes = Table::encode(row)?;
    if bytes.len() <= MAX_VALUE_LENGTH {
        return batch.put(log_key(portal, number), bytes).map(drop);
    }
    batch.put(log_key(portal, number), vec![IN_PIECES])?;
    for (piece, bytes) in (0..).zip(bytes.chunks(MAX_VALUE_LENGTH)) {
        let key = KeyBuilder::new(TableId::Overflow).portal(portal).number(number).small(piece);
        batch.put(key.build(), bytes.to_vec())?;
    }
    Ok(())
}

/// Reads a row; none when it has been passed by all legs.
pub(crate) async fn get_row(
    store: &dyn Store,
    portal: PortalId,
    number: u64,
) -> Result<Option<LogRow>, StoreError> {
    match store.get(&log_key(portal, number)).await? {
        None => Ok(None),
        Some(value) if value == [IN_PIECES] => {
            let pieces = KeyBuilder::new(TableId::Overflow).portal(portal).number(number).prefix();
            let pieces = store.scan(pieces, usize::from(u16::MAX)).await?;
            let bytes: Vec<u8> = pieces.into_iter().flat_map(|(_, piece)| piece).collect();
            Table::decode(&bytes).map(Some)
        }
        Some(value) => Table::decode(&value).map(Some),
    }
}

/// Removes a row, and its pieces if it may have some.
pub(crate) fn remove_row(batch: &mut Batch, portal: PortalId, number: u64, row: &LogRow) {
    batch.remove(log_key(portal, number));
    let length = Table::encode(row).map_or(0, |bytes| bytes.len());
    if length > MAX_VALUE_LENGTH {
        for (piece, _) in (0_u16..).zip(0..length.div_ceil(MAX_VALUE_LENGTH)) {
            let key = KeyBuilder::new(TableId::Overflow).portal(portal).number(number).small(piece);
            batch.remove(key.build());
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        model::{ContactChange, ContactDelta, Content, Scope},
        supervisor::standing::Trouble,
    };

    /// Tables whose values are no records: numbers, an adapter's own words, pieces of rows and pictures.
    const RAW: [TableId; 5] =
        [TableId::FateRow, TableId::Meta, TableId::Namespace, TableId::Overflow, TableId::Picture];

    thread_local! {
        static SEEN: std::cell::RefCell<Vec<&'static str>> = const { std::cell::RefCell::new(Vec::new()) };
    }

    fn hex<R: Record>(record: &R) -> String {
        let name = std::any::type_name::<R>().rsplit("::").next().unwrap();
        SEEN.with_borrow_mut(|seen| seen.push(name));
        let bytes = Table::encode(record).unwrap();
        assert_eq!(Table::<R>::encode(&Table::decode(&bytes).unwrap()).unwrap(), bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn user() -> UserId {
        UserId { network: NetworkId::new("m"), id: PersonaId::new("@a:b") }
    }

    fn persona() -> Persona {
        Persona {
            network: NetworkId::new("n"),
            id: PersonaId::new("b@c"),
            name: Some("B".to_owned()),
        }
    }

    /// What is stored today must be read for ever: a change here needs a new version and a migration.
    #[test]
    fn stored_forms_stay_as_they_are() {
        let (portal, row) = (PortalId(Uuid::from_u128(1)), RowId(Uuid::from_u128(2)));
        let one = "1000000000000000000000000000000001";
        let two = "1000000000000000000000000000000002";
        let chat = Leg::Chat { login: LoginId::new("l"), chat: ChatId::new("c"), peer: persona() };
        let room = Leg::Room { network: NetworkId::new("m"), room: None, owner: Some(user()) };
        let record = PortalRecord {
            kind: RoomKind::Direct,
            name: None,
            relay: None,
            legs: vec![chat, room, Leg::Closed],
        };
        assert_eq!(
            hex(&record),
            "010000000300016c0163016e0362406301014202016d0001016d0440613a6201"
        );
        assert_eq!(hex(&EndpointRecord(portal)), format!("01{one}"));
        let state = LegState { cursor: 300, in_flight: Some(InFlight::Row(7)), last: None };
        assert_eq!(hex(&state), "01ac0201000700");
        let mode = LegMode { relay: true, since: Some(Timestamp(300)) };
        assert_eq!(hex(&mode), "010101ac02");
        let state = DeliveryState::Unknown { tell_user: "t".to_owned() };
        let fate = FateRecord { at: Timestamp(300), state, sender: user(), doubtful: true };
        assert_eq!(hex(&fate), "01ac02020174016d0440613a6201");
        assert_eq!(hex(&Mark::Withdrawn), "0101");
        assert_eq!(hex(&Told::NotCarried), "0101");
        assert_eq!(hex(&Seen(Timestamp(300))), "01ac02");
        assert_eq!(hex(&Position("p".to_owned())), "010170");
        assert_eq!(hex(&Names(vec![MessageId::new("$e")])), "0101022465");
        assert_eq!(hex(&RowOf { portal, row }), format!("01{one}{two}"));
        let login = LoginRecord {
            network: NetworkId::new("n"),
            owner: user(),
            persona: persona(),
            sealed: vec![9],
        };
        assert_eq!(hex(&login), "01016e016d0440613a62016e036240630101420109");
        let command =
            CommandRecord { user: user(), room: RoomId::new("r"), message: None, sealed: vec![9] };
        assert_eq!(hex(&command), "01016d0440613a620172000109");
        let standing = Standing {
            trouble: Trouble::Refused,
            reason: Some("r".to_owned()),
            since: Timestamp(300),
        };
        assert_eq!(hex(&standing), "0102010172ac02");
        let options = [("account".to_owned(), "l".to_owned())].into();
        assert_eq!(hex(&UserRecord { options }), "0101076163636f756e74016c");
        let appearance = AppearanceRecord {
            name: Some("B".to_owned()),
            state: Some(PresenceState::Busy),
            status_text: None,
        };
        assert_eq!(hex(&appearance), "01010142010200");
        let command = "logout".to_owned();
        let audit = AuditRecord { at: Timestamp(300), who: None, whom: user(), command };
        assert_eq!(hex(&audit), "01ac0200016d0440613a62066c6f676f7574");
        let request = RequestRecord { since: Timestamp(300), declined: true };
        assert_eq!(hex(&request), "01ac0201");
        assert_eq!(hex(&WatchRecord(true)), "0101");
        let change = ContactChange::AddedUs;
        let notice = NoticeRecord {
            owner: user(),
            login: LoginId::new("l"),
            at: Timestamp(1),
            kind: EventKind::ContactDelta(ContactDelta { person: persona(), change }),
        };
        assert_eq!(hex(&notice), "01016d0440613a62016c0102016e0362406301014201");
        let event = Event {
            network: NetworkId::new("n"),
            source: SourceId::new("s"),
            message: None,
            at: Timestamp(1),
            scope: Scope::Room(RoomId::new("r")),
            sender: persona(),
            kind: EventKind::Message(Content::plain("hi")),
        };
        let underway = hex(&UnderwayRecord(event.clone()));
        let log = LogRow { row, accepted: Timestamp(2), origin: Some(1), only: None, event };
        let event = "016e01730001020172016e03624063010142070268690000000000";
        assert_eq!(underway, format!("01{event}"));
        assert_eq!(hex(&log), format!("01{two}02010100{event}"));

        // None is forgotten here, and no table is without a form that is held.
        let mut seen = SEEN.take();
        seen.sort_unstable();
        seen.dedup();
        let mut known: Vec<&str> = RECORDS.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        assert_eq!(seen, known, "each record of the list needs a snapshot here");
        for table in TableId::ALL {
            let held = RECORDS.iter().any(|(_, other)| other == table) || RAW.contains(table);
            assert!(held, "{table:?} has neither records nor a reason to have none");
        }
    }
}
