//! The dialogue of signing in: server, address, password, and a try.

use std::sync::Arc;

use async_trait::async_trait;
use bridge_core::connector::{LoginError, LoginProcess, LoginStep};
use msnp::{CloseReason, ConnectError, Event, Status};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{MsnServer, credentials::Credentials, texts};

/// A dialogue and how far it is.
pub(crate) struct MsnLogin {
    servers: Arc<[MsnServer]>,
    step: Step,
}

enum Step {
    Begin,
    Server,
    Address { server: MsnServer },
    Password { server: MsnServer, account: String },
}

impl MsnLogin {
    pub(crate) fn new(servers: Arc<[MsnServer]>) -> Self {
        Self { servers, step: Step::Begin }
    }

    fn ask_for_address(&mut self, server: MsnServer) -> LoginStep {
        self.step = Step::Address { server };
        ask(texts::WHICH_ADDRESS_DO_YOU_SIGN)
    }
}

#[async_trait]
impl LoginProcess for MsnLogin {
    async fn next(&mut self, answer: Option<SecretString>) -> Result<LoginStep, LoginError> {
        let answer =
            answer.as_ref().map(|answer| answer.expose_secret().trim()).unwrap_or_default();
        match std::mem::replace(&mut self.step, Step::Begin) {
            Step::Begin => match &*self.servers {
                [] => Err(LoginError::Refused(texts::THE_BRIDGE_KNOWS_NO_MSN_SERVER.to_owned())),
                [only] => {
                    let only = only.clone();
                    Ok(self.ask_for_address(only))
                }
                several => {
                    let names: Vec<&str> =
                        several.iter().map(|server| server.name.as_str()).collect();
                    let prompt = texts::which_network(names.join(", "));
                    self.step = Step::Server;
                    Ok(LoginStep::Ask { prompt, secret: false })
                }
            },
            Step::Server => match self.servers.iter().find(|server| server.name == answer).cloned()
            {
                Some(server) => Ok(self.ask_for_address(server)),
                None => {
                    self.step = Step::Server;
                    Err(LoginError::Invalid(texts::THAT_IS_NONE_OF_THEM.to_owned()))
                }
            },
            Step::Address { server } if !is_address(answer) => {
                self.step = Step::Address { server };
                let text = texts::THAT_IS_NO_ADDRESS_IT_LOOKS_LIKE_ADA_EXAMPLE_COM;
                Err(LoginError::Invalid(text.to_owned()))
            }
            Step::Address { server } => {
                self.step = Step::Password { server, account: answer.to_owned() };
                Ok(LoginStep::Ask { prompt: texts::AND_THE_PASSWORD.to_owned(), secret: true })
            }
            Step::Password { server, account } => {
                let password = answer.to_owned().into();
                try_out(
                    &server,
                    Credentials { server: server.identity().to_owned(), account, password },
                )
                .await
            }
        }
    }
}

fn ask(prompt: &str) -> LoginStep {
    LoginStep::Ask { prompt: prompt.to_owned(), secret: false }
}

/// Tells whether a text can be an account's address.
pub fn is_address(text: &str) -> bool {
    let halves = text.split_once('@');
    let whole = halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    whole && text.len() <= 129 && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Signs in once, to learn whether the password is right.
async fn try_out(server: &MsnServer, credentials: Credentials) -> Result<LoginStep, LoginError> {
    let mut config = credentials.client(server);
    // Contacts need not see the account come and go for a try.
    config.status = Status::Hidden;
    match msnp::connect(config).await {
        Ok((handle, mut events)) => {
            let mut own_name = None;
            while let Some(event) = events.next().await {
                if let Event::Online { name, .. } = event {
                    own_name = Some(name);
                    break;
                }
            }
            handle.sign_out().await;
            events.finish().await;
            Ok(LoginStep::Done(credentials.stored(own_name)))
        }
        Err(ConnectError::Ended(CloseReason::AuthRejected)) => {
            Err(LoginError::Refused(texts::THE_SERVER_REFUSED_THE_ADDRESS.to_owned()))
        }
        Err(error) => Err(LoginError::Unreachable(texts::the_sign_in_did_not_work(&error))),
    }
}
