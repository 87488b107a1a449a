//! Whom a command is about: an address, with the network it belongs to.
//!
//! ```text
//! S: FLN bob@example.com                 (to MSNP13)
//! S: FLN bob@example.com 1 0             (MSNP14 to 17)
//! S: FLN 1:bob@example.com 0:0           (from MSNP18)
//! ```
//! Servers and documents differ about which version joined the two, so the shape decides.

use super::{DecodeError, Line};
use crate::{arg::Arguments, version::Version};

/// The network of everybody with an account of this service.
pub const PASSPORT_NETWORK: u32 = 1;

/// An address with its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose<'a> {
    /// The address.
    pub account: &'a str,
    /// The number of the network; 1 where none is told.
    pub network: u32,
    /// The circle she is seen through, with its own number.
    pub via: Option<&'a str>,
}

impl<'a> Whose<'a> {
    /// Takes somebody of this network.
    pub fn passport(account: &'a str) -> Self {
        Self { account, network: PASSPORT_NETWORK, via: None }
    }

    /// Reads `1:bob@example.com;via=9:…`, or an address alone.
    pub fn from_text(text: &'a str) -> Self {
        let (text, rest) = match text.split_once(';') {
            Some((text, rest)) => (text, Some(rest)),
            None => (text, None),
        };
        let via = rest.and_then(|rest| rest.split(';').find_map(|part| part.strip_prefix("via=")));
        let joined = text.split_once(':').and_then(|(number, account)| {
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            Some((number.parse().ok().filter(|_| digits)?, account))
        });
        let (network, account) = joined.unwrap_or((PASSPORT_NETWORK, text));
        Self { account, network, via }
    }

    pub(super) fn decode(
        arguments: &mut Arguments<'_, 'a>,
        version: Version,
    ) -> Result<Self, DecodeError> {
        let text = arguments.raw()?;
        if !version.has_network_in_presence() {
            return Ok(Self::passport(text));
        }
        let mut whose = Self::from_text(text);
        let joined = whose.account.len() != text.split(';').next().unwrap_or_default().len();
        if whose.account.is_empty() {
            return Err(arguments.malformed("an address"));
        }
        if !joined && arguments.next_is_number() {
            whose.network = arguments.number()?;
        }
        Ok(whose)
    }

    pub(super) fn encode<'o>(&self, line: Line<'o>, version: Version) -> Line<'o> {
        if version.has_joined_addresses() {
            self.encode_joined(line)
        } else if version.has_network_in_presence() {
            self.encode_apart(line)
        } else {
            line.raw(self.account)
        }
    }

    /// Writes the address and then the network; joined where the address looks as if it were.
    pub(super) fn encode_apart<'o>(&self, line: Line<'o>) -> Line<'o> {
        if Self::from_text(self.account).account.len() != self.account.len() {
            return self.encode_joined(line);
        }
        line.raw(self.account).number(self.network)
    }

    fn encode_joined<'o>(&self, line: Line<'o>) -> Line<'o> {
        let via = self.via.map(|via| format!(";via={via}")).unwrap_or_default();
        line.raw(&format!("{}:{}{via}", self.network, self.account))
    }
}
