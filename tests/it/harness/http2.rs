//! An HTTP/2 server that echoes on one WebSocket stream (RFC 8441).

use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::certificates::Certificate;
use super::frames::{Frame, Opcode};

/// How the server handles its only connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Echo,
    /// Answers with this status and a body.
    Refuse(u16),
    /// Speaks HTTP/2 without the extended CONNECT.
    Plain,
}

#[must_use = "a server goes when it is dropped"]
pub struct Http2Server {
    address: SocketAddr,
    requests: mpsc::Receiver<Request<()>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    authority: Option<String>,
}

impl Http2Server {
    pub fn echo() -> Self {
        Self::start(Manner::Echo, None)
    }

    pub fn echo_over_tls(certificate: Certificate) -> Self {
        Self::start(Manner::Echo, Some(certificate))
    }

    pub fn refusing(status: u16) -> Self {
        Self::start(Manner::Refuse(status), None)
    }

    pub fn without_extended_connect() -> Self {
        Self::start(Manner::Plain, None)
    }

    fn start(manner: Manner, certificate: Option<Certificate>) -> Self {
        let authority = certificate
            .as_ref()
            .map(|certificate| certificate.authority_pem().to_owned());
        let tls = certificate.map(|certificate| {
            let mut config = (*certificate.into_server_config()).clone();
            config.alpn_protocols = vec![b"h2".to_vec()];
            TlsAcceptor::from(std::sync::Arc::new(config))
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (requested, requests) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, tls, manner, requested) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            requests,
            stop: Some(stop),
            thread: Some(thread),
            authority,
        }
    }

    pub fn url(&self) -> String {
        match self.authority {
            Some(_) => format!("wss://localhost:{}/chat?room=7", self.address.port()),
            None => format!("ws://{}/chat?room=7", self.address),
        }
    }

    /// The certificate of the authority that signed this server's, as PEM.
    pub fn authority_pem(&self) -> &str {
        self.authority.as_deref().unwrap()
    }

    /// The request received.
    pub fn request(&self) -> Request<()> {
        self.requests.try_recv().expect("no request came")
    }
}

impl Drop for Http2Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            panic!("the HTTP/2 server panicked");
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    manner: Manner,
    requested: mpsc::Sender<Request<()>>,
) {
    let listener = TcpListener::from_std(listener).unwrap();
    let (tcp, _) = listener.accept().await.unwrap();
    match tls {
        Some(tls) => {
            let Ok(stream) = tls.accept(tcp).await else {
                return;
            };
            speak(stream, manner, requested).await;
        }
        None => speak(tcp, manner, requested).await,
    }
}

async fn speak<S>(stream: S, manner: Manner, requested: mpsc::Sender<Request<()>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = h2::server::Builder::new();
    if manner != Manner::Plain {
        builder.enable_connect_protocol();
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (parts, body) = request.into_parts();
        let _ = requested.send(Request::from_parts(parts.clone(), ()));
        let protocol = parts.extensions.get::<Protocol>();
        assert_eq!(protocol.map(Protocol::as_str), Some("websocket"));
        tokio::spawn(answer(manner, body, respond));
    }
}

async fn answer(manner: Manner, body: RecvStream, mut respond: SendResponse<Bytes>) {
    let status = match manner {
        Manner::Refuse(status) => status,
        _ => 200,
    };
    let response = Response::builder()
        .status(status)
        .header("x-served-by", "h2")
        .body(())
        .unwrap();
    let mut stream = respond.send_response(response, false).unwrap();
    if status == 200 {
        echo(body, stream).await;
    } else {
        let _ = stream.send_data(Bytes::from_static(b"the door is shut"), true);
    }
}

async fn echo(mut body: RecvStream, mut stream: SendStream<Bytes>) {
    let mut pending = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        pending.extend_from_slice(&data);
        loop {
            let mut cursor = Cursor::new(&pending[..]);
            let Ok((frame, mask)) = Frame::read(&mut cursor) else {
                break;
            };
            let used = usize::try_from(cursor.position()).unwrap();
            pending.drain(..used);
            assert!(mask.is_some(), "the client did not mask {frame:?}");
            let is_close = frame.opcode == Opcode::Close;
            let _ = stream.send_data(Bytes::from(frame.encode(None)), is_close);
        }
    }
}
