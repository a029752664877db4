//! A fault as a script says it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::Failure;
use crate::emulator::Fault;

/// A fault as a script says it: each part is one method of [`Fault`].
///
/// ```json
/// {"method": "POST", "path": "/v1/machines/*/ssh", "status": 503, "headers": {"retry-after": "1"}, "times": 2}
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultScript {
    method: String,
    path: String,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    #[serde(default)]
    html: bool,
    redirect: Option<String>,
    delay_ms: Option<u64>,
    #[serde(default)]
    close: bool,
    cut_after: Option<usize>,
    slowly: Option<Slowly>,
    #[serde(default)]
    endless: bool,
    #[serde(default)]
    after_the_work: bool,
    clock_seconds: Option<u64>,
    #[serde(default)]
    new_host_keys: bool,
    times: Option<u32>,
    #[serde(default)]
    always: bool,
}

/// Its fields.
pub(super) const FAULT: &[&str] = &[
    "method",
    "path",
    "status",
    "headers",
    "body",
    "html",
    "redirect",
    "delay_ms",
    "close",
    "cut_after",
    "slowly",
    "endless",
    "after_the_work",
    "clock_seconds",
    "new_host_keys",
    "times",
    "always",
];

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slowly {
    bytes: usize,
    pause_ms: u64,
}

/// What a part without a value does.
type Change = fn(Fault) -> Fault;

impl FaultScript {
    /// The fault that is meant.
    pub(super) fn fault(self) -> Result<Fault, Failure> {
        self.check()?;
        let mut fault = Fault::on(&self.method, &self.path);
        if self.html {
            fault = fault.html();
        }
        fault = self.body.into_iter().fold(fault, Fault::body);
        fault = self.redirect.iter().fold(fault, |fault, url| fault.redirect(url));
        fault = self.status.into_iter().fold(fault, Fault::status);
        fault = self.headers.iter().fold(fault, |fault, (name, value)| fault.header(name, value));
        fault = self.delay_ms.map(Duration::from_millis).into_iter().fold(fault, Fault::delay);
        fault = self.cut_after.into_iter().fold(fault, Fault::cut_after);
        fault = self
            .slowly
            .into_iter()
            .fold(fault, |fault, slowly| fault.slowly(slowly.bytes, Duration::from_millis(slowly.pause_ms)));
        fault = self.times.into_iter().fold(fault, Fault::times);
        fault = self.clock_seconds.map(Duration::from_secs).into_iter().fold(fault, Fault::time_passes);
        let chosen: [(bool, Change); 5] = [
            (self.close, Fault::close),
            (self.endless, Fault::endless),
            (self.after_the_work, Fault::after_the_work),
            (self.always, Fault::always),
            (self.new_host_keys, Fault::new_host_keys),
        ];
        Ok(chosen.into_iter().filter(|(is_chosen, _)| *is_chosen).fold(fault, |fault, (_, apply)| apply(fault)))
    }

    /// What would be taken for something else.
    fn check(&self) -> Result<(), Failure> {
        let refused = |why: &str| Err(Failure::Script(format!("faults: {} {}: {why}", self.method, self.path)));
        let manners = [self.close, self.cut_after.is_some(), self.slowly.is_some(), self.endless];
        if manners.iter().filter(|is_chosen| **is_chosen).count() > 1 {
            return refused("expected only one of close, cut_after, slowly and endless");
        }
        if self.always && self.times.is_some() {
            return refused("expected either always or times");
        }
        if self.status.is_some_and(|status| !(100..=999).contains(&status)) {
            return refused("status: expected a number of three digits");
        }
        if !self.path.starts_with('/') {
            return refused("path: expected one that begins with /");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Fault, String> {
        let script: FaultScript = serde_json::from_str(text).map_err(|error| error.to_string())?;
        script.fault().map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_script_gives_the_fault_that_its_methods_give() {
        let script =
            r#"{"method": "POST", "path": "/v1/x", "status": 503, "headers": {"retry-after": "1"}, "times": 2}"#;
        let same = Fault::on("POST", "/v1/x").status(503).header("retry-after", "1").times(2);
        assert_eq!(format!("{:?}", read(script).unwrap()), format!("{same:?}"));
        let script =
            r#"{"method": "*", "path": "/", "slowly": {"bytes": 1, "pause_ms": 20}, "delay_ms": 5, "always": true}"#;
        let changes = r#"{"method": "GET", "path": "/", "clock_seconds": 60, "new_host_keys": true}"#;
        let same = Fault::on("GET", "/").time_passes(Duration::from_secs(60)).new_host_keys();
        assert_eq!(format!("{:?}", read(changes).unwrap()), format!("{same:?}"));
        let same = Fault::on("*", "/").slowly(1, Duration::from_millis(20)).delay(Duration::from_millis(5)).always();
        assert_eq!(format!("{:?}", read(script).unwrap()), format!("{same:?}"));
    }

    #[test]
    fn what_contradicts_itself_or_is_not_known_is_refused() {
        for (more, named) in [
            (r#", "close": true, "endless": true"#, "only one"),
            (r#", "always": true, "times": 1"#, "always or times"),
            (r#", "status": 1000"#, "status: expected a number of three digits"),
            (r#", "statuss": 500"#, "statuss"),
            (r#", "status": "500""#, "invalid type"),
        ] {
            let why = read(&format!(r#"{{"method": "GET", "path": "/x"{more}}}"#)).unwrap_err();
            assert!(why.contains(named), "{why}");
        }
        assert!(
            read(r#"{"method": "GET", "path": "x"}"#).unwrap_err().contains("path: expected one that begins with /")
        );
    }
}
