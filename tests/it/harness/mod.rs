//! The tools of the tests: the binary in a clean environment ([`Probe`]), a scripted
//! server on a free port ([`Server`]), a proxy that damages connections ([`FaultProxy`]), a bare client for `serve` ([`Client`]), certificates made
//! at run time, and addresses that do not answer.
//!
//! No tool uses the code under test, a fixed port, or a sleep instead of waiting for a condition, and none
//! leaves a process or a thread behind.

mod audited;
mod capture;
mod certificates;
mod client;
mod delays;
#[cfg(unix)]
mod door;
mod faults;
mod frames;
mod front;
mod hostile;
mod http2;
mod places;
mod probe;
mod proxy;
mod request;
mod running;
pub mod schema;
mod screen;
mod script;
mod server;
mod serving;
mod situation;
mod stream;
#[cfg(unix)]
mod terminal;

pub use audited::Audited;
pub use certificates::{Certificate, ClientCertificate};
pub use client::{Client, plain_get};
pub use delays::DelayProxy;
#[cfg(unix)]
pub use door::UnixDoor;
pub use faults::{Echo, Fault, FaultProxy, Passed, echo};
pub use frames::{Frame, Opcode};
pub use front::{Front, Treatment, values};
pub use hostile::Hostile;
pub use http2::Http2Server;
pub use places::{BlackHole, Nobody};
pub use probe::Probe;
pub use proxy::Proxy;
pub use request::accept_key;
pub use running::Running;
pub use screen::{FIRST, Screen, without_place};
pub use server::Server;
pub use serving::{proxy, serve};
pub use situation::{Situation, read as read_situations};

/// A time in milliseconds.
pub const fn ms(milliseconds: u64) -> std::time::Duration {
    std::time::Duration::from_millis(milliseconds)
}
