//! Holds the direction of the dependencies: application, then networks, then the core.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// What each of our packages may use of our packages. Development dependencies are free.
const ALLOWED: &[(&str, &[&str])] = &[
    ("bridge-console", &["bridge-core"]),
    ("bridge-core", &[]),
    ("bridge-discord", &["bridge-core"]),
    ("bridge-matrix", &["bridge-core"]),
    ("bridge-media", &["bridge-core"]),
    ("bridge-msn", &["bridge-core", "msnp"]),
    ("bridge-store", &["bridge-core"]),
    (
        "msn-bridge",
        &[
            "bridge-console",
            "bridge-core",
            "bridge-discord",
            "bridge-matrix",
            "bridge-media",
            "bridge-msn",
            "bridge-store",
            "msnp",
            "msnp-server",
        ],
    ),
    ("fake-discord", &[]),
    ("msnp", &["msnp-proto"]),
    ("msnp-proto", &[]),
    ("msnp-server", &["msnp-proto"]),
    ("testkit", &[]),
    ("xtask", &[]),
];

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let graph = package_graph();
    let known: Vec<&str> = graph.keys().map(String::as_str).collect();
    assert_eq!(known, allowed.keys().copied().collect::<Vec<_>>(), "a package joined or left");
    for (package, uses) in &graph {
        for used in uses {
            assert!(
                allowed[package.as_str()].contains(&used.as_str()),
                "{package} must not depend on {used}",
            );
        }
    }
}

#[test]
fn the_protocol_core_knows_no_runtime_and_no_clock_of_one() {
    for forbidden in ["tokio", "axum", "reqwest", "tracing"] {
        assert!(!direct_dependencies("msnp-proto").contains(&forbidden.to_owned()), "{forbidden}");
    }
}

#[test]
fn the_core_knows_no_network_and_no_engine() {
    for forbidden in ["matrix-sdk", "ruma", "serenity", "sled", "reqwest", "axum"] {
        assert!(!direct_dependencies("bridge-core").contains(&forbidden.to_owned()), "{forbidden}");
    }
}

fn package_graph() -> BTreeMap<String, Vec<String>> {
    let packages = metadata();
    let ours: Vec<String> = packages.keys().cloned().collect();
    packages
        .into_iter()
        .map(|(name, uses)| (name, uses.into_iter().filter(|used| ours.contains(used)).collect()))
        .collect()
}

fn direct_dependencies(package: &str) -> Vec<String> {
    metadata().remove(package).expect("one of our packages")
}

/// Normal dependencies of each workspace member, by package name.
fn metadata() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo is there: it runs this test");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let name_of = |value: &Value| member(value, "name").as_str().expect("a name").to_owned();
    list(&document, "packages")
        .iter()
        .map(|package| {
            let normal = list(package, "dependencies").iter();
            let normal = normal.filter(|dependency| member(dependency, "kind").is_null());
            (name_of(package), normal.map(name_of).collect())
        })
        .collect()
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).expect("the member is there")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    member(value, name).as_array().expect("a list")
}
