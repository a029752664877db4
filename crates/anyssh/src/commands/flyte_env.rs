//! `anyssh flyte-env`: the environment that makes a Flyte run debuggable. No request is made.

use std::collections::BTreeMap;

use anyssh_core::Settings;
use anyssh_flyte::SshDebug;

use crate::console;
use crate::context::Context;
use crate::report::Report;

pub(super) fn run(context: &Context<'_>) -> Result<u8, Box<Report>> {
    let settings = Settings::new().with_surroundings(context.surroundings());
    let variables = SshDebug::launch_env(&settings, &BTreeMap::new())
        .map_err(|error| Report::local(error.to_string()).with_provider("flyte").boxed())?;
    console::print(&text(&variables, context.options.json))?;
    Ok(0)
}

/// Lines that a shell reads with `eval`, or one JSON object.
fn text(variables: &BTreeMap<String, String>, json: bool) -> String {
    if json {
        let object: serde_json::Map<_, _> =
            variables.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        return format!("{}\n", serde_json::Value::Object(object));
    }
    variables.iter().map(|(name, value)| format!("{name}='{}'\n", value.replace('\'', r"'\''"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_for_a_shell_and_for_json() {
        let variables = BTreeMap::from([("A".to_owned(), "b $c `d` 'e'".to_owned()), ("F".to_owned(), "1".to_owned())]);
        assert_eq!(text(&variables, false), "A='b $c `d` '\\''e'\\'''\nF='1'\n");
        assert_eq!(text(&variables, true), "{\"A\":\"b $c `d` 'e'\",\"F\":\"1\"}\n");
    }
}
