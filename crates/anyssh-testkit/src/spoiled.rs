//! What a hostile server puts into a field of its answer.

/// A good text of a field with each thing in it that does not belong into a name, a host or a key: further lines,
/// control and direction characters, what `ssh` would take for an option, nothing at all, far too much.
///
/// ```
/// use anyssh_core::UserName;
/// for text in anyssh_testkit::spoiled("duck") {
///     assert!(UserName::parse("user", &text).is_err(), "{text:?}");
/// }
/// ```
pub fn spoiled(good: &str) -> Vec<String> {
    vec![
        format!("{good}\nProxyCommand=id"),
        format!("\n{good}"),
        format!("{good}\r\n"),
        format!("{good}\0"),
        format!("{good}\u{1b}]0;x\u{7}"),
        format!("{good}\u{202e}"),
        format!("-{good}"),
        "-oProxyCommand=id".to_owned(),
        format!("{good}\t"),
        String::new(),
        " ".to_owned(),
        good.repeat(1 + 40_000 / good.len().max(1)),
    ]
}
