//! Neutral content as Matrix messages.

use std::collections::BTreeSet;

use bridge_core::{
    Media,
    adapter::Reply,
    model::{Attachment, Colour, Content, Span, Style, StyledText},
};
use ruma::{
    OwnedEventId, OwnedMxcUri, OwnedUserId, UInt, UserId,
    events::{
        Mentions, MessageLikeEventContent, MessageLikeEventType,
        relation::Replacement,
        room::{
            ImageInfo,
            message::{
                AudioInfo, AudioMessageEventContent, FileInfo, FileMessageEventContent,
                ImageMessageEventContent, MessageType, Relation, RoomMessageEventContent,
                VideoInfo, VideoMessageEventContent,
            },
        },
    },
};
use serde::{Deserialize, Serialize};

use crate::texts;

/// Most looks that are shown over one letter.
const LAYERS: usize = 16;
/// Longest HTML, in bytes: an event has 64 KiB at most, and the plain words are in it too.
const HTML_LIMIT: usize = 32 * 1024;

/// A part of the words that names somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pill {
    /// Its first byte, and one past the last.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whom it names.
    pub(crate) user: OwnedUserId,
    /// Whether she is to notice.
    pub(crate) notify: bool,
}

/// A message with what Matrix has no form for beside it, so that it is not lost on the way back.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Worded {
    #[serde(flatten)]
    pub(crate) message: RoomMessageEventContent,
    #[serde(rename = "net.msnbridge.format", skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
}

/// Looks that clients of Matrix do not show.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Format {
    /// The font of all the words.
    pub(crate) font: String,
}

impl MessageLikeEventContent for Worded {
    fn event_type(&self) -> MessageLikeEventType {
        MessageLikeEventType::RoomMessage
    }
}

/// Makes a message of what a person said.
///
/// It always says whom it is to draw the attention of, nobody included: else clients would look for
/// names in its words.
pub(crate) fn message(content: &Content, pills: &[Pill]) -> Worded {
    let plain = content.text.plain.clone();
    let message = match (content.emote, html(&content.text, pills)) {
        (false, Some(html)) => RoomMessageEventContent::text_html(plain, html),
        (false, None) => RoomMessageEventContent::text_plain(plain),
        (true, Some(html)) => RoomMessageEventContent::emote_html(plain, html),
        (true, None) => RoomMessageEventContent::emote_plain(plain),
    };
    let named = pills.iter().filter(|pill| pill.notify).map(|pill| pill.user.clone());
    let message = message.add_mentions(Mentions::with_user_ids(named));
    let font = content.text.spans.iter().find_map(|span| match &span.style {
        Style::Font(font) if span.start == 0 && covers_all(span, &content.text.plain) => Some(font),
        _ => None,
    });
    Worded { message, format: font.map(|font| Format { font: font.clone() }) }
}

/// Makes the new words of an earlier message. Clients that know no changes show them behind a star.
pub(crate) fn edit(content: &Content, pills: &[Pill], target: OwnedEventId) -> Worded {
    let Worded { message: new, format } = message(content, pills);
    let mut message = RoomMessageEventContent::new(match content.emote {
        false => MessageType::text_plain(format!("* {}", content.text.plain)),
        true => MessageType::emote_plain(format!("* {}", content.text.plain)),
    });
    // Whom the message named noticed it when it came.
    message = message.add_mentions(Mentions::new());
    message.relates_to = Some(Relation::Replacement(Replacement::new(target, new.into())));
    Worded { message, format }
}

fn covers_all(span: &Span, plain: &str) -> bool {
    usize::try_from(span.end).is_ok_and(|end| end >= plain.len())
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

/// Makes a message that draws nobody's attention by the names in it.
pub(crate) fn quiet(message: RoomMessageEventContent) -> RoomMessageEventContent {
    message.add_mentions(Mentions::new())
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

/// What is around a part of the words.
#[derive(Clone, Copy)]
enum Mark<'a> {
    Look(&'a Style),
    Named(&'a UserId),
}

/// Writes styled words as HTML; none when they have no style, or more of it than an event holds.
fn html(text: &StyledText, pills: &[Pill]) -> Option<String> {
    let length = text.plain.len();
    let place = |at: u32| usize::try_from(at).unwrap_or(length).min(length);
    let looks = text.spans.iter().filter(|span| !matches!(span.style, Style::Font(_)));
    let looks = looks.map(|span| (place(span.start), place(span.end), Mark::Look(&span.style)));
    let names = pills
        .iter()
        .map(|pill| (pill.start.min(length), pill.end.min(length), Mark::Named(&pill.user)));
    let mut marks: Vec<(usize, usize, Mark<'_>)> =
        looks.chain(names).filter(|(start, end, _)| start < end).collect();
    if marks.is_empty() {
        return None;
    }
    marks.sort_by_key(|(start, ..)| *start);
    let cuts: BTreeSet<usize> =
        marks.iter().flat_map(|(start, end, _)| [*start, *end]).chain([0, length]).collect();
    let cuts: Vec<usize> =
        cuts.into_iter().filter(|cut| text.plain.is_char_boundary(*cut)).collect();
    let mut coming = marks.into_iter().peekable();
    let mut here: Vec<(usize, Mark<'_>)> = Vec::new();
    let mut out = String::new();
    for pair in cuts.windows(2) {
        let [from, to] = pair else { continue };
        here.retain(|(end, _)| end >= to);
        while let Some((_, end, mark)) = coming.next_if(|(start, ..)| start <= from) {
            if end >= *to && here.len() < LAYERS {
                here.push((end, mark));
            }
        }
        let words = text.plain.get(*from..*to).unwrap_or_default();
        for (_, mark) in &here {
            out.push_str(&opening(mark));
        }
        out.push_str(&escape(words).replace('\n', "<br>"));
        for (_, mark) in here.iter().rev() {
            out.push_str(closing(mark));
        }
        if out.len() > HTML_LIMIT {
            return None;
        }
    }
    Some(out)
}

fn opening(mark: &Mark<'_>) -> String {
    let style = match mark {
        Mark::Look(style) => style,
        Mark::Named(user) => {
            return format!("<a href=\"{}\">", escape(&user.matrix_to_uri().to_string()));
        }
    };
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

fn closing(mark: &Mark<'_>) -> &'static str {
    let style = match mark {
        Mark::Look(style) => style,
        Mark::Named(_) => return "</a>",
    };
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
        assert_eq!(html(&Content::plain("a <b> & c").text, &[]), None);
        let said = serde_json::to_value(message(&Content::plain("hello @room"), &[])).unwrap();
        let wanted =
            serde_json::json!({ "msgtype": "m.text", "body": "hello @room", "m.mentions": {} });
        assert_eq!(said, wanted);
    }

    #[test]
    fn overlapping_styles_make_nested_tags_and_escaped_words() {
        let text = StyledText {
            plain: "a<b\nc".to_owned(),
            spans: vec![span(0, 3, Style::Bold), span(2, 5, Style::Italic)],
        };
        let wanted = "<strong>a&lt;</strong><strong><em>b</em></strong><em><br>c</em>";
        assert_eq!(html(&text, &[]).unwrap(), wanted);
    }

    #[test]
    fn a_font_of_all_words_is_kept_beside_them() {
        let mut content = Content::plain("hi");
        content.text.spans.push(span(0, 2, Style::Font("Comic Sans MS".to_owned())));
        let said = serde_json::to_value(message(&content, &[])).unwrap();
        assert_eq!(said["net.msnbridge.format"]["font"], "Comic Sans MS");
        assert_eq!(said.get("formatted_body"), None);
    }

    #[test]
    fn a_pill_leads_to_whom_it_names_and_she_notices() {
        let user = OwnedUserId::try_from("@a&d\"a:example.org");
        let user = user.unwrap_or_else(|_| OwnedUserId::try_from("@a&da:example.org").unwrap());
        let pill = Pill { start: 3, end: 7, user: user.clone(), notify: true };
        let said = message(&Content::plain("hi @Ada <"), &[pill]).message;
        let said = serde_json::to_value(said).unwrap();
        assert_eq!(said["m.mentions"]["user_ids"][0], user.as_str());
        let html = said["formatted_body"].as_str().unwrap();
        assert!(
            html.starts_with("hi <a href=\"https://matrix.to/#/@a")
                && html.ends_with(">@Ada</a> &lt;"),
            "{html}"
        );
    }

    #[test]
    fn an_edit_has_its_new_words_and_a_star_for_old_clients() {
        let mut content = Content::plain("hallo");
        content.text.spans.push(span(0, 5, Style::Bold));
        let target = OwnedEventId::try_from("$a").unwrap();
        let said = serde_json::to_value(edit(&content, &[], target)).unwrap();
        assert_eq!(said["body"], "* hallo");
        assert_eq!(said["m.new_content"]["formatted_body"], "<strong>hallo</strong>");
        assert_eq!(
            said["m.relates_to"],
            serde_json::json!({ "rel_type": "m.replace", "event_id": "$a" })
        );
    }

    #[test]
    fn looks_without_end_take_linear_time_and_bounded_room() {
        let plain = "x".repeat(60_000);
        let spans = (0..60_000)
            .map(|at| span(at, 60_000, Style::Colour(Colour { red: 1, green: 2, blue: 3 })));
        assert_eq!(html(&StyledText { plain, spans: spans.collect() }, &[]), None);
    }

    #[test]
    fn a_span_beyond_the_words_or_inside_a_letter_breaks_nothing() {
        let text = StyledText {
            plain: "ü".to_owned(),
            spans: vec![span(1, 99, Style::Bold), span(7, 3, Style::Italic)],
        };
        assert!(html(&text, &[]).unwrap().contains('ü'));
    }
}
