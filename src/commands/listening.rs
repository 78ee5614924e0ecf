//! What the commands that listen share: the address, TLS, origins, faults.

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::cli;
use crate::connection::close::{CloseCode, CloseFrame};
use crate::connection::target::is_loopback;
use crate::connection::tls::ClientIdentity;
use crate::connection::tls::serving::Acceptor;
use crate::output::escape::{KeptControls, escape};
use crate::secret::io_text;
use crate::server::access::AllowedOrigins;
use crate::server::config::{FaultAction, PlannedFault};
use crate::server::faults::BadFrame;
use crate::server::listener::Listener;

use super::UsageError;

/// The address to listen on.
pub enum ListenAddress {
    /// `ADDRESS:PORT`.
    Tcp(String),
    /// The path of a Unix domain socket.
    Unix(PathBuf),
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl ListenAddress {
    /// Parses the address of a command; `8080` and `:8080` mean 127.0.0.1:8080.
    ///
    /// # Errors
    /// It is not a port or an address with a port.
    pub fn parse(typed: &str, verb: &str) -> Result<Self, UsageError> {
        if let Some((_, rest)) = typed.split_once("://") {
            let address = rest.split('/').next().unwrap_or(rest);
            let hint = match verb {
                "proxy" => format!("wsprobe proxy 8080 {typed}"),
                verb => format!("wsprobe {verb} {address}"),
            };
            return Err(UsageError::usage(format!(
                "expected an address to listen on, found the URL '{typed}'"
            ))
            .hint(hint));
        }
        let (host, port) = match typed.rsplit_once(':') {
            Some(("", port)) => ("127.0.0.1", port),
            Some((host, port)) => (host, port),
            None => ("127.0.0.1", typed),
        };
        // An IPv6 address contains colons, so it needs brackets to be told from the port.
        let is_ambiguous = host.contains(':') && !host.starts_with('[');
        if port.parse::<u16>().is_err() || is_ambiguous {
            return Err(
                UsageError::usage(format!("invalid listen address '{typed}'")).hint(
                    "use a port (8080, or 0 for any) or ADDRESS:PORT (0.0.0.0:8080, [::1]:8080)",
                ),
            );
        }
        Ok(Self::Tcp(format!("{host}:{port}")))
    }

    /// Whether a connection to this host and port leads here.
    pub fn leads_here(&self, host: &str, port: u16) -> bool {
        let Self::Tcp(address) = self else {
            return false;
        };
        let own = address
            .rsplit_once(':')
            .and_then(|(_, own)| own.parse().ok());
        own == Some(port) && (is_loopback(host) || self.host() == Some(host))
    }

    /// The host part, without brackets.
    fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp(address) => {
                let (host, _) = address.rsplit_once(':')?;
                Some(host.trim_start_matches('[').trim_end_matches(']'))
            }
            Self::Unix(_) => None,
        }
    }
}

/// Listens on an address.
///
/// # Errors
/// The address is in use or cannot be bound (exit 7).
pub async fn listen(place: &ListenAddress) -> Result<Listener, UsageError> {
    let (bound, hint) = match place {
        ListenAddress::Tcp(address) => (
            Listener::tcp(address).await,
            "another program is using this port; port 0 picks a free one",
        ),
        ListenAddress::Unix(path) => (
            Listener::unix(path).await,
            "another program is listening on this socket, or the file is not a socket",
        ),
    };
    bound.map_err(|error| {
        let usage_error =
            UsageError::cannot_listen(format!("cannot listen on {place}: {}", io_text(&error)));
        match error.kind() {
            io::ErrorKind::AddrInUse => usage_error.hint(hint),
            _ => usage_error,
        }
    })
}

/// Raises the soft limit of file descriptors to the hard limit: each client needs one, and 1024 is a common limit.
pub fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // If it fails, fewer clients can connect at a time; the others wait.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// What is printed on stderr once a command listens.
pub struct Announcement<'a> {
    /// The URL of the listener.
    pub url: &'a str,
    /// What follows it.
    pub what: &'a str,
    /// The fingerprint of a certificate that was generated.
    pub fingerprint: Option<&'a str>,
    /// What a person at a terminal is told.
    pub on_terminal: Option<String>,
}

impl Announcement<'_> {
    /// Prints it. If stderr is closed, there is nowhere to report the error.
    pub fn print(&self) {
        let shown = escape(self.url, KeptControls::Nothing);
        let mut lines = format!("listening on {shown}{}\n", self.what);
        if let Some(fingerprint) = self.fingerprint {
            lines.push_str(&format!(
                "certificate generated for this run, SHA-256 {fingerprint}\n"
            ));
        }
        if let Some(text) = &self.on_terminal {
            lines.push_str(text);
        }
        let _ = io::stderr().write_all(lines.as_bytes());
    }
}

/// The faults in the order in which they are triggered.
pub fn planned_faults(faults: &cli::FaultArgs) -> Vec<PlannedFault> {
    let bad = faults.bad.map(|bad| match bad {
        cli::BadFrameName::Utf8 => BadFrame::Utf8,
        cli::BadFrameName::Rsv => BadFrame::Rsv,
        cli::BadFrameName::Opcode => BadFrame::Opcode,
        cli::BadFrameName::Mask => BadFrame::Mask,
        cli::BadFrameName::Length => BadFrame::Length,
    });
    let close = FaultAction::Close(CloseFrame {
        code: Some(CloseCode(faults.close_code)),
        reason: faults.close_reason.clone(),
    });
    let steps = [
        bad.map(|bad| (faults.bad_after, FaultAction::Send(bad))),
        faults.close_after.map(|n| (n, close)),
        faults.drop_after.map(|n| (n, FaultAction::Drop)),
        faults.stall_after.map(|n| (n, FaultAction::Stall)),
    ];
    let steps = steps.into_iter().flatten();
    let mut steps: Vec<PlannedFault> = steps
        .map(|(after, act)| PlannedFault { after, act })
        .collect();
    steps.sort_by_key(|step| step.after);
    steps
}

/// The origins of `--allow-origin`; by default those of this machine.
pub fn origins(typed: &[String]) -> AllowedOrigins {
    match typed {
        [] => AllowedOrigins::Local { loopback: true },
        list if list.iter().any(|origin| origin == "*") => AllowedOrigins::Any,
        list => AllowedOrigins::These {
            list: list.to_vec(),
            loopback: true,
        },
    }
}

/// Completes what depends on the address: whether only this machine can connect.
pub fn know_listener(origins: &mut AllowedOrigins, listener: &Listener) {
    if let AllowedOrigins::Local { loopback } | AllowedOrigins::These { loopback, .. } = origins {
        *loopback = listener.is_local();
    }
}

/// The certificate of a listener, as the options name it.
pub struct ListenerCertificate<'a> {
    /// The chain (PEM).
    pub chain: Option<&'a PathBuf>,
    /// The private key, if not in the same file.
    pub key: Option<&'a PathBuf>,
    /// Whether one is generated.
    pub is_generated: bool,
}

/// TLS for clients, and the fingerprint of a generated certificate.
///
/// # Errors
/// The certificate or key cannot be used.
pub fn acceptor(
    typed: &ListenerCertificate<'_>,
    place: &ListenAddress,
) -> Result<(Option<Acceptor>, Option<String>), UsageError> {
    if let Some(certificate) = typed.chain {
        let own = ClientIdentity {
            certificate: certificate.clone(),
            key: typed.key.cloned(),
        };
        return Ok((Some(Acceptor::from_files(&own)?), None));
    }
    if !typed.is_generated {
        return Ok((None, None));
    }
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let host = place.host().map(str::to_owned);
    let is_new = |host: &String| !names.contains(host) && !["0.0.0.0", "::"].contains(&&**host);
    if let Some(host) = host.filter(is_new) {
        names.push(host);
    }
    let (acceptor, fingerprint) = Acceptor::self_signed(names)?;
    Ok((Some(acceptor), Some(fingerprint)))
}
