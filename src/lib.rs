//! wsprobe, a command-line WebSocket probe.
//!
//! `commands` contains one module per command. A command runs a `session`, the event loop, which drives a
//! `link` (a `connection` with retry, reconnect and heartbeat). `input` supplies the messages to send, `output`
//! prints events, `stop` decides when the session ends, and `report` converts the outcome into an error line and
//! an exit status. A module imports only modules of lower layers (`tests/it/architecture.rs`).

pub mod audit;
pub mod cli;
pub mod commands;
pub mod connection;
pub mod decode;
pub mod endpoints;
pub mod event;
pub mod exit;
pub mod expectation;
pub mod input;
pub mod link;
pub mod manual;
pub mod named_file;
pub mod nearest;
pub mod output;
pub mod pattern;
#[cfg(unix)]
pub mod readiness;
pub mod recording;
pub mod repl;
pub mod report;
pub mod rules;
pub mod script;
pub mod secret;
pub mod server;
pub mod session;
pub mod signals;
pub mod stop;
pub mod template;
pub mod units;
