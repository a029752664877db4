//! `WatchActionDetails`: a stream of snapshots.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::channel::{Channel, SendError, Sender};
use hyper::body::Bytes;
use serde_json::Value;

use super::connect::{Codec, end_of_stream};
use super::failure::{Failure, RpcCode};
use super::json;
use super::rpc::Method;
use super::state::Flyte;
use crate::emulator::http::{Answer, lock};
use crate::emulator::reply::{Closed, Reply, Rest};

/// What becomes of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// A snapshot at once and one for each change, until the action is over.
    Live,
    /// Nothing comes, and nothing ends.
    Silent,
    /// After so many snapshots nothing comes any more.
    SilentAfter(u32),
    /// After so many snapshots the connection is cut, without an end of the stream.
    CutAfter(u32),
    /// After so many snapshots the stream ends as if all were well.
    EndsAfter(u32),
    /// After so many snapshots the stream ends with an error.
    FailsAfter(u32, RpcCode),
}

/// Where a stream is.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Goes,
    Waits,
    Cut,
    Ends,
    Fails(RpcCode),
}

impl Watching {
    fn turn(self, sent: u32) -> Turn {
        match self {
            Self::Silent => Turn::Waits,
            Self::SilentAfter(count) if sent >= count => Turn::Waits,
            Self::CutAfter(count) if sent >= count => Turn::Cut,
            Self::EndsAfter(count) if sent >= count => Turn::Ends,
            Self::FailsAfter(count, code) if sent >= count => Turn::Fails(code),
            _ => Turn::Goes,
        }
    }
}

/// A watcher looks this often at what only others' questions move on.
const GLANCE: Duration = Duration::from_millis(5);

/// The answer, which a task of its own goes on with.
pub(super) fn start(flyte: &Arc<Flyte>, method: &'static Method, codec: Codec, input: Value) -> Reply {
    let (sender, body) = Channel::new(1);
    let watcher = Watcher { flyte: Arc::clone(flyte), method, codec, input };
    tokio::spawn(async move {
        // A client that goes away ends it.
        let _ = watcher.run(sender).await;
    });
    Reply { answer: head(codec), rest: Rest::Stream(body) }
}

/// A stream that is over before it begins.
pub(super) fn refused(codec: Codec, failure: &Failure) -> Answer {
    Answer { body: end_of_stream(Some(failure)), ..head(codec) }
}

fn head(codec: Codec) -> Answer {
    let kind = format!("application/connect+{}", codec.name());
    Answer { headers: vec![("content-type".into(), kind)], ..Answer::empty(200) }
}

struct Watcher {
    flyte: Arc<Flyte>,
    method: &'static Method,
    codec: Codec,
    input: Value,
}

/// What there is to send.
struct Glimpse {
    message: Value,
    is_over: bool,
    /// When to look again, if nobody changes anything; `None` is never.
    next: Option<Duration>,
}

impl Watcher {
    async fn run(self, mut sender: Sender<Bytes, Closed>) -> Result<(), SendError> {
        let watching = lock(&self.flyte.state).watching;
        let mut changes = self.flyte.changed.subscribe();
        let (mut sent, mut last) = (0, Value::Null);
        loop {
            match watching.turn(sent) {
                Turn::Goes => {}
                Turn::Waits => return std::future::pending().await,
                Turn::Ends => return sender.send_data(end_of_stream(None).into()).await,
                Turn::Fails(code) => return fail(sender, &Failure::new(code, "as scripted")).await,
                Turn::Cut => {
                    // There is room for this one only when all before it is on its way.
                    sender.send_data(Bytes::new()).await?;
                    sender.abort(Closed);
                    return Ok(());
                }
            }
            changes.mark_unchanged();
            let glimpse = match self.look() {
                Ok(glimpse) => glimpse,
                Err(failure) => return fail(sender, &failure).await,
            };
            if glimpse.message != last {
                sender.send_data(self.codec.envelope(self.method.output, &glimpse.message).into()).await?;
                (sent, last) = (sent + 1, glimpse.message);
            }
            if glimpse.is_over {
                return sender.send_data(end_of_stream(None).into()).await;
            }
            if !matches!(watching.turn(sent), Turn::Goes) {
                continue;
            }
            tokio::select! {
                () = sleep(glimpse.next) => {}
                _ = changes.changed() => {}
            }
        }
    }

    fn look(&self) -> Result<Glimpse, Failure> {
        let mut state = lock(&self.flyte.state);
        let answer = self.flyte.call(&mut state, self.method.call, &self.input)?;
        let id = &answer["details"]["id"];
        let (run, action) = (super::calls::text(&id["run"], "name"), super::calls::text(id, "name"));
        let progress = state.run(run).and_then(|run| run.action(action)).map(|action| action.progress.clone());
        let mut message = json::shown(self.method.output, &answer);
        state.spoil("WatchActionDetails", &mut message);
        Ok(Glimpse {
            message,
            is_over: progress.as_ref().is_some_and(|progress| progress.current().phase.is_over()),
            next: progress.and_then(|progress| progress.until_next()),
        })
    }
}

async fn fail(mut sender: Sender<Bytes, Closed>, failure: &Failure) -> Result<(), SendError> {
    sender.send_data(end_of_stream(Some(failure)).into()).await
}

async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time.max(GLANCE)).await,
        None => std::future::pending().await,
    }
}
