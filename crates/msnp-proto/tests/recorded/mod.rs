//! Transfers between other clients, as they were recorded: every packet is read, and our engine takes the
//! place of either side.

mod assembled;
mod became;
mod replay;

use std::collections::BTreeSet;

use msnp_proto::msg::Said;

use self::{
    assembled::{Assembled, Packet},
    became::Became,
    replay::Replay,
};
use crate::transcript::{self, Unit};

/// What becomes of each transfer when our engine is one of the two: that sending it ends `unconfirmed`
/// where the client says nothing of having it, and leaves. What went over direct links is not in the
/// conversations; `p2p/recorded.rs` replays it.
const TRANSFERS: &str = "
amsn-custom-emoticon-msnp15 alice: served 113
amsn-custom-emoticon-msnp15 bob: fetched 113
amsn-display-picture-msnp15 alice: served 1771, fetched 172, fetched 172, served 1771, served 1771, fetched 172
amsn-display-picture-msnp15 bob: fetched 1771, served 172, served 172, fetched 1771, fetched 1771, served 172
amsn-file-transfer-msnp15 alice: sent 5060 unconfirmed
amsn-file-transfer-msnp15 bob: received 5060
libpurple-custom-emoticon-msnp15 alice: served 84 unconfirmed, served 84 unconfirmed
libpurple-custom-emoticon-msnp15 bob: fetched 84, fetched 84
libpurple-custom-emoticon-msnp18 alice: served 84 unconfirmed, served 84 unconfirmed
libpurple-custom-emoticon-msnp18 bob: fetched 84, fetched 84
libpurple-display-picture-msnp15 alice: served 1771 unconfirmed
libpurple-display-picture-msnp15 bob: fetched 1771
libpurple-display-picture-msnp18 alice: served 1771 unconfirmed
libpurple-display-picture-msnp18 bob: fetched 1771
libpurple-file-direct-msnp15 alice: nothing, nothing
libpurple-file-direct-msnp15 bob: nothing, nothing
libpurple-file-transfer-msnp15 alice: sent 5060 unconfirmed, received 6000, sent 1771 unconfirmed, nothing, nothing
libpurple-file-transfer-msnp15 bob: received 5060, sent 6000 unconfirmed, received 1771, nothing, nothing
libpurple-file-transfer-msnp18 alice: sent 5060 unconfirmed, nothing
libpurple-file-transfer-msnp18 bob: received 5060, nothing
msnpsharp-display-picture-msnp18 alice: served 8509, fetched 2742
msnpsharp-display-picture-msnp18 bob: fetched 8509, served 2742
msnpsharp-emoticon-msnp18 alice: served 672
msnpsharp-emoticon-msnp18 bob: fetched 672
msnpsharp-file-decline-msnp18 alice: declined
msnpsharp-file-decline-msnp18 bob: declined
msnpsharp-file-receive-msnp18 alice: received 30000
msnpsharp-file-receive-msnp18 bob: sent 30000
msnpsharp-file-send-msnp18 alice: sent 24, nothing
msnpsharp-file-send-msnp18 bob: received 24, nothing
";

#[test]
fn every_packet_between_peers_is_read() {
    let mut counts = [0; 2];
    for recording in transcript::all() {
        let mut texts = Assembled::default();
        for packet in recording.units.iter().filter_map(Packet::of) {
            counts[usize::from(packet.is_second_age())] += 1;
            if packet.is_second_age() {
                packet.second_age();
            } else {
                let (header, rest) = packet.first_age();
                assert_eq!([&header.encode(), rest].concat(), packet.bytes, "{}", recording.name);
            }
            // Texts that are whole and cannot be read fail there.
            texts.take(&packet);
        }
    }
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}

#[test]
fn every_message_of_a_conversation_is_known() {
    let mut others = BTreeSet::new();
    for recording in transcript::all() {
        for unit in said_in_conversations(&recording.units) {
            let (line, payload) = unit.parts();
            if line.starts_with(b"MSG ")
                && let Said::Other { content_type } = Said::read(payload)
            {
                others.insert(content_type);
            }
        }
    }
    assert_eq!(
        others.into_iter().collect::<Vec<_>>(),
        ["application/x-msnmsgrp2p", "text/x-clientcaps"]
    );
}

#[test]
fn our_engine_takes_either_side_of_each_recorded_transfer() {
    let mut all = Vec::new();
    for recording in transcript::all() {
        for (own, other) in [("alice", "bob"), ("bob", "alice")] {
            let [own_account, other] = [own, other].map(|who| format!("{who}@example.com"));
            let conversations = conversations(&recording.units).into_iter();
            let became: Vec<Became> = conversations
                .flat_map(|packets| Replay::new(packets, &own_account, &other).run())
                .collect();
            if !became.is_empty() {
                let became: Vec<String> = became.iter().map(Became::to_string).collect();
                all.push(format!("{} {own}: {}", recording.name, became.join(", ")));
            }
        }
    }
    assert_eq!(
        all.join(
            "
"
        ),
        TRANSFERS.trim()
    );
}

fn said_in_conversations(units: &[Unit]) -> impl Iterator<Item = &Unit> {
    units.iter().filter(|unit| unit.side == 'C' && unit.is_on_a_switchboard())
}

/// Parts the packets of a recording by conversation. Two that begin before anything is exchanged are one:
/// a client asks in one of them and answers in the other.
fn conversations(units: &[Unit]) -> Vec<Vec<Packet>> {
    let mut conversations = vec![Vec::new()];
    for unit in said_in_conversations(units) {
        if unit.bytes.starts_with(b"USR ") {
            conversations.push(Vec::new());
        }
        if let (Some(packet), Some(last)) = (Packet::of(unit), conversations.last_mut()) {
            last.push(packet);
        }
    }
    conversations
}
