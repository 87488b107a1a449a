//! A line's words.

/// A quotation mark has no second one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A quotation mark is missing its second one.")]
pub(super) struct Unclosed;

/// One word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether some of it stood in quotation marks or behind a backslash: such a word is never an
    /// option.
    pub(super) quoted: bool,
}

impl Word {
    /// Writes it so that it is cut into this word again.
    pub(super) fn quoted(&self) -> String {
        if self.quoted {
            format!("\"{}\"", self.text.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            self.text.clone()
        }
    }
}

/// Cuts a line into words at white space; quotation marks hold a word with spaces together, and a
/// backslash takes the next character as it is.
pub(super) fn words(line: &str) -> Result<Vec<Word>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut open = false;
    let empty = || Word { text: String::new(), quoted: false };
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                open = !open;
                word.get_or_insert_with(empty).quoted = true;
            }
            '\\' => {
                let word = word.get_or_insert_with(empty);
                word.quoted = true;
                word.text.extend(characters.next());
            }
            c if c.is_whitespace() && !open => words.extend(word.take()),
            c => word.get_or_insert_with(empty).text.push(c),
        }
    }
    words.extend(word);
    if open { Err(Unclosed) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(line: &str) -> Vec<String> {
        words(line).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_cut_at_space_outside_quotation_marks() {
        assert_eq!(cut("  chat  bob@example.com "), ["chat", "bob@example.com"]);
        assert_eq!(cut(r#"name "Ada \"L\"" """#), ["name", "Ada \"L\"", ""]);
        assert_eq!(cut(""), Vec::<String>::new());
        assert_eq!(words("chat \"bob"), Err(Unclosed));
    }

    #[test]
    fn a_word_knows_whether_it_was_quoted() {
        let quoted: Vec<bool> = words(r#"a "b" \c d"e"#.trim_end_matches("d\"e"))
            .unwrap()
            .iter()
            .map(|word| word.quoted)
            .collect();
        assert_eq!(quoted, [false, true, true]);
    }

    proptest! {
        #[test]
        fn quoted_words_come_out_as_they_went_in(texts in prop::collection::vec(".{0,12}", 0..5)) {
            let quote = |text: &String| Word { text: text.clone(), quoted: true }.quoted();
            let line = texts.iter().map(quote).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(cut(&line), texts);
        }
    }
}
