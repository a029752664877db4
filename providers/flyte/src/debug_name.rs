//! The name of the debug run of a run: the same each time, so that a second call finds the first one's run.

/// The longest name that the control plane takes.
const LONGEST: usize = 30;

const SUFFIX: &str = "-dbg";

/// The name that was asked for, made one; without it `RUN-dbg`.
pub(crate) fn debug_name(run: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => sanitized(name, LONGEST),
        None => format!("{}{SUFFIX}", sanitized(run, LONGEST - SUFFIX.len())),
    }
}

/// Whether the name made for `run` may be made for another run, too: something of it was changed or cut off.
pub(crate) fn is_shared(run: &str) -> bool {
    debug_name(run, None) != format!("{run}{SUFFIX}")
}

/// Lower-case letters, digits and `-` between them, at most `longest` of them. A name that begins with `u`
/// is refused by the control plane, so it loses them all.
fn sanitized(text: &str, longest: usize) -> String {
    let mut name = String::new();
    for c in text.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_start_matches(['u', '-']);
    let name: String = name.chars().take(longest).collect();
    match name.trim_end_matches('-') {
        "" => "dbg".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::ActionName;

    #[test]
    fn the_name_is_made_from_the_run_or_from_what_was_asked_for() {
        for (run, name, expected) in [
            ("rx7kq2", None, "rx7kq2-dbg"),
            ("r1", Some("My Debug__Run!"), "my-debug-run"),
            ("r1", Some("uuid-1"), "id-1"),
            ("r1", Some("u-u-x"), "x"),
            ("r1", Some("---"), "dbg"),
            ("r1", Some("uuu"), "dbg"),
            ("r123456789012345678901234567890", None, "r1234567890123456789012345-dbg"),
            ("r1", Some("a23456789012345678901234567890123"), "a23456789012345678901234567890"),
            ("a2345678901234567890123456-x", None, "a2345678901234567890123456-dbg"),
        ] {
            assert_eq!(debug_name(run, name), expected, "{run} {name:?}");
        }
    }

    #[test]
    fn whatever_was_asked_for_becomes_a_name_that_is_accepted() {
        for text in ["ÄÖÜ", "a.b/c", "\u{1b}[2J", "u", "", "💥-x", &"ü".repeat(99), &"x-".repeat(50)] {
            let name = debug_name("r1", Some(text));
            assert!(ActionName::new("name", &name, "a0").is_ok() && !name.starts_with('u'), "{text:?}: {name}");
        }
    }
}
