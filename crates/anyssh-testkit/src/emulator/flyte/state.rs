//! What the control plane knows.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use serde_json::Value;
use ssh_key::PublicKey;
use tokio::sync::watch;

use super::boot::Boot;
use super::cut::Cuts;
use super::oauth::OAuth;
use super::pod::{Place, Pod};
use super::run::{ActionState, RunState};
use super::watching::Watching;
use crate::emulator::Change;
use crate::emulator::clock::Clock;
use crate::emulator::fault::Event;
use crate::emulator::http::lock;

/// The parts that stay the same, and the state.
pub(super) struct Flyte {
    pub(super) org: String,
    pub(super) project: String,
    pub(super) domain: String,
    pub(super) login: RpcLogin,
    /// Whether DataProxy calls belong to the gateway's host.
    pub(super) data_elsewhere: bool,
    /// Whether debug runs that are over are known no more.
    pub(super) forgets: bool,
    pub(super) authorized: Vec<PublicKey>,
    pub(super) base_url: OnceLock<String>,
    pub(super) gateway_url: OnceLock<String>,
    /// A number for each change of a run, for those who watch.
    pub(super) changed: watch::Sender<u64>,
    pub(super) cuts: Cuts,
    pub(super) state: Mutex<State>,
}

/// Whether calls need a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpcLogin {
    /// A token that is sent has to be good; none is good, too. The vendor's own client sends none to an
    /// endpoint that it is told to be `insecure`, as this one is.
    Optional,
    /// Each call but those for the login itself needs a token.
    Required,
}

pub(super) struct State {
    pub(super) runs: Vec<RunState>,
    pub(super) pods: HashMap<Place, Arc<Pod>>,
    /// Where the pod of each run is, if not here.
    pub(super) elsewhere: HashMap<String, u16>,
    /// Counts how often host keys were changed.
    pub(super) host_keys: u32,
    pub(super) boot: Boot,
    pub(super) watching: Watching,
    pub(super) oauth: OAuth,
    pub(super) apps: HashMap<String, Value>,
    pub(super) uploads: HashMap<String, Value>,
    pub(super) spoils: HashMap<String, Change<Value>>,
    pub(super) clock: Clock,
}

impl State {
    pub(super) fn new(runs: Vec<RunState>, boot: Boot, oauth: OAuth, clock: Clock) -> Self {
        Self {
            runs,
            pods: HashMap::new(),
            elsewhere: HashMap::new(),
            host_keys: 0,
            boot,
            watching: Watching::Live,
            oauth,
            apps: HashMap::new(),
            uploads: HashMap::new(),
            spoils: HashMap::new(),
            clock,
        }
    }

    /// The emulator's clock, which a test may put forward.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The same in seconds since 1970.
    pub(super) fn seconds(&self) -> u64 {
        self.now().as_second().try_into().unwrap_or_default()
    }

    pub(super) fn run(&mut self, name: &str) -> Option<&mut RunState> {
        self.runs.iter_mut().find(|run| run.name == name)
    }

    /// Changes what is about to be answered to this call, if a test wants it.
    pub(super) fn spoil(&self, call: &str, answer: &mut Value) {
        if let Some(Some(change)) = self.spoils.get(call) {
            change(answer);
        }
    }
}

impl Flyte {
    /// Tells those who watch, and ends the pods of attempts that are over.
    pub(super) fn tell(&self, state: &mut State) {
        let runs = &state.runs;
        let is_alive = |place: &Place| {
            let action = runs
                .iter()
                .find(|run| run.name == place.run)
                .and_then(|run| run.actions.iter().find(|action| action.name == place.action));
            action.is_some_and(|action| !action.progress.current().phase.is_over())
        };
        let over: Vec<Place> = state.pods.keys().filter(|place| !is_alive(place)).cloned().collect();
        for place in over {
            state.pods.remove(&place);
            self.cuts.end_of(&place);
        }
        if self.forgets {
            state.runs.retain(|run| !run.is_debug() || !run.actions.iter().all(ActionState::is_over));
        }
        self.changed.send_modify(|changes| *changes += 1);
    }

    pub(super) fn happens(&self, event: Event) {
        let mut state = lock(&self.state);
        match event {
            Event::TimePasses(time) => state.clock.advance(time),
            Event::NewHostKeys => {
                state.host_keys += 1;
                state.pods.clear();
            }
        }
    }

    pub(super) fn gateway_url(&self) -> &str {
        self.gateway_url.get().map_or("", String::as_str)
    }

    pub(super) fn base_url(&self) -> &str {
        self.base_url.get().map_or("", String::as_str)
    }

    /// Whether somebody who shows this token may pass.
    pub(super) fn is_good(&self, token: &str) -> bool {
        let state = lock(&self.state);
        state.oauth.tokens.is_good(token, state.seconds())
    }
}

impl fmt::Debug for Flyte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flyte").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}
