use std::time::{Duration, Instant};

use super::*;

fn said(html: &str) -> Read {
    read(html, &|_| None)
}

fn plain(html: &str) -> String {
    said(html).text.plain
}

fn looks(html: &str) -> Vec<(String, Style)> {
    let text = said(html).text;
    let part = |span: &Span| between(&text.plain, span.start, span.end).unwrap().to_owned();
    text.spans.iter().map(|span| (part(span), span.style.clone())).collect()
}

#[test]
fn each_look_is_one_of_the_words_it_is_around() {
    let html = "<strong>a</strong> <em>b</em> <u>c</u> <del>d</del> <code>e</code> \
                <a href=\"https://x.org\">f</a> <font data-mx-color=\"#00ff7F\">g</font> \
                <font color=red face='Comic Sans MS'>h</font> <span data-mx-spoiler>i</span>";
    let colour = |red, green, blue| Style::Colour(Colour { red, green, blue });
    let wanted = [
        ("a", Style::Bold),
        ("b", Style::Italic),
        ("c", Style::Underline),
        ("d", Style::Strike),
        ("e", Style::Code),
        ("f", Style::Link("https://x.org".to_owned())),
        ("g", colour(0, 255, 127)),
        ("h", colour(255, 0, 0)),
        ("h", Style::Font("Comic Sans MS".to_owned())),
        ("i", Style::Spoiler),
    ];
    assert_eq!(plain(html), "a b c d e f g h i");
    assert_eq!(looks(html), wanted.map(|(part, style)| (part.to_owned(), style)));
}

#[test]
fn a_look_spans_no_space_around_it_and_joins_its_like() {
    let all = |text: &str| vec![(text.to_owned(), Style::Bold)];
    assert_eq!(looks("<p> <b> hi </b> </p>"), all("hi"));
    assert_eq!(looks("<p><b>one</b></p>\n<p><b>two</b></p>"), all("one\n\ntwo"));
    assert_eq!(looks("<b>a <b>b</b> c</b>"), all("a b c"));
    assert_eq!(looks("<b></b><i> </i>"), []);
}

#[test]
fn blocks_are_lines() {
    for (html, wanted) in [
        ("a<br>b<br/><br />c", "a\nb\n\nc"),
        ("<p>one\n two</p>\n<p>three</p>", "one two\n\nthree"),
        ("<h1>Head</h1><p>text</p><hr>end", "Head\ntext\n———\nend"),
        ("<div>a</div>b<div>c</div>", "a\nb\nc"),
        ("x<pre><code>a\n  b\n</code></pre>y", "x\na\n  b\ny"),
        (
            "<ul><li>a</li><li><p>b</p><ol start=3><li>c<li>d</ol></li></ul>z",
            "• a\n• b\n  3. c\n  4. d\nz",
        ),
        (
            "<blockquote><p>a<br>b</p><blockquote>c</blockquote></blockquote><p>d</p>",
            "> a\n> b\n> > c\nd",
        ),
        ("<table><tr><th>k</th><th>v</th></tr><tr><td>1<td>2</table>", "k | v\n1 | 2"),
        ("<mx-reply><blockquote>old</blockquote></mx-reply>new", "new"),
        ("a<script>if (1<2) {}</script><style>b</style>c<img alt=':cat:'>", "ac:cat:"),
        ("1 &lt; 2 &amp; 3", "1 < 2 & 3"),
        ("", ""),
    ] {
        assert_eq!(plain(html), wanted, "{html}");
    }
}

#[test]
fn people_are_named_and_not_linked() {
    let html = "hi <a href=\"https://matrix.to/#/@ada:example.org\">Ada</a>, \
                <a href='https://matrix.to/#/%40bob%3Aexample.org'>@bob:example.org</a> and \
                <a href='https://matrix.to/#/!room:example.org'>a room</a>";
    let name = |user: &OwnedUserId| (user == "@bob:example.org").then(|| "Bob".to_owned());
    let Read { text, mentions } = read(html, &name);
    assert_eq!(text.plain, "hi Ada, Bob and a room");
    let named: Vec<_> = mentions
        .iter()
        .map(|at| (between(&text.plain, at.start, at.end).unwrap(), at.person.id.as_str()))
        .collect();
    assert_eq!(named, [("Ada", "@ada:example.org"), ("Bob", "@bob:example.org")]);
    let links = text.spans.iter().filter(|span| matches!(span.style, Style::Link(_)));
    assert_eq!(links.count(), 1);
}

#[test]
fn an_address_that_a_click_would_run_is_none() {
    for address in ["javascript:alert(1)", "data:text/html,x", "\u{1}https://x", "x"] {
        assert_eq!(looks(&format!("<a href=\"{address}\">x</a>")), [], "{address}");
    }
}

#[test]
fn broken_html_keeps_its_words() {
    for (html, wanted) in [
        ("<b><i>a</b>b</i>c", "abc"),
        ("</p></b>a</div>", "a"),
        ("<b", ""),
        ("a < b > c", "a < b > c"),
        ("<b attr=\"<i>\">x", "x"),
        ("<\u{0}b>x", "<\u{0}b>x"),
    ] {
        assert_eq!(plain(html), wanted, "{html}");
    }
}

/// A stack that is overflowed ends the test; time is bound far above what linear work takes.
#[test]
fn html_bombs_take_linear_time_and_no_stack() {
    let size = 64 * 1024;
    let nested = |tag: &str| format!("<{tag}>").repeat(size / (tag.len() + 2));
    let bombs = [
        nested("b"),
        nested("blockquote"),
        nested("ul><li"),
        nested("table><tr><td"),
        nested("font color=red"),
        "<a href=https://x.org>x</a>".repeat(size / 27),
        "<font color=#123456>x</font><font color=#654321>y</font>".repeat(size / 56),
        "<blockquote>x".repeat(size / 13),
        format!("<blockquote><blockquote>{}", "x<br>".repeat(size / 5)),
        "</b>".repeat(size / 4),
        format!("{}{}", "<b><i>".repeat(5000), "</b></i>".repeat(4000)),
        "<".repeat(size),
        "&".repeat(size),
        "&#x".repeat(size / 3),
        "<!--".repeat(size / 4),
        "<a b='".repeat(size / 6),
        format!("<a {}>x", "b=c ".repeat(size / 4)),
        "<script>".repeat(size / 8),
        "\n".repeat(size),
    ];
    let begun = Instant::now();
    for bomb in &bombs {
        let Read { text, mentions } = said(bomb);
        assert!(text.plain.len() <= 8 * size && text.spans.len() <= SPANS, "{}", &bomb[..20]);
        assert!(mentions.len() <= MENTIONS);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
