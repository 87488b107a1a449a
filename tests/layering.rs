//! Holds the direction of the dependencies: application, then networks, then the core; and how logs name
//! people.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

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

/// Ids print by `Debug` in logs, where they are hashes; by `Display` they are what people read.
#[test]
fn no_log_line_prints_an_id_as_people_read_it() {
    const IDS: [&str; 12] = [
        "account", "by", "chat", "contact", "login", "owner", "peer", "persona", "person",
        "sender", "source", "user",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for part in ["src", "crates", "bridges"] {
        for file in sources(&root.join(part)) {
            let text = fs::read_to_string(&file).expect("it is text");
            for line in text.split("tracing::").skip(1) {
                let line = line.split(';').next().unwrap_or_default();
                let shown = line.split('%').skip(1).map(|rest| {
                    let path = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
                    rest.split(|c| !path(c)).next().unwrap_or_default()
                });
                let names = shown
                    .filter(|path| path.rsplit('.').next().is_some_and(|last| IDS.contains(&last)));
                found.extend(names.map(|name| format!("{}: %{name}", file.display())));
            }
        }
    }
    assert!(found.is_empty(), "write ?{{id}} instead: {found:#?}");
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("it is a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}
