//! The environment that makes a run debuggable.

use std::collections::BTreeMap;

/// The variables that turn a run's root action into an SSH server for the holder of this key, and `extra`,
/// which wins.
///
/// `_F_E_SSH` starts the server, `_F_SSH_PK` says who may log in, and `_F_E_VS` makes the cluster show a
/// route to it.
pub(crate) fn launch_env(public_key: &str, extra: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let ours = [("_F_E_SSH", "1"), ("_F_SSH_PK", public_key), ("_F_E_VS", "True")];
    let mut variables: BTreeMap<String, String> =
        ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    variables.extend(extra.iter().map(|(name, value)| (name.clone(), value.clone())));
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_variables_are_set_and_extra_ones_win() {
        let key = "ssh-ed25519 AAAA flyte-ssh-debug";
        let extra = BTreeMap::from([("A".to_owned(), "b".to_owned()), ("_F_E_VS".to_owned(), "0".to_owned())]);
        let variables = launch_env(key, &extra);
        let pairs: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("A", "b"), ("_F_E_SSH", "1"), ("_F_E_VS", "0"), ("_F_SSH_PK", key)]);
    }
}
