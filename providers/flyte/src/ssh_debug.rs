//! [`SshDebug`]: what Flyte's own client has under that name, typed.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyssh_core::{Deadline, ErrorKind, HostAlias, Progress, ProviderError, Settings, UserName};
use secrecy::SecretString;

use crate::auth::Freshness;
use crate::error::{DebugError, local};
use crate::flyte::{self, Flyte};
use crate::keypair::{self, DebugKeyPair};
use crate::options::{POLL_INTERVAL, USER};
use crate::reach::{Reach, Route};
use crate::ssh_config::{Block, RouteLogin};
use crate::target::{ActionName, ROOT_ACTION};
use crate::{api_key_app, headers_file, launch_env, pod};

/// The way into a debug run: what `ssh` or another client needs to log in to its pod.
///
/// ```no_run
/// use anyssh_core::{Settings, Surroundings};
/// use anyssh_flyte::{ConnectOptions, Flyte, SshDebug};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Settings::new().with_surroundings(Surroundings::none().with_home("/home/me"));
/// let flyte = Flyte::new(&settings)?;
/// let debug = SshDebug::connect(&flyte, ConnectOptions::new("rx7kq2")).await?;
/// println!("{}", debug.ssh_config);
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SshDebug {
    /// The run.
    pub run_name: String,
    /// The action.
    pub action_name: String,
    /// Where the WebSocket is. It may hold a token in its query, so `Debug` leaves that out.
    pub wss_url: String,
    /// The block for `~/.ssh/config`.
    pub ssh_config: String,
    /// The word after `ssh`.
    pub host_alias: String,
    /// The file with the header for the WebSocket, 0600; `None` if there is no token.
    pub headers_file: Option<PathBuf>,
}

/// How to get into a debug run. [`ConnectOptions::new`] has the values of Flyte's own client.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The run.
    pub run_name: String,
    /// The action; `a0`, the only one that has a debug server.
    pub action_name: String,
    /// The name that logs in; `root`. The pod does not look at it.
    pub user: String,
    /// The private key; `None` for the shared pair, which is made if there is none.
    pub identity_file: Option<PathBuf>,
    /// The word after `ssh`; `flyte-debug`.
    pub host_alias: String,
    /// Reach the pod with an API key of the user's own, see [`SshDebug::ensure_api_key`]; no.
    pub use_api_key: bool,
    /// Get a new token although one is kept; no.
    pub refresh_token: bool,
    /// Where the header goes; `None` for a file beside the key pair.
    pub headers_file: Option<PathBuf>,
    /// The bound for all of it; 300 seconds.
    pub timeout: Duration,
    /// How often the control plane is asked, besides being told; 3 seconds.
    pub poll_interval: Duration,
    /// Wait until the SSH server in the pod has said its name, not only for the link to it; yes.
    pub wait_for_route: bool,
    /// The program `anyssh` as it stands in the block; found through `PATH` unless it is a path.
    pub anyssh: PathBuf,
    /// Who hears what is being waited for; nobody.
    pub progress: Progress,
}

impl ConnectOptions {
    /// The options for a run, everything else as Flyte's own client has it.
    pub fn new(run_name: impl Into<String>) -> Self {
        Self {
            run_name: run_name.into(),
            action_name: ROOT_ACTION.to_owned(),
            user: USER.to_owned(),
            identity_file: None,
            host_alias: "flyte-debug".to_owned(),
            use_api_key: false,
            refresh_token: false,
            headers_file: None,
            timeout: Duration::from_secs(300),
            poll_interval: POLL_INTERVAL,
            wait_for_route: true,
            anyssh: "anyssh".into(),
            progress: Progress::silent(),
        }
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("run_name", &self.run_name)
            .field("action_name", &self.action_name)
            .field("host_alias", &self.host_alias)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SshDebug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshDebug")
            .field("run_name", &self.run_name)
            .field("action_name", &self.action_name)
            .field("wss_url", &self.wss_url.split('?').next())
            .field("host_alias", &self.host_alias)
            .field("headers_file", &self.headers_file)
            .finish_non_exhaustive()
    }
}

impl SshDebug {
    /// Waits for the way into a debug run, writes the headers file anew, and makes the block for ssh_config.
    ///
    /// # Errors
    /// [`DebugError::Terminal`] as soon as the run is over; [`DebugError::TimedOut`] when the timeout is.
    pub async fn connect(flyte: &Flyte, options: ConnectOptions) -> Result<Self, DebugError> {
        let now = Instant::now();
        let end = now.checked_add(options.timeout).unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600));
        let deadline = Deadline::at(end);
        let usage = ProviderError::usage;
        let action = ActionName::new("run_name", &options.run_name, &options.action_name).map_err(usage)?;
        let user = UserName::parse("user", &options.user).map_err(usage)?;
        let host_alias = HostAlias::parse("host_alias", &options.host_alias).map_err(usage)?;
        let identity_file = match &options.identity_file {
            Some(file) => file.clone(),
            None => Self::keypair_of(flyte).await?.private_key,
        };
        let reach = Reach {
            flyte,
            tokens: pod::tokens(flyte, options.use_api_key, deadline).await?,
            freshness: if options.refresh_token { Freshness::New } else { Freshness::Kept },
            action: &action,
            poll_interval: options.poll_interval.max(Duration::from_millis(100)),
            route: if options.wait_for_route { Route::Answering } else { Route::Linked },
            deadline,
            progress: &options.progress,
        };
        let way = reach.find().await?;
        let headers_file = match &way.token {
            Some(token) => Some(headers_file::write_for(flyte, options.headers_file.as_deref(), &host_alias, token)?),
            None => None,
        };
        let block = Block {
            host_alias: &host_alias,
            user: &user,
            identity_file: &identity_file,
            anyssh: &options.anyssh,
            action: &action,
            route_login: match &way.token {
                None => RouteLogin::None,
                Some(_) if options.use_api_key => RouteLogin::ApiKey,
                Some(_) => RouteLogin::Own,
            },
            key_alias: &pod::host_alias(flyte, &action, way.attempt)?,
            known_hosts: &keypair::directory(flyte.home()?)?.path().join("known_hosts"),
        };
        Ok(Self {
            ssh_config: block.text()?,
            wss_url: way.url.as_str().to_owned(),
            host_alias: options.host_alias,
            run_name: action.run,
            action_name: action.action,
            headers_file,
        })
    }

    /// [`connect`](Self::connect), blocking. Not inside an async runtime.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and kind `Local` when no runtime could be started.
    pub fn connect_blocking(flyte: &Flyte, options: ConnectOptions) -> Result<Self, DebugError> {
        block_on(Self::connect(flyte, options))?
    }

    /// An API key of the user's own that does not end with a login: the kept one if the control plane still
    /// knows it, else a new one, which is kept in `~/.flyte/ssh-debug/api-key`, 0600. Without a name it is
    /// called as Flyte's own client calls it.
    ///
    /// # Errors
    /// The calls'; `Unsupported` for Union's serverless control planes, `Local` for a file that cannot be used.
    pub async fn ensure_api_key(
        flyte: &Flyte,
        name: Option<&str>,
        deadline: Deadline,
    ) -> Result<SecretString, ProviderError> {
        api_key_app::ensure(flyte, name.unwrap_or(api_key_app::DEFAULT_NAME), deadline).await
    }

    /// [`ensure_api_key`](Self::ensure_api_key), blocking. Not inside an async runtime.
    ///
    /// # Errors
    /// As [`ensure_api_key`](Self::ensure_api_key), and kind `Local` when no runtime could be started.
    pub fn ensure_api_key_blocking(
        flyte: &Flyte,
        name: Option<&str>,
        deadline: Deadline,
    ) -> Result<SecretString, ProviderError> {
        block_on(Self::ensure_api_key(flyte, name, deadline))?
    }

    /// The key pair in `~/.flyte/ssh-debug`, which is shared with Flyte's own client; it is made if there is
    /// none, by one of many callers at once.
    ///
    /// ```
    /// use anyssh_core::{Settings, Surroundings};
    /// use anyssh_flyte::SshDebug;
    ///
    /// let home = tempfile::tempdir()?;
    /// let settings = Settings::new().with_surroundings(Surroundings::none().with_home(home.path()));
    /// let pair = SshDebug::ensure_keypair(&settings)?;
    /// assert!(pair.public_key.starts_with("ssh-ed25519 "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Of kind `Local`: no home, or a file there that is not ours, not regular or no key.
    pub fn ensure_keypair(settings: &Settings) -> Result<DebugKeyPair, ProviderError> {
        keypair::ensure(flyte::home(settings.surroundings())?)
    }

    /// The variables that make a run debuggable by the holder of the shared key pair, and `extra`, which wins.
    ///
    /// # Errors
    /// As [`ensure_keypair`](Self::ensure_keypair).
    pub fn launch_env(
        settings: &Settings,
        extra: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, ProviderError> {
        Ok(launch_env::launch_env(&Self::ensure_keypair(settings)?.public_key, extra))
    }

    /// The shared pair, without blocking the thread.
    pub(crate) async fn keypair_of(flyte: &Flyte) -> Result<DebugKeyPair, ProviderError> {
        let home = flyte.home()?.to_owned();
        let made = tokio::task::spawn_blocking(move || keypair::ensure(&home)).await;
        made.map_err(|error| local("the key pair", error))?
    }
}

fn block_on<T>(call: impl Future<Output = T>) -> Result<T, ProviderError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        ProviderError::new(ErrorKind::Local, format!("no runtime could be started: {error}")).with_source(error)
    })?;
    Ok(runtime.block_on(call))
}
