//! The session the book shows, run again: what it shows must happen.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use testkit::{Port, Synapse, wait_until};

use crate::{PROGRAM, terminal::Terminal};

const PAGE: &str = include_str!("../../docs/src/session.md");
const SOON: Duration = Duration::from_secs(30);

/// A line that is typed, and what the page shows below it.
struct Step {
    line: &'static str,
    shown: Vec<&'static str>,
}

/// Gives the blocks of one kind, each as its lines.
fn blocks(kind: &str) -> Vec<Vec<&'static str>> {
    let mut blocks = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if line.strip_prefix("```") == Some(kind) {
            blocks.push(lines.by_ref().take_while(|line| *line != "```").collect());
        }
    }
    blocks
}

fn steps() -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in blocks("console").concat() {
        match steps.last_mut() {
            _ if line.starts_with("$ ") || line == RESTART => {
                steps.push(Step { line, shown: Vec::new() });
            }
            Some(step) => step.shown.push(line),
            None => panic!("{line:?} is shown before anything is typed"),
        }
    }
    steps
}

/// What the page says where Synapse takes the registration.
const RESTART: &str = "# Synapse is restarted";

/// Numbers and ports are others each time.
fn normal(line: &str) -> String {
    let mut out = String::new();
    for c in line.trim_end().chars() {
        match c {
            _ if !c.is_ascii_digit() => out.push(c),
            _ if out.ends_with('0') => {}
            _ => out.push('0'),
        }
    }
    out
}

/// Tells what of a step is not in what was said.
fn missing(step: &Step, said: &str) -> Vec<&'static str> {
    let said: Vec<String> = said.lines().map(normal).collect();
    let shown = step.shown.iter().copied();
    shown.filter(|line| !said.contains(&normal(line))).collect()
}

/// Programs in the background; they end with the test.
struct Background(Vec<Child>);

impl Drop for Background {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Gone already, or gone now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct World {
    home: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    /// What the embedded network is given besides: ports that are free.
    places: [String; 2],
    background: Background,
    synapse: Option<Synapse>,
    _ports: [Port; 3],
}

impl World {
    fn new() -> Self {
        let ports = [Port::reserve(), Port::reserve(), Port::reserve()];
        let [ns, http, listen] = [0, 1, 2].map(|number: usize| {
            format!("127.0.0.1:{}", ports.get(number).expect("there are three").number())
        });
        let variables = vec![
            ("MSN_BRIDGE__MATRIX__LISTEN", listen),
            ("MSN_BRIDGE__MSN__SERVER__0__ADDRESS", ns.clone()),
            ("MSN_BRIDGE__MSN__SERVER__0__NEXUS_URL", format!("http://{http}/rdr/pprdr.asp")),
        ];
        let home = tempfile::tempdir().expect("a temporary directory");
        let users = blocks("toml").first().expect("the users are shown").join("\n");
        fs::write(home.path().join("users.toml"), users).expect("it is written");
        Self {
            home,
            variables,
            places: [ns, http],
            background: Background(Vec::new()),
            synapse: None,
            _ports: ports,
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).current_dir(self.home.path()).envs(self.variables.clone());
        command
    }

    /// Runs it to its end; gives all it says.
    fn run(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("it runs");
        [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat()
    }

    async fn start(&mut self, step: &Step, words: &[&str]) {
        let mut words = words.to_vec();
        let [ns, http] = self.places.clone();
        if words.first() == Some(&"msn-server") {
            words.extend(["--listen", &ns, "--http", &http]);
        }
        let log = self.home.path().join(format!("{}.log", words.first().expect("a command")));
        let file = File::create(&log).expect("it is made");
        let mut command = self.command(&words);
        command.stdout(file.try_clone().expect("it is one more")).stderr(file);
        self.background.0.push(command.spawn().expect("it starts"));
        wait_until(SOON, step.line, || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let all = missing(step, &said).is_empty().then_some(());
            async move { all }
        })
        .await;
    }

    /// Answers its questions as the page shows.
    fn answer(&self, step: &Step, words: &[&str]) {
        let mut terminal = Terminal::start_in(self.home.path(), &self.variables, words);
        for line in &step.shown {
            let end = line.ends_with([']', '?']).then_some(line.len());
            let question = end.or_else(|| line.rfind("] ").or(line.rfind("? ")).map(|at| at + 1));
            match question.filter(|_| line.contains('?')) {
                Some(end) => {
                    let (question, answer) = line.split_at(end);
                    terminal.expect(question);
                    terminal.say(answer.trim());
                }
                None => terminal.expect(line.trim()),
            }
        }
        assert_eq!(terminal.code(), Some(0));
    }

    async fn restart_synapse(&mut self) {
        let registration = self.home.path().join("registration.yaml");
        let started = Synapse::start(&[registration]).await;
        let synapse = started.unwrap_or_else(|error| panic!("{error}"));
        self.variables.push(("MSN_BRIDGE__MATRIX__HOMESERVER", synapse.url()));
        self.synapse = Some(synapse);
    }
}

#[tokio::test]
async fn the_session_of_the_book_happens_as_it_is_shown() {
    testkit::install_tls();
    let mut world = World::new();
    for step in steps() {
        if step.line == RESTART {
            world.restart_synapse().await;
            continue;
        }
        let line = step.line.trim_start_matches("$ ").replace(" 2>bridge.log", "");
        let background = line.ends_with('&');
        let words: Vec<&str> = line.trim_end_matches('&').split_whitespace().skip(1).collect();
        match words.as_slice() {
            _ if background => world.start(&step, &words).await,
            ["init", ..] => world.answer(&step, &words),
            _ => {
                // A bridge that has just started needs a moment to answer, and to reach everybody.
                wait_until(SOON, step.line, || {
                    let said = world.run(&words);
                    let missing = missing(&step, &said);
                    if !missing.is_empty() {
                        eprintln!("{}: {missing:?} is not in:\n{said}", step.line);
                    }
                    async move { missing.is_empty().then_some(()) }
                })
                .await;
            }
        }
    }
    let bridge = world.background.0.last_mut().expect("the bridge was started");
    assert!(bridge.wait().expect("it ends").success());
    assert!(!Path::new(world.home.path()).join("data/control.sock").exists(), "it tidied up");
}
