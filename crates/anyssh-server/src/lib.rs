//! A real SSH server in the process, on loopback, that runs commands and shells as the current user.
//!
//! The mock provider and the tests log in to it with the real `ssh`. It speaks SSH through russh
//! (RFC 4251 to 4254); what a session may do is what OpenSSH's `sshd` does, with a few differences
//! that each stand where they are made. It listens on 127.0.0.1 only and it never changes the user.
//!
//! A [`WebSocketBridge`] stands in front of it where a test or the mock wants SSH over a WebSocket.
//!
//! Dropping the [`Server`] closes its port, cuts its connections and kills what it started.
//!
//! ```
//! use std::sync::Arc;
//! use anyssh_core::ssh_key::PrivateKey;
//! use anyssh_server::{Account, PasswordLogin, Server, ServerConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let host_key = PrivateKey::from(anyssh_core::ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]));
//! let login = PasswordLogin::new("me", "correct horse".into());
//! let server = Server::start(ServerConfig::new(host_key, Arc::new(login), Account::nobody())).await?;
//! assert_ne!(server.port(), 0);
//! # Ok(())
//! # })
//! # }
//! ```

mod account;
mod certificate_login;
mod channels;
mod children;
mod command;
mod connection;
mod exit;
mod forward;
mod gate;
mod inflow;
mod login;
mod outlet;
mod password_login;
mod server;
mod switch;
mod terminal;
mod thread;
mod web_socket_bridge;

pub use account::Account;
pub use certificate_login::CertificateLogin;
pub use login::{Decision, Interaction, LoginPolicy, Method, Prompt};
pub use password_login::PasswordLogin;
pub use server::{Server, ServerConfig};
pub use switch::{LoginSwitch, SwitchedLogin};
pub use thread::ServerThread;
pub use web_socket_bridge::{Act, BridgeConfig, Cut, Frames, Script, WebSocketBridge};
