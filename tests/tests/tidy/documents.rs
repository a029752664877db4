//! What the documents name exists.

use std::path::{Path, PathBuf};

use super::{assert_none, files, read, root};

/// Words that begin like this are paths from the root of the repository.
const PATHS: &[&str] = &["crates/", "providers/", "examples/", "tests/", "docs/", ".ci/"];

/// The commands of README.md that .ci/run must hold word for word.
const COMMANDS: &[&str] = &["cargo run --release -- mock certificate -- echo hello", "cargo test --workspace --locked"];

#[test]
fn every_path_that_the_documents_name_exists() {
    let mut missing = Vec::new();
    for document in documents() {
        for path in paths(&read(&document)) {
            if !root().join(&path).exists() {
                missing.push(format!("{}: {path}", document.display()));
            }
        }
    }
    assert_none("named and not there", &missing);
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        for link in links(&read(&document)) {
            let from = root().join(document.parent().unwrap_or(Path::new("")));
            if !from.join(&link).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert_none("broken links", &broken);
}

#[test]
fn the_commands_of_the_readme_are_the_ones_that_ci_runs() {
    let (readme, script) = (read("README.md"), read(".ci/run"));
    for command in COMMANDS {
        assert!(readme.contains(command), "README.md: {command}");
        assert!(script.contains(command), ".ci/run: {command}");
    }
}

#[test]
fn paths_and_links_are_found_in_running_text() {
    let text = "See `crates/a/src/lib.rs`, [b](../b.md#part), [c](docs/no.md), (providers/*), https://x.example/docs/c and docs/d.md.";
    assert_eq!(paths(text), ["crates/a/src/lib.rs", "docs/d.md"]);
    assert_eq!(links(text), ["../b.md", "docs/no.md"]);
}

/// The markdown files of the repository.
fn documents() -> Vec<PathBuf> {
    let documents = files("", "md");
    assert!(documents.contains(&PathBuf::from("README.md")) && documents.len() > 10, "{documents:?}");
    documents
}

/// The words that name something in this repository, links left out. One with a `*` names many things.
fn paths(text: &str) -> Vec<String> {
    let is_path_byte = |c: char| c.is_ascii_alphanumeric() || "_./*-".contains(c);
    let after_links = text.split("](").enumerate().map(|(index, part)| match index {
        0 => part,
        _ => part.split_once(')').map_or("", |(_, rest)| rest),
    });
    let words = after_links.flat_map(|part| part.split(move |c: char| !is_path_byte(c)));
    let words = words.map(|word| word.trim_end_matches(['.', '/']));
    let paths = words.filter(|word| PATHS.iter().any(|prefix| word.starts_with(prefix)) && !word.contains('*'));
    paths.map(str::to_owned).collect()
}

/// The targets of markdown links that are no web addresses, without their anchors.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|target| !target.contains("://")).filter_map(|target| target.split('#').next());
    files.filter(|file| !file.is_empty()).map(str::to_owned).collect()
}
