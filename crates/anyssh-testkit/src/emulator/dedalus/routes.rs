//! Which request means what.

use std::io;

use serde_json::Value;

use super::auth;
use super::parse;
use super::reply::{failure_with_details, invalid, method_not_allowed, ok, problem};
use super::state::{Dedalus, State};
use crate::emulator::fault::Event;
use crate::emulator::http::{Answer, Service, lock};
use crate::emulator::request::Request;

/// The paths that there are.
#[derive(Clone, Copy, Debug)]
enum Route<'a> {
    Machines,
    Machine(&'a str),
    Sessions(&'a str),
    Session(&'a str, &'a str),
}

impl<'a> Route<'a> {
    /// A segment is taken as it is: no ID needs to be percent-encoded.
    fn of(path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["", "v1", "machines"] => Some(Self::Machines),
            ["", "v1", "machines", machine] => Some(Self::Machine(machine)),
            ["", "v1", "machines", machine, "ssh"] => Some(Self::Sessions(machine)),
            ["", "v1", "machines", machine, "ssh", session] => Some(Self::Session(machine, session)),
            _ => None,
        }
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Machines | Self::Machine(_) => &["GET"],
            Self::Sessions(_) => &["GET", "POST"],
            Self::Session(..) => &["GET", "DELETE"],
        }
    }
}

impl Service for Dedalus {
    type Reply = Answer;

    async fn answer(&self, request: Request) -> Answer {
        match self.checked(&request) {
            Ok(route) => self.once(&request, route).await,
            Err(refusal) => refusal,
        }
    }

    fn happens(&self, event: Event) -> io::Result<()> {
        match (event, &self.gateway) {
            (Event::TimePasses(time), _) => self.pass_time(time),
            (Event::NewHostKeys, Some(gateway)) => gateway.replace_host_key(),
            (Event::NewHostKeys, None) => Ok(()),
        }
    }
}

impl Dedalus {
    /// Who asks, for what, and in which form.
    fn checked<'a>(&self, request: &'a Request) -> Result<Route<'a>, Answer> {
        auth::check(request, &self.api_key, &self.organisation)?;
        let route = Route::of(&request.path).ok_or_else(|| problem(404, "Not Found", "no such path"))?;
        if !route.methods().contains(&request.method.as_str()) {
            return Err(method_not_allowed(&route.methods().join(", ")));
        }
        parse::check_shape(request)?;
        Ok(route)
    }

    /// Does what is asked, unless a request with the same idempotency key did it.
    async fn once(&self, request: &Request, route: Route<'_>) -> Answer {
        let key = request.header("idempotency-key").filter(|_| request.method != "GET");
        let Some(key) = key else {
            if request.method == "POST" {
                return problem(400, "Bad Request", "Idempotency-Key is required");
            }
            return self.work(request, route);
        };
        if let Err(answer) = lock(&self.state).idempotency.begin(key, request) {
            return answer;
        }
        if request.method == "POST" {
            tokio::time::sleep(self.create_takes).await;
        }
        let answer = self.work(request, route);
        lock(&self.state).idempotency.finish(key, &answer);
        answer
    }

    fn work(&self, request: &Request, route: Route<'_>) -> Answer {
        let mut state = lock(&self.state);
        let done = match (route, request.method.as_str()) {
            (Route::Machines, _) => list_machines(&state, request),
            (Route::Machine(machine), _) => get_machine(&state, request, machine),
            (Route::Sessions(machine), "POST") => self.create(&mut state, request, machine),
            (Route::Sessions(machine), _) => list_sessions(&state, request, machine),
            (Route::Session(machine, session), "DELETE") => self.delete(&mut state, request, machine, session),
            (Route::Session(machine, session), _) => get_session(&mut state, request, machine, session),
        };
        done.unwrap_or_else(|refusal| refusal)
    }

    fn create(&self, state: &mut State, request: &Request, machine: &str) -> Result<Answer, Answer> {
        parse::no_query(request)?;
        let index = find_machine(state, machine)?;
        let key = parse::public_key(request)?;
        let found = &state.machines[index];
        if !found.takes_sessions() {
            let details = serde_json::json!({"current_observed_state": found.phase});
            return Err(failure_with_details(409, "INVALID_STATE", "the machine cannot be woken", details));
        }
        let session = self.make_session(state, machine, key).map_err(|error| broken(&error))?;
        state.machines[index].phase = "running".into();
        Ok(show(state, session))
    }

    fn delete(&self, state: &mut State, request: &Request, machine: &str, session: &str) -> Result<Answer, Answer> {
        parse::no_query(request)?;
        let index = find_session(state, machine, session)?;
        state.sessions[index].close();
        self.tell_gateway(state).map_err(|error| broken(&error))?;
        Ok(shown(state, index))
    }
}

fn list_machines(state: &State, request: &Request) -> Result<Answer, Answer> {
    page(state, request, &state.machines.iter().map(super::Machine::item).collect::<Vec<_>>())
}

fn get_machine(state: &State, request: &Request, machine: &str) -> Result<Answer, Answer> {
    parse::no_query(request)?;
    Ok(ok(&state.machines[find_machine(state, machine)?].details()))
}

fn list_sessions(state: &State, request: &Request, machine: &str) -> Result<Answer, Answer> {
    find_machine(state, machine)?;
    let now = state.clock.now();
    let sessions = state.sessions.iter().filter(|session| session.machine_id == machine);
    page(state, request, &sessions.map(|session| session.to_json(now)).collect::<Vec<_>>())
}

fn get_session(state: &mut State, request: &Request, machine: &str, session: &str) -> Result<Answer, Answer> {
    parse::no_query(request)?;
    let index = find_session(state, machine, session)?;
    Ok(show(state, index))
}

/// The session, one answer further on its way.
fn show(state: &mut State, index: usize) -> Answer {
    let now = state.clock.now();
    state.sessions[index].advance(now);
    shown(state, index)
}

fn shown(state: &State, index: usize) -> Answer {
    let mut session = state.sessions[index].to_json(state.clock.now());
    if let Some(change) = &state.spoil {
        change(&mut session);
    }
    ok(&session)
}

fn page(state: &State, request: &Request, items: &[Value]) -> Result<Answer, Answer> {
    let query = parse::query(request)?;
    let page = state.pages.page(items, &query);
    page.map(|page| ok(&page)).ok_or_else(|| invalid("query.cursor", "not a cursor of ours"))
}

fn find_machine(state: &State, id: &str) -> Result<usize, Answer> {
    let found = state.machines.iter().position(|machine| machine.id == id);
    found.ok_or_else(|| problem(404, "Not Found", "no such machine"))
}

fn find_session(state: &State, machine: &str, id: &str) -> Result<usize, Answer> {
    let found = state.sessions.iter().position(|session| session.machine_id == machine && session.id == id);
    found.ok_or_else(|| problem(404, "Not Found", "no such session"))
}

/// The emulator itself failed; its words are for the one who reads the test's output.
fn broken(error: &io::Error) -> Answer {
    problem(500, "Internal Server Error", &format!("the emulator: {error}"))
}
