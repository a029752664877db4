//! Which of Flyte's configuration files is read: the first that is there, as with Flyte's own client,
//! and that may be believed (T8a).

use std::io::{self, ErrorKind as IoKind};
use std::path::{Path, PathBuf};

use anyssh_core::{ErrorKind, Progress, ProviderError, SettingInfo, Settings, UntrustedFile, escape};
use secrecy::ExposeSecret as _;

use super::names::{FLYTECTL_CONFIG, SECTIONS, UCTL_CONFIG};
use super::small_file;
use super::trust::Trust;
use super::yaml::{self, Node};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 256 * 1024;

/// A configuration file that is used.
#[derive(Clone)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    pub(crate) tree: Node,
}

impl ConfigFile {
    /// Its path, fit for a message.
    pub(crate) fn shown(&self) -> String {
        shown(&self.path)
    }
}

/// What the search came to.
#[derive(Default)]
pub(crate) struct Search {
    pub(crate) file: Option<ConfigFile>,
    /// Files that would have been used, had they been trusted.
    pub(crate) untrusted: Vec<Untrusted>,
}

/// A file that would have been used, had it been trusted.
pub(crate) struct Untrusted {
    pub(crate) path: PathBuf,
    tree: Node,
    bytes: Vec<u8>,
}

/// A file that is looked for.
struct Candidate {
    path: PathBuf,
    why: Why,
}

/// Why a file is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It lies in the working directory or in the root of its git work tree, where somebody may have put it.
    Nearby,
    /// This variable names it.
    Named(&'static str),
    /// It lies in the home directory.
    Home,
}

/// Looks for the file. What is skipped is said to the notes of the surroundings.
///
/// # Errors
/// A file that is named or lies at home and cannot be read.
pub(crate) fn search(settings: &Settings) -> Result<Search, ProviderError> {
    let candidates = candidates(settings);
    // What is named or at home is trusted, also when the working directory comes upon it first.
    let own = candidates.iter().filter(|candidate| candidate.why != Why::Nearby).map(|candidate| &candidate.path);
    let own: Vec<PathBuf> = own.filter_map(|path| path.canonicalize().ok()).collect();
    let mut untrusted = Vec::new();
    for candidate in &candidates {
        match look(candidate, &own, settings)? {
            Look::Used(file) => return Ok(Search { file: Some(file), untrusted }),
            Look::Untrusted(file) => untrusted.push(file),
            Look::Nothing => {}
        }
    }
    Ok(Search { file: None, untrusted })
}

/// What became of one candidate.
enum Look {
    Used(ConfigFile),
    Untrusted(Untrusted),
    Nothing,
}

fn look(candidate: &Candidate, own: &[PathBuf], settings: &Settings) -> Result<Look, ProviderError> {
    let Candidate { path, why } = candidate;
    let note = |what: &str| settings.surroundings().note(&format!("{} is skipped: {what}", shown(path)));
    let bytes = match small_file::read(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) if !matches!(why, Why::Named(_)) && is_absent(&error) => return Ok(Look::Nothing),
        Err(error) if *why == Why::Nearby => {
            note(&format!("it cannot be read: {error}"));
            return Ok(Look::Nothing);
        }
        Err(error) => return Err(unusable(candidate, &format!("cannot be read: {error}"))),
    };
    let tree = match std::str::from_utf8(&bytes).map_err(|_| "is not UTF-8".to_owned()).and_then(parse) {
        Ok(tree) => tree,
        Err(fault) if *why == Why::Nearby => {
            note(&fault);
            return Ok(Look::Nothing);
        }
        Err(fault) => return Err(unusable(candidate, &fault)),
    };
    if *why == Why::Nearby {
        // `config.yaml` is a common name, so one without any of Flyte's sections is somebody else's.
        if SECTIONS.iter().all(|section| tree.at(&[section]).is_none()) {
            return Ok(Look::Nothing);
        }
        if tree.at(&["admin"]).is_some() && !is_trusted(path, &bytes, own, settings) {
            note(
                "it sets admin.*, which can name a server and a command; to trust it, name it once with FLYTECTL_CONFIG",
            );
            return Ok(Look::Untrusted(Untrusted { path: path.clone(), tree, bytes }));
        }
    }
    Ok(Look::Used(ConfigFile { path: path.clone(), tree }))
}

/// The files that [`search`] skips because nobody trusted them, for whoever can ask.
pub(crate) fn untrusted_files(settings: &Settings) -> Vec<UntrustedFile> {
    let silent = settings.surroundings().clone().with_notes(Progress::silent());
    let search = search(&settings.clone().with_surroundings(silent));
    let files = search.map(|search| search.untrusted).unwrap_or_default();
    files.into_iter().map(|file| question(file, settings.state_dir().map(Path::to_owned))).collect()
}

fn question(file: Untrusted, state_dir: Option<PathBuf>) -> UntrustedFile {
    let Untrusted { path, tree, bytes } = file;
    let what = what_it_would_do(&tree);
    UntrustedFile::new(path.clone(), what, move || {
        let path = path.canonicalize()?;
        Trust::of(state_dir.as_deref(), &path, &bytes).keep()
    })
}

/// What trusting a file means: where secrets would go, and what would be started.
fn what_it_would_do(tree: &Node) -> String {
    let first_word = |name: &str| match tree.at(&["admin", name]) {
        Some(Node::Word(text)) => Some(text.clone()),
        Some(Node::List(items)) => items.iter().find_map(|item| match item {
            Node::Word(text) => Some(text.clone()),
            _ => None,
        }),
        _ => None,
    };
    let server = first_word("endpoint").map(|endpoint| format!("names the server {}", escape::quoted(&endpoint)));
    let commands = ["command", "proxyCommand"].into_iter().filter_map(first_word);
    let commands = commands.map(|program| format!("starts the program {}", escape::quoted(&program)));
    let all: Vec<String> = server.into_iter().chain(commands).collect();
    if all.is_empty() { "It says how to log in".to_owned() } else { format!("It {}", all.join(" and ")) }
}

fn is_trusted(path: &Path, bytes: &[u8], own: &[PathBuf], settings: &Settings) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let trust = Trust::of(settings.state_dir(), &path, bytes);
    if own.contains(&path) {
        // Named once is trusted from now on. Where that cannot be kept, it has to be named again.
        let _kept = trust.is_kept() || trust.keep().is_ok();
        return true;
    }
    trust.is_kept()
}

fn parse(text: &str) -> Result<Node, String> {
    yaml::read(text).map_err(|fault| format!("it cannot be read as YAML, line {}: {}", fault.line, fault.why))
}

fn candidates(settings: &Settings) -> Vec<Candidate> {
    let surroundings = settings.surroundings();
    let mut all = Vec::new();
    let mut add = |path: PathBuf, why| {
        // The working directory may be the root of its work tree, or the home.
        if !all.iter().any(|candidate: &Candidate| candidate.path == path && candidate.why == why) {
            all.push(Candidate { path, why });
        }
    };
    if let Some(here) = surroundings.working_dir() {
        add(here.join("config.yaml"), Why::Nearby);
        add(here.join(".flyte/config.yaml"), Why::Nearby);
        if let Some(root) = here.ancestors().find(|directory| directory.join(".git").exists()) {
            add(root.join(".flyte/config.yaml"), Why::Nearby);
        }
    }
    for variable in [UCTL_CONFIG, FLYTECTL_CONFIG] {
        if let Some(path) = named(settings, &variable) {
            add(path, Why::Named(variable.name));
        }
    }
    if let Some(home) = surroundings.home() {
        add(home.join(".union/config.yaml"), Why::Home);
        add(home.join(".flyte/config.yaml"), Why::Home);
    }
    all
}

fn named(settings: &Settings, variable: &SettingInfo) -> Option<PathBuf> {
    let path = settings.setting(variable.name)?.expose_secret();
    let from = settings.surroundings().working_dir().unwrap_or(Path::new("."));
    Some(from.join(path))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), IoKind::NotFound | IoKind::NotADirectory)
}

fn unusable(candidate: &Candidate, why: &str) -> ProviderError {
    let path = shown(&candidate.path);
    match candidate.why {
        Why::Named(variable) => {
            ProviderError::new(ErrorKind::Config, format!("{variable}: {path} {why}")).with_field(variable)
        }
        Why::Nearby | Why::Home => ProviderError::new(ErrorKind::Config, format!("{path} {why}")),
    }
}

fn shown(path: &Path) -> String {
    escape::printable(&path.display().to_string(), escape::MESSAGE_CAP)
}
