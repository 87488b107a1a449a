//! Whom a datagram is from or to: an account or one of its places, a circle, a temporary group.

use std::fmt;

use crate::{command::PASSPORT_NETWORK, msg::plain_id};

/// The number of the network that circles are.
pub const CIRCLE_NETWORK: u32 = 9;
/// The number of the network that temporary groups are.
pub const GROUP_NETWORK: u32 = 10;

/// Whom a datagram is from or to: `1:ada@example.com;epid={6b2d…}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The number of the network.
    pub network: u32,
    /// The account, circle or group.
    pub account: String,
    /// The place, without braces and in lower case; none for the account as a whole.
    pub endpoint: Option<String>,
    /// The channel of a circle or group: `IM`.
    pub path: Option<String>,
    /// What it is seen through, with its own number: a circle, or the gate of another network.
    pub via: Option<String>,
}

impl Address {
    /// Takes somebody of this network.
    pub fn passport(account: &str) -> Self {
        Self { network: PASSPORT_NETWORK, account: account.to_owned(), ..Self::default() }
    }

    /// Takes somebody of this network at a place.
    pub fn at(account: &str, endpoint: &str) -> Self {
        Self { endpoint: Some(plain_id(endpoint)), ..Self::passport(account) }
    }

    /// Takes the conversation of a circle: `9:00000000-0000-0000-0009-…@live.com;path=IM`.
    pub fn circle(id: &str) -> Self {
        Self { network: CIRCLE_NETWORK, ..Self::passport(id) }.talking()
    }

    /// Takes the conversation of a temporary group.
    pub fn group(id: &str) -> Self {
        Self { network: GROUP_NETWORK, ..Self::passport(id) }.talking()
    }

    fn talking(self) -> Self {
        Self { path: Some("IM".to_owned()), ..self }
    }

    /// Reads an address; none without a network and an account.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (network, account) = parts.next()?.split_once(':')?;
        let digits = !network.is_empty() && network.bytes().all(|byte| byte.is_ascii_digit());
        let network = network.parse().ok().filter(|_| digits && !account.is_empty())?;
        let mut address = Self { network, account: account.to_owned(), ..Self::default() };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.to_ascii_lowercase().as_str() {
                "epid" => address.endpoint = Some(plain_id(value)),
                "path" => address.path = Some(value.to_owned()),
                "via" => address.via = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(address)
    }

    /// Tells whether it is somebody's of this network, at whatever place.
    pub fn is_of(&self, account: &str) -> bool {
        self.network == PASSPORT_NETWORK && self.account.eq_ignore_ascii_case(account)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.network, self.account)?;
        if let Some(endpoint) = &self.endpoint {
            write!(f, ";epid={{{endpoint}}}")?;
        }
        if let Some(via) = &self.via {
            write!(f, ";via={via}")?;
        }
        if let Some(path) = &self.path {
            write!(f, ";path={path}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back() {
        for text in [
            "1:bob@example.com",
            "1:ada@example.com;epid={6b2d}",
            "9:00000000-0000-0000-0009-000000000001@live.com;path=IM",
            "13:1065663773;via=14:fb",
            "1:ada@example.com;epid={6b2d};via=9:c@live.com;path=IM",
        ] {
            assert_eq!(Address::read(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
        for text in ["", "bob@example.com", "1:", "+1:bob", "x:bob", ":bob"] {
            assert_eq!(Address::read(text), None, "{text}");
        }
    }
}
