//! Frames as they really are on the wire, between TLS and the frame library.
//!
//! The [`tap`] is always there: it sees each header as the bytes pass and copies nothing. The
//! [`deflate`] codec lies on it only where permessage-deflate was agreed. [`layer`] is one or both.

pub mod deflate;
pub mod frame;
pub mod layer;
pub mod negotiation;
mod pongless;
pub mod tap;
mod utf8;
pub mod violation;
