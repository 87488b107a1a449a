//! How an account appears: its name, its status, its own words, its display picture.

use std::sync::{Arc, MutexGuard, PoisonError};

use bridge_core::connector::{OwnPicture, SelfPatch};
use msnp::{Handle, Object, RequestError};

use super::MsnPuppet;
use crate::{translate, words};

/// What Messenger's own clients call their pictures.
const PICTURE_NAME: &str = "TFR1.tmp";

impl MsnPuppet {
    /// The name the account shall have, where one was wished.
    pub(super) fn wished_name(&self) -> Option<String> {
        self.wishes().name.clone()
    }

    fn wishes(&self) -> MutexGuard<'_, SelfPatch> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the account appear as it shall in a session that has just begun.
    pub(super) async fn appear_again(&self, handle: &Handle) {
        let wishes = self.wishes().clone();
        if wishes != SelfPatch::default()
            && let Err(error) = self.show(handle, wishes).await
        {
            tracing::warn!(login = ?self.login, %error, "the account does not appear as it shall");
        }
    }

    /// Makes the account appear otherwise, now and in each later session. What the server refuses is not
    /// asked for again.
    pub(super) async fn appear(&self, patch: SelfPatch) -> Result<(), RequestError> {
        let session = self.session().clone();
        let shown = match &session {
            Some(handle) => self.show(handle, patch.clone()).await,
            None => Err(RequestError::NotSignedIn),
        };
        if !matches!(shown, Ok(()) | Err(RequestError::NotSignedIn)) {
            return shown;
        }
        let former = {
            let mut wishes = self.wishes();
            let before = std::mem::take(&mut *wishes);
            let replaced = patch.picture.is_some() && patch.picture != before.picture;
            let former = before.picture.clone().filter(|_| replaced);
            *wishes = SelfPatch {
                name: patch.name.or(before.name),
                state: patch.state.or(before.state),
                status_text: patch.status_text.or(before.status_text),
                picture: patch.picture.or(before.picture),
            };
            former
        };
        if let (Some(handle), Some(former)) = (session, former.as_ref().and_then(OwnPicture::bytes))
        {
            // Where the session is over, nobody can fetch it anyway.
            let object = self.describe(Object::PICTURE, PICTURE_NAME, former);
            let _ = handle.withdraw_object(&object.hash).await;
        }
        shown
    }

    async fn show(&self, handle: &Handle, wishes: SelfPatch) -> Result<(), RequestError> {
        if let Some(name) = &wishes.name {
            handle.set_name(&words::written(name)).await?;
        }
        if let Some(state) = wishes.state {
            handle.set_status(translate::status(state)).await?;
        }
        if let Some(text) = wishes.status_text {
            let text = words::written(&text);
            let message = msnp::PersonalMessage { text, ..Default::default() };
            handle.set_personal_message(message).await?;
        }
        match wishes.picture.as_ref().map(OwnPicture::bytes) {
            Some(Some(bytes)) => {
                let object = self.describe(Object::PICTURE, PICTURE_NAME, bytes);
                handle.serve_object(object.clone(), Arc::from(bytes)).await?;
                handle.set_picture(Some(object)).await
            }
            Some(None) => handle.set_picture(None).await,
            None => Ok(()),
        }
    }

    /// Describes something that the account offers.
    pub(crate) fn describe(&self, kind: u32, name: &str, bytes: &[u8]) -> Object {
        Object::describing(&self.config.account, kind, name, bytes)
    }
}
