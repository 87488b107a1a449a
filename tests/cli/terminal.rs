//! A terminal for programs that ask.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::Child,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use pty_process::blocking::Pty;

use crate::PROGRAM;

/// The program on a terminal of its own.
pub(crate) struct Terminal {
    writing: Arc<Pty>,
    shown: mpsc::Receiver<Vec<u8>>,
    text: String,
    child: Child,
}

impl Terminal {
    /// Starts it here.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(Path::new("."), &[], arguments)
    }

    /// Starts it in a directory, with more in its environment.
    pub(crate) fn start_in(dir: &Path, variables: &[(&str, String)], arguments: &[&str]) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("a terminal");
        let command = pty_process::blocking::Command::new(PROGRAM).args(arguments).current_dir(dir);
        let child = command.envs(variables.iter().cloned()).spawn(pts);
        let (pty, (tell, shown)) = (Arc::new(pty), mpsc::channel());
        let reading = Arc::clone(&pty);
        thread::spawn(move || {
            let mut bytes = [0; 1024];
            // A terminal whose program has ended gives an error.
            while let Ok(count @ 1..) = (&*reading).read(&mut bytes) {
                let _ = tell.send(bytes.iter().take(count).copied().collect());
            }
        });
        Self { writing: pty, shown, text: String::new(), child: child.expect("it starts") }
    }

    /// Waits until a text is shown, and forgets what was before it.
    pub(crate) fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some((_, after)) = self.text.split_once(text) {
                self.text = after.to_owned();
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("{text:?} was not shown ({error}), but:\n{}", self.text),
            }
        }
    }

    /// Types a line.
    pub(crate) fn say(&mut self, line: &str) {
        (&*self.writing).write_all(format!("{line}\n").as_bytes()).expect("it is read");
    }

    /// Waits for its end; gives its exit code.
    pub(crate) fn code(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}
