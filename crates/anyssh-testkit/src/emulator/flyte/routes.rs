//! Which request means what.

use std::io;
use std::sync::Arc;

use super::connect::{self, Codec};
use super::failure::{Failure, RpcCode};
use super::rpc::{Manner, Method, method};
use super::state::{Flyte, RpcLogin};
use super::{gateway, json, watching};
use crate::emulator::fault::Event;
use crate::emulator::http::{Answer, Service, lock};
use crate::emulator::reply::Reply;
use crate::emulator::request::Request;

/// What listens on the control plane's port.
#[derive(Debug)]
pub(super) struct ControlPlane(pub(super) Arc<Flyte>);

/// What listens on the gateway's port: ways into pods, and the data that clusters keep.
#[derive(Debug)]
pub(super) struct DataPlane(pub(super) Arc<Flyte>);

impl Service for ControlPlane {
    type Reply = Reply;

    async fn answer(&self, request: Request) -> Reply {
        if gateway::is_route(&request.path) {
            return gateway::enter(&self.0, &request).await;
        }
        if let Some(answer) = login(&self.0, &request) {
            return answer.into();
        }
        rpc(&self.0, &request)
    }

    fn happens(&self, event: Event) -> io::Result<()> {
        self.0.happens(event);
        Ok(())
    }
}

impl Service for DataPlane {
    type Reply = Reply;

    async fn answer(&self, request: Request) -> Reply {
        if gateway::is_route(&request.path) {
            return gateway::enter(&self.0, &request).await;
        }
        if request.path.starts_with("/flyteidl2.dataproxy.") {
            return rpc(&self.0, &request);
        }
        Answer::empty(404).into()
    }

    fn happens(&self, event: Event) -> io::Result<()> {
        self.0.happens(event);
        Ok(())
    }
}

/// OAuth 2.0.
fn login(flyte: &Flyte, request: &Request) -> Option<Answer> {
    let mut state = lock(&flyte.state);
    let now = state.seconds();
    let mut answer = state.oauth.answer(request, flyte.base_url(), now)?;
    let name = request.path.rsplit('/').next().unwrap_or_default();
    if answer.status == 200
        && let Ok(mut body) = serde_json::from_slice(&answer.body)
    {
        state.spoil(name, &mut body);
        answer.body = body.to_string().into_bytes();
    }
    Some(answer)
}

fn rpc(flyte: &Arc<Flyte>, request: &Request) -> Reply {
    let Some(method) = method(&request.path) else { return Answer::empty(404).into() };
    let (codec, input) = match connect::read(method, request) {
        Ok(read) => read,
        Err(refusal) => return refusal.into(),
    };
    if method.manner != Manner::Public
        && let Err(failure) = check_token(flyte, request)
    {
        return refuse(method, codec, &failure).into();
    }
    if method.manner == Manner::Stream {
        return watching::start(flyte, method, codec, input);
    }
    let mut state = lock(&flyte.state);
    match flyte.call(&mut state, method.call, &input) {
        Ok(output) => {
            let mut output = json::shown(method.output, &output);
            state.spoil(method.name(), &mut output);
            codec.answer(method.output, &output).into()
        }
        Err(failure) => failure.answer().into(),
    }
}

fn refuse(method: &Method, codec: Codec, failure: &Failure) -> Answer {
    if method.manner == Manner::Stream { watching::refused(codec, failure) } else { failure.answer() }
}

/// The header that the metadata names, or `authorization` as long as a client has not read them.
fn check_token(flyte: &Flyte, request: &Request) -> Result<(), Failure> {
    let key = lock(&flyte.state).oauth.public.metadata_key.to_lowercase();
    let values = request.headers.iter().filter(|(name, _)| *name == key || name == "authorization");
    let tokens: Vec<&str> = values.map(|(_, value)| value.strip_prefix("Bearer ").unwrap_or_default()).collect();
    let refused = |message| Err(Failure::new(RpcCode::Unauthenticated, message));
    match tokens.as_slice() {
        [] if flyte.login == RpcLogin::Optional => Ok(()),
        [] => refused("no token was sent"),
        tokens if tokens.iter().all(|token| flyte.is_good(token)) => Ok(()),
        _ => refused("the token is not known, or not good any more"),
    }
}
