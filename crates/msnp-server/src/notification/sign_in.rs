//! From a client's first word to `USR OK`, by the scheme of its version.

use std::sync::Arc;

use msnp_proto::{
    ClientCommand, ErrorCode, LinkKind, ServerCommand, Version, command::Whose, msg::plain_id,
    version::Scheme,
};

use super::{CHALLENGE, POLICIES};
use crate::{
    link::{Ended, Reader, Speaker},
    network::{Admits, Shared},
};

/// The policy of every sign-in by ticket, as revival servers give it.
const POLICY: &str = "ct=1,rver=1,wp=FS_40SEC_0_COMPACT,lc=1,id=1";
/// The policy of every sign-in with a proof.
const PROOF_POLICY: &str = "MBI_KEY_OLD";

/// A sign-in that has begun.
struct Begun {
    account: String,
    /// What is to be hashed or proved.
    nonce: String,
}

/// Goes from the first word to `USR OK`; gives the account, and the place where it has a name.
pub(super) async fn sign_in(
    shared: &Arc<Shared>,
    reader: &mut Reader,
    speaker: &mut Speaker,
) -> Result<(String, Option<String>), Ended> {
    let mut begun = None;
    loop {
        while let Some(frame) = reader.framer.next().map_err(|_| Ended)? {
            let command = ClientCommand::decode(&frame, speaker.version, LinkKind::Notification);
            let command = command.map_err(|_| Ended)?;
            let verb = match command {
                ClientCommand::Version { .. } => "VER",
                ClientCommand::ClientVersion { .. } => "CVR",
                ClientCommand::AuthenticateAs { .. } => "USR I",
                ClientCommand::AuthenticateWith { .. } => "USR S",
                _ => "",
            };
            if speaker.misbehave(shared.faults.misdeed(verb), &command)? {
                continue;
            }
            match command {
                ClientCommand::Version { trid, names } => {
                    let known = names.iter().filter_map(|name| name.parse::<Version>().ok()).max();
                    if let Some(version) = known {
                        speaker.version = version;
                    }
                    speaker.say(&ServerCommand::Version { trid, version: known })?;
                    known.ok_or(Ended)?;
                }
                ClientCommand::AskSchemes { trid } if speaker.version.has_scheme_question() => {
                    let scheme = speaker.version.scheme().word();
                    speaker.say(&ServerCommand::Schemes { trid, scheme })?;
                }
                ClientCommand::ClientVersion { trid, number, .. } => {
                    client_version(speaker, trid, number)?;
                }
                ClientCommand::AuthenticateAs { trid, scheme, account }
                    if scheme == speaker.version.scheme().word() =>
                {
                    begun = Some(begin(speaker, trid, account)?);
                }
                ClientCommand::AuthenticateWith { trid, ticket, proof, machine, .. } => {
                    let begun = begun.as_ref().ok_or(Ended)?;
                    let proof = proof.map(|proof| proof.0);
                    let account = prove(shared, speaker.version, begun, ticket.0, proof).await;
                    let place = machine.filter(|_| speaker.version.has_machine_id()).map(plain_id);
                    let known = !speaker.version.has_machine_id() || place.is_some();
                    match account.filter(|account| *account == begun.account && known) {
                        Some(account) => {
                            greet(shared, speaker, trid, &account).await?;
                            return Ok((account, place));
                        }
                        None => {
                            speaker.refuse(trid, ErrorCode::AUTHENTICATION_FAILED)?;
                            return Err(Ended);
                        }
                    }
                }
                // As the real servers: nothing else may be said yet.
                _ => return Err(Ended),
            }
        }
        reader.fill().await?;
    }
}

pub(super) fn client_version(speaker: &Speaker, trid: u32, number: &str) -> Result<(), Ended> {
    let web = "http://messenger.msn.com";
    speaker.say(&ServerCommand::ClientVersion {
        trid,
        recommended: number,
        minimum: number,
        download: web,
        info: web,
    })
}

/// Says what is to be proved.
fn begin(speaker: &Speaker, trid: u32, account: &str) -> Result<Begun, Ended> {
    let nonce = nonce();
    if speaker.version.has_pushed_policies() {
        let payload = POLICIES.as_bytes();
        speaker.say(&ServerCommand::Policies { trid: 0, file: None, payload })?;
    }
    let scheme = speaker.version.scheme();
    let (policy, told) = match scheme {
        Scheme::Hash => (nonce.as_str(), None),
        Scheme::Ticket => (POLICY, None),
        Scheme::TicketWithProof => (PROOF_POLICY, Some(nonce.as_str())),
    };
    let scheme = scheme.word();
    speaker.say(&ServerCommand::AuthenticateWith { trid, scheme, policy, nonce: told })?;
    Ok(Begun { account: account.to_lowercase(), nonce })
}

/// Tells who it is, if it is proved; the address in lower case.
async fn prove(
    shared: &Shared,
    version: Version,
    begun: &Begun,
    ticket: &str,
    proof: Option<&str>,
) -> Option<String> {
    let scheme = version.scheme();
    if scheme == Scheme::Hash {
        let found = shared.directory.verify_hash(&begun.account, &begun.nonce, ticket).await?;
        return Some(found.account.to_lowercase());
    }
    let ticket = ticket.strip_prefix("t=").unwrap_or(ticket);
    let ticket = ticket.split('&').next().unwrap_or(ticket);
    if scheme == Scheme::TicketWithProof {
        let account = shared.redeem_sso(ticket, &begun.nonce, proof?)?;
        return Some(account.to_lowercase());
    }
    match shared.redeem(ticket)? {
        Admits::SignIn { account } => Some(account.to_lowercase()),
        _ => None,
    }
}

/// Sixty-four digits that nobody can guess.
fn nonce() -> String {
    let mut bytes = [0; 32];
    // A machine without randomness cannot make secrets; its network is for loopback only.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn greet(shared: &Shared, speaker: &Speaker, trid: u32, account: &str) -> Result<(), Ended> {
    let version = speaker.version;
    let profile = shared.directory.profile(account).await.unwrap_or_default();
    let name = Some(profile.name.into());
    speaker.say(&ServerCommand::SignedIn {
        trid,
        account: &profile.account,
        name,
        verified: true,
    })?;
    if version.has_sbs() {
        speaker.say(&ServerCommand::Sbs)?;
    }
    let places = if version.has_endpoints() { "MPOPEnabled: 1\r\n" } else { "" };
    let payload = format!(
        "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsprofile; charset=UTF-8\r\n\
         EmailEnabled: 0\r\nlang_preference: 1033\r\npreferredEmail: {account}\r\n\
         MSPAuth: \r\nClientIP: 127.0.0.1\r\nClientPort: 0\r\nABCHMigrated: 1\r\n{places}\r\n"
    );
    let (sender, payload) = ("Hotmail", payload.as_bytes());
    speaker.say(&ServerCommand::Message { sender, name: sender.into(), payload })?;
    if version.has_endpoints() && !version.has_publications() {
        let whose = Whose::passport(&profile.account);
        speaker.say(&ServerCommand::PersonalMessage { whose, payload: &[] })?;
    }
    let challenges = shared.faults.challenges() && version.has_challenges();
    if challenges || version.has_challenge_at_sign_in() {
        speaker.say(&ServerCommand::Challenge { text: CHALLENGE })?;
    }
    Ok(())
}
