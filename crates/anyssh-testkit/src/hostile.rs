//! SSH servers that misbehave.

use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyssh_core::HostKey;
use anyssh_server::{Account, Decision, Interaction, LoginPolicy, Method, Prompt, ServerConfig, ServerThread};
use secrecy::{ExposeSecret as _, SecretString};

use crate::keys::key;
use crate::port::{Connections, Port};
use crate::relay::{Until, relay};

/// What a [`HostileServer`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trick {
    /// Takes connections and says nothing.
    Silence,
    /// Sends its identification line and nothing more.
    SilenceAfterBanner,
    /// Starts the key exchange and never goes on with it (requirement N8).
    SilenceInKeyExchange,
    /// Closes each connection at once.
    CloseAtOnce,
    /// Closes each connection when the key exchange is done.
    CloseAfterKeyExchange,
    /// Sends these bytes instead of an identification line, and closes.
    Banner(Vec<u8>),
    /// Lets everybody in by the `none` method, whatever the client prefers.
    AcceptAnybody,
    /// Offers all methods and lets nobody in.
    RefuseEverybody,
    /// Asks these questions by `keyboard-interactive`, round by round, and then lets the client in
    /// (requirement K2). Other methods are not offered.
    Ask(Vec<Vec<String>>),
    /// Shows another host key to each connection, and lets everybody in.
    AnotherHostKeyEachTime,
}

/// An SSH server on loopback that plays a [`Trick`]. Dropping it closes all.
///
/// ```
/// use anyssh_testkit::{HostileServer, Trick};
/// let server = HostileServer::start(Trick::Banner(b"220 mail.example ESMTP\r\n".to_vec())).unwrap();
/// let mut said = String::new();
/// let mut client = std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap();
/// std::io::Read::read_to_string(&mut client, &mut said).unwrap();
/// assert_eq!(said, "220 mail.example ESMTP\r\n");
/// ```
#[derive(Debug)]
pub struct HostileServer {
    // Closed first: nobody is passed on to a server that is gone.
    port: Port,
    received: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct State {
    trick: Trick,
    /// Real servers, one for each host key.
    servers: Vec<ServerThread>,
}

/// As many host keys as there are; after that they come again.
const HOST_KEYS: u8 = 3;

impl HostileServer {
    /// Starts a server.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start(trick: Trick) -> io::Result<Self> {
        let received = Arc::<Mutex<Vec<String>>>::default();
        let host_keys = if trick == Trick::AnotherHostKeyEachTime { HOST_KEYS } else { 1 };
        let servers = (0..host_keys).map(|seed| {
            let login = Tempter { trick: trick.clone(), received: Arc::clone(&received) };
            let account = Account::current().unwrap_or_else(Account::nobody);
            ServerThread::start(ServerConfig::new(key(200 + seed), Arc::new(login), account))
        });
        let servers = servers.collect::<io::Result<Vec<_>>>()?;
        let (port, state) = (Port::reserve()?, State { trick, servers });
        port.open(move |client, number, connections| state.play(client, number, connections))?;
        Ok(Self { port, received })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The host key that the first connection is shown, or `None` if it cannot be written as one.
    pub fn host_key(&self) -> Option<HostKey> {
        HostKey::from_public_key(key(200).public_key())
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.port.count()
    }

    /// The passwords and answers that clients sent, in order.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl State {
    fn play(&self, mut client: &TcpStream, number: usize, connections: &Connections) -> io::Result<()> {
        let server = &self.servers[number % self.servers.len()];
        let until = match &self.trick {
            Trick::Silence => return Ok(()),
            Trick::SilenceAfterBanner => return client.write_all(b"SSH-2.0-silence\r\n"),
            Trick::CloseAtOnce => return client.shutdown(Shutdown::Both),
            Trick::Banner(bytes) => {
                client.write_all(bytes)?;
                return client.shutdown(Shutdown::Both);
            }
            Trick::SilenceInKeyExchange => Until::Banner,
            Trick::CloseAfterKeyExchange => Until::NewKeys,
            Trick::AcceptAnybody | Trick::RefuseEverybody | Trick::Ask(_) | Trick::AnotherHostKeyEachTime => {
                Until::TheEnd
            }
        };
        let upstream = relay(client, server.port(), until)?;
        if until == Until::NewKeys {
            client.shutdown(Shutdown::Both)?;
        }
        connections.hold(&upstream);
        Ok(())
    }
}

/// The logins of a hostile server: writes down what it hears.
#[derive(Debug)]
struct Tempter {
    trick: Trick,
    received: Arc<Mutex<Vec<String>>>,
}

impl Tempter {
    fn note<'a>(&self, secrets: impl IntoIterator<Item = &'a SecretString>) {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.extend(secrets.into_iter().map(|secret| secret.expose_secret().to_owned()));
    }
}

impl LoginPolicy for Tempter {
    fn methods(&self) -> Vec<Method> {
        match self.trick {
            Trick::Ask(_) => vec![Method::KeyboardInteractive],
            _ => vec![Method::PublicKey, Method::Password, Method::KeyboardInteractive],
        }
    }

    fn none(&self, _user: &str) -> Decision {
        Decision::accept_if(matches!(self.trick, Trick::AcceptAnybody | Trick::AnotherHostKeyEachTime))
    }

    fn password(&self, _user: &str, password: &SecretString) -> Decision {
        self.note([password]);
        Decision::Refuse
    }

    fn keyboard_interactive(&self, _user: &str, round: usize, answers: Option<&[SecretString]>) -> Interaction {
        self.note(answers.into_iter().flatten());
        match &self.trick {
            Trick::Ask(rounds) => match rounds.get(round) {
                Some(prompts) => Interaction::Ask {
                    instructions: String::new(),
                    prompts: prompts.iter().map(Prompt::hidden).collect(),
                },
                None => Interaction::Accept,
            },
            _ if answers.is_none() => {
                Interaction::Ask { instructions: String::new(), prompts: vec![Prompt::hidden("Password: ")] }
            }
            _ => Interaction::Refuse,
        }
    }
}
