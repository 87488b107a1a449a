//! The project's own chores: `cargo xtask demo | test | crash | model | load | bench | fuzz | docs |
//! commands | config | openapi`.
//!
//! No dependencies: it must be there in a second, and must not make the others build twice.

use std::{
    env, fs,
    path::Path,
    process::{Command, ExitCode},
};

const USAGE: &str = "\
usage: cargo xtask CHORE
  demo [--seconds N]          the bridge with a real Synapse, live
  test [NETWORK]              all tests with their real parts, or those of core, discord, matrix
                              or msn alone
  crash [--kills N] [--seed S]  kills a writing store, then a working core, and counts what is lost
  model [--cases N]           that many random stories of a core (5000), on a virtual clock
  load [--puppets N] [--messages N]  many accounts at once (1000), and messages both ways (200000)
  bench [--check]             speed as ratios; --check fails on a miss
  fuzz [TARGET] [--seconds N] [--asan]  fuzzes what reads bytes from outside, 60 s each
  docs                        the books, where mdbook is installed, and the crates' documentation
  commands                    makes the table of commands in the book again
  config                      makes config.example.toml and the book's page of all keys again
  openapi                     makes the book's description of the provisioning API again";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["demo", rest @ ..] => demo(rest),
        ["test", rest @ ..] => test(rest),
        ["crash", rest @ ..] => ["store-crash", "core-crash"].into_iter().all(|program| {
            let run = ["run", "--quiet", "-p", "bridge-store", "--bin", program, "--"];
            cargo(&[&run, rest].concat())
        }),
        ["model", rest @ ..] => model(rest),
        ["load", rest @ ..] => {
            let run = ["bench", "--quiet", "-p", "bridge-msn", "--bench", "load", "--"];
            cargo(&[&run, rest].concat())
        }
        ["bench", rest @ ..] => bench(rest.contains(&"--check")),
        ["fuzz", rest @ ..] => fuzz(rest),
        ["docs"] => docs(),
        ["commands"] => commands(),
        ["config"] => config(),
        ["openapi"] => openapi(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Builds everything at once, so that tests and demonstration share it, then runs the scene.
fn demo(rest: &[&str]) -> bool {
    println!("building (the first time some minutes) …");
    cargo(&["build", "--workspace", "--bins"])
        && run(Command::new(target().join("debug").join("matrix-demo")).args(rest))
}

/// The packages of each network, and its scenes among those of the whole bridge.
const NETWORKS: [(&str, &[&str], Option<&str>); 4] = [
    ("core", &["bridge-core", "bridge-store", "bridge-console"], None),
    ("discord", &["bridge-discord", "fake-discord"], Some("discord::")),
    ("matrix", &["bridge-matrix"], Some("matrix::")),
    ("msn", &["msnp-proto", "msnp", "msnp-server", "bridge-msn"], None),
];

/// Runs tests; what they need (a Synapse) they prepare themselves.
fn test(rest: &[&str]) -> bool {
    let known = |word: &&str| NETWORKS.iter().find(|(name, ..)| name == word);
    let Some(word) = rest.first() else {
        // The program must be there for the tests that run it.
        return cargo(&["test", "--workspace"]);
    };
    let Some((_, packages, scenes)) = known(word).filter(|_| rest.len() == 1) else {
        eprintln!("{USAGE}");
        return false;
    };
    let packages: Vec<&str> = packages.iter().flat_map(|name| ["-p", name]).collect();
    let scenes = scenes.map(|scenes| ["test", "-p", "msn-bridge", "--test", "e2e", scenes]);
    cargo(&[&["test"], packages.as_slice()].concat()) && scenes.is_none_or(|words| cargo(&words))
}

fn bench(check: bool) -> bool {
    let mut fine = true;
    let mut lines = Vec::new();
    let benches = [
        ("msnp-proto", "codec"),
        ("msnp-proto", "roster"),
        ("msnp", "conversation"),
        ("msnp", "sign_in"),
        ("bridge-store", "store"),
        ("bridge-store", "ingest"),
        ("bridge-store", "restart"),
        ("bridge-msn", "router"),
        ("bridge-discord", "burst"),
    ];
    let benches = benches.map(|(package, name)| ["bench", "-p", package, "--bench", name].to_vec());
    // A workspace of its own, for it knows another client; it counts instructions with valgrind.
    let peers = vec!["run", "--release", "--quiet", "--manifest-path", "benches/peers/Cargo.toml"];
    for words in benches.into_iter().chain([peers]) {
        let Ok(output) = Command::new(env!("CARGO")).args(words).output() else {
            eprintln!("cannot start cargo");
            return false;
        };
        fine &= output.status.success();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        lines.extend(text.lines().filter(|line| line.starts_with("ratio ")).map(str::to_owned));
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    for line in &lines {
        println!("{line}");
    }
    let missed = lines.iter().filter(|line| line.ends_with("MISS")).count();
    println!("{} ratios, {missed} missed", lines.len());
    fine && !(check && missed > 0)
}

fn model(rest: &[&str]) -> bool {
    let cases = rest.iter().skip_while(|word| **word != "--cases").nth(1).copied();
    let cases = cases.unwrap_or("5000");
    println!("{cases} stories …");
    let words = ["test", "--quiet", "-p", "bridge-core", "--test", "core", "model::"];
    run(Command::new(env!("CARGO")).args(words).env("PROPTEST_CASES", cases))
}

/// Runs one fuzz target or all, each for some seconds.
///
/// It needs cargo-fuzz (`cargo install cargo-fuzz --locked`). Coverage is for nightly compilers alone, but
/// the pinned one has it too when it is told to take itself for one, so no other is needed; where
/// `RUSTUP_TOOLCHAIN` names a nightly one, that is used. `--asan` watches memory too, at half the speed:
/// nothing of ours is unsafe, only dependencies are.
fn fuzz(rest: &[&str]) -> bool {
    let seconds =
        rest.iter().skip_while(|word| **word != "--seconds").nth(1).copied().unwrap_or("60");
    let wanted = rest.first().copied().filter(|word| !word.starts_with("--"));
    let targets = match wanted {
        Some(target) => vec![target.to_owned()],
        None => fuzz_targets(),
    };
    let sanitizer = if rest.contains(&"--asan") { "address" } else { "none" };
    let limit = format!("-max_total_time={seconds}");
    let limits = [
        limit.as_str(),
        "-rss_limit_mb=2048",
        "-timeout=10",
        "-print_final_stats=1",
        "-dict=fuzz/words.dict",
    ];
    targets.into_iter().all(|target| {
        println!("fuzzing {target} for {seconds} s");
        // What is found goes to the first folder; the second one is kept small, and in the repository.
        let (grown, kept) = (format!("fuzz/grown/{target}"), format!("fuzz/corpus/{target}"));
        if let Err(error) = fs::create_dir_all(&grown) {
            eprintln!("{grown}: {error}");
            return false;
        }
        let mut command = Command::new("cargo");
        command.args(["fuzz", "run", "--sanitizer", sanitizer, &target, &grown, &kept, "--"]);
        run(command.args(limits).env("RUSTC_BOOTSTRAP", "1"))
    })
}

fn fuzz_targets() -> Vec<String> {
    let listed = fs::read_dir("fuzz/fuzz_targets").into_iter().flatten().flatten();
    let names = listed.filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn docs() -> bool {
    let books = ["docs", "docs/protocol"].into_iter().all(|book| {
        match Command::new("mdbook").args(["build", book]).status() {
            Ok(status) => status.success(),
            Err(_) => {
                println!(
                    "mdbook is not installed: {book} is not built (its pages are in {book}/src)"
                );
                true
            }
        }
    });
    books && cargo(&["doc", "--workspace", "--no-deps"])
}

/// Makes what is written from the configuration's structs.
fn config() -> bool {
    let made = [("--default", "config.example.toml"), ("--reference", "docs/src/configuration.md")];
    made.into_iter().all(|(flag, file)| {
        let printed = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "-p", "msn-bridge", "--", "config", flag])
            .output();
        match printed.map(|output| (output.status.success(), output.stdout)) {
            Ok((true, text)) => match fs::write(file, text) {
                Ok(()) => true,
                Err(error) => {
                    eprintln!("{file}: {error}");
                    false
                }
            },
            _ => {
                eprintln!("the configuration could not be printed");
                false
            }
        }
    })
}

/// Writes the table of commands in the book.
fn commands() -> bool {
    let test = ["test", "--quiet", "-p", "bridge-core", "--lib", "the_book_prints_the_table"];
    run(Command::new(env!("CARGO")).args(test).env("UPDATE_BOOK", "1"))
}

/// Writes the description of the provisioning API.
fn openapi() -> bool {
    let name = "the_book_has_the_description_of_all_routes";
    let test = ["test", "--quiet", "-p", "bridge-matrix", "--lib", name];
    run(Command::new(env!("CARGO")).args(test).env("UPDATE_BOOK", "1"))
}

fn cargo(arguments: &[&str]) -> bool {
    run(Command::new(env!("CARGO")).args(arguments))
}

fn run(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("cannot start {}: {error}", command.get_program().display());
            false
        }
    }
}

fn target() -> std::path::PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new("target").to_owned(), Into::into)
}
