//! Rules about the repository itself. A rule that is a test needs no reviewer to remember it.
//!
//! These tests read files and `cargo metadata`; they build and start nothing of ours.

mod documents;
mod floors;
mod modules;
mod requirements;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A package of the workspace, as far as the rules look at it.
#[derive(Debug)]
struct Package {
    name: String,
    /// Relative to the root of the repository.
    directory: PathBuf,
    dependencies: Vec<Dependency>,
    features: usize,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    /// Development dependencies may point anywhere: they are not in anybody's build.
    is_development: bool,
}

/// The root of the repository.
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// The text of a file, named from the root.
fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files with this extension under a directory, named from the root, in order. Build output and
/// hidden directories are left out.
fn files(under: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(under)];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                waiting.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Every Rust file of ours.
fn rust_files() -> Vec<PathBuf> {
    ["crates", "providers", "examples", "tests"].iter().flat_map(|directory| files(directory, "rs")).collect()
}

/// The packages of the workspace, as cargo sees them.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--no-deps"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let base = metadata["workspace_root"].as_str().unwrap();
    metadata["packages"].as_array().unwrap().iter().map(|package| as_package(package, base)).collect()
}

fn as_package(package: &Value, base: &str) -> Package {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    Package {
        name: package["name"].as_str().unwrap().to_owned(),
        directory: manifest.parent().unwrap().strip_prefix(base).unwrap().to_owned(),
        dependencies: package["dependencies"].as_array().unwrap().iter().map(as_dependency).collect(),
        features: package["features"].as_object().unwrap().len(),
    }
}

fn as_dependency(dependency: &Value) -> Dependency {
    Dependency {
        name: dependency["name"].as_str().unwrap().to_owned(),
        is_development: dependency["kind"].as_str() == Some("dev"),
    }
}

/// Fails with all violations at once, so that one run shows the whole work.
#[track_caller]
fn assert_none(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n  {}", violations.join("\n  "));
}
