//! wsprobe, a command-line WebSocket probe.
//!
//! Modules from top to bottom; imports point down: `commands` holds one verb a file and gives values to
//! `session`, the one loop, which drives a `link` (a connection with its life around it) over
//! `connection`. `input` and `output` are its two ends, `stop` decides when it is over, `report` says
//! how it ended.

pub mod cli;
pub mod commands;
pub mod connection;
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
pub mod repl;
pub mod report;
pub mod script;
pub mod secret;
pub mod server;
pub mod session;
pub mod signals;
pub mod stop;
pub mod units;
