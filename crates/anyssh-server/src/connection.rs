//! One connection: what russh tells us and what we answer.
//!
//! These methods run inside russh's session loop, so none of them waits for a command, for a socket or
//! for the client. Every request is answered in the method that hears of it: russh keeps one "wants a
//! reply" flag for each channel, so a late answer would go to the wrong request.

use std::net::SocketAddr;
use std::sync::Arc;

use anyssh_core::secrecy::SecretString;
use anyssh_core::ssh_key::Certificate;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Error, MethodKind, MethodSet, Pty, Sig};
use tokio::sync::oneshot;

use crate::channels::Channels;
use crate::children::Children;
use crate::command::Job;
use crate::forward::{self, RemoteForwards};
use crate::gate::Gate;
use crate::terminal;
use crate::{Account, Decision, Interaction, LoginPolicy, Method};

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) login: Arc<dyn LoginPolicy>,
    pub(crate) account: Account,
    pub(crate) children: Arc<Children>,
}

/// One connection.
pub(crate) struct Connection {
    login: Arc<dyn LoginPolicy>,
    gate: Arc<Gate>,
    logged_in: Option<oneshot::Sender<()>>,
    /// How many rounds of keyboard-interactive there were.
    round: usize,
    channels: Channels,
    forwards: RemoteForwards,
}

impl Connection {
    /// A connection that is not logged in yet; `logged_in` is told when it is. `addresses` are the
    /// client's and ours.
    pub(crate) fn new(
        shared: &Shared,
        gate: Arc<Gate>,
        addresses: (SocketAddr, SocketAddr),
        logged_in: oneshot::Sender<()>,
    ) -> Self {
        let channels =
            Channels::new(shared.account.clone(), Arc::clone(&shared.children), Arc::clone(&gate), addresses);
        let (login, forwards) = (Arc::clone(&shared.login), RemoteForwards::default());
        Self { login, gate, logged_in: Some(logged_in), round: 0, channels, forwards }
    }
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

/// Answers a request of a channel: a success if there is something.
fn reply(done: Option<()>, id: ChannelId, session: &mut Session) -> Result<(), Error> {
    match done {
        Some(()) => session.channel_success(id),
        None => session.channel_failure(id),
    }
}

impl Handler for Connection {
    type Error = Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Error> {
        Ok(answer(self.login.none(user)))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Error> {
        Ok(answer(self.login.password(user, &password.into())))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        Ok(answer(self.login.public_key(user, key.public_key)))
    }

    async fn auth_openssh_certificate(&mut self, user: &str, certificate: &Certificate) -> Result<Auth, Error> {
        Ok(answer(self.login.certificate(user, certificate)))
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
        Ok(match self.login.keyboard_interactive(user, round, answers.as_deref()) {
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
        self.channels.add(channel);
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
        reply(self.channels.keep_terminal(id, term, size), id, session)
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
        self.channels.resize(id, terminal::size(columns, rows, pixel_width, pixel_height));
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        reply(self.channels.keep_variable(id, name, value), id, session)
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
        reply(self.channels.start(id, &Job::Shell, session), id, session)
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), Error> {
        reply(self.channels.start(id, &Job::Exec(line.to_vec()), session), id, session)
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Error> {
        let started = Job::subsystem(name).and_then(|job| self.channels.start(id, &job, session));
        reply(started, id, session)
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, _session: &mut Session) -> Result<(), Error> {
        self.channels.signal(id, &signal);
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, bytes: &[u8], _session: &mut Session) -> Result<(), Error> {
        self.channels.put(id, bytes);
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _session: &mut Session) -> Result<(), Error> {
        self.channels.end_input(id);
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _session: &mut Session) -> Result<(), Error> {
        self.channels.remove(id);
        Ok(())
    }
}
