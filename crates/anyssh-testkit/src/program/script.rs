//! The file that `--script` names.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::Failure;
use super::words::Words;

/// The script that was named, or an empty one.
pub(super) fn script<T: DeserializeOwned + Default>(words: &Words) -> Result<T, Failure> {
    Ok(words.script.as_deref().map(read).transpose()?.unwrap_or_default())
}

/// A script. What is wrong with it is named with its field, its line and what was expected there.
fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let text = std::fs::read(file).map_err(|error| Failure::Script(error.to_string()))?;
    parse(&text).map_err(Failure::Script)
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    // A list without names would do for serde.
    if text.trim_ascii_start().first().is_none_or(|first| *first != b'{') {
        return Err("expected an object, which begins with {, at line 1".to_owned());
    }
    serde_json::from_slice(text).map_err(|error| {
        let said = error.to_string();
        // The others name a field, or there is none.
        let is_of_a_value =
            ["invalid type", "invalid value", "unknown variant"].iter().any(|begin| said.starts_with(begin));
        match field_before(text, error.line(), error.column()).filter(|_| is_of_a_value) {
            Some(field) => format!("{field}: {said}"),
            None => said,
        }
    })
}

/// The last name of a field that stands before this place: `"name":`.
fn field_before(text: &[u8], line: usize, column: usize) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines.by_ref().take(line.checked_sub(1)?).map(str::len).sum();
    let text = text.get(..(before + column).min(text.len()))?;
    let (name, _) = text.rsplit_once("\":")?;
    Some(name.rsplit_once('"')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Duck {
        #[allow(dead_code, reason = "only read")]
        feet: u8,
    }

    #[test]
    fn an_error_names_field_line_and_what_was_expected() {
        let why = |text: &str| parse::<Duck>(text.as_bytes()).unwrap_err();
        assert_eq!(why("{\n \"feet\": \"2\"}"), "feet: invalid type: string \"2\", expected u8 at line 2 column 12");
        assert_eq!(why("{\"wings\": 2}"), "unknown field `wings`, expected `feet` at line 1 column 8");
        assert_eq!(why("{\"feet\": 2,"), "EOF while parsing a value at line 1 column 11");
        for text in ["", "[2]", "7"] {
            assert_eq!(why(text), "expected an object, which begins with {, at line 1");
        }
    }
}
