//! How a run of Flyte's comes up, as a script says it.

use std::time::Duration;

use serde::Deserialize;

use super::Failure;
use crate::emulator::{Attempt, Boot, Link, Phase, Snapshot};

/// A stage: what so many answers show, at least this long. The last one stays.
///
/// ```json
/// {"phase": "running", "answers": 2, "lasting_ms": 50, "link": false}
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageScript {
    phase: Phase,
    answers: Option<u32>,
    lasting_ms: Option<u64>,
    /// Whether the link to the pod is there; without this, it is while the phase is `running`.
    link: Option<bool>,
    error: Option<ErrorScript>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorScript {
    code: String,
    message: String,
}

/// The stages, one after the other; up at once without any. `field` is where they stand.
pub(super) fn boot(field: &str, stages: &[StageScript]) -> Result<Boot, Failure> {
    let Some((first, rest)) = stages.split_first() else { return Ok(Boot::default()) };
    let zero = stages.iter().position(|stage| stage.answers == Some(0));
    if let Some(index) = zero {
        return Err(Failure::Script(format!("{field}: stage {}: answers: expected 1 or more", index + 1)));
    }
    let begun = shown(Boot::with(snapshot(first)), first);
    Ok(rest.iter().fold(begun, |boot, stage| shown(boot.then(snapshot(stage)), stage)))
}

fn shown(boot: Boot, stage: &StageScript) -> Boot {
    let boot = boot.shown(stage.answers.unwrap_or(1));
    boot.lasting(Duration::from_millis(stage.lasting_ms.unwrap_or(0)))
}

fn snapshot(stage: &StageScript) -> Snapshot {
    let mut snapshot = Snapshot::in_phase(stage.phase);
    if stage.link.unwrap_or(stage.phase == Phase::Running) {
        snapshot = snapshot.attempt(Attempt::in_phase(stage.phase).link(Link::ide()));
    }
    match &stage.error {
        Some(error) => snapshot.error(&error.code, &error.message),
        None => snapshot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_gives_the_boot_that_its_methods_give() {
        let script = r#"[
            {"phase": "queued", "answers": 2},
            {"phase": "running", "link": false, "lasting_ms": 30},
            {"phase": "running"},
            {"phase": "failed", "error": {"code": "OOM", "message": "too big"}}
        ]"#;
        let stages: Vec<StageScript> = serde_json::from_str(script).unwrap();
        let same = Boot::with(Snapshot::in_phase(Phase::Queued))
            .shown(2)
            .then(Snapshot::in_phase(Phase::Running))
            .lasting(Duration::from_millis(30))
            .then(Snapshot::serving())
            .then(Snapshot::in_phase(Phase::Failed).error("OOM", "too big"));
        assert_eq!(boot("boot", &stages).unwrap(), same);
        assert_eq!(boot("boot", &[]).unwrap(), Boot::default());
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_would() {
        let stages: Vec<StageScript> = serde_json::from_str(r#"[{"phase": "queued", "answers": 0}]"#).unwrap();
        assert_eq!(
            boot("boot", &stages),
            Err(Failure::Script("boot: stage 1: answers: expected 1 or more".to_owned()))
        );
        let error = serde_json::from_str::<StageScript>(r#"{"phase": "started"}"#).unwrap_err().to_string();
        assert!(error.contains("`started`") && error.contains("`waiting_for_resources`"), "{error}");
    }
}
