//! Who is in a circle or a temporary group, as `application/circles+xml` lists it.
//!
//! ```text
//! <circle><roster><id>IM</id><user><id>1:ada@example.com</id></user></roster></circle>
//! ```

use super::Address;
use crate::xml::{self, escaped};

/// Most people read of one roster.
const MEMBERS_LIMIT: usize = 1024;

/// Somebody on the roster of a circle or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterMember {
    /// Who.
    pub address: Address,
    /// Whether she is asked to come and has not come yet.
    pub is_pending: bool,
}

/// Writes the body that lists people: `<circle><roster><id>IM</id><user>…`.
pub fn write_roster(members: &[RosterMember]) -> Vec<u8> {
    let users: String = members
        .iter()
        .map(|member| {
            let state = if member.is_pending { "<state>Pending</state>" } else { "" };
            format!("<user><id>{}</id>{state}</user>", escaped(&member.address.to_string()))
        })
        .collect();
    format!("<circle><roster><id>IM</id>{users}</roster></circle>").into_bytes()
}

/// Reads the people of such a body; none where it is no roster.
pub fn read_roster(body: &[u8]) -> Option<Vec<RosterMember>> {
    let circle = xml::parse(body).ok().filter(|circle| circle.name() == "circle")?;
    let users = circle.all("roster").flat_map(|roster| roster.all("user"));
    let member = |user: &xml::Element| {
        let state = user.text_of(&["state"]).unwrap_or_default();
        Some(RosterMember {
            address: Address::read(user.text_of(&["id"])?)?,
            is_pending: state.eq_ignore_ascii_case("Pending"),
        })
    };
    Some(users.filter_map(member).take(MEMBERS_LIMIT).collect())
}

/// Writes the `Uri` of somebody who leaves: `/circle/roster(IM)/user(1:ada@example.com)`.
pub fn roster_uri(account: &str) -> String {
    format!("/circle/roster(IM)/user({})", Address::passport(account))
}

/// Reads who leaves: she stands between the last parentheses.
pub fn member_of_uri(uri: &str) -> Option<Address> {
    let (_, rest) = uri.strip_prefix("/circle/roster(")?.rsplit_once('(')?;
    Address::read(rest.split_once(')')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_reads_back_and_names_who_leaves() {
        let member =
            |account, is_pending| RosterMember { address: Address::passport(account), is_pending };
        let members = [member("ada@example.com", false), member("b&b@example.com", true)];
        assert_eq!(read_roster(&write_roster(&members)).as_deref(), Some(members.as_slice()));
        assert_eq!(read_roster(b"<circle></circle>"), Some(Vec::new()));
        assert_eq!(read_roster(b"<user/>"), None);
        let uri = roster_uri("ada@example.com");
        assert_eq!(member_of_uri(&uri), Some(Address::passport("ada@example.com")));
        assert_eq!(member_of_uri("/circle"), None);
    }
}
