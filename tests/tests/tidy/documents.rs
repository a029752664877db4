//! What the documents name exists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{assert_none, files, read, root, rust_files};

/// Words that begin like this are paths from the root of the repository.
const PATHS: &[&str] = &["crates/", "providers/", "examples/", "tests/", "docs/", ".ci/"];

/// Every requirement has one row in docs/security.md: the letter and the last number.
const REQUIREMENTS: &[(&str, u8)] = &[("S", 12), ("K", 8), ("F", 7), ("P", 10), ("N", 10), ("C", 7), ("U", 4)];

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
fn every_test_named_in_the_security_document_exists() {
    let sources: String = rust_files().iter().map(read).collect();
    let mut violations = Vec::new();
    for (requirement, proof) in requirement_rows() {
        for word in proof.split('`').skip(1).step_by(2) {
            let is_there = match word.contains(['/', '.']) {
                true => root().join(word).exists(),
                false => sources.contains(&format!("fn {word}(")),
            };
            if !is_there {
                violations.push(format!("{requirement}: {word}"));
            }
        }
    }
    assert_none("docs/security.md names what is not there", &violations);
}

#[test]
fn every_requirement_has_a_row_that_says_how_it_is_proved() {
    let rows: BTreeMap<String, String> = requirement_rows().into_iter().collect();
    let mut violations = Vec::new();
    for (letter, last) in REQUIREMENTS {
        for number in 1..=*last {
            let requirement = format!("{letter}{number}");
            if rows.get(&requirement).is_none_or(|proof| proof.is_empty()) {
                violations.push(requirement);
            }
        }
    }
    assert_none("no row or an empty last cell in docs/security.md", &violations);
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
    let text = "See `crates/a/src/lib.rs`, [b](../b.md#part), (providers/*), https://x.example/docs/c and docs/d.md.";
    assert_eq!(paths(text), ["crates/a/src/lib.rs", "docs/d.md"]);
    assert_eq!(links(text), ["../b.md"]);
}

/// The markdown files of the repository.
fn documents() -> Vec<PathBuf> {
    let documents = files("", "md");
    assert!(documents.contains(&PathBuf::from("README.md")) && documents.len() > 10, "{documents:?}");
    documents
}

/// The words that name something in this repository. One with a `*` in it names many things.
fn paths(text: &str) -> Vec<String> {
    let is_path_byte = |c: char| c.is_ascii_alphanumeric() || "_./*-".contains(c);
    let words = text.split(|c: char| !is_path_byte(c)).map(|word| word.trim_end_matches(['.', '/']));
    let paths = words.filter(|word| PATHS.iter().any(|prefix| word.starts_with(prefix)) && !word.contains('*'));
    paths.map(str::to_owned).collect()
}

/// The targets of markdown links that are no web addresses, without their anchors.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|target| !target.contains("://")).filter_map(|target| target.split('#').next());
    files.filter(|file| !file.is_empty()).map(str::to_owned).collect()
}

/// The rows of docs/security.md whose first cell is a requirement: its name and its last cell.
fn requirement_rows() -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for line in read("docs/security.md").lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [requirement, .., proof] = cells.as_slice() else { continue };
        let is_requirement = REQUIREMENTS.iter().any(|(letter, _)| requirement.starts_with(letter))
            && requirement[1..].starts_with(|c: char| c.is_ascii_digit());
        if is_requirement {
            rows.push(((*requirement).to_owned(), (*proof).to_owned()));
        }
    }
    rows
}
