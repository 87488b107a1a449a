//! What the targets of both sides' commands share.

use msnp_proto::{Direction, Frame, Framer, Limits, LinkKind, Version, redact::Capture};

/// Makes a framer as links have.
pub fn framer(kind: LinkKind, direction: Direction) -> Framer {
    Framer::new(kind, direction, Limits::default())
}

/// Gives each frame of some bytes, whose first one chooses version and link, to `check`; a capture of them
/// may say anything but panic.
pub fn each_frame(data: &[u8], direction: Direction, check: fn(&Frame<'_>, Version, LinkKind)) {
    let Some((choice, data)) = data.split_first() else { return };
    let kind = if choice & 1 == 0 { LinkKind::Notification } else { LinkKind::Switchboard };
    let version = Version::ALL[usize::from(choice >> 1) % Version::ALL.len()];
    let mut framer = framer(kind, direction);
    framer.push(data);
    while let Ok(Some(frame)) = framer.next() {
        check(&frame, version, kind);
    }
    for names in [false, true] {
        Capture::new([7; 16], names).take(1, kind, direction, version, data);
    }
}

/// A word that the line says once, and that a hash cannot hold by chance, is not shown.
pub fn hides(
    frame: &Frame<'_>,
    version: Version,
    (kind, direction): (LinkKind, Direction),
    secret: &str,
) {
    let line = String::from_utf8_lossy(frame.line());
    if secret.len() < 12 || line.matches(secret).count() != 1 || line.contains(char::is_control) {
        return;
    }
    let mut bytes = frame.line().to_vec();
    bytes.extend(b"\r\n");
    let shown = Capture::new([7; 16], true).take(1, kind, direction, version, &bytes);
    assert!(shown.iter().all(|shown| !shown.contains(secret)), "{shown:?}");
}
