//! Text from outside, made fit for a terminal, a log or an error message.
//!
//! A provider's answer, a gateway's banner or a prompt can hold escape sequences that retitle a
//! window, fill the clipboard or turn the line around. Nothing of that kind reaches the user: what
//! does not print plainly is shown as `\n`, `\x1b` or `\u{202e}`, and the length is capped.

/// The longest piece of remote text that goes into one of our messages, in characters.
pub const MESSAGE_CAP: usize = 300;

/// `text` on one line with every control, bidirectional and invisible character escaped, cut after
/// `cap` characters of the original with `…` in place of the rest.
///
/// ```
/// use anyssh_core::escape::printable;
/// assert_eq!(printable("a\u{1b}]0;x\u{7}b", 80), r"a\x1b]0;x\x07b");
/// assert_eq!(printable("abcdef", 3), "abc…");
/// ```
pub fn printable(text: &str, cap: usize) -> String {
    let mut out = String::with_capacity(text.len().min(cap * 2));
    for (count, character) in text.chars().enumerate() {
        if count == cap {
            out.push('…');
            break;
        }
        push_printable(&mut out, character);
    }
    out
}

/// [`printable`] for bytes that may not be UTF-8: every invalid sequence becomes U+FFFD.
pub fn printable_bytes(bytes: &[u8], cap: usize) -> String {
    // Four bytes at most make one character, so the rest can never be shown.
    let head = &bytes[..bytes.len().min(cap.saturating_mul(4).saturating_add(4))];
    printable(&String::from_utf8_lossy(head), cap)
}

/// `text` in double quotes, escaped and capped, as error messages show a value that was refused.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", printable(text, 80).replace('"', "\\\""))
}

fn push_printable(out: &mut String, character: char) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if (c as u32) < 0x100 && c.is_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
        c if is_deceptive(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
        c => out.push(c),
    }
}

/// Characters that print as nothing or change how their neighbours are laid out.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn controls_bidi_and_invisible_characters_are_shown_as_escapes() {
        assert_eq!(printable("\u{9b}31m", 80), r"\x9b31m");
        assert_eq!(printable("\u{7f}", 80), r"\x7f");
        assert_eq!(printable("a\u{202e}b\u{200b}c", 80), r"a\u{202e}b\u{200b}c");
        assert_eq!(printable("grüße 東京", 80), "grüße 東京");
    }

    #[test]
    fn quoted_text_cannot_end_its_own_quotes() {
        assert_eq!(quoted("a\"b"), r#""a\"b""#);
    }

    proptest! {
        /// S10: whatever comes in, no control or bidirectional character comes out.
        #[test]
        fn nothing_that_moves_the_cursor_comes_out(text in any::<String>(), cap in 0usize..50) {
            let shown = printable(&text, cap);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_deceptive(c)));
        }

        #[test]
        fn any_bytes_can_be_shown(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let shown = printable_bytes(&bytes, 50);
            prop_assert!(!shown.chars().any(|c| c.is_control()));
        }
    }
}
