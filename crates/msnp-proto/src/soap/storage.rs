//! The roaming profile: name, personal message and picture that follow an account, from MSNP15.
//!
//! ```text
//! POST /storageservice/SchematizedStore.asmx
//! SOAPAction: "http://www.msn.com/webservices/storage/w10/GetProfile"
//! ```
//! A new picture is four calls: the old one is let go (twice, by its two relationships), the new one is
//! made, and made the one to be shown (docs: protocol, storage).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Answer, Call, Service, fields};
use crate::xml::escaped;

const NAMESPACE: &str = "http://www.msn.com/webservices/storage/w10";
/// The kind of picture that is shown to others.
const SHOWN: &str = "UserTileStatic";

/// Most bytes of a picture: clients show 96 by 96 dots.
pub const PICTURE_LIMIT: usize = 256 * 1024;

/// What an account keeps for all its places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoamingProfile {
    /// The profile's id, which changes of it name.
    pub id: String,
    /// The id of its part that others see.
    pub expression: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The personal message.
    pub message: Option<String>,
    /// The picture.
    pub picture: Option<StoredPicture>,
}

/// A picture that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPicture {
    /// Its id.
    pub id: String,
    /// Where it is; without a host, at the service's own.
    pub url: String,
    /// Its size in bytes, where the service tells one.
    pub size: Option<u64>,
}

/// Asks for the profile of the account with an id.
pub fn get_profile(ticket: &SecretString, cid: &str) -> Call {
    let inner = format!(
        "<profileHandle>{}<RelationshipName>MyProfile</RelationshipName></profileHandle><profileAttributes>\
         <ResourceID>true</ResourceID><DateModified>true</DateModified><ExpressionProfileAttributes>\
         <ResourceID>true</ResourceID><DateModified>true</DateModified><DisplayName>true</DisplayName>\
         <DisplayNameLastModified>true</DisplayNameLastModified><PersonalStatus>true</PersonalStatus>\
         <PersonalStatusLastModified>true</PersonalStatusLastModified>\
         <StaticUserTilePublicURL>true</StaticUserTilePublicURL><Photo>true</Photo>\
         <Flags>true</Flags></ExpressionProfileAttributes></profileAttributes>",
        alias(cid)
    );
    call(ticket, "GetProfile", "RoamingSeed", &inner)
}

/// Reads a profile; none where the answer has no id, without which nothing can be changed.
pub fn read_profile(answer: &Answer) -> Option<RoamingProfile> {
    let result = answer.body.find(&["GetProfileResult"])?;
    let text =
        |path: &[&str]| result.text_of(path).filter(|text| !text.is_empty()).map(str::to_owned);
    let photo = result.find(&["ExpressionProfile", "Photo"]);
    let picture = photo.and_then(|photo| {
        let streams = photo.find(&["DocumentStreams"])?.children().iter();
        let mut shown = streams.filter(|it| it.text_of(&["DocumentStreamType"]) == Some(SHOWN));
        let stream = shown.next()?;
        let size = stream.text_of(&["DataSize"]).and_then(|size| size.parse().ok());
        let url = stream.text_of(&["PreAuthURL"]).filter(|url| !url.is_empty())?;
        // One server says so that there is none.
        let id = photo.text_of(&["ResourceID"]).unwrap_or_default();
        let picture = StoredPicture { id: id.to_owned(), url: url.to_owned(), size };
        (size != Some(0)).then_some(picture)
    });
    Some(RoamingProfile {
        id: text(&["ResourceID"])?,
        expression: text(&["ExpressionProfile", "ResourceID"]),
        name: text(&["ExpressionProfile", "DisplayName"]),
        message: text(&["ExpressionProfile", "PersonalStatus"]),
        picture,
    })
}

/// Changes name and personal message, as far as they are given; an empty one is taken away.
pub fn update_profile(
    ticket: &SecretString,
    profile: &RoamingProfile,
    name: Option<&str>,
    message: Option<&str>,
) -> Call {
    let is_told = |text: &&str| !text.is_empty();
    let gone = |field: &str, text: Option<&str>| match text {
        Some("") => format!("<{field}>true</{field}>"),
        _ => String::new(),
    };
    let gone = [gone("DisplayName", name), gone("PersonalStatus", message)].concat();
    // An empty field is passed over by one known server; naming it here takes it away.
    let gone = match gone.as_str() {
        "" => String::new(),
        gone => format!(
            "<profileAttributesToDelete><ExpressionProfileAttributes>{gone}\
             </ExpressionProfileAttributes></profileAttributesToDelete>"
        ),
    };
    let inner = format!(
        "<profile>{}<ExpressionProfile><FreeText>Update</FreeText>{}<Flags>0</Flags>\
         </ExpressionProfile></profile>{gone}",
        fields(&[("ResourceID", Some(&profile.id))]),
        fields(&[
            ("DisplayName", name.filter(is_told)),
            ("PersonalStatus", message.filter(is_told))
        ]),
    );
    call(ticket, "UpdateProfile", "RoamingIdentityChanged", &inner)
}

/// Where a picture hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold<'a> {
    /// Among the account's pictures; by its id.
    Pictures(&'a str),
    /// At what others see; by that part's id.
    Shown(&'a str),
}

/// Lets a picture go.
pub fn delete_relationship(ticket: &SecretString, from: Hold<'_>, picture: &str) -> Call {
    let source = match from {
        Hold::Pictures(cid) => {
            format!("<RelationshipName>/UserTiles</RelationshipName>{}", alias(cid))
        }
        Hold::Shown(id) => fields(&[("ResourceID", Some(id))]),
    };
    let inner = format!(
        "<sourceHandle>{source}</sourceHandle><targetHandles><ObjectHandle>{}</ObjectHandle>\
         </targetHandles>",
        fields(&[("ResourceID", Some(picture))])
    );
    call(ticket, "DeleteRelationships", "RoamingIdentityChanged", &inner)
}

/// Keeps a picture.
pub fn create_document(ticket: &SecretString, cid: &str, media_type: &str, image: &[u8]) -> Call {
    let inner = format!(
        "<parentHandle><RelationshipName>/UserTiles</RelationshipName>{}</parentHandle>\
         <document xsi:type=\"Photo\"><Name>picture</Name><DocumentStreams>\
         <DocumentStream xsi:type=\"PhotoStream\"><DocumentStreamType>{SHOWN}</DocumentStreamType>\
         {}<Data>{}</Data><DataSize>0</DataSize></DocumentStream></DocumentStreams></document>\
         <relationshipName>Messenger User Tile</relationshipName>",
        alias(cid),
        fields(&[("MimeType", Some(media_type))]),
        STANDARD.encode(image),
    );
    call(ticket, "CreateDocument", "RoamingIdentityChanged", &inner)
}

/// Reads the id of a picture that was kept.
pub fn read_created(answer: &Answer) -> Option<String> {
    let id = answer.body.text_of(&["CreateDocumentResult"]).filter(|id| !id.is_empty());
    id.map(str::to_owned)
}

/// Makes a picture the one that others see.
pub fn create_relationship(ticket: &SecretString, expression: &str, picture: &str) -> Call {
    let inner = format!(
        "<relationships><Relationship>{}<SourceType>SubProfile</SourceType>{}\
         <TargetType>Photo</TargetType><RelationshipName>ProfilePhoto</RelationshipName>\
         </Relationship></relationships>",
        fields(&[("SourceID", Some(expression))]),
        fields(&[("TargetID", Some(picture))]),
    );
    call(ticket, "CreateRelationships", "RoamingIdentityChanged", &inner)
}

fn alias(cid: &str) -> String {
    format!("<Alias>{}<NameSpace>MyCidStuff</NameSpace></Alias>", fields(&[("Name", Some(cid))]))
}

fn call(ticket: &SecretString, operation: &str, scenario: &str, inner: &str) -> Call {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soap:Header>\
         <StorageApplicationHeader xmlns=\"{NAMESPACE}\">\
         <ApplicationID>Messenger Client 8.5</ApplicationID><Scenario>{scenario}</Scenario>\
         </StorageApplicationHeader><StorageUserHeader xmlns=\"{NAMESPACE}\"><Puid>0</Puid>\
         <TicketToken>{}</TicketToken></StorageUserHeader></soap:Header><soap:Body>\
         <{operation} xmlns=\"{NAMESPACE}\">{inner}</{operation}></soap:Body></soap:Envelope>",
        escaped(ticket.expose_secret()),
    );
    Call {
        service: Service::Storage,
        action: format!("{NAMESPACE}/{operation}"),
        body: body.into(),
    }
}

/// Tells a picture's kind by its first bytes; none where it is none that clients show.
pub fn media_type(image: &[u8]) -> Option<&'static str> {
    match image {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        _ => None,
    }
}
