//! Kills a writing process again and again and looks for rows that were acknowledged and are gone.
//!
//! `store-crash --kills 20 --seed 1 [--engine redb]`: a child writes numbered rows in durable batches
//! of three and prints each number once it is acknowledged; the parent kills it at a random moment,
//! opens the store and reads back every number printed.
//!
//! `store-crash --write STORE --from N` is the child alone, which ends when the store refuses, and
//! `store-crash --check STORE --to N` reads back what was printed up to `N`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use bridge_core::store::{Batch, Durability, Key, KeyBuilder, Store as _, TableId};
use bridge_store::{DiskStore, Engine, StoreOptions};

/// Rows of one batch: they are there together or not at all.
const ROWS: u64 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let mut words = arguments.iter().skip_while(|word| *word != name).skip(1);
        words.next().cloned()
    };
    let number =
        |name: &str, default| value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let outcome =
        engine(value("--engine")).and_then(|options| match (value("--write"), value("--check")) {
            (Some(path), _) => write(Path::new(&path), number("--from", 0), options),
            (None, Some(path)) => check_once(Path::new(&path), number("--to", 0), options),
            (None, None) => kill_and_check(number("--kills", 20), number("--seed", 1), options),
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("store-crash: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn engine(name: Option<String>) -> Result<StoreOptions, Failure> {
    let engine = name.map(|name| name.parse::<Engine>()).transpose()?.unwrap_or_default();
    Ok(StoreOptions::default().with_engine(engine))
}

fn key(number: u64, row: u64) -> Key {
    KeyBuilder::new(TableId::PortalLog).number(number).number(row).build()
}

#[tokio::main(flavor = "current_thread")]
async fn write(path: &Path, from: u64, options: StoreOptions) -> Result<(), Failure> {
    let store = DiskStore::open(path, options)?;
    let mut out = std::io::stdout().lock();
    for number in from.. {
        let mut batch = Batch::new();
        for row in 0..ROWS {
            batch.put(key(number, row), vec![0x5A; 1024])?;
        }
        store.commit(batch, Durability::Durable).await?;
        writeln!(out, "{number}")?;
        out.flush()?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn check_once(path: &Path, last: u64, options: StoreOptions) -> Result<(), Failure> {
    check(path, last, options).await
}

#[tokio::main(flavor = "current_thread")]
async fn kill_and_check(kills: u64, seed: u64, options: StoreOptions) -> Result<(), Failure> {
    let root = std::env::temp_dir().join(format!("store-crash-{}", std::process::id()));
    let mut random = seed;
    let mut next = 0;
    for kill in 1..=kills {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--write".as_ref(), root.as_os_str(), "--from".as_ref()])
            .args([next.to_string().as_str(), "--engine", options.engine.name()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        // A multiplicative generator is random enough to spread the kills.
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let end = Instant::now() + Duration::from_millis(20 + (random >> 33) % 150);
        let mut acknowledged = None;
        while let Some(line) = lines.next().transpose()? {
            acknowledged = Some(line.parse::<u64>()?);
            if Instant::now() >= end {
                break;
            }
        }
        child.kill()?;
        child.wait()?;
        // What it printed between our last look and its death counts too.
        for line in lines.map_while(Result::ok) {
            acknowledged = line.parse().ok().or(acknowledged);
        }
        let Some(last) = acknowledged else {
            return Err("the child acknowledged nothing".into());
        };
        check(&root, last, options)
            .await
            .map_err(|error| format!("kill {kill}, seed {seed}: {error}"))?;
        next = last + 1;
    }
    std::fs::remove_dir_all(&root)?;
    let engine = options.engine;
    println!("{kills} kills of {engine}, {next} batches, nothing acknowledged was lost");
    Ok(())
}

/// Reads back all batches up to `last`; one more may be there, but only whole.
async fn check(path: &Path, last: u64, options: StoreOptions) -> Result<(), Failure> {
    let store = DiskStore::open(path, options)?;
    for number in 0..=last + 1 {
        let range = KeyBuilder::new(TableId::PortalLog).number(number).prefix();
        let rows = store.scan(range, 10).await?.len();
        let whole = u64::try_from(rows)? == ROWS;
        let absent = rows == 0 && number == last + 1;
        if !(whole || absent) {
            return Err(format!("batch {number} of {last} has {rows} rows").into());
        }
    }
    store.close().await?;
    Ok(())
}
