//! A line's words.

/// A quotation mark has no second one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A quotation mark is missing its second one.")]
pub(super) struct Unclosed;

/// Cuts a line into words at white space; quotation marks hold a word with spaces together, and a
/// backslash takes the next character as it is.
pub(super) fn words(line: &str) -> Result<Vec<String>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quoted { Err(Unclosed) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_space_outside_quotation_marks() {
        let cut = |line| words(line).unwrap();
        assert_eq!(cut("  chat  bob@example.com "), ["chat", "bob@example.com"]);
        assert_eq!(cut(r#"name "Ada \"L\"" """#), ["name", "Ada \"L\"", ""]);
        assert_eq!(cut(""), Vec::<String>::new());
        assert_eq!(words("chat \"bob"), Err(Unclosed));
    }
}
