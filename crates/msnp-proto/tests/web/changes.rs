//! Lists that are read again: changes only, where a server tells them, come to the same as everything.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use msnp_proto::{
    Version,
    session::{Contact, Event, Group, HttpReply, Privacy, Roster},
    xml::Element,
};
use proptest::prelude::*;

use super::{online_with, services::reply};
use crate::Scene;

/// Somebody as the services know her: contact's name and group, and the four lists they keep.
#[derive(Clone, Debug, Default, PartialEq)]
struct Person {
    contact: Option<(String, Option<u8>)>,
    lists: [bool; 4],
}

/// What the services know.
#[derive(Clone, Debug, Default)]
struct Book {
    people: BTreeMap<u8, Person>,
    groups: BTreeMap<u8, String>,
    strangers: bool,
}

/// What a server does when it is asked for changes only.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Server {
    Ignores,
    Refuses,
    Tells,
}

const ROLES: [&str; 4] = ["Allow", "Block", "Reverse", "Pending"];

impl Book {
    fn memberships(&self, before: Option<&Self>) -> String {
        let lists = (0..).zip(ROLES).map(|(list, role)| {
            let numbers = self.people.keys().chain(before.iter().flat_map(|book| book.people.keys()));
            let mut numbers: Vec<&u8> = numbers.collect();
            numbers.sort_unstable();
            numbers.dedup();
            let on = |book: &Self, number| {
                book.people.get(number).is_some_and(|person| person.lists.get(list) == Some(&true))
            };
            let members = numbers.into_iter().filter_map(|number| {
                let is = on(self, number);
                let told = match before {
                    Some(before) => on(before, number) != is,
                    None => is,
                };
                told.then(|| {
                    format!(
                        "<Member type=\"PassportMember\"><MembershipId>{0}/{number}</MembershipId>\
                         <Deleted>{1}</Deleted><PassportName>p{number}@example.com</PassportName>\
                         </Member>",
                        role, !is
                    )
                })
            });
            let members: String = members.collect();
            format!(
                "<Membership><MemberRole>{role}</MemberRole><Members>{members}</Members></Membership>"
            )
        });
        let lists: String = lists.collect();
        format!(
            "<E><Body><R><FindMembershipResult><Services><Service><Memberships>{lists}</Memberships>\
             <Info><Handle><Type>Messenger</Type></Handle></Info><LastChange>1</LastChange></Service>\
             </Services></FindMembershipResult></R></Body></E>"
        )
    }

    fn contacts(&self, before: Option<&Self>) -> String {
        let mut out = String::from("<E><Body><R><X><groups>");
        for (number, name) in &self.groups {
            if before.is_none_or(|book| book.groups.get(number) != Some(name)) {
                out += &format!(
                    "<Group><groupId>g{number}</groupId><groupInfo><name>{name}</name></groupInfo></Group>"
                );
            }
        }
        let gone = before.iter().flat_map(|book| book.groups.keys());
        for number in gone.filter(|number| !self.groups.contains_key(number)) {
            out += &format!("<Group><groupId>g{number}</groupId><fDeleted>true</fDeleted></Group>");
        }
        out += "</groups><contacts>";
        let contact = |book: &Self, number: &u8| {
            book.people.get(number).and_then(|person| person.contact.clone())
        };
        let told =
            |number: &&u8| before.is_none_or(|book| contact(book, number) != contact(self, number));
        for number in self.people.keys().filter(told) {
            let Some((name, group)) = contact(self, number) else {
                continue;
            };
            let group = group.map(|group| format!("<guid>g{group}</guid>")).unwrap_or_default();
            out += &format!(
                "<Contact><contactId>c{number}</contactId><contactInfo><passportName>\
                 p{number}@example.com</passportName><displayName>{name}</displayName>\
                 <isMessengerUser>true</isMessengerUser><groupIds>{group}</groupIds></contactInfo>\
                 </Contact>"
            );
        }
        let gone =
            before.iter().flat_map(|book| book.people.keys().map(move |number| (book, number)));
        for (book, number) in gone {
            if contact(book, number).is_some() && contact(self, number).is_none() {
                out += &format!(
                    "<Contact><contactId>c{number}</contactId><fDeleted>true</fDeleted></Contact>"
                );
            }
        }
        if before.is_none_or(|book| book.strangers != self.strangers) {
            out += &format!(
                "<Contact><contactId>me</contactId><contactInfo><contactType>Me</contactType>\
                 <annotations><Annotation><Name>MSN.IM.BLP</Name><Value>{}</Value></Annotation>\
                 </annotations></contactInfo></Contact>",
                if self.strangers { 1 } else { 2 }
            );
        }
        out + "</contacts><ab><lastChange>1</lastChange></ab></X></R></Body></E>"
    }
}

/// Answers as a server of that kind does, first from one book, then from another.
fn serve(server: Server, books: Rc<RefCell<(Option<Book>, Book)>>) -> super::services::ListsAnswer {
    Box::new(move |operation: &str, asked: &Element| {
        let mut deltas = asked.descendants("deltasOnly").chain(asked.descendants("DeltasOnly"));
        let delta = deltas.next().map(Element::text) == Some("true");
        let (before, now) = &*books.borrow();
        let before = before.as_ref().filter(|_| delta && server == Server::Tells);
        if delta && server == Server::Refuses {
            return fault();
        }
        let text = match operation {
            "FindMembership" => now.memberships(before),
            _ => now.contacts(before),
        };
        reply(200, text.into_bytes())
    })
}

/// The fault as one server sends it: with a status that says nothing of it.
fn fault() -> HttpReply {
    let text = "<E><Body><Fault><faultcode>soap:Client</faultcode><faultstring>Need to do full sync. \
                Full sync required</faultstring></Fault></Body></E>";
    reply(200, text.into())
}

type Shown = (Vec<Contact>, Vec<Group>, Privacy);

fn shown(roster: &Roster) -> Shown {
    (roster.contacts().cloned().collect(), roster.groups().collect(), roster.privacy())
}

/// Signs in to one book, lets it become another, and tells of it; gives what the client has then,
/// and what it asked for.
fn change(version: Version, server: Server, first: &Book, then: &Book) -> (Scene, Roster) {
    let books = Rc::new(RefCell::new((None, first.clone())));
    let served = serve(server, Rc::clone(&books));
    let (mut scene, link) = online_with(version, |scene| scene.web.lists = Some(served));
    let before = scene.session.roster().clone();
    *books.borrow_mut() = (Some(first.clone()), then.clone());
    scene.asked.clear();
    scene.events.clear();
    let notice = "<NOTIFICATION>&lt;Service&gt;ABCHInternal&lt;/Service&gt;</NOTIFICATION>";
    scene.hear(link, &format!("NOT {}\r\n{notice}", notice.len()));
    (scene, before)
}

fn any_person() -> impl Strategy<Value = Person> {
    let contact = proptest::option::of(("[a-c]{1,2}", proptest::option::of(0_u8..3)));
    (contact, any::<[bool; 4]>()).prop_map(|(contact, lists)| Person { contact, lists })
}

fn any_book() -> impl Strategy<Value = Book> {
    let people = proptest::collection::btree_map(0_u8..8, any_person(), 0..8);
    let groups = proptest::collection::btree_map(0_u8..3, "[a-c]{1,2}", 0..3);
    (people, groups, any::<bool>()).prop_map(|(people, groups, strangers)| {
        // Bob of the recorded sign-in is there all the time.
        let mut book = Book { people, groups, strangers };
        for number in 20..40 {
            let contact = Some(("z".to_owned(), None));
            let lists = [true, false, true, false];
            book.people.insert(number, Person { contact, lists });
        }
        for (_, group) in book.people.values_mut().filter_map(|person| person.contact.as_mut()) {
            *group = group.filter(|group| book.groups.contains_key(group));
        }
        // Who waits for an answer is on no other list of the account's.
        for person in book.people.values_mut().filter(|person| person.lists[3]) {
            (person.contact, person.lists) = (None, [false, false, false, true]);
        }
        book
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changes_come_to_the_same_lists_as_everything(first in any_book(), then in any_book()) {
        let version = Version::Msnp18;
        let (told, before) = change(version, Server::Tells, &first, &then);
        let wanted = shown(told.session.roster());
        let events = told.session.roster().differences(&before);
        prop_assert_eq!(&told.events, &events);
        for server in [Server::Refuses, Server::Ignores] {
            let (scene, _) = change(version, server, &first, &then);
            prop_assert_eq!(&shown(scene.session.roster()), &wanted);
            prop_assert_eq!(&scene.events, &events);
        }
    }
}

fn friends() -> Book {
    let people = (0..12).map(|number| {
        let contact = Some(("z".to_owned(), None));
        (number, Person { contact, lists: [true, false, true, false] })
    });
    Book { people: people.collect(), groups: BTreeMap::new(), strangers: true }
}

#[test]
fn only_changes_are_asked_for_where_a_server_tells_them() {
    for version in super::on_the_web() {
        let mut then = friends();
        then.people.remove(&3);
        let (scene, before) = change(version, Server::Tells, &friends(), &then);
        assert_eq!(scene.asked.len(), 2, "{version}: {:?}", scene.asked);
        assert_eq!(before.contacts().count(), 12);
        assert!(scene.session.roster().contact("p3@example.com").is_none(), "{version}");
        let gone = |event: &Event| matches!(event, Event::ContactChanged { account, .. } if account == "p3@example.com");
        assert!(scene.events.iter().any(gone), "{version}");
    }
}

#[test]
fn who_refuses_changes_is_not_asked_for_them_again() {
    for server in [Server::Refuses, Server::Ignores] {
        let mut then = friends();
        then.people.remove(&3);
        let (mut scene, _) = change(Version::Msnp15, server, &friends(), &then);
        assert!(scene.session.roster().contact("p3@example.com").is_none(), "{server:?}");
        let first = scene.asked.len();
        assert!(first > 2, "{server:?}: it was tried once");
        let link = scene.links[0].0;
        let notice = "<a>ABCHInternal</a>";
        scene.hear(link, &format!("NOT {}\r\n{notice}", notice.len()));
        assert_eq!(scene.asked.len(), first + 2, "{server:?}");
    }
}
