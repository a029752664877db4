//! One connection: what russh tells us and what we answer.
//!
//! These methods run inside russh's session loop, so none of them waits for a command, for a socket or
//! for the client. Every request is answered in the method that hears of it: russh keeps one "wants a
//! reply" flag for each channel, so a late answer would go to the wrong request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyssh_core::secrecy::SecretString;
use anyssh_core::ssh_key::Certificate;
use portable_pty::PtySize;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelWriteHalf, Error, MethodKind, MethodSet, Pty, Sig};
use tokio::sync::oneshot;

use crate::account::client_may_set;
use crate::children::{Children, Started};
use crate::command::{Job, Piped};
use crate::exit::signal_number;
use crate::forward::{self, RemoteForwards};
use crate::gate::Gate;
use crate::inflow::{Inbox, Inflow, inflow};
use crate::outlet::Outlet;
use crate::terminal::{self, Master, PtyRequest, Terminal};
use crate::{Account, Decision, Interaction, LoginPolicy, Method};

/// More variables than this, or longer ones, are refused.
const MOST_VARIABLES: usize = 64;
const LONGEST_VARIABLE: usize = 4096;

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) login: Arc<dyn LoginPolicy>,
    pub(crate) account: Account,
    pub(crate) children: Arc<Children>,
}

/// One connection.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    /// The client's address and ours.
    addresses: (SocketAddr, SocketAddr),
    logged_in: Option<oneshot::Sender<()>>,
    /// How many rounds of keyboard-interactive there were.
    round: usize,
    channels: Channels,
    forwards: RemoteForwards,
}

/// The open session channels. Shared with the tasks that run commands, which take theirs out at the end.
type Channels = Arc<Mutex<HashMap<ChannelId, Opened>>>;

/// A session channel, before and after its command has started.
struct Opened {
    channel: Option<ChannelWriteHalf<Msg>>,
    pty: Option<PtyRequest>,
    variables: Vec<(String, String)>,
    running: Option<Running>,
}

/// What a channel needs of its running command.
struct Running {
    inbox: Option<Inbox>,
    started: Started,
    master: Option<Arc<Master>>,
    /// Dropped with the channel, which tells the command's task that the client is gone.
    _open: oneshot::Sender<()>,
}

impl Connection {
    /// A connection that is not logged in yet; `logged_in` is told when it is.
    pub(crate) fn new(
        shared: Arc<Shared>,
        gate: Arc<Gate>,
        addresses: (SocketAddr, SocketAddr),
        logged_in: oneshot::Sender<()>,
    ) -> Self {
        let (channels, forwards) = (Channels::default(), RemoteForwards::default());
        Self { shared, gate, addresses, logged_in: Some(logged_in), round: 0, channels, forwards }
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<ChannelId, Opened>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a command and answers whether it could be started.
    fn start(&self, id: ChannelId, job: Option<Job>, session: &mut Session) -> Result<(), Error> {
        match job.and_then(|job| self.try_start(id, &job, session)) {
            Some(()) => session.channel_success(id),
            None => session.channel_failure(id),
        }
    }

    /// `None` if the channel is not open, runs something already, or the command cannot be started.
    fn try_start(&self, id: ChannelId, job: &Job, session: &Session) -> Option<()> {
        let mut channels = self.channels();
        let opened = channels.get_mut(&id)?;
        let channel = opened.channel.take()?;
        let outlet = Outlet { channel, handle: session.handle(), gate: Arc::clone(&self.gate) };
        let (inbox, from_client) = inflow(&self.gate);
        let (open, hung_up) = oneshot::channel();
        let work = Work { id, channels: Arc::clone(&self.channels), from_client, outlet, hung_up };
        let (started, master) = self.launch(job, opened, work)?;
        opened.running = Some(Running { inbox: Some(inbox), started, master, _open: open });
        Some(())
    }

    fn launch(&self, job: &Job, opened: &Opened, work: Work) -> Option<(Started, Option<Arc<Master>>)> {
        let Shared { account, children, .. } = &*self.shared;
        let mut environment = account.environment(&opened.variables);
        environment.extend(self.addresses());
        match &opened.pty {
            Some(request) => {
                let terminal = Terminal::start(job, account, environment, request, children).ok()?;
                let (started, master) = (terminal.started(), terminal.master());
                tokio::spawn(async move {
                    terminal.run(work.from_client, work.outlet, work.hung_up).await;
                    forget(&work.channels, work.id);
                });
                Some((started, Some(master)))
            }
            None => {
                let piped = Piped::start(job, account, environment, children).ok()?;
                let started = piped.started();
                tokio::spawn(async move {
                    piped.run(work.from_client, work.outlet, work.hung_up).await;
                    forget(&work.channels, work.id);
                });
                Some((started, None))
            }
        }
    }

    /// `SSH_CLIENT` and `SSH_CONNECTION` (ssh(1), "Environment").
    fn addresses(&self) -> [(std::ffi::OsString, std::ffi::OsString); 2] {
        let (client, server) = self.addresses;
        let [from, to] = [client.ip().to_string(), server.ip().to_string()];
        [
            ("SSH_CLIENT".into(), format!("{from} {} {}", client.port(), server.port()).into()),
            ("SSH_CONNECTION".into(), format!("{from} {} {to} {}", client.port(), server.port()).into()),
        ]
    }
}

/// What the task of a command takes with it.
struct Work {
    id: ChannelId,
    channels: Channels,
    from_client: Inflow,
    outlet: Outlet,
    hung_up: oneshot::Receiver<()>,
}

/// russh does not tell of a channel that we closed first.
fn forget(channels: &Channels, id: ChannelId) {
    channels.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
}

/// The methods of a policy in russh's words.
pub(crate) fn method_set(login: &dyn LoginPolicy) -> MethodSet {
    let kinds: Vec<MethodKind> = login
        .methods()
        .into_iter()
        .map(|method| match method {
            Method::PublicKey => MethodKind::PublicKey,
            Method::Password => MethodKind::Password,
            Method::KeyboardInteractive => MethodKind::KeyboardInteractive,
        })
        .collect();
    MethodSet::from(kinds.as_slice())
}

fn answer(decision: Decision) -> Auth {
    match decision {
        Decision::Accept => Auth::Accept,
        Decision::Refuse => Auth::reject(),
    }
}

impl Handler for Connection {
    type Error = Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Error> {
        Ok(answer(self.shared.login.none(user)))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Error> {
        Ok(answer(self.shared.login.password(user, &password.into())))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        Ok(answer(self.shared.login.public_key(user, key.public_key)))
    }

    async fn auth_openssh_certificate(&mut self, user: &str, certificate: &Certificate) -> Result<Auth, Error> {
        Ok(answer(self.shared.login.certificate(user, certificate)))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Error> {
        let answers: Option<Vec<SecretString>> =
            response.map(|all| all.map(|answer| String::from_utf8_lossy(&answer).into_owned().into()).collect());
        let round = self.round;
        self.round += 1;
        Ok(match self.shared.login.keyboard_interactive(user, round, answers.as_deref()) {
            Interaction::Accept => Auth::Accept,
            Interaction::Refuse => Auth::reject(),
            Interaction::Ask { instructions, prompts } => Auth::Partial {
                name: "".into(),
                instructions: instructions.into(),
                prompts: prompts.into_iter().map(|prompt| (prompt.text.into(), prompt.echo)).collect(),
            },
        })
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), Error> {
        if let Some(logged_in) = self.logged_in.take() {
            let _ = logged_in.send(());
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Error> {
        // The read half is dropped: a full queue in it would stop the session loop. Input comes by `data`.
        let (_, channel) = channel.split();
        let id = channel.id();
        let opened = Opened { channel: Some(channel), pty: None, variables: Vec::new(), running: None };
        self.channels().insert(id, opened);
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Error> {
        let target = (host.to_owned(), port);
        tokio::spawn(forward::direct(channel, target, reply, session.handle(), Arc::clone(&self.gate)));
        Ok(())
    }

    async fn tcpip_forward(&mut self, address: &str, port: &mut u32, session: &mut Session) -> Result<bool, Error> {
        let Ok(wanted) = u16::try_from(*port) else { return Ok(false) };
        let opened = self.forwards.open(address, wanted, session.handle(), Arc::clone(&self.gate));
        Ok(opened.map(|real| *port = u32::from(real)).is_ok())
    }

    async fn cancel_tcpip_forward(&mut self, _address: &str, port: u32, _: &mut Session) -> Result<bool, Error> {
        Ok(u16::try_from(port).is_ok_and(|port| self.forwards.close(port)))
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        pixel_width: u32,
        pixel_height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Error> {
        let size = terminal::size(columns, rows, pixel_width, pixel_height);
        let kept = self
            .channels()
            .get_mut(&id)
            .filter(|opened| opened.running.is_none() && !term.contains('\0'))
            .map(|opened| opened.pty = Some(PtyRequest { term: term.to_owned(), size }));
        if kept.is_some() { session.channel_success(id) } else { session.channel_failure(id) }
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        pixel_width: u32,
        pixel_height: u32,
        _session: &mut Session,
    ) -> Result<(), Error> {
        let size: PtySize = terminal::size(columns, rows, pixel_width, pixel_height);
        if let Some(opened) = self.channels().get_mut(&id) {
            if let Some(pty) = &mut opened.pty {
                pty.size = size;
            }
            if let Some(master) = opened.running.as_ref().and_then(|running| running.master.as_ref()) {
                master.resize(size);
            }
        }
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        let fits = client_may_set(name) && !name.contains(['=', '\0']) && !value.contains('\0');
        let short = name.len() + value.len() <= LONGEST_VARIABLE;
        let kept = self
            .channels()
            .get_mut(&id)
            .filter(|opened| fits && short && opened.variables.len() < MOST_VARIABLES)
            .map(|opened| opened.variables.push((name.to_owned(), value.to_owned())));
        if kept.is_some() { session.channel_success(id) } else { session.channel_failure(id) }
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _single_connection: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(id)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Error> {
        self.start(id, Some(Job::Shell), session)
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), Error> {
        self.start(id, Some(Job::Exec(line.to_vec())), session)
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Error> {
        self.start(id, Job::subsystem(name), session)
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, _session: &mut Session) -> Result<(), Error> {
        if let Some(running) = self.channels().get(&id).and_then(|opened| opened.running.as_ref())
            && let Some(signal) = signal_number(&signal)
        {
            running.started.signal(signal);
        }
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, bytes: &[u8], _session: &mut Session) -> Result<(), Error> {
        let channels = self.channels();
        let inbox = channels.get(&id).and_then(|opened| opened.running.as_ref()?.inbox.as_ref());
        if let Some(inbox) = inbox {
            inbox.put(bytes);
        }
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _session: &mut Session) -> Result<(), Error> {
        if let Some(running) = self.channels().get_mut(&id).and_then(|opened| opened.running.as_mut()) {
            // A terminal has no end of input apart from its own keys; `sshd` ignores this too.
            if running.master.is_none() {
                running.inbox = None;
            }
        }
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _session: &mut Session) -> Result<(), Error> {
        forget(&self.channels, id);
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Tasks hold the map too: without this they would never hear that the client is gone.
        self.channels().clear();
    }
}
