//! The table holds what it promises, and the book prints it.

use std::collections::BTreeSet;

use super::*;

/// The table's file in the book; `cargo xtask commands` writes it anew.
#[test]
fn the_book_prints_the_table() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/command-table.md");
    let wanted = format!("{}\n", reference());
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(file, &wanted).unwrap();
    }
    assert!(std::fs::read_to_string(file).unwrap() == wanted, "run `cargo xtask commands`");
}

#[test]
fn no_name_is_given_twice() {
    let names: Vec<&str> = table().flat_map(CommandSpec::names).collect();
    let distinct: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    assert!(names.iter().all(|name| name.split(' ').count() <= 4 && *name == name.to_lowercase()));
}

#[test]
fn what_may_be_left_out_and_what_takes_all_stands_last() {
    for spec in table() {
        let needed = spec.arguments.iter().skip_while(|argument| !argument.optional);
        assert!(needed.skip(1).all(|argument| argument.optional), "{}", spec.name);
        let all_but_last = spec.arguments.iter().rev().skip(1);
        assert!(all_but_last.into_iter().all(|argument| !argument.kind.takes_all()));
    }
}

#[test]
fn an_account_is_called_by_its_address_or_whole() {
    let login = LoginId::new("msn:Ada@example.com");
    assert!(is_called(&login, "ada@example.com") && is_called(&login, "msn:ada@example.com"));
    assert!(!is_called(&login, "a@example.com") && !is_called(&login, ""));
}
