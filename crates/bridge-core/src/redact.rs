//! What a log may say of people: a short keyed hash in place of an address, a name, or words.
//!
//! Types decide, not call sites: the ids of [`id`](crate::id) and the model's texts print themselves
//! through [`Redacted`] wherever `Debug` prints them, and logs print `Debug`. `Display` stays what people
//! are shown. The hash is the same as long as the key is, so that an operator can follow one person
//! through a log without reading who she is.

use std::{
    fmt,
    hash::Hasher as _,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use siphasher::sip::SipHasher24;

use crate::seal::SealKey;

/// The name of the key among those derived from the sealing key.
const LABEL: &[u8; 24] = b"names and words in a log";

static FULL: AtomicBool = AtomicBool::new(false);
static KEY: OnceLock<[u8; 16]> = OnceLock::new();

/// Chooses the hash's key, derived from the key that seals passwords: the same in each process of one
/// data directory. Once in a process; until then a random one stands for it.
pub fn set_key(key: &SealKey) {
    // The first one stays, or one name would have two hashes in one log.
    let _ = KEY.set(key.derive(LABEL));
}

/// Prints addresses, names and words as they are from now on, or their hashes again.
pub fn print_in_full(full: bool) {
    FULL.store(full, Ordering::Relaxed);
}

/// Prints what is inside as its hash, by `Debug` and by `Display`, unless the operator asked for all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Redacted<T>(pub T);

impl<T: AsRef<str>> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T: AsRef<str>> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref();
        if FULL.load(Ordering::Relaxed) {
            return f.write_str(text);
        }
        // 40 bits: enough to tell the people of one bridge apart.
        write!(f, "#{:010x}", hash(text) >> 24)
    }
}

fn hash(text: &str) -> u64 {
    let key = KEY.get_or_init(|| {
        let mut key = [0; 16];
        // Without randomness the hashes are only as good as the lack of a reason to guess them.
        let _ = getrandom::fill(&mut key);
        key
    });
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use crate::{
        id::{LoginId, NetworkId, PersonaId},
        model::{Content, Persona, Quote, StyledText},
    };

    /// One test, for what is printed is a choice of the whole process.
    #[test]
    fn addresses_names_and_words_print_as_hashes_unless_asked_for() {
        let persona = Persona {
            network: NetworkId::new("msn"),
            id: PersonaId::new("bob@example.com"),
            name: Some("Bob Smith".to_owned()),
        };
        let quote = Quote {
            message: crate::id::MessageId::new("$1"),
            sender: Some("Bob Smith".to_owned()),
            excerpt: Some("words of old".to_owned()),
        };
        let words = Content {
            text: StyledText { plain: "words of his".to_owned(), spans: Vec::new() },
            reply_to: Some(quote),
            ..Content::default()
        };
        let login = LoginId::new("msn:test:ada@example.com");
        let print = || format!("{persona:?} {words:?} {login:?}");
        let hashed = print();
        for secret in ["example.com", "Smith", "words of"] {
            assert!(!hashed.contains(secret), "{secret:?} is in {hashed}");
        }
        assert_eq!(hashed, print(), "the hash is the same each time");
        assert!(hashed.contains("msn"), "what is nobody's is printed: {hashed}");
        assert_eq!(login.to_string(), "msn:test:ada@example.com", "people are shown it");
        assert_ne!(format!("{login:?}"), format!("{:?}", persona.id));
    }
}
