//! What fuzzing found: words of a server or a client that no peer means well with.

use msnp_proto::{
    ClientCommand, Direction, Frame, Framer, Limits, LinkKind, ServerCommand, Version,
    msg::{Text, split},
    oim::{self, Listed},
    xml,
};

const NOTIFICATION: LinkKind = LinkKind::Notification;

/// Writes, reads and writes a command of a server; gives both writings.
fn server(version: Version, line: &str) -> [String; 2] {
    let once = ServerCommand::decode(&Frame::of_line(line.as_bytes(), b""), version, NOTIFICATION);
    let mut bytes = Vec::new();
    once.unwrap_or_else(|error| panic!("{error}")).encode(version, NOTIFICATION, &mut bytes);
    let mut framer = Framer::new(NOTIFICATION, Direction::ToClient, Limits::default());
    framer.push(&bytes);
    let frame = framer.next().expect("it frames").expect("it is whole");
    let again = ServerCommand::decode(&frame, version, NOTIFICATION).expect("it reads back");
    let mut twice = Vec::new();
    again.encode(version, NOTIFICATION, &mut twice);
    [bytes, twice].map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The same for a client.
fn client(version: Version, line: &str) -> [String; 2] {
    let once = ClientCommand::decode(&Frame::of_line(line.as_bytes(), b""), version, NOTIFICATION);
    let mut bytes = Vec::new();
    once.unwrap_or_else(|error| panic!("{error}")).encode(version, &mut bytes);
    let mut framer = Framer::new(NOTIFICATION, Direction::ToServer, Limits::default());
    framer.push(&bytes);
    let frame = framer.next().expect("it frames").expect("it is whole");
    let again = ClientCommand::decode(&frame, version, NOTIFICATION).expect("it reads back");
    let mut twice = Vec::new();
    again.encode(version, &mut twice);
    [bytes, twice].map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn a_servers_word_keeps_its_place_where_another_is_missing() {
    use Version::{Msnp8, Msnp12, Msnp13, Msnp14, Msnp18};

    for (version, line, written) in [
        // A picture without capabilities.
        (Msnp13, "NLN NLN c@d Carol x pic", "NLN NLN c@d Carol 0 pic\r\n"),
        (Msnp12, "CHG 7 NLN x pic", "CHG 7 NLN 0 pic\r\n"),
        // A sign-in without a name, in a version that has one.
        (Msnp8, "USR 4 OK ada@example.com", "USR 4 OK ada@example.com ada%40example.com 1 0\r\n"),
        // A redirect's word in a version that has none.
        (Msnp8, "XFR 3 NS host 0 0 word", "XFR 3 NS host 0 host\r\n"),
        // An address that looks like a network and an address.
        (Msnp14, "FLN 1:2:c@d", "FLN 1:2:c@d\r\n"),
        (Msnp14, "UBM 1:2:c@d 3:e@f 1 0", "UBM 1:2:c@d e@f 3 1 0\r\n"),
        (Msnp18, "FLN 1:2:c@d", "FLN 1:2:c@d\r\n"),
    ] {
        let [once, twice] = server(version, line);
        assert_eq!([once.as_str(), twice.as_str()], [written; 2], "{version}: {line}");
    }
}

#[test]
fn a_clients_word_keeps_its_place_where_another_is_missing() {
    use Version::{Msnp7, Msnp12, Msnp21};

    for (version, line) in [
        (Msnp21, "CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 15.4 msmsgs"),
        (Msnp12, "CHG 7 NLN x pic"),
        (Msnp7, "CHG 7 NLN x pic"),
    ] {
        let [once, twice] = client(version, line);
        assert_eq!(once, twice, "{version}: {line}");
    }
}

#[test]
fn nobody_is_no_address() {
    for (version, line) in [
        (Version::Msnp14, "FLN 5:"),
        (Version::Msnp18, "NLN NLN ;via=9:x Name"),
        (Version::Msnp14, "UBM 5: c@d 1 1 0"),
        (Version::Msnp12, "REM 0 FL N="),
        (Version::Msnp12, "REM 0 AL N=N=c@d"),
        (Version::Msnp12, "REM 0 FL C=C=x"),
    ] {
        let frame = Frame::of_line(line.as_bytes(), b"");
        let read = ServerCommand::decode(&frame, version, NOTIFICATION);
        assert!(read.is_err(), "{line}: {read:?}");
    }
}

#[test]
fn white_space_alone_is_one_part() {
    for space in [" ", "\n", "\u{3000}"] {
        let parts = split(Text::plain(space.repeat(4000)));
        assert_eq!(parts, [Text::default()], "{space:?}");
    }
}

#[test]
fn a_list_is_looked_for_in_a_text_but_not_in_a_text_within_it() {
    let list = "<MD><M><I>MSG1</I></M></MD>";
    let within = |inner: &str| format!("<a>{}</a>", xml::escaped(inner));
    let found = |text: &str| {
        let document = xml::parse(text.as_bytes()).expect("a document");
        oim::read_list(&document).len()
    };
    assert_eq!([found(list), found(&within(list)), found(&within(&within(list)))], [1, 1, 0]);
}

#[test]
fn a_mail_of_countless_parts_is_none() {
    let listed = Listed { id: "MSG1".to_owned(), from: String::new(), sent: None };
    let head = "Content-Type: multipart/mixed; boundary=x\n\n";
    let text = "--x\n\nhello\n";
    assert!(oim::read_message(&listed, &format!("{head}{text}--x--\n")).is_some());
    let parts = "--x\n\n".repeat(100_000);
    assert_eq!(oim::read_message(&listed, &format!("{head}{text}{parts}")), None);
}
