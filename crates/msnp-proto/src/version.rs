//! Protocol versions, as questions one may ask of them.
//!
//! ```text
//! C: VER 1 MSNP18 MSNP17 … MSNP2 CVR0
//! ```
//! No code outside this module compares version numbers: it asks what a version has. What is said of
//! MSNP17, 19, 20 and 21 rests on documents alone: no server that is independent of them speaks them.

use std::{fmt, str::FromStr};

/// A version of the protocol this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// Messenger 1.0: sign-in by MD5, numbered lists.
    Msnp2 = 2,
    /// Messenger 2.0.
    Msnp3,
    /// Messenger 2.2.
    Msnp4,
    /// Messenger 3.0: properties, notices.
    Msnp5,
    /// Messenger 3.6: challenges.
    Msnp6,
    /// Messenger 4.5: groups.
    Msnp7,
    /// Messenger 5.0: Passport sign-in, capabilities.
    Msnp8,
    /// Messenger 6.0: display pictures.
    Msnp9,
    /// Messenger 6.2: contacts and groups by GUID.
    Msnp10,
    /// Messenger 7.0: personal messages, product-key challenges.
    Msnp11,
    /// Messenger 7.5: contacts of other networks.
    Msnp12,
    /// Live Messenger 8.0: lists by web service.
    Msnp13,
    /// Live Messenger 8.0: presence names the network.
    Msnp14,
    /// Live Messenger 8.1: sign-in by token and proof.
    Msnp15,
    /// Live Messenger 9 beta: several places at once.
    Msnp16,
    /// Live Messenger 9 beta; nothing is known that MSNP16 has not.
    Msnp17,
    /// Live Messenger 2009: circles, addresses with their network.
    Msnp18,
    /// Live Messenger 2011 beta; treated as MSNP18, unconfirmed.
    Msnp19,
    /// No public client; treated as MSNP18, unconfirmed.
    Msnp20,
    /// Live Messenger 2011: presence and messages as documents; unconfirmed.
    Msnp21,
}

/// How a version proves who signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `MD5`: the hash of a challenge and the password.
    Hash,
    /// `TWN`: a ticket of Passport.
    Ticket,
    /// `SSO`: a ticket of the token service, and a proof made with its secret.
    TicketWithProof,
}

impl Scheme {
    /// Gives the word of the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hash => "MD5",
            Self::Ticket => "TWN",
            Self::TicketWithProof => "SSO",
        }
    }
}

impl Version {
    /// All versions, the newest first.
    pub const ALL: [Self; 20] = [
        Self::Msnp21,
        Self::Msnp20,
        Self::Msnp19,
        Self::Msnp18,
        Self::Msnp17,
        Self::Msnp16,
        Self::Msnp15,
        Self::Msnp14,
        Self::Msnp13,
        Self::Msnp12,
        Self::Msnp11,
        Self::Msnp10,
        Self::Msnp9,
        Self::Msnp8,
        Self::Msnp7,
        Self::Msnp6,
        Self::Msnp5,
        Self::Msnp4,
        Self::Msnp3,
        Self::Msnp2,
    ];

    /// Gives the number, 2 to 21.
    #[expect(clippy::as_conversions, reason = "the discriminants are the numbers")]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Finds the version of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.number() == number)
    }

    /// Gives the versions worth offering to a server that speaks none newer than this one, best first.
    ///
    /// Those after MSNP18 are left out: servers that take them do not serve them.
    pub fn offered_up_to(best: Self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|version| *version <= best.min(Self::Msnp18)).collect()
    }

    /// Whether what is known of it rests on documents alone.
    pub fn is_unconfirmed(self) -> bool {
        self > Self::Msnp18
    }

    /// The number of the program that speaks it, for `CVR`.
    pub fn client_number(self) -> &'static str {
        match self {
            version if version <= Self::Msnp12 => "7.5.0324",
            version if version <= Self::Msnp14 => "8.0.0812",
            version if version <= Self::Msnp15 => "8.5.1302",
            version if version <= Self::Msnp18 => "14.0.8117.0416",
            _ => "15.4.3508.1109",
        }
    }

    /// The id of that program, for challenges.
    pub fn product_id(self) -> &'static str {
        match self {
            version if version <= Self::Msnp10 => "msmsgs@msnmsgr.com",
            version if version <= Self::Msnp12 => "PROD0090YUAUV{2B",
            Self::Msnp13 => "PROD01065C%ZFN6F",
            Self::Msnp14 => "PROD0112J1LW7%NB",
            Self::Msnp15 => "PROD0119GSJUC$18",
            _ => "PROD0120PW!CCV9@",
        }
    }

    /// How it proves who signs in.
    pub fn scheme(self) -> Scheme {
        match self {
            version if version < Self::Msnp8 => Scheme::Hash,
            version if version < Self::Msnp15 => Scheme::Ticket,
            _ => Scheme::TicketWithProof,
        }
    }

    /// Whether `INF` asks for the scheme before the sign-in; later `CVR` says which program it is.
    pub fn has_scheme_question(self) -> bool {
        self < Self::Msnp8
    }

    /// Whether `CVR` ends with the token of an earlier redirect.
    pub fn has_redirect_token(self) -> bool {
        self >= Self::Msnp21
    }

    /// Whether the sign-in names the installation it comes from.
    pub fn has_machine_id(self) -> bool {
        self >= Self::Msnp16
    }

    /// Whether `USR OK` carries the account's name; later it comes as `PRP MFN`.
    pub fn has_name_in_sign_in(self) -> bool {
        self < Self::Msnp10
    }

    /// Whether `USR OK` tells that the address is verified.
    pub fn has_verified_in_sign_in(self) -> bool {
        self >= Self::Msnp6
    }

    /// Whether `USR OK` tells whether the account is a child's.
    pub fn has_restricted_in_sign_in(self) -> bool {
        self >= Self::Msnp8
    }

    /// Whether policies are pushed during the sign-in.
    pub fn has_pushed_policies(self) -> bool {
        self >= Self::Msnp13
    }

    /// Whether the address of a redirect is followed by the server's own.
    pub fn has_origin_in_redirect(self) -> bool {
        self >= Self::Msnp7
    }

    /// Whether `SBS` follows the sign-in.
    pub fn has_sbs(self) -> bool {
        self >= Self::Msnp11 && self < Self::Msnp21
    }

    /// Whether every line of the lists repeats the request's number and the list's.
    pub fn has_numbered_lists(self) -> bool {
        self < Self::Msnp8
    }

    /// Whether servers write names as they are but for spaces, `%` and control characters. Clients of
    /// these versions undo those alone; older ones undo all, and one compares what it hears with what it
    /// said.
    pub fn has_plain_names(self) -> bool {
        self >= Self::Msnp13
    }

    /// Whether lists live in web services and are told to the server by `ADL`.
    pub fn has_web_lists(self) -> bool {
        self >= Self::Msnp13
    }

    /// Whether what is said to somebody who is away is kept, and can be read by web service.
    pub fn has_offline_inbox(self) -> bool {
        self >= Self::Msnp11
    }

    /// Whether an account has a roaming profile, read and changed by web service.
    pub fn has_profile(self) -> bool {
        self >= Self::Msnp15
    }

    /// Whether a contact's list entry in `ADL` is parted by services.
    pub fn has_services_in_lists(self) -> bool {
        self >= Self::Msnp21
    }

    /// Whether the address book is read by pages, circles with it.
    pub fn has_circles(self) -> bool {
        self >= Self::Msnp18
    }

    /// Whether the server can be asked which networks know an address.
    pub fn has_network_query(self) -> bool {
        self >= Self::Msnp14
    }

    /// Whether presence tells what a client can do.
    pub fn has_capabilities(self) -> bool {
        self >= Self::Msnp8
    }

    /// Whether capabilities are two numbers.
    pub fn has_extended_capabilities(self) -> bool {
        self >= Self::Msnp16
    }

    /// Whether presence carries a display picture object.
    pub fn has_objects(self) -> bool {
        self >= Self::Msnp9
    }

    /// Whether presence names the network, as a word or before the address.
    pub fn has_network_in_presence(self) -> bool {
        self >= Self::Msnp14
    }

    /// Whether the network stands before the address and a colon.
    pub fn has_joined_addresses(self) -> bool {
        self >= Self::Msnp18
    }

    /// Whether who is online already is told by `ILN`; later by `NLN` as everybody else.
    pub fn has_initial_presence(self) -> bool {
        self < Self::Msnp18
    }

    /// Whether the own presence is published as a document and others' comes as one.
    pub fn has_publications(self) -> bool {
        self >= Self::Msnp21
    }

    /// Whether there are temporary groups.
    pub fn has_temporary_groups(self) -> bool {
        self >= Self::Msnp21
    }

    /// Whether an account may be signed in at several places at once.
    pub fn has_endpoints(self) -> bool {
        self >= Self::Msnp16
    }

    /// Whether users may send notices to each other through the server.
    pub fn has_user_notices(self) -> bool {
        self >= Self::Msnp13
    }

    /// Whether `QNG` tells the seconds until the next `PNG` is due.
    pub fn has_ping_interval(self) -> bool {
        self >= Self::Msnp9
    }

    /// Whether words may go past the switchboard, by `UUM` and `UBM`.
    pub fn has_messages_elsewhere(self) -> bool {
        self >= Self::Msnp14 && self < Self::Msnp21
    }

    /// Whether the server may ask for a proof that the client is one.
    pub fn has_challenges(self) -> bool {
        self >= Self::Msnp6
    }

    /// Whether a challenge follows the sign-in and must be passed.
    pub fn has_challenge_at_sign_in(self) -> bool {
        self >= Self::Msnp21
    }

    /// Whether challenges are answered with the product-key algorithm; before, with plain MD5.
    pub fn has_product_key_challenge(self) -> bool {
        self >= Self::Msnp11
    }

    /// Whether accounts have properties such as telephone numbers.
    pub fn has_properties(self) -> bool {
        self >= Self::Msnp5
    }

    /// Whether contacts can be put in groups.
    pub fn has_groups(self) -> bool {
        self >= Self::Msnp7
    }

    /// Whether contacts without a group are in one of number 0.
    pub fn has_group_zero(self) -> bool {
        self.has_groups() && self < Self::Msnp10
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

    /// Whether an empty personal message is told all the same.
    pub fn has_empty_personal_messages(self) -> bool {
        self.has_personal_messages() && self < Self::Msnp16
    }

    /// Whether the personal message names the installation it comes from.
    pub fn has_machine_id_in_personal(self) -> bool {
        self >= Self::Msnp13
    }

    /// Whether the personal message has a signature sound.
    pub fn has_signature_sound(self) -> bool {
        self >= Self::Msnp16
    }

    /// Whether the personal message has a scene and a colour scheme.
    pub fn has_scenes(self) -> bool {
        self >= Self::Msnp18
    }

    /// Whether contacts are renamed by `SBP` and oneself by `PRP`; before, both by `REA`.
    pub fn has_contact_properties(self) -> bool {
        self >= Self::Msnp10
    }

    /// Whether list entries name the contact's network.
    pub fn has_network_in_list(self) -> bool {
        self >= Self::Msnp12
    }

    /// Whether conversations are held on switchboards.
    pub fn has_switchboards(self) -> bool {
        self < Self::Msnp21
    }

    /// Whether what opens a switchboard ends with the name of the service.
    pub fn has_service_in_ticket(self) -> bool {
        self >= Self::Msnp13
    }

    /// Whether that name is followed by whether the switchboard can be reached directly.
    pub fn has_reach_in_ticket(self) -> bool {
        self >= Self::Msnp14
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
#[error("not a version from MSNP2 to MSNP21")]
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
        let numbers: Vec<u8> = Version::ALL.iter().map(|version| version.number()).collect();
        assert_eq!(numbers, (2..=21).rev().collect::<Vec<_>>());
    }

    #[test]
    fn foreign_names_are_refused() {
        for name in ["", "MSNP", "MSNP1", "MSNP22", "CVR0", "MSNP+8", "ŸŸŸŸ12", "MSNP 8"] {
            assert!(name.parse::<Version>().is_err() || name == "MSNP+8", "{name}");
        }
    }

    #[test]
    fn what_no_server_serves_is_not_offered() {
        let offered = Version::offered_up_to(Version::Msnp21);
        assert_eq!(offered.first(), Some(&Version::Msnp18));
        assert_eq!(offered.last(), Some(&Version::Msnp2));
        assert_eq!(Version::offered_up_to(Version::Msnp12).first(), Some(&Version::Msnp12));
    }
}
