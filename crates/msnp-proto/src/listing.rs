//! `ADL` and `RML`: lists told to the server, and what it tells of others' lists.
//!
//! ```text
//! C: ADL 6 111⏎<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/></d></ml>
//! S: ADL 0 80⏎<ml><d n="example.com"><c n="bob" t="1" l="8" f="Bob"/></d></ml>
//! ```
//! From MSNP21 an entry has a child for each service in place of `l` (docs: protocol, ADL). White
//! space between the tags ends a session on some servers, so there is none.

use std::collections::BTreeMap;

use crate::{
    command::{List, Lists, PASSPORT_NETWORK},
    escape,
    version::Version,
    xml::{self, escaped},
};

/// Most entries of one command.
const ENTRIES_LIMIT: usize = 150;
/// Most bytes of one payload.
const LENGTH_LIMIT: usize = 7400;
/// Most entries read of one payload.
const READ_LIMIT: usize = 10_000;

/// Somebody in such a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The address.
    pub account: String,
    /// The number of her network.
    pub network: u32,
    /// The lists.
    pub lists: Lists,
    /// Her name, where a server tells it.
    pub name: Option<String>,
}

impl Listed {
    /// Takes somebody of this network.
    pub fn on(account: &str, lists: Lists) -> Self {
        Self { account: account.to_owned(), network: PASSPORT_NETWORK, lists, name: None }
    }
}

/// Writes the payloads for some people, each within what one command may carry; at least one.
///
/// `initial` is for the first telling after a sign-in. Lists that a client may not tell, reverse and
/// pending, are left out.
pub fn write(people: &[Listed], initial: bool, version: Version) -> Vec<Vec<u8>> {
    let mut domains: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for listed in people {
        let lists = listed.lists.with(List::Reverse, false).with(List::Pending, false);
        if lists == Lists(0) {
            continue;
        }
        let (name, domain) = listed.account.split_once('@').unwrap_or((&listed.account, ""));
        let entry = entry(name, listed.network, lists, version);
        domains.entry(domain).or_default().push(entry);
    }
    let open = if initial { "<ml l=\"1\">" } else { "<ml>" };
    let mut payloads = Vec::new();
    let (mut payload, mut count) = (open.to_owned(), 0);
    for (domain, entries) in domains {
        let (head, tail) = match domain {
            "" => ("<t>".to_owned(), "</t>"),
            domain => (format!("<d n=\"{}\">", escaped(domain)), "</d>"),
        };
        let mut within = false;
        for entry in entries {
            let length = payload.len() + head.len() + entry.len() + 16;
            if count > 0 && (count >= ENTRIES_LIMIT || length > LENGTH_LIMIT) {
                payload.push_str(if within { tail } else { "" });
                payload.push_str("</ml>");
                payloads.push(std::mem::replace(&mut payload, open.to_owned()).into_bytes());
                (count, within) = (0, false);
            }
            if !std::mem::replace(&mut within, true) {
                payload.push_str(&head);
            }
            payload.push_str(&entry);
            count += 1;
        }
        payload.push_str(if within { tail } else { "" });
    }
    if count > 0 || payloads.is_empty() {
        payload.push_str("</ml>");
        payloads.push(payload.into_bytes());
    }
    payloads
}

fn entry(name: &str, network: u32, lists: Lists, version: Version) -> String {
    let (name, lists) = (escaped(name), lists.0);
    if version.has_services_in_lists() {
        return format!(
            "<c n=\"{name}\" t=\"{network}\"><s l=\"{lists}\" n=\"IM\"/><s l=\"{lists}\" n=\"PE\"/></c>"
        );
    }
    format!("<c n=\"{name}\" l=\"{lists}\" t=\"{network}\"/>")
}

/// Writes what a client tells of itself, from MSNP21: which services it takes part in.
pub fn write_oneself(account: &str) -> Vec<u8> {
    let (name, domain) = account.split_once('@').unwrap_or((account, ""));
    let services = ["IM", "PE", "PD", "PF"].map(|name| format!("<s l=\"3\" n=\"{name}\"/>"));
    format!(
        "<ml><d n=\"{}\"><c n=\"{}\" t=\"1\">{}</c></d></ml>",
        escaped(domain),
        escaped(name),
        services.concat()
    )
    .into_bytes()
}

/// Writes what a server tells: somebody put the account on her list, or took it off.
pub fn write_push(listed: &Listed) -> Vec<u8> {
    let (name, domain) = listed.account.split_once('@').unwrap_or((&listed.account, ""));
    let friendly = listed.name.as_deref().map(|name| format!(" f=\"{}\"", escape::encode(name)));
    format!(
        "<ml><d n=\"{}\"><c n=\"{}\" t=\"{}\" l=\"{}\"{}/></d></ml>",
        escaped(domain),
        escaped(name),
        listed.network,
        listed.lists.0,
        friendly.unwrap_or_default()
    )
    .into_bytes()
}

/// Writes the question of `FQY`: which networks know an address.
pub fn write_question(account: &str) -> Vec<u8> {
    let (name, domain) = account.split_once('@').unwrap_or((account, ""));
    format!("<ml><d n=\"{}\"><c n=\"{}\"/></d></ml>", escaped(domain), escaped(name)).into_bytes()
}

/// Writes the answer to `FQY`: the network that knows an address.
pub fn write_networks(listed: &Listed) -> Vec<u8> {
    let (name, domain) = listed.account.split_once('@').unwrap_or((&listed.account, ""));
    format!(
        "<ml><d n=\"{}\"><c n=\"{}\" t=\"{}\" /></d></ml>",
        escaped(domain),
        escaped(name),
        listed.network
    )
    .into_bytes()
}

/// Reads a payload; gives the people in it, and whether it is a first telling. None when it is no
/// document of this kind.
pub fn read(payload: &[u8]) -> Option<(Vec<Listed>, bool)> {
    let document = xml::parse(payload).ok().filter(|document| document.name() == "ml")?;
    let mut people = Vec::new();
    for domain in document.children() {
        for entry in domain.all("c").take(READ_LIMIT - people.len()) {
            let name = entry.attribute("n")?;
            let account = match domain.attribute("n") {
                Some(domain) => format!("{name}@{domain}"),
                None => name.to_owned(),
            };
            let lists = entry.attribute("l").or_else(|| entry.find(&["s"])?.attribute("l"));
            let lists = Lists(lists.unwrap_or("0").parse().ok()?);
            let network = entry.attribute("t").and_then(|number| number.parse().ok());
            let name = entry.attribute("f");
            let name = name.map(|name| escape::decode(name.as_bytes()).into_owned());
            let network = network.unwrap_or(PASSPORT_NETWORK);
            people.push(Listed { account, network, lists, name });
        }
    }
    Some((people, document.attribute("l") == Some("1")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_grouped_by_domain_and_read_back() {
        let people = [
            Listed::on("bob@example.com", Lists(3)),
            Listed::on("dave@example.net", Lists(4 | 8)),
            Listed::on("carol@example.com", Lists(8)),
        ];
        let written = write(&people, true, Version::Msnp14);
        let wanted = "<ml l=\"1\"><d n=\"example.com\"><c n=\"bob\" l=\"3\" t=\"1\"/></d>\
                      <d n=\"example.net\"><c n=\"dave\" l=\"4\" t=\"1\"/></d></ml>";
        assert_eq!(String::from_utf8_lossy(&written[0]), wanted);
        let (read, initial) = read(&written[0]).unwrap();
        assert!(initial);
        assert_eq!(read[1], Listed::on("dave@example.net", Lists(4)));
        assert_eq!(write(&[], true, Version::Msnp18), [b"<ml l=\"1\"></ml>".to_vec()]);
    }

    #[test]
    fn many_people_are_told_in_several_commands() {
        let people: Vec<Listed> = (0..1000)
            .map(|number| Listed::on(&format!("user{number}@host{}.net", number % 3), Lists(3)))
            .collect();
        for version in [Version::Msnp13, Version::Msnp21] {
            let written = write(&people, true, version);
            let mut seen = Vec::new();
            for payload in &written {
                assert!(payload.len() <= 7500, "{}", payload.len());
                let (part, _) = read(payload).unwrap();
                assert!(part.len() <= 150);
                seen.extend(part.into_iter().map(|listed| listed.account));
            }
            seen.sort();
            let mut wanted: Vec<_> = people.iter().map(|listed| listed.account.clone()).collect();
            wanted.sort();
            assert_eq!(seen, wanted);
        }
    }

    #[test]
    fn what_a_server_pushes_is_read_with_its_name() {
        let mut ada = Listed::on("ada@example.com", Lists(8));
        ada.name = Some("Ada & <L> ☃".to_owned());
        assert_eq!(read(&write_push(&ada)).unwrap().0, [ada]);
        assert_eq!(read(b"<ml><d n=\"x\"><c l=\"8\"/></d></ml>"), None);
        assert_eq!(read(b"<xx/>"), None);
    }
}
