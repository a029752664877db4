//! The words of the command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::Failure;
use super::fault_script::FAULT;
use super::vendors::{VENDORS, Vendor};

/// What was asked for.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) vendor: &'static Vendor,
    /// 0 for any.
    pub(super) port: u16,
    pub(super) script: Option<PathBuf>,
    pub(super) without_gateway: bool,
    /// The vendor's own options, each with one of its values.
    pub(super) options: BTreeMap<&'static str, &'static str>,
}

impl Words {
    pub(super) fn parse(words: &[OsString]) -> Result<Self, Failure> {
        let mut words = words.iter();
        let name = words.next().ok_or_else(|| Failure::Usage("which vendor is missing".to_owned()))?;
        let vendor = VENDORS.iter().find(|vendor| name == vendor.name);
        let vendor = vendor.ok_or_else(|| Failure::Usage(format!("there is no vendor {}", name.display())))?;
        let mut parsed = Self { vendor, port: 0, script: None, without_gateway: false, options: BTreeMap::new() };
        while let Some(word) = words.next() {
            let text = word.to_str().unwrap_or_default();
            let (option, inline) = match text.split_once('=') {
                Some((option, value)) => (option, Some(OsString::from(value))),
                None => (text, None),
            };
            let mut value = || {
                let value = inline.clone().or_else(|| words.next().cloned());
                value.ok_or_else(|| Failure::Usage(format!("{option} wants a value")))
            };
            match option {
                "--port" => parsed.port = port(&value()?)?,
                "--script" => parsed.script = Some(value()?.into()),
                "--without-gateway" if inline.is_none() => parsed.without_gateway = true,
                _ => parsed.add_own(option, word, value)?,
            }
        }
        Ok(parsed)
    }

    fn add_own(
        &mut self,
        option: &str,
        word: &OsString,
        value: impl FnOnce() -> Result<OsString, Failure>,
    ) -> Result<(), Failure> {
        let known = self.vendor.options.iter().find(|(name, _)| option.strip_prefix("--") == Some(name));
        let Some((name, values)) = known else {
            let message = format!("{} has no option {}", self.vendor.name, word.display());
            return Err(Failure::Usage(message));
        };
        let given = value()?;
        let fits = values.iter().find(|known| given == **known);
        let fits = fits.ok_or_else(|| Failure::Usage(format!("--{name} is one of {}", values.join(", "))))?;
        self.options.insert(name, fits);
        Ok(())
    }
}

fn port(value: &OsString) -> Result<u16, Failure> {
    let port = value.to_str().and_then(|text| text.parse().ok());
    port.ok_or_else(|| Failure::Usage(format!("--port is a number from 0 to 65535, not {}", value.display())))
}

/// One line that shows how it is called.
pub(super) fn usage() -> String {
    let vendors: Vec<&str> = VENDORS.iter().map(|vendor| vendor.name).collect();
    format!("anyssh-emulator {} [--port N] [--script FILE] [--without-gateway]", vendors.join("|"))
}

/// What `--help` prints.
pub(super) fn help() -> String {
    let mut text = format!(
        "{}\n\nA vendor's control plane and SSH gateway on loopback, for tests. Prints a line export NAME='value' for\n\
         each variable that a client needs, targets as comments, and stays until it is stopped or its\n\
         standard input ends (/dev/null counts as no input).\n\n\
         \x20 --port N             the control plane's port; without it the system chooses one\n\
         \x20 --script FILE        what goes wrong and how things are, as JSON\n\
         \x20 --without-gateway    no SSH server: for clients that only speak HTTP\n",
        usage()
    );
    for vendor in VENDORS {
        for (name, values) in vendor.options {
            text.push_str(&format!("  --{name} {}    for {}\n", values.join("|"), vendor.name));
        }
    }
    text.push_str("\nFields of a script; what they mean, and an example each, is in docs/testing-with-anyssh.md:\n");
    for vendor in VENDORS {
        text.push_str(&format!("  {:<8} {}\n", vendor.name, vendor.script.join(", ")));
    }
    text.push_str(&format!("  a fault  {}\n", FAULT.join(", ")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Words, Failure> {
        Words::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn words_that_fit_are_read() {
        let words = parse(&["dedalus", "--port=0", "--script", "a b.json", "--without-gateway"]).unwrap();
        assert_eq!((words.vendor.name, words.port, words.without_gateway), ("dedalus", 0, true));
        assert_eq!(words.script, Some("a b.json".into()));
    }

    #[test]
    fn words_that_do_not_fit_are_named() {
        for (words, named) in [
            (&[][..], "vendor"),
            (&["duck"], "duck"),
            (&["dedalus", "--port"], "--port"),
            (&["dedalus", "--port", "70000"], "70000"),
            (&["dedalus", "--port", "-1"], "-1"),
            (&["dedalus", "--generation", "1"], "--generation"),
            (&["dedalus", "--without-gateway=no"], "--without-gateway"),
            (&["dedalus", "more"], "more"),
        ] {
            match parse(words) {
                Err(Failure::Usage(why)) => assert!(why.contains(named), "{words:?}: {why}"),
                other => panic!("{words:?}: {other:?}"),
            }
        }
    }
}
