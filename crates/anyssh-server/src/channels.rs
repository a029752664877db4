//! The session channels of one connection (RFC 4254 §6): what each was told before its command, and the
//! command that runs in it.
//!
//! Nothing here waits: these methods run inside russh's session loop.

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portable_pty::PtySize;
use russh::server::{Msg, Session};
use russh::{ChannelId, ChannelWriteHalf, Sig};
use tokio::sync::oneshot;

use crate::Account;
use crate::account::client_may_set;
use crate::children::{Children, Started};
use crate::command::{Job, Piped};
use crate::exit::signal_number;
use crate::gate::Gate;
use crate::inflow::{Inbox, Inflow, inflow};
use crate::outlet::Outlet;
use crate::terminal::{Master, PtyRequest, Terminal};

/// More variables than this, or longer ones, are refused.
const MOST_VARIABLES: usize = 64;
const LONGEST_VARIABLE: usize = 4096;

/// The session channels of a connection, and what their commands need.
pub(crate) struct Channels {
    open: Table,
    account: Account,
    children: Arc<Children>,
    gate: Arc<Gate>,
    /// The client's address and ours.
    addresses: (SocketAddr, SocketAddr),
}

/// The open channels. Shared with the tasks that run commands, which take theirs out at the end.
type Table = Arc<Mutex<HashMap<ChannelId, Opened>>>;

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

impl Channels {
    /// No channel yet.
    pub(crate) fn new(
        account: Account,
        children: Arc<Children>,
        gate: Arc<Gate>,
        addresses: (SocketAddr, SocketAddr),
    ) -> Self {
        Self { open: Table::default(), account, children, gate, addresses }
    }

    /// A channel without a command.
    pub(crate) fn add(&self, channel: ChannelWriteHalf<Msg>) {
        let id = channel.id();
        let opened = Opened { channel: Some(channel), pty: None, variables: Vec::new(), running: None };
        self.table().insert(id, opened);
    }

    /// Keeps a terminal for the command to come; `None` if it cannot have one.
    pub(crate) fn keep_terminal(&self, id: ChannelId, term: &str, size: PtySize) -> Option<()> {
        let mut table = self.table();
        let opened = table.get_mut(&id).filter(|opened| opened.running.is_none() && !term.contains('\0'))?;
        opened.pty = Some(PtyRequest { term: term.to_owned(), size });
        Some(())
    }

    /// Keeps a variable for the command to come; `None` if the client may not set it.
    pub(crate) fn keep_variable(&self, id: ChannelId, name: &str, value: &str) -> Option<()> {
        let fits = client_may_set(name) && !name.contains(['=', '\0']) && !value.contains('\0');
        let short = name.len() + value.len() <= LONGEST_VARIABLE;
        let mut table = self.table();
        let opened = table.get_mut(&id).filter(|it| fits && short && it.variables.len() < MOST_VARIABLES)?;
        opened.variables.push((name.to_owned(), value.to_owned()));
        Some(())
    }

    /// Starts a command. `None` if the channel is not open, runs something already, or the command cannot
    /// be started.
    pub(crate) fn start(&self, id: ChannelId, job: &Job, session: &Session) -> Option<()> {
        let mut table = self.table();
        let opened = table.get_mut(&id)?;
        let channel = opened.channel.take()?;
        let outlet = Outlet { channel, handle: session.handle(), gate: Arc::clone(&self.gate) };
        let (inbox, from_client) = inflow(&self.gate);
        let (open, hung_up) = oneshot::channel();
        let work = Work { id, table: Arc::clone(&self.open), from_client, outlet, hung_up };
        let (started, master) = self.launch(job, opened, work)?;
        opened.running = Some(Running { inbox: Some(inbox), started, master, _open: open });
        Some(())
    }

    /// Passes a new size on to the terminal.
    pub(crate) fn resize(&self, id: ChannelId, size: PtySize) {
        if let Some(opened) = self.table().get_mut(&id) {
            if let Some(pty) = &mut opened.pty {
                pty.size = size;
            }
            if let Some(master) = opened.running.as_ref().and_then(|running| running.master.as_ref()) {
                master.resize(size);
            }
        }
    }

    /// Passes a signal on to the command.
    pub(crate) fn signal(&self, id: ChannelId, signal: &Sig) {
        if let Some(running) = self.table().get(&id).and_then(|opened| opened.running.as_ref())
            && let Some(signal) = signal_number(signal)
        {
            running.started.signal(signal);
        }
    }

    /// Passes input on to the command.
    pub(crate) fn put(&self, id: ChannelId, bytes: &[u8]) {
        let table = self.table();
        let inbox = table.get(&id).and_then(|opened| opened.running.as_ref()?.inbox.as_ref());
        if let Some(inbox) = inbox {
            inbox.put(bytes);
        }
    }

    /// There is no more input. A terminal has no end of input apart from its own keys; `sshd` ignores this
    /// too.
    pub(crate) fn end_input(&self, id: ChannelId) {
        if let Some(running) = self.table().get_mut(&id).and_then(|opened| opened.running.as_mut())
            && running.master.is_none()
        {
            running.inbox = None;
        }
    }

    /// Forgets a channel.
    pub(crate) fn remove(&self, id: ChannelId) {
        forget(&self.open, id);
    }

    fn launch(&self, job: &Job, opened: &Opened, work: Work) -> Option<(Started, Option<Arc<Master>>)> {
        let (account, children) = (&self.account, &self.children);
        let mut environment = account.environment(&opened.variables);
        environment.extend(self.addresses());
        match &opened.pty {
            Some(request) => {
                let terminal = Terminal::start(job, account, environment, request, children).ok()?;
                let (started, master) = (terminal.started(), terminal.master());
                tokio::spawn(async move {
                    terminal.run(work.from_client, work.outlet, work.hung_up).await;
                    forget(&work.table, work.id);
                });
                Some((started, Some(master)))
            }
            None => {
                let piped = Piped::start(job, account, environment, children).ok()?;
                let started = piped.started();
                tokio::spawn(async move {
                    piped.run(work.from_client, work.outlet, work.hung_up).await;
                    forget(&work.table, work.id);
                });
                Some((started, None))
            }
        }
    }

    /// `SSH_CLIENT` and `SSH_CONNECTION` (ssh(1), "Environment").
    fn addresses(&self) -> [(OsString, OsString); 2] {
        let (client, server) = self.addresses;
        let [from, to] = [client.ip().to_string(), server.ip().to_string()];
        [
            ("SSH_CLIENT".into(), format!("{from} {} {}", client.port(), server.port()).into()),
            ("SSH_CONNECTION".into(), format!("{from} {} {to} {}", client.port(), server.port()).into()),
        ]
    }

    fn table(&self) -> MutexGuard<'_, HashMap<ChannelId, Opened>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        // Tasks hold the table too: without this they would never hear that the client is gone.
        self.table().clear();
    }
}

/// What the task of a command takes with it.
struct Work {
    id: ChannelId,
    table: Table,
    from_client: Inflow,
    outlet: Outlet,
    hung_up: oneshot::Receiver<()>,
}

/// russh does not tell of a channel that we closed first.
fn forget(table: &Table, id: ChannelId) {
    table.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
}
