//! What others chose to be called, made fit to be shown: in tables, texts, buttons, notices.
//!
//! A name is one line of letters. What breaks lines, turns the direction of writing, hides, or could
//! be taken for what the bridge itself says is taken out here and nowhere else; what a network would
//! read as its own markup, its adapter escapes.

use crate::{
    adapter::{Button, Reply},
    model::Persona,
};

/// Most letters of a name in an answer.
const NAME: usize = 80;
/// Most letters of a name that people's own rooms and messages show: Synapse takes 256, and one more may say
/// that it was cut.
const PERSONA: usize = 255;
/// Most letters of a cell, a line to be said, or a network's reason.
const LINE: usize = 300;
/// Most letters of a text.
const TEXT: usize = 12_000;
/// Most letters of something said that is said back.
const SHORT: usize = 40;

/// Makes a name fit to be shown in an answer or a notice.
pub fn name(text: &str) -> String {
    cut(text, NAME)
}

/// Makes a piece of what somebody said fit to be said back to her.
pub(crate) fn short(text: &str) -> String {
    cut(text, SHORT)
}

/// Makes the name that somebody comes with fit to be shown; one of which nothing is left is none.
pub(crate) fn persona(mut persona: Persona) -> Persona {
    let name = persona.name.map(|name| cut(&name, PERSONA));
    persona.name = name.filter(|name| !name.is_empty());
    persona
}

/// Makes what a network says, with names in it perhaps, one line.
pub(crate) fn line(text: &str) -> String {
    cut(text, LINE)
}

/// Makes an answer fit to be shown: each line of it stays one, and none of it deceives.
pub(crate) fn reply(reply: Reply) -> Reply {
    match reply {
        Reply::Buttons { text, buttons } => {
            let fit = |button: Button| Button {
                label: name(&button.label),
                line: line(&button.line),
                sign: button.sign,
            };
            Reply::Buttons { text: lines(&text), buttons: buttons.into_iter().map(fit).collect() }
        }
        Reply::Table { title, columns, mut rows } => {
            for cell in rows.iter_mut().flatten() {
                *cell = line(cell);
            }
            Reply::Table { title: line(&title), columns, rows }
        }
        Reply::Text(text) => Reply::Text(lines(&text)),
    }
}

/// Takes out of a text of several lines what could deceive; the marks around what can be said stay.
fn lines(text: &str) -> String {
    let fit = |c: &char| *c == '\n' || !(c.is_control() || is_hidden(*c));
    let mut fit_text: String = text.chars().filter(fit).take(TEXT).collect();
    if fit_text.len() < text.len() && fit_text.chars().count() == TEXT {
        fit_text.push('…');
    }
    fit_text
}

/// Makes one line of at most so many letters, without what could deceive or break a table.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut letters = 0;
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            space = !line.is_empty();
            continue;
        }
        if is_hidden(c) {
            continue;
        }
        if letters >= limit {
            line.push('…');
            return line;
        }
        if std::mem::take(&mut space) {
            line.push(' ');
            letters += 1;
        }
        // Between these marks the bridge writes what can be said to it.
        line.push(if c == '`' { '\'' } else { c });
        letters += 1;
    }
    line
}

/// Characters that nobody sees, and that change how those beside them are read.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hostile_name_becomes_one_short_line() {
        assert_eq!(
            name("  Ada\r\n\u{202e}\u{0}@everyone\u{2028}`logout` "),
            "Ada @everyone 'logout'"
        );
        let long = name(&"x".repeat(10_000));
        assert_eq!(long.chars().count(), NAME + 1);
        assert!(long.ends_with('…'));
        assert_eq!(name("\u{200b}\u{feff}"), "");
    }

    #[test]
    fn letters_that_need_a_joiner_keep_it() {
        let family = "👩\u{200d}👧";
        assert_eq!(name(family), family);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_one_line_and_made_once(text in "\\PC{0,50}|[\\x00-\\x20a\u{202e}`]{0,50}") {
            let shown = name(&text);
            let odd = ['\n', '\r', '`', '\u{202e}'];
            prop_assert!(!shown.contains(odd));
            prop_assert!(shown.chars().count() <= NAME + 2);
            prop_assert_eq!(name(&shown), shown);
        }
    }
}
