//! Words of MSN as people read them, and back: emoticons and the codes of an add-on.
//!
//! What is the server's stays as it came: names and words are only shown so.

use bridge_core::model::{Colour, Span, Style, StyledText};
use msnp::text::{
    emoticon::{self, moved, replaced},
    plus::{self, Effect},
};

/// Makes a neutral text of words: looks of the codes in it, emoji for the shortcuts that are not the
/// sender's own.
pub(crate) fn read(words: &str, own: &[String]) -> StyledText {
    let styled = plus::read(words);
    let pictures = emoticon::shortcuts(&styled.words, own);
    let place = |at| u32::try_from(moved(at, &pictures)).unwrap_or(u32::MAX);
    let runs = styled.runs.iter().filter_map(|run| {
        let (start, end) = (place(run.range.start), place(run.range.end));
        (start < end).then_some(Span { start, end, style: style(run.effect)? })
    });
    StyledText { spans: runs.collect(), plain: replaced(&styled.words, &pictures) }
}

/// Makes a name or a personal message fit to be shown: without codes, with emoji.
pub(crate) fn shown(text: &str) -> String {
    read(text, &[]).plain
}

/// Writes emoji as the shortcuts that clients draw pictures for, where there are any.
pub(crate) fn written(words: &str) -> String {
    replaced(words, &emoticon::emoji(words))
}

fn style(effect: Effect) -> Option<Style> {
    Some(match effect {
        Effect::Bold => Style::Bold,
        Effect::Colour(msnp::Colour { red, green, blue }) => {
            Style::Colour(Colour { red, green, blue })
        }
        Effect::Italic => Style::Italic,
        Effect::Strike => Style::Strike,
        Effect::Underline => Style::Underline,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_move_with_the_pictures_before_them() {
        let text = read("(L) [b]you :)[/b] f(x)", &[]);
        assert_eq!(text.plain, "❤\u{fe0f} you 🙂 f(x)");
        assert_eq!(text.spans.len(), 1);
        let Span { start, end, style } = text.spans[0].clone();
        let part = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        assert_eq!((text.plain.get(part), style), (Some("you 🙂"), Style::Bold));
    }

    #[test]
    fn a_look_of_half_a_shortcut_is_one_of_the_whole_picture_or_of_none() {
        for (words, ends) in [(":[b])[/b]", vec![4]), ("[b]:[/b])", vec![])] {
            let text = read(words, &[]);
            assert_eq!(text.plain, "🙂");
            assert_eq!(text.spans.iter().map(|span| span.end).collect::<Vec<_>>(), ends);
        }
    }

    #[test]
    fn own_shortcuts_stay_letters() {
        assert_eq!(read("(l) (k)", &["(l)".to_owned()]).plain, "(l) 💋");
    }

    #[test]
    fn names_lose_their_codes_and_words_get_their_shortcuts() {
        assert_eq!(shown("[c=4]Ada[/c=12] ·$4(F)"), "Ada 🌹");
        assert_eq!(written("🙂 see http://a.b/🙂"), ":) see http://a.b/🙂");
    }
}
