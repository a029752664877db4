//! Durations as the command line spells them: an integer with `ms`, `s`, `m` or `h`; `0` alone.

use std::time::Duration;

/// What a duration looks like, for error messages.
pub(crate) const EXPECTED: &str = "a whole number with ms, s, m or h, such as 90s";

/// Parses a duration, or `None`.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis_each = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return None,
    };
    number.checked_mul(millis_each).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_unit_is_read_and_zero_needs_none() {
        for (text, millis) in [("0", 0), ("0s", 0), ("250ms", 250), ("90s", 90_000), ("5m", 300_000), ("2h", 7_200_000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "+1s",
            "1.5s",
            "1 s",
            " 1s",
            "1s ",
            "1d",
            "1S",
            "99999999999999999999s",
            "18446744073709551615h",
            "१s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in any::<String>()) {
            let _parsed = parse(&text);
        }
    }
}
