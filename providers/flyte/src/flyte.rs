//! One control plane as one user sees it: what the provider and [`SshDebug`](crate::SshDebug) stand on.

use std::sync::Arc;

use anyssh_core::{Deadline, ErrorKind, ProviderError, Settings, WebSocketUrl, escape};

use crate::api::{ControlPlane, Scope};
use crate::auth::{self, TokenSource};
use crate::cluster::{self, Purpose};
use crate::config::Config;
use crate::connect_rpc::ConnectClient;
use crate::error::DebugError;
use crate::link::DebugLink;
use crate::route::{self, RouteError, TokenHosts};
use crate::target::ActionName;
use crate::wire::{Action, Phase};

/// A Flyte or Union control plane: runs, their actions, and the way into their pods.
///
/// ```no_run
/// use std::time::{Duration, Instant};
/// use anyssh_core::{Deadline, Settings};
/// use anyssh_flyte::Flyte;
///
/// # async fn run(settings: Settings) -> Result<(), anyssh_core::ProviderError> {
/// let flyte = Flyte::new(&settings)?;
/// let deadline = Deadline::at(Instant::now() + Duration::from_secs(30));
/// for run in flyte.runs(deadline).await? {
///     println!("{} is {}", run.run, run.phase);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Flyte {
    pub(crate) config: Config,
    pub(crate) control: ControlPlane,
    pub(crate) tokens: Option<Arc<dyn TokenSource>>,
    hosts: TokenHosts,
}

/// A run or one of its actions, in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActionSummary {
    /// The run.
    pub run: String,
    /// The action: `a0` for the run itself.
    pub action: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// The short name of its task, escaped, where it has one.
    pub task: Option<String>,
}

impl Flyte {
    /// The control plane that the settings, Flyte's variables and its configuration files name. Nothing is
    /// requested yet.
    ///
    /// # Errors
    /// Of kind `Config`, naming the setting or the key of the file that is missing or does not fit.
    pub fn new(settings: &Settings) -> Result<Self, ProviderError> {
        let config = Config::read(settings)?;
        let tokens = auth::source(&config)?;
        Self::over(config, tokens)
    }

    pub(crate) fn over(config: Config, tokens: Option<Arc<dyn TokenSource>>) -> Result<Self, ProviderError> {
        let http = config.endpoint.http()?;
        // Over plain HTTP beyond loopback no token is sent (K5), as Flyte's own client does not.
        let rpc_tokens = tokens.clone().filter(|_| config.endpoint.base_url.keeps_secrets());
        let rpc = ConnectClient::new(http.clone(), rpc_tokens).behind(config.gateway.clone());
        let anonymous = ConnectClient::anonymous(http).behind(config.gateway.clone());
        let scope = Scope { org: config.org.clone(), project: config.project.clone(), domain: config.domain.clone() };
        let control = ControlPlane::new(rpc, anonymous, scope);
        let hosts = TokenHosts::new(&config.endpoint.base_url, &config.data_plane_hosts);
        Ok(Self { control, tokens, hosts: hosts.map_err(ProviderError::config)?, config })
    }

    /// The same with tokens from elsewhere.
    #[cfg(test)]
    pub(crate) fn with_tokens(self, tokens: Arc<dyn TokenSource>) -> Self {
        Self { tokens: Some(tokens), ..self }
    }

    /// The runs of the project and domain, newest first.
    ///
    /// # Errors
    /// The call's.
    pub async fn runs(&self, deadline: Deadline) -> Result<Vec<ActionSummary>, ProviderError> {
        let runs = self.control.runs(deadline).await?;
        Ok(runs.into_iter().map(|run| summary(run.action)).collect())
    }

    /// The actions of a run.
    ///
    /// # Errors
    /// The call's; `NotFound` if there is no such run.
    pub async fn actions(&self, run: &str, deadline: Deadline) -> Result<Vec<ActionSummary>, ProviderError> {
        let actions = self.control.actions(run, deadline).await?;
        Ok(actions.into_iter().map(summary).collect())
    }

    /// Ends a run and its pods; `false` if the control plane does not know it.
    ///
    /// # Errors
    /// The call's.
    pub async fn abort_run(&self, run: &str, reason: &str, deadline: Deadline) -> Result<bool, ProviderError> {
        Ok(self.control.abort_run(run, reason, deadline).await?)
    }

    /// The URL behind a link, if its host may get a token (K5). What belongs to the control plane beyond its
    /// own domain is asked for only where a link leads there.
    pub(crate) async fn route(
        &self,
        link: &DebugLink,
        action: &ActionName,
        deadline: Deadline,
    ) -> Result<WebSocketUrl, DebugError> {
        let base = &self.config.endpoint.base_url;
        match route::resolve(base, &link.uri, &self.hosts) {
            Err(RouteError::OtherHost { .. }) => {}
            resolved => return Ok(resolved?),
        }
        let mut hosts = self.hosts.clone();
        // Who cannot say more than before leaves it at that: the refusal names the host and what to do.
        if let Ok(Some(domain)) = self.control.data_plane_domain(deadline).await {
            hosts.and_under(&domain);
        }
        if let Ok(url) = route::resolve(base, &link.uri, &hosts) {
            return Ok(url);
        }
        let purpose = Purpose::ReadData(self.control.scope().action(action));
        if let Ok(Some(cluster)) = cluster::select(&self.control, purpose, base, deadline).await
            && let Ok(host) = cluster::host(&cluster)
        {
            hosts.and(host);
        }
        Ok(route::resolve(base, &link.uri, &hosts)?)
    }

    /// The user's home, in which Flyte's own client keeps its files.
    pub(crate) fn home(&self) -> Result<&std::path::Path, ProviderError> {
        home(&self.config.surroundings)
    }
}

pub(crate) fn home(surroundings: &anyssh_core::Surroundings) -> Result<&std::path::Path, ProviderError> {
    surroundings.home().ok_or_else(|| {
        ProviderError::new(ErrorKind::Local, "there is no home directory, where Flyte's key pair is kept: set HOME")
    })
}

fn summary(action: Action) -> ActionSummary {
    let task = action.metadata.task.map(|task| task.short_name).filter(|name| !name.is_empty());
    ActionSummary {
        run: action.id.run.name,
        action: action.id.name,
        phase: action.status.phase,
        task: task.map(|name| escape::printable(&name, escape::MESSAGE_CAP)),
    }
}

#[cfg(test)]
mod tests {
    use anyssh_core::{ErrorKind, Surroundings};

    use crate::testing::{flyte_at, within};

    /// K5: over plain http beyond loopback calls go without a token, as those of Flyte's own client.
    #[tokio::test]
    async fn no_token_goes_over_plain_http_beyond_loopback() {
        let insecure = [("FLYTE_ADMIN_INSECURE", "true")];
        let flyte = flyte_at("http://flyte.invalid:8089", Surroundings::none(), &insecure);
        let error = flyte.runs(within(2)).await.unwrap_err();
        // With a token in it the call would have been refused before anything is looked up.
        assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::TimedOut), "{error}");
    }
}
