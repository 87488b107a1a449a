//! The places where one account is signed in, from MSNP16.
//!
//! ```text
//! <Data><PSM>…</PSM><EndpointData id="{guid}"><Capabilities>2789003324:48</Capabilities></EndpointData>
//!   <PrivateEndpointData id="{guid}"><EpName>Desk</EpName><Idle>false</Idle><ClientType>1</ClientType>
//!   <State>NLN</State></PrivateEndpointData></Data>
//! ```
//! Others see what each place can do; the account itself sees their names too.

use crate::{
    command::{Capabilities, Status},
    xml::{self, escaped},
};

/// Most places of an account that are looked at.
pub(crate) const PLACES_LIMIT: usize = 64;

/// A place where an account is signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id: a GUID in lower case, without braces.
    pub id: String,
    /// Its name; empty where it is not told.
    pub name: String,
    /// Whether nobody sits there.
    pub idle: bool,
    /// What kind of program it is: 1 for a computer, 2 for the web, 3 for a telephone.
    pub client_type: String,
    /// Its status, where it is told.
    pub status: Option<Status>,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// Reads the places in the payload of a `UBX` or `UUX`; none where it is no document.
pub fn read_endpoints(payload: &[u8]) -> Vec<Endpoint> {
    let Ok(data) = xml::parse(payload) else {
        return Vec::new();
    };
    let mut places: Vec<Endpoint> = Vec::new();
    let inner = data.children().iter().chain([&data]);
    let parts = inner.filter(|part| matches!(part.name(), "EndpointData" | "PrivateEndpointData"));
    for part in parts {
        let id = plain_id(part.attribute("id").unwrap_or_default());
        let Some(place) = place_of(&mut places, id) else {
            break;
        };
        let text = |name| part.text_of(&[name]);
        if let Some(capabilities) = text("Capabilities").and_then(|text| text.parse().ok()) {
            place.capabilities = capabilities;
        }
        if part.name() == "PrivateEndpointData" {
            text("EpName").unwrap_or_default().clone_into(&mut place.name);
            place.idle = text("Idle") == Some("true");
            text("ClientType").unwrap_or_default().clone_into(&mut place.client_type);
            place.status = text("State").and_then(|code| Status::from_code(code.as_bytes()));
        }
    }
    places
}

impl Endpoint {
    /// Writes what others may know of the place; with its id where a server tells it.
    pub fn write_public(&self, with_id: bool) -> String {
        let id = self.attribute(with_id);
        let capabilities = self.capabilities;
        let extended = capabilities.extended.unwrap_or_default();
        format!(
            "<EndpointData{id}><Capabilities>{}:{extended}</Capabilities></EndpointData>",
            capabilities.bits
        )
    }

    /// Writes what only the account itself may know.
    pub fn write_private(&self, with_id: bool) -> String {
        format!(
            "<PrivateEndpointData{}><EpName>{}</EpName><Idle>{}</Idle><ClientType>{}</ClientType>\
             <State>{}</State></PrivateEndpointData>",
            self.attribute(with_id),
            escaped(&self.name),
            self.idle,
            escaped(&self.client_type),
            self.status.unwrap_or(Status::Online).code(),
        )
    }

    fn attribute(&self, with_id: bool) -> String {
        if with_id { format!(" id=\"{{{}}}\"", escaped(&self.id)) } else { String::new() }
    }
}

/// Finds the place of an id, or makes it; none when there are too many.
pub(crate) fn place_of(places: &mut Vec<Endpoint>, id: String) -> Option<&mut Endpoint> {
    let at = match places.iter().position(|place| place.id == id) {
        Some(at) => at,
        None if places.len() >= PLACES_LIMIT => return None,
        None => {
            places.push(Endpoint { id, ..Endpoint::default() });
            places.len() - 1
        }
    };
    places.get_mut(at)
}

/// Gives an id without braces, in lower case.
pub fn plain_id(id: &str) -> String {
    id.trim_matches(['{', '}']).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_back() {
        let desk = Endpoint {
            id: "6b2d1c1e-4c0a-4e0b-9e57-0c4b7a9f2d11".to_owned(),
            name: "Ada's <desk> ☃".to_owned(),
            idle: true,
            client_type: "1".to_owned(),
            status: Some(Status::Away),
            capabilities: "2789003324:48".parse().unwrap(),
        };
        let phone = Endpoint { id: "0f".to_owned(), ..desk.clone() };
        let document = format!(
            "<Data><PSM></PSM>{}{}{}{}</Data>",
            desk.write_public(true),
            phone.write_public(true),
            desk.write_private(true),
            phone.write_private(true)
        );
        assert_eq!(read_endpoints(document.as_bytes()), [desk.clone(), phone]);
        let own = read_endpoints(desk.write_private(false).as_bytes());
        assert_eq!((own[0].name.as_str(), own[0].id.as_str()), ("Ada's <desk> ☃", ""));
        assert_eq!(read_endpoints(b"<Data><PSM>a & b < c</PSM></Data>"), []);
    }
}
