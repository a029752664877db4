//! Vendors' control planes on loopback, joined to real SSH servers.
//!
//! An emulator keeps state as its vendor does: what was created is listed, what was deleted no longer
//! logs in. It is strict: what the vendor's documents do not allow is refused, so a client that is
//! only nearly right fails here first. On top of that a test scripts what goes wrong ([`Fault`]), spoils
//! single fields of good answers, and reads what was asked ([`Request`]).
//!
//! ```
//! use anyssh_testkit::emulator::{Emulator, Fault};
//!
//! let emulator = Emulator::dedalus().without_gateway().start_blocking()?;
//! emulator.add_fault(Fault::on("GET", "/v1/machines").status(503));
//! assert!(emulator.base_url().starts_with("http://127.0.0.1:"));
//! assert!(emulator.requests().is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```

mod certificate;
mod clock;
mod dedalus;
mod fault;
mod flyte;
mod gateway;
mod http;
mod krl;
mod leap0;
mod reply;
mod request;
mod setters;
mod start;
mod tls;
mod wake;

pub use anyssh_server::Cut;

pub use certificate::CertificateSpec;
pub use dedalus::{DedalusBuilder, DedalusEmulator, Machine, Pages, SessionState};
pub use fault::Fault;
pub use flyte::{
    Attempt, Boot, DeviceFlow, FlyteBuilder, FlyteEmulator, Link, LinkKind, Phase, RpcCode, RpcLogin, Run, Snapshot,
    TokenForm, Watching,
};
pub use gateway::Gateway;
pub use leap0::{Access, AccessStatus, Generation, Leap0Builder, Leap0Emulator, Sandbox};
pub use request::Request;
pub use wake::Wake;

/// How a test spoils good answers, if it does.
type Change<T> = Option<Box<dyn Fn(&mut T) + Send>>;

pub(crate) use start::on_a_thread;

/// Where every emulator starts.
#[derive(Clone, Copy, Debug)]
pub struct Emulator;

impl Emulator {
    /// The control plane and the SSH gateway of Dedalus.
    pub fn dedalus() -> DedalusBuilder {
        DedalusBuilder::new()
    }

    /// The control plane, the login and the gateway of Flyte, with the pods behind.
    pub fn flyte() -> FlyteBuilder {
        FlyteBuilder::new()
    }

    /// The control plane of Leap0 in one of its wire generations, and the SSH servers of its sandboxes.
    pub fn leap0(generation: Generation) -> Leap0Builder {
        Leap0Builder::new(generation)
    }
}
