//! What is neither a message nor a state, and has words all the same: polls, places, kinds of events that
//! others made up.

use bridge_core::model::Content;
use serde_json::Value;

use super::from_matrix::Said;
use crate::texts::{self, Untaken};

/// Most answers of a poll that are written out.
const ANSWERS: usize = 20;
/// Longest question or answer, in characters.
const LINE: usize = 500;

/// Reads an event by its bare content; what is of no interest to people is nothing.
pub(crate) fn read(kind: &str, content: &Value) -> Said {
    match kind {
        "m.poll.start" | "org.matrix.msc3381.poll.start" => match poll(content) {
            Some(words) => Said::Content(Content::plain(words)),
            None => Said::Untaken(Untaken::Other),
        },
        // A message of a type we do not know; those of the protocol itself carry no words for people.
        "m.room.message" => Said::Untaken(Untaken::Unreadable),
        _ => match text_of(content) {
            Some(words) => Said::Content(Content::plain(words)),
            None => Said::Nothing,
        },
    }
}

/// Reads what can be read of a message whose parts are not all what they should be: its plain words.
pub(crate) fn salvage(content: &Value) -> Said {
    let plain = content.get("msgtype").and_then(Value::as_str);
    let words = content.get("body").and_then(Value::as_str).filter(|words| !words.is_empty());
    match (plain, words) {
        (Some("m.notice"), _) => Said::Nothing,
        (Some(kind @ ("m.text" | "m.emote")), Some(words)) => {
            let emote = kind == "m.emote";
            Said::Content(Content { emote, ..Content::plain(words) })
        }
        _ => Said::Untaken(Untaken::Unreadable),
    }
}

/// Says where a place is, in words and as an address that shows it.
pub(super) fn place(name: &str, uri: &str) -> String {
    let name = if name.contains("geo:") { "" } else { name.trim() };
    match coordinates(uri) {
        Some((latitude, longitude)) => {
            let link = format!(
                "https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}\
                 #map=16/{latitude}/{longitude}"
            );
            texts::place(name, &format!("{latitude}, {longitude}"), &link)
        }
        None => texts::place_without_coordinates(name),
    }
}

/// Reads a `geo:` address (RFC 5870): latitude, longitude, more.
fn coordinates(uri: &str) -> Option<(f64, f64)> {
    let numbers = uri.strip_prefix("geo:")?.split(';').next()?;
    let mut numbers = numbers.split(',').map(|number| number.trim().parse::<f64>().ok());
    let (latitude, longitude) = (numbers.next()??, numbers.next()??);
    let there = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    there.then_some((latitude, longitude))
}

fn poll(content: &Value) -> Option<String> {
    let poll = ["m.poll", "m.poll.start", "org.matrix.msc3381.poll.start"];
    let poll = poll.iter().find_map(|name| content.get(name))?;
    let question = cut(&text_of(poll.get("question")?)?);
    let answers = poll.get("answers")?.as_array()?;
    let lines = answers.iter().take(ANSWERS).filter_map(text_of);
    Some(texts::poll(&question, lines.map(|line| cut(&line))))
}

/// Finds the words of an extensible event or of a part of one.
fn text_of(value: &Value) -> Option<String> {
    let stable = || value.get("m.text")?.as_array()?.first()?.get("body");
    let found = ["org.matrix.msc1767.text", "body"].iter().find_map(|name| value.get(name));
    let words = found.or_else(stable).and_then(Value::as_str)?.trim();
    (!words.is_empty()).then(|| words.to_owned())
}

fn cut(text: &str) -> String {
    text.replace('\n', " ").chars().take(LINE).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(said: Said) -> String {
        match said {
            Said::Content(content) => content.text.plain,
            said => panic!("{said:?}"),
        }
    }

    #[test]
    fn a_place_has_its_name_its_numbers_and_an_address() {
        let link =
            "https://www.openstreetmap.org/?mlat=51.5008&mlon=-0.1247#map=16/51.5008/-0.1247";
        let there = place("Big Ben", "geo:51.5008,-0.1247,12;u=35");
        assert_eq!(there, format!("Place: Big Ben (51.5008, -0.1247) {link}"));
        assert!(place("Location geo:1,2", "geo:1,2").starts_with("Place: 1, 2 https://"));
        for none in ["geo:", "geo:1", "geo:91,0", "geo:NaN,0", "geo:x,y", "1,2", ""] {
            assert_eq!(place("home", none), "Place: home", "{none}");
        }
    }

    #[test]
    fn polls_of_both_forms_are_a_question_and_its_answers() {
        let unstable = json!({ "org.matrix.msc3381.poll.start": {
            "question": { "org.matrix.msc1767.text": "Tea?" },
            "answers": [{ "id": "1", "org.matrix.msc1767.text": "yes" }, { "id": "2" },
                        { "id": "3", "body": "no" }],
        }});
        let stable = json!({ "m.poll": {
            "question": { "m.text": [{ "body": "Tea?" }] },
            "answers": [{ "m.id": "1", "m.text": [{ "body": "yes" }] },
                        { "m.id": "2", "m.text": [{ "body": "no" }] }],
        }});
        for (kind, content) in
            [("org.matrix.msc3381.poll.start", unstable), ("m.poll.start", stable)]
        {
            let said = words(read(kind, &content));
            assert!(said.starts_with("Poll: Tea?\n1. yes\n2. no"), "{said}");
        }
        let broken = json!({ "m.poll": { "question": 7, "answers": "x" } });
        assert_eq!(read("m.poll.start", &broken), Said::Untaken(Untaken::Other));
    }

    #[test]
    fn unknown_kinds_with_words_say_them_and_others_nothing() {
        assert_eq!(words(read("org.example.note", &json!({ "body": "hi" }))), "hi");
        let extensible = json!({ "m.text": [{ "body": "hi" }] });
        assert_eq!(words(read("org.example.note", &extensible)), "hi");
        for nothing in [json!({}), json!({ "body": 7 }), json!({ "m.text": [] }), json!(null)] {
            assert_eq!(read("org.example.note", &nothing), Said::Nothing);
        }
    }

    #[test]
    fn the_words_of_a_broken_message_are_saved() {
        let broken = json!({ "msgtype": "m.text", "body": "hi", "m.relates_to": 7 });
        assert_eq!(words(salvage(&broken)), "hi");
        for (content, said) in [
            (json!({ "msgtype": "m.notice", "body": "hi" }), Said::Nothing),
            (json!({ "msgtype": "m.text", "body": 7 }), Said::Untaken(Untaken::Unreadable)),
            (json!({ "body": "hi" }), Said::Untaken(Untaken::Unreadable)),
            (json!([]), Said::Untaken(Untaken::Unreadable)),
        ] {
            assert_eq!(salvage(&content), said);
        }
    }
}
