//! Who is who on the homeserver: the bot, the ghosts, everybody else.

use bridge_core::{
    id::{NetworkId, PersonaId},
    model::Persona,
};
use ruma::{OwnedUserId, ServerName, UserId};

use crate::{MatrixConfig, texts};

/// Longest user id, in bytes (Matrix specification, user identifiers).
const USER_ID_LIMIT: usize = 255;

/// The bridge's part of the homeserver's users.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    domain: String,
    prefix: String,
    pub(crate) bot: OwnedUserId,
    sender: String,
}

impl Names {
    /// Takes the names from a configuration; none when they make no user ids.
    pub(crate) fn new(config: &MatrixConfig) -> Option<Self> {
        let MatrixConfig { domain, bot_localpart, ghost_prefix, .. } = config;
        Some(Self {
            bot: UserId::parse(format!("@{bot_localpart}:{domain}")).ok()?,
            sender: format!("@{bot_localpart}-sender:{domain}"),
            domain: domain.clone(),
            prefix: ghost_prefix.clone(),
        })
    }

    /// Names the ghost of somebody: her id in lower case, everything unusual as `=` and two digits;
    /// before it her network, unless it is MSN, whose ids all have an `@`, so that none can be taken
    /// for another network's.
    ///
    /// Ids too long for a user id are cut, and told apart by a digest.
    pub(crate) fn ghost(&self, persona: &Persona) -> Option<OwnedUserId> {
        let room = USER_ID_LIMIT.saturating_sub(self.domain.len() + self.prefix.len() + 2);
        let id = match persona.network.as_str() {
            "msn" => persona.id.as_str().to_lowercase(),
            network => format!("{network}_{}", persona.id).to_lowercase(),
        };
        let mut localpart = escaped(&id);
        if localpart.len() > room {
            let digest = format!("=={:016x}", digest(id.as_bytes()));
            localpart.truncate(room.saturating_sub(digest.len()));
            localpart.push_str(&digest);
        }
        UserId::parse(format!("@{}{localpart}:{}", self.prefix, self.domain)).ok()
    }

    /// Tells whose ghost a user is; none where it is none of MSN's people, or its id was cut.
    pub(crate) fn person(&self, ghost: &UserId) -> Option<Persona> {
        let localpart = ghost.localpart().strip_prefix(self.prefix.as_str())?;
        let address = unescaped(localpart).filter(|_| self.is_own(ghost.as_str()))?;
        let plain = |part: &str| {
            !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        let (who, place) = address.split_once('@')?;
        let whole = plain(who) && plain(place) && !place.contains('@') && address.len() <= 254;
        let (network, id) = (NetworkId::new("msn"), PersonaId::new(address.as_str()));
        let persona = Persona { network, id, name: None };
        // One way to write an address is its ghost's.
        (whole && self.ghost(&persona).as_deref() == Some(ghost)).then_some(persona)
    }

    /// Names somebody as a user of the bridge whose own words come from another place, where the bridge
    /// cannot speak as her. No address begins like hers then, so that the ghost is nobody else's.
    pub(crate) fn another_self(sender: &Persona) -> Persona {
        Persona {
            network: sender.network.clone(),
            id: PersonaId::new(format!("@{}", sender.id)),
            name: Some(texts::you_elsewhere(sender.shown_name())),
        }
    }

    /// Names the homeserver.
    pub(crate) fn server(&self) -> &ServerName {
        self.bot.server_name()
    }

    /// Gives the address that an MSN ghost stands for.
    pub(crate) fn address_of(&self, ghost: &str) -> Option<String> {
        let ghost = UserId::parse(ghost).ok()?;
        self.person(&ghost).map(|person| person.id.to_string())
    }

    /// Gives the part of a ghost's id before the colon.
    pub(crate) fn localpart(user: &UserId) -> String {
        user.localpart().to_owned()
    }

    /// Tells whether a user is one of ours.
    pub(crate) fn is_own(&self, user: &str) -> bool {
        let ghost = || {
            let name =
                user.strip_prefix('@').and_then(|rest| rest.strip_prefix(self.prefix.as_str()));
            name.and_then(|name| name.rsplit_once(':'))
                .is_some_and(|(_, domain)| domain == self.domain)
        };
        user == self.bot.as_str() || user == self.sender || ghost()
    }
}

fn unescaped(localpart: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(localpart.len());
    let mut rest = localpart.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let digits = [*rest.next()?, *rest.next()?];
        bytes.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn escaped(address: &str) -> String {
    let mut out = String::with_capacity(address.len());
    for byte in address.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => out.push(char::from(byte)),
            byte => out.push_str(&format!("={byte:02x}")),
        }
    }
    out
}

/// FNV-1a, 64 bits: enough to tell two long addresses apart, the same for ever.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let config = serde_json::json!({ "homeserver": "http://h", "domain": "example.org" });
        Names::new(&serde_json::from_value(config).unwrap()).unwrap()
    }

    fn somebody(network: &str, id: &str) -> Persona {
        let (network, id) = (NetworkId::new(network), PersonaId::new(id));
        Persona { network, id, name: None }
    }

    #[test]
    fn people_of_other_networks_are_told_apart_by_its_name() {
        let ghost = names().ghost(&somebody("discord", "80351110224678912")).unwrap();
        assert_eq!(ghost, "@msn_discord_80351110224678912:example.org");
    }

    #[test]
    fn an_address_makes_one_valid_ghost_whatever_its_case() {
        let names = names();
        let ghost = names.ghost(&somebody("msn", "Bob+Tag@Example.com")).unwrap();
        assert_eq!(ghost, "@msn_bob=2btag=40example.com:example.org");
        assert_eq!(names.ghost(&somebody("msn", "bob+tag@example.com")), Some(ghost.clone()));
        assert_eq!(names.address_of(ghost.as_str()).as_deref(), Some("bob+tag@example.com"));
        for other in ["@msn_bob=40b:elsewhere.org", "@msn_x=4:example.org", "@ada:example.org"] {
            assert_eq!(names.address_of(other), None, "{other}");
        }
        assert!(names.is_own(ghost.as_str()));
    }

    #[test]
    fn long_addresses_stay_apart_within_the_limit() {
        let names = names();
        let long = |end: &str| {
            let id = format!("{}{end}@example.com", "x".repeat(300));
            names.ghost(&somebody("msn", &id)).unwrap()
        };
        assert!(long("a").as_str().len() <= USER_ID_LIMIT);
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn a_ghost_says_whose_it_is_and_nothing_else_does() {
        let names = names();
        let bob = somebody("msn", "bob+tag@example.com");
        assert_eq!(names.person(&names.ghost(&bob).unwrap()), Some(bob));
        let her = Names::another_self(&somebody("msn", "ada@example.com"));
        let others = [
            names.ghost(&her).unwrap(),
            names.ghost(&somebody("discord", "80351110224678912")).unwrap(),
            names.ghost(&somebody("msn", &format!("{}@example.com", "x".repeat(300)))).unwrap(),
            names.bot.clone(),
            UserId::parse("@msn_bob=40example.com:elsewhere.org").unwrap(),
            UserId::parse("@msn_Bob=40example.com:example.org").unwrap(),
            UserId::parse("@msn_b=6fb=40example.com:example.org").unwrap(),
            UserId::parse("@msn_bob=4:example.org").unwrap(),
            UserId::parse("@msn_bob=40a=20b:example.org").unwrap(),
        ];
        for other in others {
            assert_eq!(names.person(&other), None, "{other}");
        }
    }

    #[test]
    fn only_ours_are_ours() {
        let names = names();
        assert!(names.is_own("@msnbot:example.org"));
        assert!(names.is_own("@msnbot-sender:example.org"));
        for other in ["@ada:example.org", "@msn_bob:elsewhere.org", "@msnbot:example.org.evil"] {
            assert!(!names.is_own(other), "{other}");
        }
    }
}
