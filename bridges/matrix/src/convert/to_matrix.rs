//! Neutral content as Matrix messages.

use std::collections::BTreeSet;

use bridge_core::{
    Media,
    adapter::Reply,
    model::{Attachment, Colour, Content, Span, Style, StyledText},
};
use ruma::{
    OwnedMxcUri, UInt,
    events::room::{
        ImageInfo,
        message::{
            AudioInfo, AudioMessageEventContent, FileInfo, FileMessageEventContent,
            ImageMessageEventContent, MessageType, RoomMessageEventContent, VideoInfo,
            VideoMessageEventContent,
        },
    },
};

use crate::texts;

/// Makes a message of what a person said.
pub(crate) fn message(content: &Content) -> RoomMessageEventContent {
    let plain = content.text.plain.clone();
    match (content.emote, html(&content.text)) {
        (false, Some(html)) => RoomMessageEventContent::text_html(plain, html),
        (false, None) => RoomMessageEventContent::text_plain(plain),
        (true, Some(html)) => RoomMessageEventContent::emote_html(plain, html),
        (true, None) => RoomMessageEventContent::emote_plain(plain),
    }
}

/// Makes a message of a file that is on the homeserver; what it is is told by its bytes.
pub(crate) fn file(
    file: &Attachment,
    media: &Media,
    address: OwnedMxcUri,
) -> RoomMessageEventContent {
    let name = media.name.clone();
    let body = file.caption.clone().unwrap_or_else(|| name.clone());
    let (mimetype, size) = (Some(media.mime.to_owned()), UInt::try_from(media.size).ok());
    // Four forms with the same parts, and no trait over them.
    macro_rules! message {
        ($kind:ident, $content:ident, $info:ident) => {{
            let mut info = $info::new();
            (info.mimetype, info.size) = (mimetype, size);
            let mut content = $content::plain(body, address);
            content.filename = Some(name);
            content.info = Some(Box::new(info));
            MessageType::$kind(content)
        }};
    }
    let mut message = match media.mime.split('/').next() {
        Some("audio") => message!(Audio, AudioMessageEventContent, AudioInfo),
        Some("image") => message!(Image, ImageMessageEventContent, ImageInfo),
        Some("video") => message!(Video, VideoMessageEventContent, VideoInfo),
        _ => message!(File, FileMessageEventContent, FileInfo),
    };
    if let (MessageType::Image(image), Some((width, height))) = (&mut message, media.dimensions)
        && let Some(info) = &mut image.info
    {
        (info.width, info.height) = (Some(width.into()), Some(height.into()));
    }
    RoomMessageEventContent::new(message)
}

/// Makes a notice of what the bridge answers.
pub(crate) fn notice(reply: &Reply) -> RoomMessageEventContent {
    match reply {
        Reply::Buttons { text, buttons } => words(&Reply::with_buttons_as_text(text, buttons)),
        Reply::Text(text) => words(text),
        Reply::Table { title, columns, rows } => {
            let lines = rows.iter().map(|row| row.join(" · "));
            let plain = std::iter::once(title.clone()).chain(lines).collect::<Vec<_>>().join("\n");
            let cells = |row: &[String], tag: &str| {
                let cells = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell)));
                format!("<tr>{}</tr>", cells.collect::<String>())
            };
            let body: String = rows.iter().map(|row| cells(row, "td")).collect();
            let html = format!(
                "<p>{}</p><table><thead>{}</thead><tbody>{body}</tbody></table>",
                escape(title),
                cells(columns, "th"),
            );
            RoomMessageEventContent::notice_html(plain, html)
        }
        _ => RoomMessageEventContent::notice_plain(texts::WORDLESS),
    }
}

/// Makes a notice of words whose only marks are those around what can be said. All else stays as it is:
/// others' names may look like markdown, or like HTML.
pub(crate) fn words(text: &str) -> RoomMessageEventContent {
    if !text.contains(['`', '\n']) {
        return RoomMessageEventContent::notice_plain(text);
    }
    let pieces = text.split('`').zip([false, true].into_iter().cycle());
    let html: String = pieces
        .map(|(piece, code)| match code {
            true => format!("<code>{}</code>", escape(piece)),
            false => escape(piece).replace('\n', "<br>"),
        })
        .collect();
    RoomMessageEventContent::notice_html(text, html)
}

/// Writes styled words as HTML; none when they have no style.
fn html(text: &StyledText) -> Option<String> {
    if text.spans.is_empty() {
        return None;
    }
    let length = text.plain.len();
    let place = |at: u32| usize::try_from(at).unwrap_or(length).min(length);
    let ends = text.spans.iter().flat_map(|span| [place(span.start), place(span.end)]);
    let cuts: BTreeSet<usize> = ends.chain([0, length]).collect();
    let cuts: Vec<usize> =
        cuts.into_iter().filter(|cut| text.plain.is_char_boundary(*cut)).collect();
    let mut out = String::new();
    for pair in cuts.windows(2) {
        let [from, to] = pair else { continue };
        let words = text.plain.get(*from..*to).unwrap_or_default();
        let covers = |span: &&Span| place(span.start) <= *from && place(span.end) >= *to;
        let styles: Vec<&Style> =
            text.spans.iter().filter(covers).map(|span| &span.style).collect();
        for style in &styles {
            out.push_str(&opening(style));
        }
        out.push_str(&escape(words).replace('\n', "<br>"));
        for style in styles.iter().rev() {
            out.push_str(closing(style));
        }
    }
    Some(out)
}

fn opening(style: &Style) -> String {
    match style {
        Style::Bold => "<strong>".to_owned(),
        Style::Italic => "<em>".to_owned(),
        Style::Underline => "<u>".to_owned(),
        Style::Strike => "<del>".to_owned(),
        Style::Code => "<code>".to_owned(),
        Style::Spoiler => "<span data-mx-spoiler>".to_owned(),
        Style::Link(address) if is_web(address) => format!("<a href=\"{}\">", escape(address)),
        Style::Colour(Colour { red, green, blue }) => {
            format!("<font data-mx-color=\"#{red:02x}{green:02x}{blue:02x}\">")
        }
        // Matrix has no fonts.
        _ => String::new(),
    }
}

fn closing(style: &Style) -> &'static str {
    match style {
        Style::Bold => "</strong>",
        Style::Italic => "</em>",
        Style::Underline => "</u>",
        Style::Strike => "</del>",
        Style::Code => "</code>",
        Style::Spoiler => "</span>",
        Style::Link(address) if is_web(address) => "</a>",
        Style::Colour(_) => "</font>",
        _ => "",
    }
}

/// Tells whether an address may become a link: nothing that a click would run.
fn is_web(address: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| address.starts_with(scheme))
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u32, end: u32, style: Style) -> Span {
        Span { start, end, style }
    }

    #[test]
    fn names_in_a_notice_are_neither_markdown_nor_html() {
        let said = |reply: &Reply| serde_json::to_value(notice(reply)).unwrap();
        let one = said(&Reply::Text("**Bob** <b>@room</b>".to_owned()));
        assert_eq!(one["body"], "**Bob** <b>@room</b>");
        assert!(one.get("formatted_body").is_none());
        let two = said(&Reply::Text("Say `chat <x>`\nto *Bob* <i>".to_owned()));
        let html = "Say <code>chat &lt;x&gt;</code><br>to *Bob* &lt;i&gt;";
        assert_eq!(two["formatted_body"], html);
    }

    #[test]
    fn words_without_style_have_no_html() {
        assert_eq!(html(&Content::plain("a <b> & c").text), None);
        assert_eq!(message(&Content::plain("hello")).msgtype(), "m.text");
    }

    #[test]
    fn overlapping_styles_make_nested_tags_and_escaped_words() {
        let text = StyledText {
            plain: "a<b\nc".to_owned(),
            spans: vec![span(0, 3, Style::Bold), span(2, 5, Style::Italic)],
        };
        let wanted = "<strong>a&lt;</strong><strong><em>b</em></strong><em><br>c</em>";
        assert_eq!(html(&text).unwrap(), wanted);
    }

    #[test]
    fn a_span_beyond_the_words_or_inside_a_letter_breaks_nothing() {
        let text = StyledText {
            plain: "ü".to_owned(),
            spans: vec![span(1, 99, Style::Bold), span(7, 3, Style::Italic)],
        };
        assert!(html(&text).unwrap().contains('ü'));
    }
}
