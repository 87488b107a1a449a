//! Requests to the homeserver, as whoever of ours they are for.

use std::{borrow::Cow, time::Duration};

use bridge_core::{DeliverError, id::NetworkId, measures, model::Reject, redact::Redacted};
use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response};
use ruma::{
    DeviceId, OwnedUserId, UserId,
    api::{
        AppserviceUserIdentity, IncomingResponse, OutgoingRequest,
        OutgoingRequestAppserviceExt as _, SupportedVersions,
        auth_scheme::{AuthScheme, SendAccessToken},
        path_builder::PathBuilder,
    },
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::{adapter::NETWORK, texts};

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long it may take to say whose a token is: somebody waits for it.
const WHOSE_DEADLINE: Duration = Duration::from_secs(15);
/// How much of an error's body is read, in bytes.
const ERROR_LIMIT: usize = 64 * 1024;

/// One HTTP client for the bot and all ghosts.
pub(crate) struct Intent {
    http: reqwest::Client,
    homeserver: String,
    token: SecretString,
    /// Whether the token is an application service's, which says whom it acts for; else it is somebody's
    /// own.
    asserts: bool,
    versions: SupportedVersions,
}

/// Why a request failed. Carries no token and no message text.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum IntentError {
    #[error("the homeserver asks to wait")]
    Limited { after: Option<Duration> },
    // The homeserver's own words may name our ghosts, and these have addresses.
    #[error("the homeserver answered {status} {errcode}: {}", Redacted(error))]
    Refused { status: u16, errcode: String, error: String },
    #[error("the homeserver's answer cannot be read: {0}")]
    Unreadable(String),
    #[error("the homeserver cannot be reached: {0}")]
    Unreachable(String),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    errcode: String,
    error: String,
    retry_after_ms: Option<u64>,
}

impl Intent {
    pub(crate) fn new(homeserver: &str, as_token: SecretString) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(DEADLINE)
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        // Every path we use is stable since the first of the v3 paths.
        let versions = SupportedVersions::from_parts(
            &["v1.1".to_owned(), "v1.7".to_owned()],
            &Default::default(),
        );
        let homeserver = homeserver.trim_end_matches('/').to_owned();
        Ok(Self { http, homeserver, token: as_token, asserts: true, versions })
    }

    /// Makes one that acts by another token: another application service's, or a user's own.
    pub(crate) fn by(&self, token: SecretString, asserts: bool) -> Self {
        let (http, homeserver) = (self.http.clone(), self.homeserver.clone());
        Self { http, homeserver, token, asserts, versions: self.versions.clone() }
    }

    /// Sends a request as one of our users.
    pub(crate) async fn send<R>(
        &self,
        user: &UserId,
        request: R,
    ) -> Result<R::IncomingResponse, IntentError>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        self.send_as(AppserviceUserIdentity::new(user), request).await
    }

    /// Sends a request as a device of one of our users.
    pub(crate) async fn send_from<R>(
        &self,
        user: &UserId,
        device: &DeviceId,
        request: R,
    ) -> Result<R::IncomingResponse, IntentError>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        let mut identity = AppserviceUserIdentity::new(user);
        identity.device_id = Some(device);
        self.send_as(identity, request).await
    }

    async fn send_as<R>(
        &self,
        mut identity: AppserviceUserIdentity<'_>,
        request: R,
    ) -> Result<R::IncomingResponse, IntentError>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        identity.user_id = identity.user_id.filter(|_| self.asserts);
        let request: http::Request<Vec<u8>> = request
            .try_into_http_request_with_identity(
                &self.homeserver,
                SendAccessToken::Always(self.token.expose_secret()),
                identity,
                Cow::Borrowed(&self.versions),
            )
            .map_err(|error| IntentError::Unreadable(error.to_string()))?;
        let response = self.exchange(request).await?;
        R::IncomingResponse::try_from_http_response(response)
            .map_err(|error| IntentError::Unreadable(error.to_string()))
    }

    /// The part of a request that is the same for all: kept out of the generic one, which the
    /// compiler makes anew for each kind.
    async fn exchange(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Bytes>, IntentError> {
        let request = request.try_into().map_err(unreachable)?;
        let response = self.http.execute(request).await.map_err(unreachable)?;
        let status = response.status();
        let told = wait_told(response.headers());
        let body = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            let mut response = http::Response::new(body);
            *response.status_mut() = status;
            return Ok(response);
        }
        Err(refused(status.as_u16(), told, &body))
    }

    /// Asks whose an access token is; none when it is nobody's, or only a guest's.
    pub(crate) async fn whose(
        &self,
        token: &SecretString,
    ) -> Result<Option<OwnedUserId>, IntentError> {
        #[derive(Deserialize)]
        struct Whoami {
            user_id: OwnedUserId,
            #[serde(default)]
            is_guest: bool,
        }
        let request = self
            .http
            .get(format!("{}/_matrix/client/v3/account/whoami", self.homeserver))
            .bearer_auth(token.expose_secret())
            .timeout(WHOSE_DEADLINE);
        match self.exchange_raw(request).await {
            Ok(response) => {
                let said: Whoami = response.json().await.map_err(unreachable)?;
                Ok((!said.is_guest).then_some(said.user_id))
            }
            Err(IntentError::Refused { status: 401 | 403, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells a server of the operator's something, with the token that it knows the bridge by.
    pub(crate) async fn tell(&self, url: &str, what: &impl Serialize) -> Result<(), IntentError> {
        let request = self.http.post(url).bearer_auth(self.token.expose_secret()).json(what);
        self.exchange_raw(request.timeout(WHOSE_DEADLINE)).await.map(drop)
    }

    /// Begins a request that ruma has no form for, as one of our users: files, which ruma takes only
    /// whole.
    pub(crate) fn raw(&self, method: Method, path: &str, user: &UserId) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}{path}", self.homeserver))
            .bearer_auth(self.token.expose_secret());
        if self.asserts { request.query(&[("user_id", user.as_str())]) } else { request }
    }

    /// Sends such a request; its answer's body is not read yet.
    pub(crate) async fn exchange_raw(
        &self,
        request: RequestBuilder,
    ) -> Result<Response, IntentError> {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let told = wait_told(response.headers());
        let mut response = response;
        let mut body = Vec::new();
        // An error is a few words; more is none of ours.
        while body.len() < ERROR_LIMIT
            && let Some(piece) = response.chunk().await.map_err(unreachable)?
        {
            body.extend_from_slice(&piece);
        }
        Err(refused(status.as_u16(), told, &body))
    }
}

/// Says what went wrong below HTTP, without the address.
fn unreachable(error: reqwest::Error) -> IntentError {
    let error = error.without_url();
    let timed_out = error.is_timeout();
    IntentError::Unreachable(if timed_out {
        "no answer in time".to_owned()
    } else {
        innermost(&error)
    })
}

/// The wait a header asks for: the newer way, and the only one that what stands between may know.
fn wait_told(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn refused(status: u16, told: Option<Duration>, body: &[u8]) -> IntentError {
    let said: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    if status == 429 || said.errcode == "M_LIMIT_EXCEEDED" {
        let after = said.retry_after_ms.map(Duration::from_millis).or(told);
        measures::rate_limited(&NetworkId::new(NETWORK), after.unwrap_or_default());
        return IntentError::Limited { after };
    }
    let error = said.error.chars().take(200).collect();
    IntentError::Refused { status, errcode: said.errcode, error }
}

impl IntentError {
    /// Says it to the operator, the homeserver's own words included: where they can only be about the
    /// bridge itself.
    pub(crate) fn in_full(&self) -> String {
        match self {
            Self::Refused { status, errcode, error } => {
                format!("the homeserver answered {status} {errcode}: {error}")
            }
            other => other.to_string(),
        }
    }

    /// Tells whether it is this error of the homeserver.
    pub(crate) fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused { errcode, .. } if errcode == code)
    }

    /// Tells whether the homeserver does not take our token, or we not its.
    pub(crate) fn is_about_tokens(&self) -> bool {
        ["M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_BAD_STATUS"].iter().any(|code| self.is(code))
    }

    /// Tells whether the homeserver does not let this user do it.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { status: 403, .. })
    }
}

impl From<IntentError> for DeliverError {
    fn from(error: IntentError) -> Self {
        match &error {
            IntentError::Limited { after } => {
                Self::Retry { after: *after, cause: error.to_string().into() }
            }
            IntentError::Refused { status: 500.., .. }
            | IntentError::Unreachable(_)
            | IntentError::Unreadable(_) => Self::retry(error.to_string()),
            IntentError::Refused { status: 401, .. } => Self::AuthLost(error.to_string().into()),
            IntentError::Refused { status: 404, .. } => Self::Gone(error.to_string().into()),
            IntentError::Refused { status: 403, .. } => {
                Self::Reject { reason: Reject::Forbidden, tell_user: texts::FORBIDDEN.to_owned() }
            }
            IntentError::Refused { error, .. } => {
                Self::Reject { reason: Reject::Unsupported, tell_user: texts::refused(error) }
            }
        }
    }
}

fn innermost(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    words
}
