//! Names that webhooks may speak under.
//!
//! Discord refuses names that hold `discord` or `clyde`, are `everyone` or `here`, are empty or
//! longer than 80 characters (documentation, webhooks; what it refuses, by its users' reports).

use bridge_core::model::Persona;
use unicode_segmentation::UnicodeSegmentation as _;

/// Longest name, in characters.
const LIMIT: usize = 80;

/// Gives the name to speak under: the persona's own, with one letter of a forbidden word exchanged
/// for one that looks the same.
pub(crate) fn shown(persona: &Persona) -> String {
    let own = tidy(persona.shown_name());
    let name = if own.is_empty() { tidy(persona.id.as_str()) } else { own };
    let name = ["discord", "clyde"].into_iter().fold(name, |name, word| disguised(&name, word));
    let whole = ["everyone", "here"].into_iter().any(|word| name.eq_ignore_ascii_case(word));
    let name = if whole { name.replacen(['e', 'E'], "е", 1) } else { name };
    if name.is_empty() { "somebody".to_owned() } else { name }
}

/// Gives a name that nothing can be said against, for when Discord refused the other.
pub(crate) fn plain(persona: &Persona) -> String {
    let name = shown(persona);
    let letters: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let name = tidy(&letters);
    if name.is_empty() { "somebody".to_owned() } else { name }
}

/// One line, not too long, cut between letters.
fn tidy(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = name.split_whitespace().collect();
    let mut out = String::new();
    let mut length = 0;
    for letter in words.join(" ").graphemes(true) {
        length += letter.chars().count();
        if length > LIMIT {
            break;
        }
        out.push_str(letter);
    }
    out.trim_end().to_owned()
}

/// Exchanges the letter `c` in each of a word's places for the Cyrillic one.
fn disguised(name: &str, word: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let mut out = String::new();
    let mut from = 0;
    for (at, found) in lower.match_indices(word) {
        out.push_str(name.get(from..at).unwrap_or_default());
        let seen = name.get(at..at + found.len()).unwrap_or_default();
        out.push_str(&seen.replace('c', "с").replace('C', "С"));
        from = at + found.len();
    }
    out.push_str(name.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use bridge_core::id::{NetworkId, PersonaId};

    use super::*;

    fn called(name: &str) -> Persona {
        Persona {
            network: NetworkId::new("msn"),
            id: PersonaId::new("bob@example.com"),
            name: Some(name.to_owned()),
        }
    }

    #[test]
    fn forbidden_names_are_disguised_and_others_are_not() {
        for (name, wanted) in [
            ("Bob ☃", "Bob ☃"),
            ("  two\n lines ", "two lines"),
            ("Discord fan", "Disсord fan"),
            ("CLYDE", "СLYDE"),
            ("groundsclyde", "groundsсlyde"),
            ("everyone", "еveryone"),
            ("Here", "Hеre"),
            ("hereafter", "hereafter"),
            ("", "bob@example.com"),
            ("\u{7}", "bob@example.com"),
        ] {
            assert_eq!(shown(&called(name)), wanted);
        }
    }

    #[test]
    fn long_names_are_cut_between_letters() {
        assert_eq!(shown(&called(&"x".repeat(200))).chars().count(), 80);
        let families = shown(&called(&"👨‍👩‍👧‍👦".repeat(20)));
        assert_eq!(families, "👨‍👩‍👧‍👦".repeat(11));
    }

    #[test]
    fn the_plain_name_has_only_letters_and_numbers() {
        assert_eq!(plain(&called("B@b: #1!")), "B b 1");
        assert_eq!(plain(&called("!!!")), "somebody");
    }
}
