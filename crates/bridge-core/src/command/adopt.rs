//! A person's own account on her platform, lent to the bridge by a token.

use secrecy::SecretString;

use super::{Caller, answer};
use crate::{
    adapter::{Adapter, Reply},
    model::UserId,
    texts,
};

/// The command that begins it; the centre takes it, for what follows is a secret.
pub(super) const LOGIN: &str = "login-matrix";

/// Takes a token that was given.
pub(super) async fn adopt(adapter: &dyn Adapter, user: &UserId, token: SecretString) -> Reply {
    match adapter.adopt_account(user, token).await {
        Ok(()) => answer::text(texts::account::I_SPEAK_AS_YOU_FROM_NOW_ON),
        Err(error) => answer::failure(&error),
    }
}

/// Forgets the token of whoever asks.
pub(super) async fn drop_own(caller: &Caller<'_>, user: &UserId) -> Reply {
    let Some(adapter) = caller.shared.adapters.get(&user.network) else {
        return answer::text(texts::delivery::NOBODY_IS_SPOKEN_AS_HERE);
    };
    match adapter.drop_account(user).await {
        Ok(true) => answer::text(texts::account::YOUR_TOKEN_IS_FORGOTTEN),
        Ok(false) => answer::text(texts::account::I_HAVE_NO_TOKEN_OF_YOURS),
        Err(error) => answer::failure(&error),
    }
}
