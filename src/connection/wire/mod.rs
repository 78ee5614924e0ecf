//! Frames as they really are on the wire, between TLS and the frame library.
//!
//! The [`tap`] is always there: it sees each header as the bytes pass. The [`deflate`] codec lies on it
//! only where permessage-deflate was agreed. [`layer`] is one or both. Below them the `inbox` reads
//! ahead, and the [`outbox`] holds what has not left yet.
//!
//! Nearly all traffic is messages in one uncompressed frame. Where nothing was agreed that changes them
//! and nobody traces frames, these take the short way: out of the inbox and into the outbox, past the
//! library, which has all the rest: control frames, fragments, the closing handshake, and whatever
//! breaks a rule.

pub mod deflate;
pub mod frame;
mod inbox;
pub mod layer;
pub mod masking;
pub mod negotiation;
pub mod outbox;
mod pongless;
pub mod tap;
mod utf8;
pub mod violation;
