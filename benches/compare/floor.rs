//! The baseline: a minimal client with tokio-tungstenite, in its own process. Stdin and stdout are
//! read and written in large blocks, nothing is flushed while more is ready, and nothing else is done.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{FutureExt, SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// The block size for stdin and stdout, in bytes.
const BLOCK: usize = 64 * 1024;

/// The fragment size of a message with all of stdin.
const FRAGMENT: usize = 256 * 1024;

/// Runs a task: `send`, `listen`, `once`, `blob` or `talk`, then a URL and its arguments.
pub fn play(args: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .expect("a runtime")
        .block_on(open(args))
        .expect("a connection that holds");
}

type Fallible = Result<(), Box<dyn std::error::Error>>;

async fn open(args: &[String]) -> Fallible {
    let [part, url, rest @ ..] = args else {
        return Err("a part and a URL".into());
    };
    let (scheme, place) = url.split_once("://").ok_or("a URL")?;
    let host = place.trim_end_matches('/');
    let tcp = TcpStream::connect(host).await?;
    tcp.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(128 * 1024)
        .write_buffer_size(128 * 1024)
        .max_message_size(None)
        .max_frame_size(None);
    if scheme == "ws" {
        let (socket, _) = client_async_with_config(url, tcp, Some(config)).await?;
        return run(part, socket).await;
    }
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(rest.first().ok_or("an authority")?)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config_tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = host.split(':').next().unwrap_or(host).to_owned();
    let tls = tokio_rustls::TlsConnector::from(Arc::new(config_tls))
        .connect(ServerName::try_from(name)?, tcp)
        .await?;
    let (socket, _) = client_async_with_config(url, tls, Some(config)).await?;
    run(part, socket).await
}

async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    part: &str,
    mut socket: WebSocketStream<S>,
) -> Fallible {
    match part {
        "listen" => {}
        "once" => {
            socket.send(Message::text("hello")).await?;
            if let Some(reply) = socket.next().await {
                println!("{}", reply?.into_text()?);
            }
            socket.close(None).await?;
        }
        "send" => {
            let mut lines = Lines::default();
            let mut stdin = standard_input()?;
            while lines.fill(&mut stdin)? > 0 {
                while let Some(line) = lines.next() {
                    let text = Utf8Bytes::try_from(line)?;
                    socket.feed(Message::Text(text)).await?;
                }
            }
            socket.close(None).await?;
        }
        "blob" => blob(&mut socket).await?,
        "talk" => return talk(socket).await,
        _ => return Err(format!("no part {part}").into()),
    }
    listen(socket).await
}

/// Each message as a line, until the other side has closed.
async fn listen<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) -> Fallible {
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut out = Vec::with_capacity(2 * BLOCK);
    loop {
        let next = match socket.next().now_or_never() {
            Some(next) => next,
            None => {
                stdout.write_all(&out)?;
                out.clear();
                socket.next().await
            }
        };
        let Some(message) = next else {
            return Ok(stdout.write_all(&out)?);
        };
        let message = message?;
        if message.is_text() || message.is_binary() {
            out.extend_from_slice(&message.into_data());
            out.push(b'\n');
        }
        if out.len() >= BLOCK {
            stdout.write_all(&out)?;
            out.clear();
        }
    }
}

/// All of stdin as one binary message.
async fn blob<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> Fallible {
    let stdin = standard_input()?;
    let mut kind = Data::Binary;
    loop {
        let mut block = Vec::with_capacity(FRAGMENT);
        let read = (&stdin).take(FRAGMENT as u64).read_to_end(&mut block)?;
        let frame = Frame::message(block, OpCode::Data(kind), read == 0);
        socket.send(Message::Frame(frame)).await?;
        kind = Data::Continue;
        if read == 0 {
            return Ok(socket.close(None).await?);
        }
    }
}

/// Sends lines of a pipe and prints messages, each as soon as it is available.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) -> Fallible {
    #[expect(deprecated, reason = "sound here: the file closes with its owner")]
    let mut stdin = AsyncFd::try_with_interest(standard_input()?, Interest::READABLE)?;
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut lines = Lines::default();
    loop {
        tokio::select! {
            ready = stdin.readable_mut() => {
                let mut ready = ready?;
                // The pipe stays blocking: it is read once when it is readable.
                let read = lines.fill(ready.get_inner_mut())?;
                ready.clear_ready();
                if read == 0 {
                    socket.close(None).await?;
                    return Ok(());
                }
                while let Some(line) = lines.next() {
                    socket.feed(Message::Text(Utf8Bytes::try_from(line)?)).await?;
                }
                socket.flush().await?;
            }
            message = socket.next() => {
                let Some(message) = message else { return Ok(()) };
                let mut line = message?.into_data().to_vec();
                line.push(b'\n');
                stdout.write_all(&line)?;
            }
        }
    }
}

/// Stdin without the standard library's buffer.
fn standard_input() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Splits large blocks into lines without copying.
#[derive(Default)]
struct Lines {
    buffer: BytesMut,
    searched: usize,
}

impl Lines {
    fn fill(&mut self, source: &mut File) -> io::Result<usize> {
        let held = self.buffer.len();
        self.buffer.resize(held + BLOCK, 0);
        let read = source.read(&mut self.buffer[held..])?;
        self.buffer.truncate(held + read);
        Ok(read)
    }

    fn next(&mut self) -> Option<Bytes> {
        let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) else {
            self.searched = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(self.searched + at).freeze();
        self.buffer.advance(1);
        self.searched = 0;
        Some(line)
    }
}
