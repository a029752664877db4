//! The pages with code, word for word, from crates outside of this workspace.

use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::sdk::python::Sdk;

const ANYSSH: &str = env!("CARGO_BIN_EXE_anyssh-under-test");
const EMULATOR: &str = env!("CARGO_BIN_EXE_anyssh-emulator-under-test");

/// A directory with this checkout in it, called `anyssh`, and the files of a page beside it.
struct Beside(TempDir);

impl Beside {
    fn with(page: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        symlink(root(), directory.path().join("anyssh")).unwrap();
        DirBuilder::new().create(directory.path().join("bin")).unwrap();
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let files = files(&text);
        assert!(!files.is_empty(), "{page} has no files");
        for (name, text) in files {
            let path = directory.path().join(name);
            DirBuilder::new().recursive(true).create(path.parent().unwrap()).unwrap();
            File::create_new(path).unwrap().write_all(text.as_bytes()).unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `cargo test` as a newcomer runs it, but with the versions that are tested here, and no network.
    fn test(&self, package: &str) {
        std::fs::copy(root().join("Cargo.lock"), self.path(package).join("Cargo.lock")).unwrap();
        let mut command = Command::new(env!("CARGO"));
        command.args(["test", "--offline", "--quiet"]).current_dir(self.path(package)).stdin(Stdio::null());
        // What others made is kept from run to run, and nobody debugs it.
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside"));
        command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
        // Nothing is left out here.
        command.env("CI", "true");
        run(command);
    }
}

#[track_caller]
fn run(mut command: Command) {
    let output = command.output().unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}\n{failed}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The blocks that have a file's name above them, alone on its line. Lines that begin with `# ` are hidden where
/// Rust's documentation is shown, and no part of the file.
fn files(page: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix('`').and_then(|line| line.strip_suffix('`')) else { continue };
        let Some(fence) = lines.by_ref().find(|line| !line.is_empty()) else { continue };
        let Some(language) = fence.strip_prefix("```") else { continue };
        let block = lines.by_ref().take_while(|line| *line != "```");
        let is_shown = |line: &&str| !language.starts_with("rust") || (*line != "#" && !line.starts_with("# "));
        files.push((name.to_owned(), block.filter(is_shown).fold(String::new(), |text, line| text + line + "\n")));
    }
    files
}

#[test]
fn a_provider_is_made_from_nothing_to_green_as_the_page_says() {
    Beside::with("docs/adding-a-provider.md").test("pond");
}

#[test]
fn a_program_is_tested_as_the_page_says() {
    Beside::with("docs/testing-with-anyssh.md").test("deploy");
}

#[test]
fn a_program_in_python_is_tested_as_the_page_says() {
    let beside = Beside::with("docs/testing-with-anyssh.md");
    symlink(EMULATOR, beside.path("anyssh-emulator")).unwrap();
    let mut command = Command::new(Sdk::new("dedalus_sdk").python());
    command.args(["-B", "test_machine.py"]).current_dir(beside.0.path()).stdin(Stdio::null());
    command.env_clear().env("PATH", beside.0.path());
    run(command);
}

#[test]
fn a_program_in_python_is_tested_with_mock_as_the_page_says() {
    let beside = Beside::with("docs/testing-with-anyssh.md");
    symlink(ANYSSH, beside.path("bin/anyssh")).unwrap();
    let mut command = Command::new("python3");
    command.args(["-I", "-B", "test_unit.py"]).current_dir(beside.0.path()).stdin(Stdio::null());
    command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", beside.path("bin").display()));
    command.env("HOME", beside.0.path());
    run(command);
}

#[test]
fn the_lines_for_a_shell_work_as_the_page_says() {
    let beside = Beside::with("docs/testing-with-anyssh.md");
    symlink(EMULATOR, beside.path("anyssh-emulator")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/testing-with-anyssh.md")).unwrap();
    let script = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let mut command = Command::new("sh");
    command.args(["-euc", script]).env("PATH", format!("{}:/usr/bin:/bin", beside.0.path().display()));
    run(command);
}
