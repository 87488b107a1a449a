//! The roaming profile: what an account keeps for all its places.
//!
//! ```text
//! POST /storageservice/SchematizedStore.asmx      GetProfile, UpdateProfile, CreateDocument …
//! GET /storage/usertile/<id>/static               the picture, for whoever has its address
//! ```

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    soap::storage::{PICTURE_LIMIT, media_type},
    xml::{self, Element, escaped},
};

use crate::{
    directory::{Keep, Picture},
    network::{Shared, unguessable},
    services::cid,
    soap,
};

const FIRST: &str = "http://www.msn.com/webservices/storage/w10";
const SECOND: &str = "http://www.msn.com/webservices/storage/2008";
/// Most bytes of a request: a picture in base64, and what is around it.
const BODY_LIMIT: usize = 512 * 1024;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/storageservice/SchematizedStore.asmx", post(call))
        .route("/storage/usertile/{id}/static", get(picture))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

async fn picture(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.directory.picture(&id).await {
        Some(picture) => {
            let kind = media_type(&picture.image).unwrap_or("application/octet-stream");
            ([(header::CONTENT_TYPE, kind)], picture.image.to_vec()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn call(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(envelope) = xml::parse(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let action = headers.get("soapaction").and_then(|action| action.to_str().ok());
    let is_first = action.is_some_and(|action| action.trim_matches('"').starts_with(FIRST));
    let namespace = if is_first { FIRST } else { SECOND };
    let ticket = envelope.text_of(&["Header", "StorageUserHeader", "TicketToken"]);
    let Some(account) = ticket.and_then(|ticket| shared.account_of(ticket)) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let operation = envelope.find(&["Body"]).and_then(|body| body.children().first());
    let Some(operation) = operation else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let name = operation.name();
    match answer(&shared, &account, operation).await {
        Ok(inner) => {
            // One known client reads this id as a number of 32 bits, and asks with this header from then
            // on: the ticket must be in it.
            let header = format!(
                "<StorageUserHeader xmlns=\"{namespace}\"><Puid>0</Puid><Cid>0</Cid>\
                 <ApplicationId>0</ApplicationId><TicketToken>{}</TicketToken></StorageUserHeader>",
                escaped(ticket.unwrap_or_default())
            );
            let body = format!("<{name}Response xmlns=\"{namespace}\">{inner}</{name}Response>");
            soap::envelope(StatusCode::OK, &header, &body)
        }
        Err(code) => soap::fault(StatusCode::INTERNAL_SERVER_ERROR, namespace, code, code),
    }
}

async fn answer(shared: &Shared, account: &str, call: &Element) -> Result<String, &'static str> {
    let directory = &shared.directory;
    match call.name() {
        "GetProfile" => Ok(profile(shared, account).await),
        "UpdateProfile" => {
            let shown =
                call.find(&["profile", "ExpressionProfile"]).ok_or("InvalidObjectHandle")?;
            let gone = |name| {
                let gone = ["profileAttributesToDelete", "ExpressionProfileAttributes", name];
                call.text_of(&gone) == Some("true")
            };
            // An empty element says nothing, as on the servers that people use.
            let text = |name| shown.text_of(&[name]).filter(|text| !text.is_empty());
            if let Some(name) = text("DisplayName") {
                directory.keep(account, Keep::Name(name.to_owned())).await;
            }
            let message = text("PersonalStatus").or(gone("PersonalStatus").then_some(""));
            if let Some(message) = message {
                directory.keep(account, Keep::Message(message.to_owned())).await;
            }
            Ok(String::new())
        }
        "CreateDocument" | "UpdateDocument" => {
            let data = call.descendants("Data").next().ok_or("InvalidObjectHandle")?;
            let image = STANDARD.decode(data.whole_text().trim()).map_err(|_| "BadArgument")?;
            if media_type(&image).is_none() || image.len() > PICTURE_LIMIT {
                return Err("BadArgument");
            }
            let id = unguessable();
            let picture = Picture { id: id.clone(), image: image.into() };
            directory.keep(account, Keep::Picture(picture)).await;
            let name = call.name();
            Ok(format!("<{name}Result>{id}</{name}Result>"))
        }
        // A new picture takes the place of the old one: which hangs where is not kept.
        "CreateRelationships" | "DeleteRelationships" => Ok(String::new()),
        "FindDocuments" => Ok("<FindDocumentsResult/>".to_owned()),
        _ => Err("Forbidden"),
    }
}

async fn profile(shared: &Shared, account: &str) -> String {
    let shown = shared.directory.profile(account).await.unwrap_or_default();
    let kept = shared.directory.kept(account).await;
    let id = cid(account);
    let photo = kept.picture.map(|picture| {
        let url =
            format!("http://{}/storage/usertile/{}/static", shared.addresses.http, picture.id);
        let kind = media_type(&picture.image).unwrap_or("image/png");
        format!(
            "<StaticUserTilePublicURL>{url}</StaticUserTilePublicURL><Photo>\
             <ResourceID>{}</ResourceID><ItemType>Photo</ItemType><Name>picture</Name>\
             <DocumentStreams><DocumentStream xsi:type=\"PhotoStream\">\
             <DocumentStreamName>UserTileStatic</DocumentStreamName><MimeType>{kind}</MimeType>\
             <DataSize>{}</DataSize><PreAuthURL>{url}</PreAuthURL>\
             <DocumentStreamType>UserTileStatic</DocumentStreamType></DocumentStream>\
             </DocumentStreams></Photo>",
            picture.id,
            picture.image.len()
        )
    });
    format!(
        "<GetProfileResult><ResourceID>{id}!106</ResourceID><ExpressionProfile>\
         <ResourceID>{id}!118</ResourceID><DisplayName>{}</DisplayName>\
         <PersonalStatus>{}</PersonalStatus>{}</ExpressionProfile></GetProfileResult>",
        escaped(&shown.name),
        escaped(&kept.message),
        photo.unwrap_or_default()
    )
}
