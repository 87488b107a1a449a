//! Passport 1.4, the sign-in of MSNP 8 to 12: nexus, login, ticket.
//!
//! ```text
//! GET /login.srf
//! Authorization: Passport1.4 OrgVerb=GET,OrgURL=http%3A%2F%2Fmessenger%2Emsn%2Ecom,sign-in=ada%40example.com,pwd=…,lc=1033,…
//! 200, Authentication-Info: Passport1.4 da-status=success,from-PP='t=…&p=…'
//! ```
//! The policy of `USR … S` goes into the header as it came; the ticket goes back as it came
//! (docs: protocol, Passport).

use secrecy::{ExposeSecret as _, SecretString};

use crate::escape;

/// How many redirects a sign-in follows.
pub const MAX_REDIRECTS: u8 = 5;

/// Finds the login address in the nexus's `PassportURLs` header.
pub fn login_url(passport_urls: &str) -> Option<String> {
    let items = passport_urls.split(',').map(str::trim);
    let login =
        items.filter_map(|item| item.strip_prefix("DALogin=")).find(|url| !url.is_empty())?;
    let has_scheme = login.starts_with("https://") || login.starts_with("http://");
    Some(if has_scheme { login.to_owned() } else { format!("https://{login}") })
}

/// Makes the value of the login's `Authorization` header; it holds the password.
pub fn authorization(account: &str, password: &SecretString, policy: &str) -> SecretString {
    let password = escape::encode(password.expose_secret());
    format!(
        "Passport1.4 OrgVerb=GET,OrgURL=http%3A%2F%2Fmessenger%2Emsn%2Ecom,sign-in={},pwd={password},{policy}",
        escape::encode(account),
    )
    .into()
}

/// What the login answered.
#[derive(Clone, Debug)]
pub enum LoginAnswer {
    /// The ticket for `USR … S`.
    Granted(SecretString),
    /// Ask the same there.
    MovedTo(String),
    /// The account or the password is wrong.
    Refused,
    /// The login works now and then, or says nothing we know.
    Unusable {
        /// The HTTP status.
        status: u16,
    },
}

/// Reads the login's answer: its status, and its headers by name.
pub fn read_login<'h>(status: u16, header: impl Fn(&str) -> Option<&'h str>) -> LoginAnswer {
    match status {
        200 => match header("authentication-info").and_then(ticket) {
            Some(ticket) => LoginAnswer::Granted(ticket),
            None => LoginAnswer::Unusable { status },
        },
        301 | 302 | 303 | 307 | 308 => match header("location") {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
                LoginAnswer::MovedTo(url.to_owned())
            }
            _ => LoginAnswer::Unusable { status },
        },
        401 | 403 => LoginAnswer::Refused,
        _ => LoginAnswer::Unusable { status },
    }
}

/// Reads an `Authorization` header, as a login server must: account, password.
pub fn read_authorization(header: &str) -> Option<(String, SecretString)> {
    let items = header.strip_prefix("Passport1.4 ")?.split(',');
    let (mut account, mut password) = (None, None);
    for item in items {
        match item.split_once('=') {
            Some(("sign-in", value)) => {
                account = Some(escape::decode(value.as_bytes()).into_owned())
            }
            Some(("pwd", value)) => {
                password = Some(escape::decode(value.as_bytes()).into_owned().into());
            }
            _ => {}
        }
    }
    Some((account?, password?))
}

/// The text between `from-PP='` and the next quote, opaque.
fn ticket(info: &str) -> Option<SecretString> {
    let (_, rest) = info.split_once("from-PP='")?;
    let (ticket, _) = rest.split_once('\'')?;
    (!ticket.is_empty()).then(|| ticket.to_owned().into())
}
