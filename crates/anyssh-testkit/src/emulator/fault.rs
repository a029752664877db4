//! What goes wrong, as a test scripts it.

use std::time::Duration;

use super::http::Answer;
use super::request::Request;

/// Something that goes wrong with the requests to a route, once unless it is told otherwise.
///
/// With a status or a body the answer is scripted and nothing is done; [`Fault::after_the_work`] does
/// the work all the same, as when a proxy loses an answer. Without both, the true answer is given in
/// the manner that is named here. Faults are used in the order in which they were added.
///
/// ```
/// use std::time::Duration;
/// use anyssh_testkit::emulator::Fault;
/// // The session is made, the answer is lost.
/// let lost = Fault::on("POST", "/v1/machines/*/ssh").after_the_work().close();
/// // Two refusals, then all is well.
/// let busy = Fault::on("GET", "/v1/machines").status(503).header("retry-after", "1").times(2);
/// // A proxy's page instead of JSON.
/// let html = Fault::on("GET", "/v1/machines").html().always();
/// // The session has expired when it is asked for.
/// let late = Fault::on("GET", "/v1/machines/*/ssh/*").time_passes(Duration::from_secs(7200));
/// # let _ = (lost, busy, html, late);
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    method: String,
    path: String,
    left: Option<u32>,
    pub(super) delay: Duration,
    pub(super) works: bool,
    pub(super) scripted: Option<Answer>,
    pub(super) manner: Manner,
    pub(super) events: Vec<Event>,
}

/// What becomes of the vendor besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// So much time passes.
    TimePasses(Duration),
    /// Every SSH server shows another host key from now on.
    NewHostKeys,
}

/// How the bytes of an answer are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Whole,
    /// No answer: the connection is closed.
    Close,
    /// So many bytes of the body, then the connection is closed.
    CutAfter(usize),
    /// So many bytes of the body at a time, with pauses.
    Slowly(usize, Duration),
    /// The body, and then blanks without end.
    Endless,
}

impl Fault {
    /// A fault of the requests with this method and this path (below the base URL). `*` stands for one
    /// segment of the path, or for any method.
    pub fn on(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            left: Some(1),
            delay: Duration::ZERO,
            works: false,
            scripted: None,
            manner: Manner::Whole,
            events: Vec::new(),
        }
    }

    /// Answers with this status; without a body unless one is given.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.answer().status = status;
        self
    }

    /// Answers with this body, as JSON with status 200 unless they are given.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let answer = self.answer();
        answer.body = body.into();
        answer.headers.push(("content-type".into(), "application/json".into()));
        self
    }

    /// Sends this header with a scripted answer; an earlier one of this name is gone.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let headers = &mut self.answer().headers;
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers with a page of HTML, with status 200 unless one is given.
    #[must_use]
    pub fn html(self) -> Self {
        self.body("<html><body><h1>One moment</h1></body></html>").header("content-type", "text/html")
    }

    /// Answers with a redirect (307) to this URL.
    #[must_use]
    pub fn redirect(self, url: &str) -> Self {
        self.status(307).header("location", url)
    }

    /// Waits before anything else is done.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Closes the connection instead of an answer. Nothing is done, unless it is
    /// [`Fault::after_the_work`].
    #[must_use]
    pub fn close(mut self) -> Self {
        self.manner = Manner::Close;
        self
    }

    /// Closes the connection after so many bytes of the body. Its whole length was announced.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.manner = Manner::CutAfter(bytes);
        self
    }

    /// Sends so many bytes of the body at a time, at least one, and pauses between them.
    #[must_use]
    pub fn slowly(mut self, bytes: usize, pause: Duration) -> Self {
        self.manner = Manner::Slowly(bytes.max(1), pause);
        self
    }

    /// Sends the body and then blanks, without end.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.manner = Manner::Endless;
        self
    }

    /// Does what was asked before the scripted answer, or the end of the connection.
    #[must_use]
    pub fn after_the_work(mut self) -> Self {
        self.works = true;
        self
    }

    /// Puts the emulator's clock forward before the work is done: what has an end may have reached it.
    #[must_use]
    pub fn time_passes(mut self, time: Duration) -> Self {
        self.events.push(Event::TimePasses(time));
        self
    }

    /// Gives every SSH server another host key before the work is done, as if somebody else stood there.
    #[must_use]
    pub fn new_host_keys(mut self) -> Self {
        self.events.push(Event::NewHostKeys);
        self
    }

    /// Goes wrong so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Goes wrong each time.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// Whether the request has to be worked on: nothing was scripted, or it says so.
    pub(super) fn does_the_work(&self) -> bool {
        self.works || self.scripted.is_none() && self.manner != Manner::Close
    }

    fn answer(&mut self) -> &mut Answer {
        self.scripted.get_or_insert_with(|| Answer::empty(200))
    }

    fn is_for(&self, request: &Request) -> bool {
        let (mut pattern, mut path) = (self.path.split('/'), request.path.split('/'));
        let is_path = loop {
            match (pattern.next(), path.next()) {
                (None, None) => break true,
                (Some(expected), Some(segment)) if expected == "*" || expected == segment => {}
                _ => break false,
            }
        };
        is_path && (self.method == "*" || self.method == request.method)
    }
}

/// The first fault for this request, which is used up by one.
pub(super) fn take(faults: &mut [Fault], request: &Request) -> Option<Fault> {
    let index = faults.iter().position(|fault| fault.left != Some(0) && fault.is_for(request))?;
    let fault = &mut faults[index];
    fault.left = fault.left.map(|left| left - 1);
    Some(fault.clone())
}
