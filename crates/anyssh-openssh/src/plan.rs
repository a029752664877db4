//! What is needed to run `ssh` for one session, as a value.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use anyssh_core::secrecy::{ExposeSecret, SecretSlice, SecretString};
use anyssh_core::{Credential, Password, Session, Transport, UserName, WebSocketUrl};

use crate::arguments::{KNOWN_HOSTS, arguments};
use crate::environment::{remove_environment, set_environment};
use crate::files::{credential_files, file};
use crate::flags::{LogLevel, SshFlags};
use crate::helper_program::Helper;
use crate::known_hosts::known_hosts;
use crate::launch_options::LaunchOptions;
use crate::plan_error::{HelperUse, PlanError};
use crate::quote::check_path;
use crate::route::Route;

/// Everything that a launch writes, sets and passes; made by [`plan`](crate::plan), done by
/// `Launcher`. `Debug` shows no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// The files to write into the private directory before ssh starts, 0600 each.
    pub files: Vec<PrivateFile>,
    /// The words after `ssh`. The paths in them point into the private directory.
    pub arguments: Vec<OsString>,
    /// What to add to ssh's environment.
    pub set_environment: Vec<(OsString, OsString)>,
    /// What to take out of ssh's environment: credentials of providers, foreign askpass settings.
    pub remove_environment: Vec<OsString>,
    /// The one question that may be answered, for a session with a password.
    pub askpass: Option<Askpass>,
    /// What ssh's ProxyCommand dials, for a session over a WebSocket.
    pub tunnel: Option<Tunnel>,
    /// How lines begin that a vendor's gateway writes, to be looked for on ssh's stderr.
    pub gateway_markers: Vec<String>,
    /// How much of ssh's log the user wants to see. The log file itself holds VERBOSE or more.
    pub log_level: LogLevel,
}

/// One file of the private directory.
#[derive(Clone)]
pub struct PrivateFile {
    /// Its name, without a path.
    pub name: &'static str,
    /// Its contents.
    pub contents: SecretSlice<u8>,
}

impl fmt::Debug for PrivateFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateFile({}, {} bytes)", self.name, self.contents.expose_secret().len())
    }
}

/// The prompts that may be answered with the password, one of them and once (requirement K2).
#[derive(Clone, Debug)]
pub struct Askpass {
    /// The exact prompts: `USER@HOST's password: ` and `(USER@HOST) Password: `.
    pub prompts: Vec<String>,
    /// The answer.
    pub password: Password,
}

/// What the helper dials when ssh runs it as its ProxyCommand. The command line names none of it.
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// Where to dial.
    pub url: WebSocketUrl,
    /// Header names with secret values.
    pub headers: Vec<(String, SecretString)>,
    /// A PEM file of authorities to trust besides the platform's roots.
    pub ca_file: Option<PathBuf>,
}

/// Plans the launch of `session`: a pure function, so that it can be printed, compared and tried with
/// `ssh -G`. `directory` is the private directory into which the files will be written; it need not
/// exist yet, so a caller can plan with any absolute path to learn early what is missing.
///
/// The command line is `ssh -F none -E LOG -o … -l USER -p PORT -- HOST [COMMAND]`: what anyssh locks
/// comes first, then the user's options, then our defaults, and of two values ssh takes the first
/// (requirements P1, P2, P3).
///
/// # Errors
/// What a [`PlanError`] says; nothing was written or started.
///
/// ```
/// use std::path::{Path, PathBuf};
/// use anyssh_core::{Endpoint, Expiry, Host, HostKey, HostTrust, Login, Password, Port, Session,
///     SessionId, Target, Transport, UserName};
/// use anyssh_openssh::{Helper, LaunchOptions, plan};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
/// let session = Session::new(
///     SessionId::parse("id", "ssh-1")?,
///     Target::parse("target", "box")?,
///     Endpoint {
///         transport: Transport::Tcp { host: Host::parse("host", "box.example.org")?, port: Port::SSH },
///         host_trust: HostTrust::Pinned(vec![HostKey::parse("host_key", key)?]),
///     },
///     Login::password(UserName::parse("user", "me")?, Password::parse("password", "secret".into())?),
///     Expiry::Unknown,
/// );
/// let helper = Helper::new("/usr/bin/anyssh")?;
/// let plan = plan(&session, &LaunchOptions::new(), Path::new("/run/user/1/anyssh/x"), Some(&helper))?;
/// assert!(plan.arguments.ends_with(&["--".into(), "box.example.org".into()]));
/// assert!(!format!("{plan:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
pub fn plan(
    session: &Session,
    options: &LaunchOptions,
    directory: &Path,
    helper: Option<&Helper>,
) -> Result<Plan, PlanError> {
    check(options, directory)?;
    if let (Some(needed), None) = (needs_helper(session), helper) {
        return Err(PlanError::HelperMissing(needed));
    }
    let credential = &session.login.credential;
    let user = login_user(session, &options.flags)?;
    let route = Route::of(&session.endpoint.transport, helper)?;
    let hosts = known_hosts(&route.host, route.port, &session.endpoint.host_trust)?;
    let mut files = vec![file(KNOWN_HOSTS, hosts.as_bytes())];
    files.extend(credential_files(credential)?);
    let askpass = match credential {
        Credential::Password(password) => Some(Askpass {
            prompts: vec![format!("{user}@{}'s password: ", route.host), format!("({user}@{}) Password: ", route.host)],
            password: password.clone(),
        }),
        _ => None,
    };
    Ok(Plan {
        files,
        arguments: arguments(credential, user, &route, options, directory)?,
        set_environment: set_environment(askpass.as_ref().and(helper)),
        remove_environment: remove_environment(credential, options),
        askpass,
        tunnel: tunnel_of(&session.endpoint.transport),
        gateway_markers: gateway_markers(credential, options),
        log_level: options.flags.effective_log_level(),
    })
}

/// None with a key of the caller's own: it may sit in a security key, and `ssh` asks for a touch only on a
/// stderr that is a terminal (notify_start in readpass.c), not on one that somebody reads.
fn gateway_markers(credential: &Credential, options: &LaunchOptions) -> Vec<String> {
    match credential {
        Credential::CertificateOnly { .. } | Credential::KeyFile(_) => Vec::new(),
        _ => options.gateway_markers.clone(),
    }
}

/// What is dialled for ssh, if it does not dial itself.
pub(crate) fn tunnel_of(transport: &Transport) -> Option<Tunnel> {
    match transport {
        Transport::WebSocket { url, headers, ca_file } => {
            Some(Tunnel { url: url.clone(), headers: headers.clone(), ca_file: ca_file.clone() })
        }
        Transport::Tcp { .. } => None,
    }
}

/// What can be refused before there is a session.
pub(crate) fn check(options: &LaunchOptions, directory: &Path) -> Result<(), PlanError> {
    check_path(directory).map_err(|source| PlanError::Directory { directory: directory.to_owned(), source })?;
    if options.flags.no_command && options.remote_command != crate::RemoteCommand::None {
        return Err(PlanError::CommandWithoutSession);
    }
    Ok(())
}

/// What `session` needs a helper program for, if anything: known before anything is created.
pub fn needs_helper(session: &Session) -> Option<HelperUse> {
    match (&session.endpoint.transport, &session.login.credential) {
        (Transport::WebSocket { .. }, _) => Some(HelperUse::WebSocket),
        (_, Credential::Password(_)) => Some(HelperUse::Password),
        _ => None,
    }
}

/// A certificate and a password are for one user; a plain key may be known under several names.
fn login_user<'a>(session: &'a Session, flags: &'a SshFlags) -> Result<&'a UserName, PlanError> {
    let login = &session.login;
    match (&flags.user, &login.credential) {
        (None, _) => Ok(&login.user),
        (Some(asked), _) if *asked == login.user => Ok(asked),
        (Some(asked), Credential::Key(_) | Credential::KeyFile(_)) => Ok(asked),
        (Some(asked), credential) => {
            Err(PlanError::UserFixed { asked: asked.clone(), fixed: login.user.clone(), credential: credential.kind() })
        }
    }
}
