//! YAML, read strictly: one document, plain words kept as they are written, everything bounded.
//!
//! The events of the parser become a small tree here. A loader would make numbers, booleans and dates
//! out of plain words (an organisation `007` or `no` is a name), expand aliases without a bound, and
//! take the last of two equal keys.

use std::collections::BTreeMap;
use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// The deepest nesting of lists and maps. Flyte's files go three deep.
const DEEPEST: usize = 32;

/// How many words, lists and maps a file may hold.
const MOST: usize = 10_000;

/// A piece of a file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// Nothing, `~` or `null`.
    Null,
    /// A word as it is written, without its quotes.
    Word(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Node {
    /// What stands at these keys, if it is not null.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        let found = path.iter().try_fold(self, |node, key| match node {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        });
        found.filter(|node| **node != Self::Null)
    }
}

impl fmt::Debug for Node {
    /// The shape alone: any word may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Word(_) => f.write_str("Word(***)"),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => f.debug_map().entries(entries.iter().map(|(key, value)| (key, value))).finish(),
        }
    }
}

/// Why a file is not read. It names the line and shows nothing of it, since that may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) why: &'static str,
}

/// Reads a file's text.
pub(crate) fn read(text: &str) -> Result<Node, Fault> {
    let mut builder = Builder::default();
    let mut line = 1;
    for event in Parser::new_from_str(text) {
        let (event, span): (Event<'_>, Span) =
            event.map_err(|error| Fault { line: error.marker().line(), why: "it is not YAML" })?;
        line = span.start.line();
        builder.take(event).map_err(|why| Fault { line, why })?;
    }
    builder.finish().map_err(|why| Fault { line, why })
}

/// The tree so far.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    done: Option<Node>,
    documents: usize,
    count: usize,
    /// Words that have an anchor, by its number.
    anchored: BTreeMap<usize, String>,
}

/// A list or map that has not ended yet; a map with the key that waits for its value.
enum Open {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, style, anchor, _) => self.word(text.into_owned(), style, anchor),
            Event::Alias(anchor) => match self.anchored.get(&anchor).cloned() {
                Some(text) => self.word(text, ScalarStyle::DoubleQuoted, 0),
                None => Err("an alias of something that is not a word"),
            },
            Event::SequenceStart(..) => self.open(Open::List(Vec::new())),
            Event::MappingStart(..) => self.open(Open::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 { Err("a second document") } else { Ok(()) }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn word(&mut self, text: String, style: ScalarStyle, anchor: usize) -> Result<(), &'static str> {
        if anchor > 0 {
            self.anchored.insert(anchor, text.clone());
        }
        let is_null = style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        self.place(text, is_null)
    }

    fn place(&mut self, text: String, is_null: bool) -> Result<(), &'static str> {
        if let Some(Open::Map(entries, key @ None)) = self.open.last_mut() {
            if entries.iter().any(|(name, _)| *name == text) {
                return Err("a key that stands there twice");
            }
            *key = Some(text);
            return Ok(());
        }
        self.put(if is_null { Node::Null } else { Node::Word(text) })
    }

    fn put(&mut self, node: Node) -> Result<(), &'static str> {
        self.count += 1;
        if self.count > MOST {
            return Err("more than 10000 entries");
        }
        match self.open.last_mut() {
            None => self.done = Some(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => return Err("a key that is not a word"),
            },
        }
        Ok(())
    }

    fn open(&mut self, open: Open) -> Result<(), &'static str> {
        if let Some(Open::Map(_, None)) = self.open.last() {
            return Err("a key that is not a word");
        }
        if self.open.len() == DEEPEST {
            return Err("nesting deeper than 32");
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        match self.open.pop() {
            Some(Open::List(items)) => self.put(Node::List(items)),
            Some(Open::Map(entries, _)) => self.put(Node::Map(entries)),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<Node, &'static str> {
        Ok(self.done.unwrap_or(Node::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(text: &str) -> Node {
        Node::Word(text.to_owned())
    }

    #[test]
    fn words_stay_as_they_are_written() {
        let text = "task:\n  org: no\n  project: 007\n  domain: \"null\"\n  x: null\n# c\nadmin: {scopes: [a, 1.0]}\n";
        let tree = read(text).unwrap();
        assert_eq!(tree.at(&["task", "org"]), Some(&word("no")));
        assert_eq!(tree.at(&["task", "project"]), Some(&word("007")));
        assert_eq!(tree.at(&["task", "domain"]), Some(&word("null")));
        assert_eq!(
            (tree.at(&["task", "x"]), tree.at(&["task", "y"]), tree.at(&["task", "org", "z"])),
            (None, None, None)
        );
        assert_eq!(tree.at(&["admin", "scopes"]), Some(&Node::List(vec![word("a"), word("1.0")])));
        assert!(read("").unwrap() == Node::Null && read("---\n# only this\n").unwrap() == Node::Null);
        assert_eq!(read("a: &o acme\nb: *o\n").unwrap().at(&["b"]), Some(&word("acme")));
    }

    /// S9: what other readers guess about is refused, with its line and without its text.
    #[test]
    fn what_is_not_plain_is_refused_by_its_line() {
        let nested = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
        let many = "- a\n".repeat(MOST + 1);
        let laughs = "a: &a [lol]\nb: &b [*a, *a]\nc: [*b, *b]\n";
        for (text, line, why) in [
            ("a: 1\na: 2\n", 2, "twice"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            (laughs, 2, "alias"),
            ("? [a]\n: b\n", 1, "key"),
            (nested.as_str(), 1, "nesting"),
            (many.as_str(), MOST + 1, "10000"),
            ("a: [1\n", 2, "not YAML"),
            ("a: \"hunter22\n", 2, "not YAML"),
        ] {
            let fault = read(text).err().unwrap_or_else(|| panic!("{text:.40}"));
            assert!(fault.why.contains(why) && fault.line.abs_diff(line) <= 1, "{text:.40}: {fault:?}");
        }
    }

    proptest! {
        /// S9: whatever a file holds, it is a tree or a fault.
        #[test]
        fn any_text_is_a_tree_or_a_fault(text in r#"([a&*!?|>{\["'#:,\]} -]|\n|x: |\t|~){0,60}"#) {
            let _either = read(&text);
        }
    }
}
