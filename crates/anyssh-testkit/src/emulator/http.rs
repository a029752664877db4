//! An HTTP/1.1 server with a thread of its own, which writes down what it was asked and goes wrong when
//! it is told to.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::http::response;
use hyper::service::service_fn;
use hyper::{Response, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::fault::{Event, Fault, Manner, take};
use super::reply::{Closed, Reply, Rest};
use super::request::Request;
use super::tls::{Connection, Tls};

/// No vendor takes more.
const LARGEST_REQUEST: usize = 1 << 20;

/// For the answer that is on its way when a connection's time is over.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// What is answered if nothing goes wrong.
pub(super) trait Service: Send + Sync + 'static {
    /// [`Answer`], or [`Reply`] where more follows than a body.
    type Reply: Into<Reply> + Send;

    fn answer(&self, request: Request) -> impl Future<Output = Self::Reply> + Send;

    /// What a fault brings about besides.
    fn happens(&self, event: Event) -> io::Result<()>;
}

/// An answer that is to be sent.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::with_body(status, "application/json", body)
    }

    /// JSON under another name.
    pub(super) fn with_body(status: u16, kind: &str, body: &Value) -> Self {
        let headers = vec![("content-type".into(), kind.into())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }
}

/// A running server. Dropping it closes its port and its connections.
pub(super) struct HttpThread {
    port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server's thread and the test both hold.
#[derive(Debug)]
struct Shared {
    deadline: Duration,
    prefix: String,
    tls: Option<Tls>,
    log: Mutex<Vec<Request>>,
    faults: Mutex<Vec<Fault>>,
}

impl Shared {
    fn new(deadline: Duration, prefix: &str, tls: Option<Tls>) -> Self {
        Self { deadline, prefix: prefix.to_owned(), tls, log: Mutex::default(), faults: Mutex::default() }
    }
}

impl HttpThread {
    /// Starts a server whose paths all begin with `prefix`, and returns when it listens. A connection ends
    /// after `deadline`, whatever its client does, unless HTTP was left.
    pub(super) fn start_at(
        port: u16,
        deadline: Duration,
        service: Arc<impl Service>,
        prefix: &str,
    ) -> io::Result<Self> {
        Self::serve(port, service, Arc::new(Shared::new(deadline, prefix, None)))
    }

    /// The same with TLS if it is given, without a prefix.
    pub(super) fn start_with(
        port: u16,
        deadline: Duration,
        service: Arc<impl Service>,
        tls: Option<Tls>,
    ) -> io::Result<Self> {
        Self::serve(port, service, Arc::new(Shared::new(deadline, "", tls)))
    }

    /// Starts another server with the same prefix, TLS, log and faults, on a port that the system chooses.
    pub(super) fn beside(&self, service: Arc<impl Service>) -> io::Result<Self> {
        Self::serve(0, service, Arc::clone(&self.shared))
    }

    fn serve(port: u16, service: Arc<impl Service>, shared: Arc<Shared>) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (told, started) = mpsc::channel();
        let state = Arc::clone(&shared);
        let run = move || {
            if let Err(error) = serve(port, &service, &state, stopped, &told) {
                let _ = told.send(Err(error));
            }
        };
        let thread = thread::Builder::new().name("emulator".into()).spawn(run)?;
        let port = started.recv().map_err(io::Error::other)??;
        Ok(Self { port, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where paths start.
    pub(super) fn base_url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}{}", self.port, self.shared.prefix)
    }

    /// The file with the authority that signed its certificate, if it has one.
    pub(super) fn authority(&self) -> Option<PathBuf> {
        self.shared.tls.as_ref().map(Tls::authority)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    pub(super) fn add_fault(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    pub(super) fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }
}

impl Drop for HttpThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there was reported over there.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for HttpThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpThread").field("port", &self.port).finish_non_exhaustive()
    }
}

/// A panic elsewhere is reported elsewhere.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until `stopped` is dropped. The runtime's end is the end of all connections.
fn serve(
    port: u16,
    service: &Arc<impl Service>,
    shared: &Arc<Shared>,
    stopped: oneshot::Receiver<()>,
    told: &mpsc::Sender<io::Result<u16>>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let _ = told.send(Ok(listener.local_addr()?.port()));
        let accept = async {
            loop {
                // A connection that is gone before it was taken is nobody's concern.
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(connection(stream, Arc::clone(service), Arc::clone(shared)));
                }
            }
        };
        tokio::select! {
            () = accept => {}
            _ = stopped => {}
        }
        Ok(())
    })
}

async fn connection(stream: TcpStream, service: Arc<impl Service>, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let deadline = shared.deadline;
    let stream = match &shared.tls {
        None => Connection::Plain(stream),
        // Who does not trust the certificate says so and goes.
        Some(tls) => match tokio::time::timeout(deadline, tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            _ => return,
        },
    };
    let service = service_fn(|request| respond(request, &service, &shared));
    let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served.with_upgrades());
    // What goes wrong on a connection its client sees: it is closed.
    if tokio::time::timeout(deadline, served.as_mut()).await.is_err() {
        // A client that is only slow gets its answer; a stuck one is cut off.
        served.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(LAST_ANSWER, served).await;
    }
}

type Body = Either<Full<Bytes>, Channel<Bytes, Closed>>;

async fn respond(
    mut request: hyper::Request<Incoming>,
    service: &Arc<impl Service>,
    shared: &Shared,
) -> Result<Response<Body>, Closed> {
    let upgrade = hyper::upgrade::on(&mut request);
    let request = read(request, &shared.prefix).await?;
    let index = {
        let mut log = lock(&shared.log);
        log.push(request.clone());
        log.len() - 1
    };
    let fault = take(&mut lock(&shared.faults), &request);
    let Reply { answer, rest } = answer(request, service, fault.as_ref()).await?;
    if let Some(request) = lock(&shared.log).get_mut(index) {
        request.status = Some(answer.status);
    }
    match rest {
        Rest::Body => send(answer, fault.map_or(Manner::Whole, |fault| fault.manner)),
        Rest::Stream(stream) => head(&answer).body(Either::Right(stream)).map_err(|_| Closed),
        Rest::Connection(use_it) => {
            tokio::spawn(async move {
                if let Ok(connection) = upgrade.await {
                    use_it(connection).await;
                }
            });
            head(&answer).body(Either::Left(Full::default())).map_err(|_| Closed)
        }
    }
}

async fn read(request: hyper::Request<Incoming>, prefix: &str) -> Result<Request, Closed> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_REQUEST).collect().await.map_err(|_| Closed)?.to_bytes().to_vec();
    let headers = parts.headers.iter();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    // A path outside the prefix stays as it is, and no route is called that.
    let path = parts.uri.path();
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        path: path.strip_prefix(prefix).map_or_else(|| format!("outside:{path}"), str::to_owned),
        query: parts.uri.query().map(str::to_owned),
        headers: headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect(),
        body,
        status: None,
    })
}

/// The true answer or a scripted one.
async fn answer(request: Request, service: &Arc<impl Service>, fault: Option<&Fault>) -> Result<Reply, Closed> {
    let Some(fault) = fault else { return work(request, service).await };
    tokio::time::sleep(fault.delay).await;
    fault.events.iter().try_for_each(|event| service.happens(*event)).map_err(|_| Closed)?;
    let worked = if fault.does_the_work() { Some(work(request, service).await?) } else { None };
    if fault.manner == Manner::Close {
        return Err(Closed);
    }
    fault.scripted.clone().map(Reply::from).or(worked).ok_or(Closed)
}

/// Works in a task of its own: a client that goes away does not undo what it asked for.
async fn work(request: Request, service: &Arc<impl Service>) -> Result<Reply, Closed> {
    let service = Arc::clone(service);
    tokio::spawn(async move { service.answer(request).await.into() }).await.map_err(|_| Closed)
}

fn head(answer: &Answer) -> response::Builder {
    let response = Response::builder().status(answer.status);
    answer.headers.iter().fold(response, |response, (name, value)| response.header(name, value))
}

fn send(answer: Answer, manner: Manner) -> Result<Response<Body>, Closed> {
    let mut response = head(&answer);
    let bytes = Bytes::from(answer.body);
    let body = match manner {
        Manner::Whole | Manner::Close => Either::Left(Full::new(bytes)),
        Manner::CutAfter(_) | Manner::Slowly(..) => {
            response = response.header("content-length", bytes.len());
            Either::Right(in_pieces(bytes, manner))
        }
        Manner::Endless => Either::Right(in_pieces(bytes, manner)),
    };
    response.body(body).map_err(|_| Closed)
}

/// A body that a task of its own sends.
fn in_pieces(bytes: Bytes, manner: Manner) -> Channel<Bytes, Closed> {
    let (sender, body) = Channel::new(1);
    tokio::spawn(async move {
        // A client that goes away ends it.
        let _ = send_pieces(sender, bytes, manner).await;
    });
    body
}

async fn send_pieces(
    mut sender: Sender<Bytes, Closed>,
    mut bytes: Bytes,
    manner: Manner,
) -> Result<(), http_body_util::channel::SendError> {
    match manner {
        Manner::Whole | Manner::Close => sender.send_data(bytes).await,
        Manner::CutAfter(count) => {
            sender.send_data(bytes.split_to(count.min(bytes.len()))).await?;
            // There is room for this one only when the first is taken; by then it is on its way.
            sender.send_data(Bytes::new()).await?;
            sender.abort(Closed);
            Ok(())
        }
        Manner::Slowly(count, pause) => {
            while !bytes.is_empty() {
                sender.send_data(bytes.split_to(count.min(bytes.len()))).await?;
                tokio::time::sleep(pause).await;
            }
            Ok(())
        }
        Manner::Endless => {
            sender.send_data(bytes).await?;
            loop {
                sender.send_data(Bytes::from_static(&[b' '; 4096])).await?;
            }
        }
    }
}
