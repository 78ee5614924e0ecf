//! From an accepted stream to an open connection: TLS, the request, the answer, in a limited time.

use std::time::{Duration, Instant};

use super::journal::Pen;
use super::judge::{Verdict, judge};
use super::plan::{HANDSHAKE_LIMIT, Plan};
use crate::connection::error::{Error, Kind, Stage};
use crate::connection::handshake::server::{Request, agreement, answer, read_request, refuse};
use crate::connection::handshake::{HeadError, Headers, Refusal};
use crate::connection::stream::Stream;
use crate::connection::tls;
use crate::connection::tls::serving::Acceptor;
use crate::connection::{Connection, Opened, Serving, Timing};
use crate::event::{Event, Sequel};
use crate::secret::io_text;

/// The most of an answer's body that is told of, in bytes: as much as a client keeps of it.
const TOLD_BODY: usize = 1024;

/// How long an answer may take to leave, and the client to hang up: hanging up first can cost it the
/// answer.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Lets a client in, or answers it; tells of either.
pub async fn admit(
    stream: Stream,
    from: &str,
    plan: &Plan,
    acceptor: Option<&Acceptor>,
    is_full: bool,
    pen: &Pen,
) -> Option<Connection> {
    let admission = Admission {
        from,
        plan,
        is_full,
        begun: Instant::now(),
        timing: Timing::default(),
        tls: None,
    };
    let admitted = tokio::time::timeout(HANDSHAKE_LIMIT, admission.run(stream, acceptor));
    let failed = match admitted.await {
        Ok(Ok((connection, opened))) => {
            pen.tell(Event::Open(Box::new(opened)));
            return Some(connection);
        }
        Ok(Err(error)) => error,
        Err(_) => {
            let limit = crate::units::shown(HANDSHAKE_LIMIT);
            let message = format!("the client sent no whole request within {limit}");
            Error::new(Kind::Timeout, Stage::Upgrade, message)
        }
    };
    let message = format!("{from}: {}", failed.message);
    let failed = Error { message, ..failed };
    pen.tell(Event::Failed(Box::new(failed), Sequel::Final));
    None
}

struct Admission<'a> {
    from: &'a str,
    plan: &'a Plan,
    is_full: bool,
    begun: Instant,
    timing: Timing,
    tls: Option<tls::Agreed>,
}

impl Admission<'_> {
    async fn run(
        mut self,
        mut stream: Stream,
        acceptor: Option<&Acceptor>,
    ) -> Result<(Connection, Opened), Error> {
        if let Some(acceptor) = acceptor {
            let (secured, agreed) = acceptor.accept(stream).await?;
            stream = secured;
            self.tls = Some(agreed);
            self.timing.tls = self.begun.elapsed();
        }
        let begun = Instant::now();
        let (request, leftover) = match read_request(&mut stream).await {
            Ok(read) => read,
            Err(error) => return Err(unreadable(&mut stream, error).await),
        };
        let (subprotocol, compression) = match judge(&request, self.plan, self.is_full) {
            Verdict::Welcome {
                subprotocol,
                compression,
            } => (subprotocol, compression),
            Verdict::Refuse(refusal, why) => {
                return Err(say(&mut stream, refusal, &request.method, &why).await);
            }
            Verdict::Page(page) => {
                let mut told = say(&mut stream, page, &request.method, "the page").await;
                told.refusal.iter_mut().for_each(|page| page.body.clear());
                return Err(told);
            }
        };
        let agreed = agreement(&request, subprotocol.as_deref(), compression.as_ref());
        answer(&mut stream, &agreed).await.map_err(|error| {
            let why = format!("the 101 could not be sent: {}", io_text(&error));
            Error::new(Kind::Lost, Stage::Upgrade, why)
        })?;
        self.timing.upgrade = begun.elapsed();
        self.timing.total = self.begun.elapsed();
        let serving = Serving {
            compression,
            trace: self.plan.trace,
            ignores_pings: self.plan.ignores_pings,
        };
        let connection = Connection::accepted(stream, leftover, self.plan.limits, serving)?;
        let opened = Opened {
            remote: self.from.to_owned(),
            proxy: None,
            redirects: Vec::new(),
            left_origin: false,
            request: lines(&request),
            answer: agreed,
            subprotocol,
            extensions: compression.iter().map(ToString::to_string).collect(),
            tls: self.tls,
            timing: self.timing,
        };
        Ok((connection, opened))
    }
}

fn lines(request: &Request) -> Vec<String> {
    let first = format!(
        "{} {} HTTP/1.{}",
        request.method, request.target, request.minor
    );
    let headers = request.headers.0.iter();
    let headers = headers.map(|(name, value)| format!("{name}: {value}"));
    std::iter::once(first).chain(headers).collect()
}

/// Sends an answer that ends the connection, and what there is to tell of it.
async fn say(stream: &mut Stream, mut refusal: Refusal, method: &str, why: &str) -> Error {
    let sent = async {
        refuse(stream, &refusal, method).await?;
        let mut rest = [0; 1024];
        // Nothing that still comes is of use, but unread it would make the answer a reset.
        while tokio::io::AsyncReadExt::read(stream, &mut rest).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    let _ = tokio::time::timeout(LAST_WORD, sent).await;
    refusal.body_cut = refusal.body.len() > TOLD_BODY;
    refusal.body.truncate(TOLD_BODY);
    let message = format!("{}: {why}", refusal.status_line());
    let mut told = Error::new(Kind::Refused, Stage::Upgrade, message);
    told.refusal = Some(Box::new(refusal));
    told
}

/// What there is to say to a request that cannot be read, and of it.
async fn unreadable(stream: &mut Stream, error: HeadError) -> Error {
    let (status, reason) = match &error {
        HeadError::Ended(..) => {
            let message = format!("no whole request came: {error}");
            return Error::new(Kind::Lost, Stage::Upgrade, message);
        }
        HeadError::TooLarge => (431, "Request Header Fields Too Large"),
        HeadError::NotHttp(_) | HeadError::Malformed(_) => (400, "Bad Request"),
    };
    let why = error.to_string();
    let refusal = Refusal {
        status,
        reason: reason.to_owned(),
        headers: Headers(vec![(
            "Content-Type".to_owned(),
            "text/plain; charset=utf-8".to_owned(),
        )]),
        body: format!("{why}\n").into_bytes(),
        body_cut: false,
    };
    say(stream, refusal, "GET", &why).await
}
