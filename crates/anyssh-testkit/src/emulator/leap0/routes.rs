//! Which request means what.

use std::io;

use serde_json::{Value, json};

use super::access::AccessStatus;
use super::generation::{Generation, NoRoute, Route};
use super::parse;
use super::reply::{failure, method_not_allowed};
use super::sandbox::{LiveSandbox, RUNNING};
use super::state::{Leap0, State};
use crate::emulator::Change;
use crate::emulator::fault::Event;
use crate::emulator::http::{Answer, Service, lock};
use crate::emulator::request::Request;

impl Service for Leap0 {
    type Reply = Answer;

    async fn answer(&self, request: Request) -> Answer {
        let done = self.checked(&request).and_then(|route| self.work(&request, route));
        done.unwrap_or_else(|refusal| refusal)
    }

    fn happens(&self, event: Event) -> io::Result<()> {
        match event {
            Event::TimePasses(time) => lock(&self.state).clock.advance(time),
            Event::NewHostKeys => self.replace_host_keys()?,
        }
        Ok(())
    }
}

impl Leap0 {
    /// Who asks, and for what.
    fn checked<'a>(&self, request: &'a Request) -> Result<Route<'a>, Answer> {
        parse::check_key(request, &self.api_key)?;
        self.generation.route(&request.method, &request.path).map_err(|refused| match refused {
            NoRoute::Path => failure(404, "Not found"),
            NoRoute::Method(allowed) => method_not_allowed(allowed),
        })
    }

    fn work(&self, request: &Request, route: Route<'_>) -> Result<Answer, Answer> {
        let mut state = lock(&self.state);
        match route {
            Route::Sandboxes => list(&state, request),
            Route::Sandbox(sandbox) => read(&mut state, request, sandbox),
            Route::Create(sandbox) => self.create(&mut state, request, sandbox),
            Route::Validate(sandbox, id) => validate(&mut state, request, sandbox, id),
            Route::Regenerate(sandbox, id) => self.regenerate(&mut state, request, sandbox, id),
            Route::Delete(sandbox, id) => delete(&mut state, request, sandbox, id),
        }
    }

    /// Whether an expired credential is in the way is not documented. Here it is, until it is deleted.
    fn create(&self, state: &mut State, request: &Request, sandbox: &str) -> Result<Answer, Answer> {
        parse::check_empty(request)?;
        awake(state, sandbox)?;
        if self.generation == Generation::One && state.credential(sandbox, None).is_some() {
            return Err(failure(409, "SSH access already exists for this sandbox"));
        }
        let index = self.make(state, sandbox, None);
        Ok(credential(state, 201, index))
    }

    fn regenerate(
        &self,
        state: &mut State,
        request: &Request,
        sandbox: &str,
        id: Option<&str>,
    ) -> Result<Answer, Answer> {
        parse::check_empty(request)?;
        awake(state, sandbox)?;
        let old = find(state, sandbox, id)?;
        let index = self.replace(state, old);
        Ok(credential(state, 200, index))
    }
}

/// A wrong password is no failure, and neither is a credential that is over.
fn validate(state: &mut State, request: &Request, sandbox: &str, id: Option<&str>) -> Result<Answer, Answer> {
    parse::no_query(request)?;
    let (given, password) = match id {
        Some(_) => (None, parse::body(request, ["password"])?.concat()),
        None => {
            let [id, password] = parse::body(request, ["id", "password"])?;
            (Some(id), password)
        }
    };
    there(state, sandbox)?;
    let credential = &state.credentials[find(state, sandbox, id)?];
    let is_it = given.is_none_or(|id| id == credential.id) && password == credential.password;
    let valid = is_it && credential.is_live(state.clock.now());
    Ok(shown(200, json!({"valid": valid, "sandbox_id": sandbox}), &state.spoil_validation))
}

fn delete(state: &mut State, request: &Request, sandbox: &str, id: Option<&str>) -> Result<Answer, Answer> {
    parse::check_empty(request)?;
    there(state, sandbox)?;
    let index = find(state, sandbox, id)?;
    state.credentials[index].ended = Some(AccessStatus::Deleted);
    Ok(Answer::empty(204))
}

fn read(state: &mut State, request: &Request, sandbox: &str) -> Result<Answer, Answer> {
    parse::check_empty(request)?;
    let sandbox = known(state, sandbox)?;
    let details = sandbox.details();
    // The next one that asks may find it further on its way.
    sandbox.look();
    Ok(shown(200, details, &state.spoil_sandbox))
}

fn list(state: &State, request: &Request) -> Result<Answer, Answer> {
    if !request.body.is_empty() {
        return Err(failure(400, "Invalid request"));
    }
    let asked = parse::list(request)?;
    let is_asked = |sandbox: &&LiveSandbox| asked.state.as_deref().is_none_or(|state| state == sandbox.state());
    // What was set up first counts as the oldest.
    let mut found: Vec<&LiveSandbox> = state.sandboxes.iter().filter(is_asked).collect();
    if asked.by_state {
        found.sort_by_key(|sandbox| sandbox.state().to_owned());
    }
    if !asked.ascending {
        found.reverse();
    }
    let total = found.len();
    let page = found.iter().skip((asked.page - 1).saturating_mul(asked.page_size)).take(asked.page_size);
    let items: Vec<Value> = page.map(|sandbox| sandbox.item()).collect();
    Ok(Answer::json(200, &json!({"items": items, "total_items": total})))
}

/// A sandbox that can be read: also one that was deleted.
fn known<'a>(state: &'a mut State, sandbox: &str) -> Result<&'a mut LiveSandbox, Answer> {
    state.sandbox(sandbox).ok_or_else(no_sandbox)
}

/// A sandbox whose SSH calls are there.
fn there<'a>(state: &'a mut State, sandbox: &str) -> Result<&'a mut LiveSandbox, Answer> {
    state.sandbox(sandbox).filter(|sandbox| sandbox.state() != "deleted").ok_or_else(no_sandbox)
}

fn no_sandbox() -> Answer {
    failure(404, "Sandbox not found")
}

/// A sandbox that runs, or is woken by this. What the vendor says to one that is not up yet is not
/// documented; 409 is what its other calls say in a wrong state.
fn awake(state: &mut State, sandbox: &str) -> Result<(), Answer> {
    let sandbox = there(state, sandbox)?;
    let slept = sandbox.state() == "paused";
    sandbox.wake_up();
    if slept || sandbox.state() == RUNNING {
        return Ok(());
    }
    Err(failure(409, &format!("Sandbox is {}", sandbox.state())))
}

fn find(state: &State, sandbox: &str, id: Option<&str>) -> Result<usize, Answer> {
    state.credential(sandbox, id).ok_or_else(|| failure(404, "SSH access not found"))
}

fn credential(state: &State, status: u16, index: usize) -> Answer {
    shown(status, state.credentials[index].to_json(), &state.spoil)
}

fn shown(status: u16, mut body: Value, spoil: &Change<Value>) -> Answer {
    if let Some(change) = spoil {
        change(&mut body);
    }
    Answer::json(status, &body)
}
