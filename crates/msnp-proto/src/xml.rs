//! XML as the web services and a few payloads use it: small documents, read whole.
//!
//! ```text
//! <Data><PSM>in the garden</PSM><CurrentMedia></CurrentMedia></Data>
//! ```
//! Names are told without their prefixes, for servers choose them freely. There are no entities but
//! the five that XML has: a document that declares others is refused, for it may grow without end.
//! Size, depth and number of elements are bounded.

use std::{borrow::Cow, sync::Arc};

use quick_xml::{
    XmlVersion,
    escape::escape,
    events::{BytesStart, Event},
    name::QName,
    reader::Reader,
};

/// Most bytes of a document.
pub const MAX_LENGTH: usize = 8 * 1024 * 1024;
/// Most elements within each other.
const MAX_DEPTH: usize = 64;
/// Most elements of a document: an address book of 10,000 contacts has fewer. An element of four bytes
/// takes some 130 in memory, so this is what bounds a document of nothing else.
const MAX_ELEMENTS: usize = 1_000_000;

/// Documents have few names, many times: those of one document share them.
type Name = Arc<str>;

/// An element: its attributes, its own text, the elements in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    name: Name,
    attributes: Box<[(Name, Name)]>,
    text: Box<str>,
    children: Box<[Self]>,
}

/// An element whose end has not come.
struct Open<'x> {
    name: Name,
    attributes: Box<[(Name, Name)]>,
    /// Most texts are of one piece: it is copied once, when its length is known.
    text: Cow<'x, str>,
    /// How many elements were done when it began; those since are in it.
    before: usize,
}

/// Why bytes are not a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// It declares a document type, and may mean entities of its own.
    #[error("the document declares a type, which no service does")]
    DocumentType,
    /// It is not well-formed; the number is the byte where that shows.
    #[error("the document is not well-formed at byte {0}")]
    Malformed(u64),
    /// It has too many bytes or elements, or they lie too deep.
    #[error("the document is too {0}")]
    TooMuch(&'static str),
}

/// Reads a document; gives its outermost element.
///
/// # Errors
/// [`XmlError`].
pub fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    if bytes.len() > MAX_LENGTH {
        return Err(XmlError::TooMuch("long"));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        XmlError::Malformed(u64::try_from(error.valid_up_to()).unwrap_or(u64::MAX))
    })?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    // Line ends are read as XML wants where there are any but its own.
    let line_ends = memchr::memchr(b'\r', bytes).is_some();
    // The elements that are open, the outermost first; below them one that takes the document itself.
    let mut names = Names::default();
    let mut open = vec![Open {
        name: names.shared(QName("")),
        attributes: Box::default(),
        text: Cow::Borrowed(""),
        before: 0,
    }];
    // Those that are done and whose outer one is not.
    let mut done = Vec::new();
    let mut count = 0;
    loop {
        let event =
            reader.read_event().map_err(|_| XmlError::Malformed(reader.error_position()))?;
        let at = reader.buffer_position();
        let malformed = || XmlError::Malformed(at);
        match event {
            Event::Start(start) => {
                count += 1;
                if open.len() > MAX_DEPTH {
                    return Err(XmlError::TooMuch("deep"));
                }
                open.push(Open {
                    name: names.shared(start.name()),
                    attributes: names.attributes(&start).ok_or_else(malformed)?,
                    text: Cow::Borrowed(""),
                    before: done.len(),
                });
            }
            Event::Empty(start) => {
                count += 1;
                done.push(Element {
                    name: names.shared(start.name()),
                    attributes: names.attributes(&start).ok_or_else(malformed)?,
                    text: Box::default(),
                    children: Box::default(),
                });
            }
            Event::End(_) => {
                let open = open.pop().ok_or_else(malformed)?;
                // Most have none in them.
                let children = match done.len() > open.before {
                    true => done.drain(open.before..).collect(),
                    false => Box::default(),
                };
                done.push(open.end(children));
            }
            Event::Text(text) => {
                let text = match line_ends {
                    true => text.xml_content(XmlVersion::Implicit1_0),
                    false => text.into_inner(),
                };
                let open = open.last_mut().ok_or_else(malformed)?;
                // What only parts elements is no text.
                let parts = done.len() > open.before && text.trim_ascii().is_empty();
                if !parts {
                    open.text += text;
                }
            }
            Event::CData(text) => {
                let text = text.xml_content(XmlVersion::Implicit1_0);
                open.last_mut().ok_or_else(malformed)?.text += text;
            }
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().map_err(|_| malformed())? {
                    Some(c) => c,
                    None => match &*reference.into_inner() {
                        "amp" => '&',
                        "apos" => '\'',
                        "gt" => '>',
                        "lt" => '<',
                        "quot" => '"',
                        _ => return Err(malformed()),
                    },
                };
                open.last_mut().ok_or_else(malformed)?.text.to_mut().push(c);
            }
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
        if count > MAX_ELEMENTS {
            return Err(XmlError::TooMuch("large"));
        }
    }
    let end = XmlError::Malformed(reader.buffer_position());
    match (done.pop(), done.is_empty() && open.len() == 1) {
        (Some(document), true) => Ok(document),
        _ => Err(end),
    }
}

/// The names of a document so far, with their prefixes and without.
///
/// That they are looked for where they are expected, that texts are copied once, and that elements are made
/// where they stay, took `roster_of_10000` from 3.5 to 3.0, and that attributes are shared to 2.6.
#[derive(Default)]
struct Names {
    known: Vec<(Name, Name)>,
    /// The one behind that which was found last: elements come in the same order again and again.
    next: usize,
    /// The value of the last attribute.
    said: Option<Name>,
}

impl Names {
    /// Gives a name without its prefix, shared with those before where one is near.
    fn shared(&mut self, name: QName<'_>) -> Name {
        /// How many are looked through.
        const NEAR: usize = 64;
        let expected = self.known.get(self.next).filter(|(known, _)| **known == *name.0);
        let found = match expected {
            Some(_) => Some(self.next),
            None => self.known.iter().position(|(known, _)| **known == *name.0),
        };
        if let Some((at, (_, known))) = found.and_then(|at| Some((at, self.known.get(at)?))) {
            self.next = at + 1;
            return Arc::clone(known);
        }
        let new: Name = name.local_name().as_ref().into();
        if self.known.len() < NEAR {
            let whole = if *new == *name.0 { Arc::clone(&new) } else { name.0.into() };
            self.known.push((whole, Arc::clone(&new)));
        }
        new
    }

    /// Gives what is said of an element; one after the other often says the same.
    fn attributes(&mut self, start: &BytesStart<'_>) -> Option<Box<[(Name, Name)]>> {
        if start.attributes_raw().is_empty() {
            return Some(Box::default());
        }
        let mut attributes = Vec::with_capacity(1);
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            let value = match &self.said {
                Some(said) if **said == *value => Arc::clone(said),
                _ => Name::from(value),
            };
            self.said = Some(Arc::clone(&value));
            attributes.push((self.shared(attribute.key), value));
        }
        Some(attributes.into())
    }
}

impl Open<'_> {
    fn end(self, children: Box<[Element]>) -> Element {
        let Self { name, attributes, mut text, .. } = self;
        if !children.is_empty() && text.trim_ascii().is_empty() {
            text = Cow::Borrowed("");
        }
        Element { name, attributes, text: text.into(), children }
    }
}

impl Element {
    /// Gives the first element of a name in it, and lets the others go.
    pub fn into_child(self, name: &str) -> Option<Self> {
        self.children.into_iter().find(|child| *child.name == *name)
    }

    /// Gives the first element in it, and lets the others go.
    pub fn into_first_child(self) -> Option<Self> {
        self.children.into_iter().next()
    }

    /// Gives its name without a prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives its own text, without white space at its ends.
    pub fn text(&self) -> &str {
        self.text.trim()
    }

    /// Gives its own text as it is.
    pub fn whole_text(&self) -> &str {
        &self.text
    }

    /// Finds an attribute by its name without a prefix.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    /// Gives the elements in it, in order.
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// Gives the elements of a name in it, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| *child.name == *name)
    }

    /// Finds an element by the names on the way to it, the first at each step.
    pub fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| {
            element.children.iter().find(|child| *child.name == **name)
        })
    }

    /// Finds an element's text by the names on the way to it.
    pub fn text_of(&self, path: &[&str]) -> Option<&str> {
        self.find(path).map(Self::text)
    }

    /// Gives all elements of a name, however deep, in the order they begin.
    pub fn descendants<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            while let Some(element) = waiting.pop() {
                waiting.extend(element.children.iter().rev());
                if *element.name == *name {
                    return Some(element);
                }
            }
            None
        })
    }
}

/// Writes a text so that it can stand between tags or quotation marks.
///
/// Characters that XML cannot hold are left out.
pub fn escaped(text: &str) -> String {
    let allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r')
            || !(c.is_ascii_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    match text.chars().all(allowed) {
        true => escape(text).into_owned(),
        false => escape(text.chars().filter(|c| allowed(*c)).collect::<String>()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_names_without_prefixes() {
        let document = b"\xef\xbb\xbf<?xml version=\"1.0\"?><s:A xmlns:s='urn:x' id='&lt;1&gt;'>\
                         <b> one &amp; &#x74;wo </b><s:b><![CDATA[<three>]]></s:b><c><b/></c></s:A>";
        let root = parse(document).unwrap();
        assert_eq!((root.name(), root.attribute("id")), ("A", Some("<1>")));
        assert_eq!(root.text_of(&["b"]), Some("one & two"));
        assert_eq!(root.all("b").map(Element::text).collect::<Vec<_>>(), ["one & two", "<three>"]);
        assert_eq!(root.descendants("b").count(), 3);
        assert!(root.find(&["c", "b"]).is_some() && root.find(&["c", "c"]).is_none());
    }

    #[test]
    fn blanks_are_a_text_where_they_are_all_and_none_between_elements() {
        let root = parse(b"<a> <b> </b>\n <c>x y</c> </a>").unwrap();
        assert_eq!((root.whole_text(), root.find(&["b"]).unwrap().whole_text()), ("", " "));
    }

    #[test]
    fn what_may_grow_without_end_is_refused() {
        let laughs = b"<!DOCTYPE a [<!ENTITY l 'lol'>]><a>&l;</a>";
        assert_eq!(parse(laughs), Err(XmlError::DocumentType));
        assert!(matches!(parse(b"<a>&l;</a>"), Err(XmlError::Malformed(_))));
        let deep = "<a>".repeat(1000);
        assert_eq!(parse(deep.as_bytes()), Err(XmlError::TooMuch("deep")));
        assert_eq!(parse(&vec![b' '; MAX_LENGTH + 1]), Err(XmlError::TooMuch("long")));
        let many = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        assert_eq!(parse(many.as_bytes()), Err(XmlError::TooMuch("large")));
    }

    #[test]
    fn half_documents_are_refused() {
        for half in
            ["", "text", "<a>", "<a></b>", "<a/><b/>", "</a>", "<a b></a>", "<a>\u{1}&#0;</a>"]
        {
            assert!(parse(half.as_bytes()).is_err(), "{half:?}");
        }
        assert!(parse(b"<a>\xff</a>").is_err());
    }

    #[test]
    fn escaped_text_reads_back_without_what_xml_cannot_hold() {
        let hostile = "a<b>&\"'\u{0}\u{1b}\u{ffff}☃\r\n";
        let document = format!("<a b=\"{0}\">{0}</a>", escaped(hostile));
        let read = parse(document.as_bytes()).unwrap();
        assert_eq!(read.whole_text(), "a<b>&\"'☃\r\n");
        // A line end in an attribute is a space to every reader.
        assert_eq!(read.attribute("b"), Some("a<b>&\"'☃\r "));
    }
}
