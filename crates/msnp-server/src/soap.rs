//! Documents that the web services answer with.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// Answers with an envelope of SOAP 1.1: its header's inside, which may be empty, and its body's.
pub(crate) fn envelope(status: StatusCode, head: &str, body: &str) -> Response {
    let head = match head {
        "" => String::new(),
        head => format!("<soap:Header>{head}</soap:Header>"),
    };
    document(
        status,
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{head}\
             <soap:Body>{body}</soap:Body></soap:Envelope>"
        ),
    )
}

/// Answers with a fault that says its code where clients look for it, in the code and in the detail.
pub(crate) fn fault(status: StatusCode, namespace: &str, code: &str, words: &str) -> Response {
    let fault = format!(
        "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>{words}</faultstring>\
         <detail><errorcode xmlns=\"{namespace}\">{code}</errorcode></detail></soap:Fault>"
    );
    envelope(status, "", &fault)
}

/// Answers with a document.
pub(crate) fn document(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response()
}
