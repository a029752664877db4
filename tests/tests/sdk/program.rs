//! The emulator as a program, as a test in another language would start it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use tempfile::NamedTempFile;

const PROGRAM: &str = env!("CARGO_BIN_EXE_anyssh-emulator-under-test");

/// A file of docs/testing-with-anyssh.md.
pub(crate) fn script_of_the_page(name: &str) -> String {
    let page = include_str!("../../../docs/testing-with-anyssh.md");
    let block = page.split(&format!("`{name}`\n\n```json\n")).nth(1).unwrap();
    block.split("```").next().unwrap().to_owned()
}

/// A running program; its input is open as long as this is there.
#[derive(Debug)]
pub(crate) struct Emulator {
    child: Child,
    variables: BTreeMap<String, String>,
    target: String,
    _script: NamedTempFile,
}

impl Emulator {
    pub(crate) fn start(words: &[&str], script: &str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(script.as_bytes()).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--script").arg(file.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut variables, mut target) = (BTreeMap::new(), String::new());
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
            if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
                variables.insert(name.to_owned(), value.trim_matches('\'').to_owned());
            } else if let Some(text) = line.strip_prefix("# target ") {
                text.split(' ').next().unwrap().clone_into(&mut target);
            }
        }
        Self { child, variables, target, _script: file }
    }

    pub(crate) fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Ends its input, and so the program.
    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
