//! Who asks: whoever has the shared secret, for anybody; whoever has a Matrix token, for herself.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, header};
use bridge_core::{
    id::{NetworkId, PersonaId},
    model::UserId,
};
use ruma::OwnedUserId;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use super::failure::Failure;
use crate::adapter::{MatrixAdapter, NETWORK};

/// How long a token that was right is believed: whoever signs out on Matrix is out here soon after.
const BELIEVED: Duration = Duration::from_secs(60);
/// Most tokens that are believed at once.
const TOKENS: usize = 1024;
/// How many wrong tokens may come at once.
const WRONG_AT_ONCE: u32 = 20;
/// How long it takes until one more may.
const WRONG_EVERY: Duration = Duration::from_secs(3);

/// Tells right tokens from wrong ones.
pub(crate) struct Guard {
    secret: Option<SecretString>,
    /// Tokens are known by a hash whose key nobody learns, and which is gone with the process.
    keys: (RandomState, RandomState),
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    right: HashMap<u128, (Bearer, Instant)>,
    /// How many wrong tokens came lately, and when that was counted.
    wrong: u32,
    counted: Option<Instant>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bearer {
    Person(OwnedUserId),
    Secret,
}

impl Guard {
    pub(crate) fn new(secret: Option<SecretString>) -> Self {
        let keys = (RandomState::new(), RandomState::new());
        Self { secret, keys, known: Mutex::default() }
    }

    fn hash(&self, token: &str) -> u128 {
        let (one, other) = (self.keys.0.hash_one(token), self.keys.1.hash_one(token));
        u128::from(one) << 64 | u128::from(other)
    }

    fn believed(&self, hash: u128) -> Option<Bearer> {
        let mut known = self.known();
        let now = Instant::now();
        known.right.retain(|_, (_, until)| *until > now);
        known.right.get(&hash).map(|(bearer, _)| bearer.clone())
    }

    fn believe(&self, hash: u128, bearer: Bearer) {
        let mut known = self.known();
        if known.right.len() < TOKENS {
            known.right.insert(hash, (bearer, Instant::now() + BELIEVED));
        }
    }

    fn is_secret(&self, token: &str) -> bool {
        let secret = self.secret.as_ref().map(|secret| secret.expose_secret().as_bytes());
        secret.is_some_and(|secret| bool::from(token.as_bytes().ct_eq(secret)))
    }

    /// Refuses to look at tokens nobody knows while too many of them are wrong.
    fn look(&self) -> Result<(), Failure> {
        let mut known = self.known();
        let now = Instant::now();
        let since = known.counted.map_or(Duration::ZERO, |counted| now - counted);
        let forgiven = u32::try_from(since.as_secs() / WRONG_EVERY.as_secs()).unwrap_or(u32::MAX);
        if forgiven > 0 {
            known.wrong = known.wrong.saturating_sub(forgiven);
            known.counted = Some(now);
        }
        match known.wrong < WRONG_AT_ONCE {
            true => Ok(()),
            false => Err(Failure::Limited(WRONG_EVERY)),
        }
    }

    fn was_wrong(&self) {
        let mut known = self.known();
        known.wrong = known.wrong.saturating_add(1);
        known.counted.get_or_insert_with(Instant::now);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MatrixAdapter {
    /// Finds out who asks.
    pub(super) async fn whoever_asks(
        &self,
        headers: &HeaderMap,
        named: Option<&String>,
    ) -> Result<UserId, Failure> {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
        let token = token.filter(|token| !token.is_empty()).ok_or(Failure::MissingToken)?;
        let named = named.filter(|named| !named.is_empty());
        let user = match self.bearer(token).await? {
            Bearer::Person(user) if named.is_some_and(|named| *named != user) => {
                return Err(Failure::UnknownToken);
            }
            Bearer::Person(user) => user,
            Bearer::Secret => {
                let named = named.ok_or(Failure::MissingUser)?;
                let user = OwnedUserId::try_from(named.as_str());
                user.map_err(|_| Failure::Invalid("user_id is no user id".to_owned()))?
            }
        };
        if self.names.is_own(user.as_str()) {
            return Err(Failure::MayNot);
        }
        Ok(UserId { network: NetworkId::new(NETWORK), id: PersonaId::new(user.as_str()) })
    }

    async fn bearer(&self, token: &str) -> Result<Bearer, Failure> {
        let guard = &self.provisioning.guard;
        let hash = guard.hash(token);
        if let Some(bearer) = guard.believed(hash) {
            return Ok(bearer);
        }
        guard.look()?;
        let bearer = if guard.is_secret(token) {
            Some(Bearer::Secret)
        } else {
            let asked = self.intent.whose(&token.to_owned().into()).await;
            let asked = asked.map_err(|error| Failure::Unavailable(error.to_string()))?;
            asked.map(Bearer::Person)
        };
        match bearer {
            Some(bearer) => {
                guard.believe(hash, bearer.clone());
                Ok(bearer)
            }
            None => {
                guard.was_wrong();
                Err(Failure::UnknownToken)
            }
        }
    }
}
