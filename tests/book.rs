//! Pages of the book that are made from the code.

use bridge_core::downgrade_table;

#[test]
fn the_book_says_what_becomes_of_each_kind_of_message() {
    let table = downgrade_table(&[
        ("to MSN", bridge_msn::CAPABILITIES),
        ("to Matrix", bridge_matrix::CAPABILITIES),
        ("to Discord", bridge_discord::CAPABILITIES),
    ]);
    let page = include_str!("../docs/src/messages.md");
    assert!(page.contains(&table), "docs/src/messages.md must hold:\n{table}");
}
