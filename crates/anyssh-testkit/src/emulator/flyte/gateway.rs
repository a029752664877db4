//! The gateway before the pods: it looks at the token and leads to the pod's port.
//!
//! It passes on what the pod's bridge says, and the head of the request with the path that the vendor's
//! data plane makes of it. The token stays here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::cut::connect;
use super::pod::{Place, Pod};
use super::state::{Flyte, State};
use crate::emulator::http::{Answer, lock};
use crate::emulator::reply::{Reply, Rest};
use crate::emulator::request::Request;
use crate::emulator::tls::Connection;

/// What every pod's bridge is asked for.
const TARGET: &str = "/?target_port=6060";

/// The head of an answer is no longer than this.
const LONGEST_HEAD: usize = 64 * 1024;

/// A pod that has not answered by then is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a path leads to a pod.
pub(super) fn is_route(path: &str) -> bool {
    path.starts_with("/pods/")
}

/// Leads to a pod, or says why not.
pub(super) async fn enter(flyte: &Arc<Flyte>, request: &Request) -> Reply {
    match checked(flyte, request) {
        // As the vendor's bridge, which the cluster asks whether the pod is ready.
        Ok((_, Way::Here(_))) if !wants_web_socket(request) => page(200, "ok").into(),
        Ok((place, way)) => through(flyte, place, way, request).await,
        Err(refusal) => refusal.into(),
    }
}

/// Where the pod's bridge is.
enum Way {
    Here(Arc<Pod>),
    Port(u16),
}

fn checked(flyte: &Flyte, request: &Request) -> Result<(Place, Way), Answer> {
    if request.method != "GET" {
        return Err(Answer { headers: vec![("allow".into(), "GET".into())], ..Answer::empty(405) });
    }
    if request.count("host") != 1 || request.count("authorization") > 1 {
        return Err(page(400, "one header host, and one authorization"));
    }
    let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if !token.is_some_and(|token| flyte.is_good(token)) {
        let mut refusal = page(401, "Jwt is missing or not good");
        refusal.headers.push(("www-authenticate".into(), "Bearer realm=\"pods\"".into()));
        return Err(refusal);
    }
    let place = place(&request.path).ok_or_else(|| page(404, "no route"))?;
    let way = way(flyte, &mut lock(&flyte.state), &place).ok_or_else(|| page(404, "no route"))?;
    Ok((place, way))
}

fn wants_web_socket(request: &Request) -> bool {
    request.header("upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// `/pods/RUN/ACTION/ATTEMPT`, and whatever follows.
fn place(path: &str) -> Option<Place> {
    let mut segments = path.strip_prefix("/pods/")?.split('/');
    let (run, action) = (segments.next()?.to_owned(), segments.next()?.to_owned());
    Some(Place { run, action, attempt: segments.next()?.parse().ok()? })
}

/// The pod, if it is there now. A pod that opens its port late is scripted as a fault.
fn way(flyte: &Flyte, state: &mut State, place: &Place) -> Option<Way> {
    let run = state.run(&place.run)?;
    let snapshot = run.action(&place.action)?.progress.current();
    let is_there =
        !snapshot.phase.is_over() && place.attempt.checked_sub(1).is_some_and(|index| snapshot.attempt_is_alive(index));
    if !is_there {
        return None;
    }
    let authorized = [run.authorized_keys(), flyte.authorized.clone()].concat();
    if let Some(port) = state.elsewhere.get(&place.run) {
        return Some(Way::Port(*port));
    }
    let changes = state.host_keys;
    let pod = state.pods.entry(place.clone());
    Some(Way::Here(Arc::clone(pod.or_insert_with(|| Arc::new(Pod::new(place.host_key(changes), authorized))))))
}

async fn through(flyte: &Arc<Flyte>, place: Place, way: Way, request: &Request) -> Reply {
    let asked = tokio::time::timeout(PATIENCE, async {
        let port = match &way {
            Way::Here(pod) => pod.port().await?,
            Way::Port(port) => *port,
        };
        let mut pod = connect(port).await?;
        pod.write_all(head(request).as_bytes()).await?;
        let answer = read_head(&mut pod).await?;
        Ok::<_, io::Error>((pod, answer))
    });
    let (pod, (answer, rest)) = match asked.await {
        Ok(Ok(asked)) => asked,
        Ok(Err(error)) => return page(503, &format!("upstream connect error: {error}")).into(),
        Err(_) => return page(504, "upstream request timeout").into(),
    };
    if answer.status != 101 {
        return answered(pod, answer, rest).await.into();
    }
    let flyte = Arc::clone(flyte);
    let use_it = move |client: hyper::upgrade::Upgraded| {
        let relayed = async move {
            // The pod lives as long as somebody is connected to it, or until it is over.
            let _way = way;
            if let Ok(parts) = client.downcast::<TokioIo<Connection>>() {
                let client = (parts.io.into_inner(), parts.read_buf);
                flyte.cuts.relay(&place, client, (pod, rest)).await;
            }
        };
        Box::pin(relayed) as std::pin::Pin<Box<dyn Future<Output = ()> + Send>>
    };
    Reply { answer, rest: Rest::Connection(Box::new(use_it)) }
}

fn head(request: &Request) -> String {
    let headers = request.headers.iter().filter(|(name, _)| name != "authorization");
    let lines: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {TARGET} HTTP/1.1\r\n{lines}\r\n")
}

/// Status and headers, and what came behind them.
async fn read_head(pod: &mut TcpStream) -> io::Result<(Answer, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > LONGEST_HEAD || pod.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the pod's answer has no head"));
        }
    };
    let rest = bytes.split_off(end + 4);
    parse(&String::from_utf8_lossy(&bytes)).map(|answer| (answer, rest)).ok_or(io::ErrorKind::InvalidData.into())
}

fn parse(head: &str) -> Option<Answer> {
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    Some(Answer { status, headers: headers.collect(), body: Vec::new() })
}

/// An answer that is no upgrade, whole.
async fn answered(mut pod: TcpStream, mut answer: Answer, rest: Vec<u8>) -> Answer {
    answer.body = rest;
    let read = pod.read_to_end(&mut answer.body);
    let _ = tokio::time::timeout(PATIENCE, read).await;
    answer.headers.retain(|(name, _)| name == "content-type");
    answer
}

fn page(status: u16, text: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
    Answer { status, headers, body: text.as_bytes().to_vec() }
}
