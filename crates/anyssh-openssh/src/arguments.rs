//! The words after `ssh`.
//!
//! The order is the guarantee: ssh keeps the first value that it sees of an option (ssh_config(5)), so
//! what anyssh locks stands first, then what the user gave, then our defaults (requirement P3).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use anyssh_core::ssh_key::{Algorithm, HashAlg};
use anyssh_core::{CallerKey, Credential, UserCertificate, UserName};

use crate::environment::uses_agent;
use crate::flags::{LogLevel, SshFlags, Terminal, X11};
use crate::launch_options::LaunchOptions;
use crate::plan_error::PlanError;
use crate::quote::{PathError, path_option};
use crate::remote_command::RemoteCommand;
use crate::route::Route;

/// The names of the files in the private directory.
pub(crate) const KNOWN_HOSTS: &str = "known_hosts";
pub(crate) const IDENTITY: &str = "id";
pub(crate) const CERTIFICATE: &str = "id-cert.pub";
pub(crate) const PUBLIC_KEY: &str = "id.pub";
pub(crate) const LOG: &str = "log";

/// The words after `ssh`, from `-F none` to the remote command.
pub(crate) fn arguments(
    credential: &Credential,
    user: &UserName,
    route: &Route<'_>,
    options: &LaunchOptions,
    directory: &Path,
) -> Result<Vec<OsString>, PlanError> {
    let flags = &options.flags;
    let mut words: Vec<OsString> = ["-F", "none", "-E"].map(OsString::from).into();
    words.push(directory.join(LOG).into());
    for option in locked_options(credential, route, flags, directory)? {
        words.extend(["-o".into(), option]);
    }
    for option in flags.passed_options().chain(default_options(options)) {
        words.extend(["-o".into(), option.into()]);
    }
    for forward in flags.all_forwards() {
        words.extend([forward.flag().into(), forward.to_string().into()]);
    }
    if flags.no_command {
        words.push("-N".into());
    }
    // No word holds user and host together, and after `--` nothing is read as an option (P1).
    words.extend(["-l".into(), user.as_str().into(), "-p".into(), route.port.to_string().into()]);
    words.extend(["--".into(), route.host.to_string().into()]);
    if let RemoteCommand::Line(line) = &options.remote_command {
        words.push(line.into());
    }
    Ok(words)
}

fn locked_options(
    credential: &Credential,
    route: &Route<'_>,
    flags: &SshFlags,
    directory: &Path,
) -> Result<Vec<OsString>, PlanError> {
    let inside = |key, name| {
        path_option(key, &directory.join(name))
            .map_err(|source| PlanError::Directory { directory: directory.to_owned(), source })
    };
    let mut options = vec![inside("UserKnownHostsFile", KNOWN_HOSTS)?];
    options.extend(LOCKED.iter().map(OsString::from));
    options.extend(route_options(route));
    match credential {
        Credential::Password(_) => options.push("IdentityFile=none".into()),
        // ssh finds the certificate beside the key by its name. Naming it with CertificateFile as well
        // makes a login fail: the plain key, which signs for it, is then filtered out of the list.
        Credential::Certificate { certificate, .. } => {
            options.extend([inside("IdentityFile", IDENTITY)?, accepted_algorithms(certificate)]);
        }
        // The key is elsewhere, so the certificate has to be named and the plain key stay in the list.
        Credential::CertificateOnly { key: CallerKey::File(path), .. } => {
            options.extend([key_file(path)?, inside("CertificateFile", CERTIFICATE)?]);
        }
        Credential::CertificateOnly { key: CallerKey::Agent, .. } => {
            options.extend([inside("IdentityFile", PUBLIC_KEY)?, inside("CertificateFile", CERTIFICATE)?]);
        }
        Credential::Key(_) => options.push(inside("IdentityFile", IDENTITY)?),
        Credential::KeyFile(path) => options.push(key_file(path)?),
    }
    options.extend(login_options(credential).iter().map(OsString::from));
    let agent = if uses_agent(credential, flags) { "SSH_AUTH_SOCK" } else { "none" };
    options.push(format!("IdentityAgent={agent}").into());
    options.extend(flag_options(flags).into_iter().map(OsString::from));
    Ok(options)
}

/// Locked whatever the session and the user say (requirement P3).
const LOCKED: &[&str] = &[
    "GlobalKnownHostsFile=/dev/null",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CheckHostIP=no",
    "CanonicalizeHostname=no",
    "IdentitiesOnly=yes",
    "AddKeysToAgent=no",
    "GSSAPIAuthentication=no",
    "HostbasedAuthentication=no",
    "NumberOfPasswordPrompts=1",
    "ControlMaster=no",
    "ControlPath=none",
    "PermitLocalCommand=no",
    "Tunnel=no",
];

pub(crate) fn route_options(route: &Route<'_>) -> Vec<OsString> {
    match route.proxy {
        None => vec!["ProxyCommand=none".into(), "ProxyJump=none".into()],
        Some(helper) => {
            let mut option = b"ProxyCommand=".to_vec();
            option.extend(helper.proxy_command());
            vec![OsString::from_vec(option)]
        }
    }
}

fn key_file(path: &Path) -> Result<OsString, PlanError> {
    path_option("IdentityFile", path).map_err(|source: PathError| PlanError::KeyFile(source))
}

/// Only the certificate's own algorithm: else ssh goes on to offer the plain key when the certificate
/// is refused. The name is the one that OpenSSH before 8.5 knows and later ones still take.
fn accepted_algorithms(certificate: &UserCertificate) -> OsString {
    let names = match certificate.certificate().algorithm() {
        // RSA signs with SHA-2; the certificate's own name stands for SHA-1.
        Algorithm::Rsa { .. } => [HashAlg::Sha512, HashAlg::Sha256]
            .map(|hash| Algorithm::Rsa { hash: Some(hash) }.to_certificate_type())
            .join(","),
        algorithm => algorithm.to_certificate_type(),
    };
    format!("PubkeyAcceptedKeyTypes={names}").into()
}

/// How the login goes, and whether ssh may ask at the terminal (requirement K3).
fn login_options(credential: &Credential) -> &'static [&'static str] {
    let asks_for_passphrase = match credential {
        Credential::Password(_) => return PASSWORD_LOGIN,
        Credential::Certificate { key, .. } | Credential::Key(key) => key.is_encrypted(),
        Credential::CertificateOnly { key, .. } => matches!(key, CallerKey::File(_)),
        Credential::KeyFile(_) => true,
    };
    if asks_for_passphrase { &KEY_LOGIN[1..] } else { KEY_LOGIN }
}

const PASSWORD_LOGIN: &[&str] = &[
    "PreferredAuthentications=password,keyboard-interactive",
    "PasswordAuthentication=yes",
    "KbdInteractiveAuthentication=yes",
    "PubkeyAuthentication=no",
];

const KEY_LOGIN: &[&str] = &[
    "BatchMode=yes",
    "PreferredAuthentications=publickey",
    "PubkeyAuthentication=yes",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
];

/// What follows from the user's flags; locked too, so that each has one place.
fn flag_options(flags: &SshFlags) -> Vec<String> {
    let mut options = vec![
        format!("ForwardAgent={}", if flags.forwards_agent() { "yes" } else { "no" }),
        format!("LogLevel={}", log_file_level(flags.effective_log_level())),
    ];
    let (x11, trusted) = match flags.effective_x11() {
        X11::No => ("no", "no"),
        X11::Untrusted => ("yes", "no"),
        X11::Trusted => ("yes", "yes"),
    };
    options.extend([format!("ForwardX11={x11}"), format!("ForwardX11Trusted={trusted}")]);
    if flags.all_forwards().next().is_none() {
        options.push("ClearAllForwardings=yes".into());
    }
    let terminal = match flags.effective_terminal() {
        Terminal::Default => "auto",
        Terminal::Never => "no",
        Terminal::Request => "yes",
        Terminal::Force => "force",
    };
    options.push(format!("RequestTTY={terminal}"));
    options
}

/// VERBOSE at least: it holds the line that says that the login went through.
fn log_file_level(shown: LogLevel) -> &'static str {
    match shown {
        LogLevel::Quiet | LogLevel::Info => "VERBOSE",
        LogLevel::Debug1 => "DEBUG1",
        LogLevel::Debug2 => "DEBUG2",
        LogLevel::Debug3 => "DEBUG3",
    }
}

/// Last, so that the user's own come first. Keep-alives also end a key exchange that stalls (N8).
fn default_options(options: &LaunchOptions) -> [String; 3] {
    let timeout = options.connect_timeout;
    let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
    [
        format!("ConnectTimeout={}", seconds.clamp(1, i32::MAX as u64)),
        "ServerAliveInterval=15".into(),
        "ServerAliveCountMax=3".into(),
    ]
}
