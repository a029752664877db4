//! docs/security.md and the tests that it names prove each other.

use super::{assert_none, read, root, rust_files};

/// The requirements: the letter of a group and its last number. T8a stands alone.
const GROUPS: &[(char, u8)] = &[('S', 12), ('K', 8), ('F', 7), ('P', 10), ('N', 10), ('C', 7), ('U', 4)];

/// One row of docs/security.md.
struct Row {
    requirement: String,
    /// The last cell: names of tests and files in backticks, or why there is none yet.
    proof: String,
}

/// A test that cites a requirement in its doc comment.
#[derive(Debug, PartialEq, Eq)]
struct Citation {
    requirement: String,
    test: String,
}

#[test]
fn every_requirement_has_a_row_that_says_how_it_is_proved() {
    let rows = rows();
    let is_proved =
        |requirement: &String| rows.iter().any(|row| row.requirement == *requirement && !row.proof.is_empty());
    let unproved: Vec<String> = requirements().into_iter().filter(|requirement| !is_proved(requirement)).collect();
    assert_none("no row or an empty last cell in docs/security.md", &unproved);
}

#[test]
fn every_test_named_in_the_security_document_exists() {
    let sources: String = rust_files().iter().map(read).collect();
    let mut missing = Vec::new();
    for row in rows() {
        for word in row.proof.split('`').skip(1).step_by(2) {
            let is_there = match word.contains(['/', '.']) {
                true => root().join(word).exists(),
                false => sources.contains(&format!("fn {word}(")),
            };
            if !is_there {
                missing.push(format!("{}: {word}", row.requirement));
            }
        }
    }
    assert_none("docs/security.md names what is not there", &missing);
}

#[test]
fn every_test_that_cites_a_requirement_stands_in_its_row() {
    let rows = rows();
    let mut missing = Vec::new();
    for citation in rust_files().iter().flat_map(|file| citations(&read(file))) {
        let named = format!("`{}`", citation.test);
        if !rows.iter().any(|row| row.requirement == citation.requirement && row.proof.contains(&named)) {
            missing.push(format!("{} {named}", citation.requirement));
        }
    }
    assert_none("add these to the last column of docs/security.md", &missing);
}

#[test]
fn citations_are_found_above_tests_and_nowhere_else() {
    let text = "
        %// K2, P7: one answer.
        #[tokio::test]
        async fn one_answer() {}

        %// Requirement K1 is in these words, and this is no test.
        fn helper() {}

        %// S1: any byte.
        #[test]
        #[cfg(unix)]
        fn any_byte() {}

        %// F2: a test without an attribute.
        fn listed() {}
tests![other, listed];
    ";
    // Written so that this file itself holds no such comment.
    let text = text.replace('%', "/");
    let expected = [("K2", "one_answer"), ("P7", "one_answer"), ("S1", "any_byte"), ("F2", "listed")]
        .map(|(requirement, test)| Citation { requirement: requirement.into(), test: test.into() });
    assert_eq!(citations(&text), expected);
}

fn requirements() -> Vec<String> {
    let numbered = GROUPS.iter().flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}")));
    numbered.chain(["T8a".to_owned()]).collect()
}

fn rows() -> Vec<Row> {
    let requirements = requirements();
    let document = read("docs/security.md");
    let rows = document.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        let [requirement, _, proof] = cells.as_slice() else { return None };
        let row = Row { requirement: (*requirement).to_owned(), proof: (*proof).to_owned() };
        requirements.contains(&row.requirement).then_some(row)
    });
    rows.collect()
}

/// Each requirement in the doc comment of a test, with the test's name, in the order of the text.
fn citations(text: &str) -> Vec<Citation> {
    let listed = listed_tests(text);
    let mut found = Vec::new();
    let (mut comment, mut is_test) = (String::new(), false);
    for line in text.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            comment.push_str(words);
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else {
            if let Some(test) = function_name(line).filter(|name| is_test || listed.contains(name)) {
                found.extend(cited(&comment).map(|requirement| Citation { requirement, test: test.to_owned() }));
            }
            comment.clear();
            is_test = false;
        }
    }
    found
}

/// The tests of a binary without cargo's harness: its files name theirs in one `tests![…]`.
fn listed_tests(text: &str) -> Vec<&str> {
    let list = text.split_once("\ntests![").and_then(|(_, rest)| rest.split_once(']'));
    list.map_or(Vec::new(), |(names, _)| names.split(',').map(str::trim).collect())
}

fn cited(comment: &str) -> impl Iterator<Item = String> {
    let requirements = requirements();
    let words = comment.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(move |word| requirements.iter().any(|requirement| requirement == word)).map(str::to_owned)
}

fn function_name(line: &str) -> Option<&str> {
    let after = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    after.split('(').next()
}
