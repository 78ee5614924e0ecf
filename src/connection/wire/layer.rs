//! What lies between TLS and the WebSocket library: the tap alone, or the tap with
//! permessage-deflate on top of it where that was agreed; and on top of either, where a server is to
//! fail its clients, something that swallows pongs.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    deflate::Codec,
    frame::Role,
    negotiation::Agreed,
    pongless::Pongless,
    tap::{Settings, Tap},
    violation::Violation,
};

/// A stream of plain, uncompressed frames, whatever they are on the wire.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each connection, and the tap is on the path of every byte"
)]
pub enum Layer<S> {
    /// No extension was agreed.
    Plain(Tap<S>),
    /// permessage-deflate was agreed.
    Deflate(Box<Codec<Tap<S>>>),
    /// Our pongs do not leave.
    Pongless(Box<Pongless<Self>>),
}

impl<S> Layer<S> {
    /// The layer that fits what was agreed, on `inner`, whose opening handshake is over.
    /// `leftover` is what arrived with the end of the handshake. `settings.rsv1` is set here.
    pub fn new(
        inner: S,
        role: Role,
        agreed: Option<Agreed>,
        settings: Settings,
        leftover: Bytes,
    ) -> Self {
        let settings = Settings {
            rsv1: agreed.is_some(),
            ..settings
        };
        let tap = Tap::new(inner, role, settings, leftover);
        match agreed {
            None => Self::Plain(tap),
            Some(agreed) => Self::Deflate(Box::new(Codec::new(
                tap,
                role,
                agreed,
                settings.max_message,
            ))),
        }
    }

    /// The same, but pings stay unanswered.
    pub fn without_pongs(self) -> Self {
        Self::Pongless(Box::new(Pongless::new(self)))
    }

    /// The tap.
    pub fn tap(&self) -> &Tap<S> {
        match self {
            Self::Plain(tap) => tap,
            Self::Deflate(codec) => codec.get_ref(),
            Self::Pongless(layer) => layer.get_ref().tap(),
        }
    }

    /// The tap.
    pub fn tap_mut(&mut self) -> &mut Tap<S> {
        match self {
            Self::Plain(tap) => tap,
            Self::Deflate(codec) => codec.get_mut(),
            Self::Pongless(layer) => layer.get_mut().tap_mut(),
        }
    }

    /// The tap, where messages may pass between it and us without the library.
    pub fn short_way(&mut self) -> Option<&mut Tap<S>> {
        match self {
            Self::Plain(tap) if !tap.traces() => Some(tap),
            Self::Plain(_) | Self::Deflate(_) => None,
            // It is concerned with what the library writes.
            Self::Pongless(layer) => layer.get_mut().short_way(),
        }
    }

    /// How the peer broke the protocol, when it did: in a frame, or in what it compressed.
    pub fn violation(&self) -> Option<&Violation> {
        match self {
            Self::Plain(tap) => tap.violation(),
            // The codec reads what the tap lets through, so what it saw came first.
            Self::Deflate(codec) => codec.violation().or_else(|| codec.get_ref().violation()),
            Self::Pongless(layer) => layer.get_ref().violation(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Layer<S> {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tap) => Pin::new(tap).poll_read(cx, buf),
            Self::Deflate(codec) => Pin::new(codec).poll_read(cx, buf),
            Self::Pongless(layer) => Pin::new(layer).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Layer<S> {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tap) => Pin::new(tap).poll_write(cx, buf),
            Self::Deflate(codec) => Pin::new(codec).poll_write(cx, buf),
            Self::Pongless(layer) => Pin::new(layer).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tap) => Pin::new(tap).poll_write_vectored(cx, bufs),
            Self::Deflate(codec) => Pin::new(codec).poll_write_vectored(cx, bufs),
            Self::Pongless(layer) => Pin::new(layer).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tap) => tap.is_write_vectored(),
            Self::Deflate(codec) => codec.is_write_vectored(),
            // Its own default: whole frames, one piece at a time.
            Self::Pongless(_) => false,
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tap) => Pin::new(tap).poll_flush(cx),
            Self::Deflate(codec) => Pin::new(codec).poll_flush(cx),
            Self::Pongless(layer) => Pin::new(layer).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tap) => Pin::new(tap).poll_shutdown(cx),
            Self::Deflate(codec) => Pin::new(codec).poll_shutdown(cx),
            Self::Pongless(layer) => Pin::new(layer).poll_shutdown(cx),
        }
    }
}
