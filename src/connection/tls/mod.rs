//! TLS: which roots are trusted, how a certificate is judged, what the peer agreed to.
//!
//! The one module that names rustls. Trust is Mozilla's list, `--cacert` and the system's store; the
//! system's is read only when the others do not know the issuer, since reading it costs more than the
//! rest of a connection. Sessions are never resumed: a probe sees the whole handshake every time.

pub mod certificate;
mod client_identity;
pub mod serving;
mod verifier;
mod words;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, CommonState, Error as TlsError, KeyLogFile,
    PeerIncompatible, RootCertStore, SupportedProtocolVersion,
};
use tokio_rustls::TlsConnector;

use super::error::{Error, ErrorKind, Stage};
use super::stream::Stream;
use crate::named_file::{self, ReadLimits};
use crate::secret::{SecretError, io_text};
use certificate::CertificateSummary;
pub use client_identity::ClientIdentity;
use verifier::{RecordingVerifier, TrustPolicy, Verification};
use words::{LIMITS, alert_name, certificate_text, tls_text};

/// TLS over another stream.
pub type TlsStream = tokio_rustls::client::TlsStream<Stream>;

/// What is settled about TLS before the first packet.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Accept any certificate, and say why it would not have been (`--insecure`).
    pub insecure: bool,
    /// PEM files with further roots (`--cacert`).
    pub extra_roots: Vec<PathBuf>,
    /// The client's own certificate.
    pub identity: Option<ClientIdentity>,
    /// The name to ask for and to check, in place of the URL's (`--servername`).
    pub server_name: Option<String>,
    /// Whether TLS 1.2 is too old (`--tls-min 1.3`).
    pub only_13: bool,
    /// Whether keys are appended to the file that SSLKEYLOGFILE names.
    pub log_keys: bool,
    /// How much of the files is read, and for how long.
    pub files: ReadLimits,
}

/// Opens TLS connections. What can be wrong with the terms is known before the first packet; the rest is
/// prepared by the first connection that needs it, since most of what is probed on one's own machine does
/// without TLS.
#[derive(Clone)]
pub struct TlsClient {
    trust: Arc<LoadedOptions>,
    configs: Arc<OnceLock<ClientConfigs>>,
    server_name: Option<String>,
    /// Whether it is a proxy that is spoken to.
    is_for_proxy: bool,
}

/// The terms, with all files read.
#[derive(Debug)]
struct LoadedOptions {
    insecure: bool,
    /// The certificates of `--cacert`, and the same as roots.
    given: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    identity: Option<Arc<SingleCertAndKey>>,
    only_13: bool,
    log_keys: bool,
}

/// What all connections share.
struct ClientConfigs {
    config: ClientConfig,
    trust: Arc<TrustPolicy>,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

/// What is spoken inside (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What the two sides agreed on.
#[derive(Clone, Debug)]
pub struct NegotiatedTls {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite's IANA name.
    pub cipher: String,
    /// What the server presented.
    pub certificate: Option<CertificateSummary>,
    /// Why the certificate would have been refused without `--insecure`.
    pub distrust: Option<String>,
}

/// Terms that cannot be met: a file that cannot be read or used.
#[derive(Clone, Debug)]
pub enum TlsOptionsError {
    /// It cannot be read (exit 26).
    Unreadable(SecretError),
    /// It is no usable certificate or key (exit 58): why, and what to try.
    Unusable(String, Option<String>),
}

impl TlsOptionsError {
    fn unusable(why: String) -> Self {
        Self::Unusable(why, None)
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Unusable(why, _) => Self::Unusable(why, Some(hint.into())),
            other @ Self::Unreadable(_) => other,
        }
    }
}

impl LoadedOptions {
    fn of(options: &TlsOptions) -> Result<Self, TlsOptionsError> {
        let mut roots = RootCertStore::empty();
        let mut given = Vec::new();
        for path in &options.extra_roots {
            add_roots(&mut roots, &mut given, path, options.files)?;
        }
        let identity = match &options.identity {
            Some(identity) => Some(identity.load(&ring::default_provider(), options.files)?),
            None => None,
        };
        Ok(Self {
            insecure: options.insecure,
            given,
            roots,
            identity,
            only_13: options.only_13,
            log_keys: options.log_keys,
        })
    }

    fn client_configs(&self) -> ClientConfigs {
        let provider = Arc::new(ring::default_provider());
        let mut roots = self.roots.clone();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let given = self.given.clone();
        let trust = Arc::new(TrustPolicy::new(
            self.insecure,
            given,
            roots,
            provider.clone(),
        ));
        let versions: &[&SupportedProtocolVersion] = if self.only_13 {
            &[&rustls::version::TLS13]
        } else {
            rustls::DEFAULT_VERSIONS
        };
        let builder = ClientConfig::builder_with_details(provider, Arc::new(SystemClock))
            .with_protocol_versions(versions)
            // Fails only for a provider without any cipher suite of these versions, which ring has.
            .expect("ring supports TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(RecordingVerifier::new(trust.clone())));
        let mut config = match &self.identity {
            Some(identity) => builder.with_client_cert_resolver(identity.clone()),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        if self.log_keys {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        ClientConfigs { config, trust }
    }
}

/// The time, also where this machine's clock stands before 1970: the library's own panics there.
#[derive(Debug)]
struct SystemClock;

impl TimeProvider for SystemClock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Some(UnixTime::since_unix_epoch(since.unwrap_or_default()))
    }
}

impl TlsClient {
    /// Reads the files named.
    ///
    /// # Errors
    /// Names the file that cannot be read or used.
    pub fn new(options: &TlsOptions) -> Result<Self, TlsOptionsError> {
        Ok(Self {
            trust: Arc::new(LoadedOptions::of(options)?),
            configs: Arc::default(),
            server_name: options.server_name.clone(),
            is_for_proxy: false,
        })
    }

    /// Prepares what the first connection needs, which is not to count as its handshake.
    pub fn prepare(&self) {
        self.configs();
    }

    fn configs(&self) -> &ClientConfigs {
        self.configs.get_or_init(|| self.trust.client_configs())
    }

    /// The same towards a proxy: `--servername` and the own certificate are the server's alone.
    pub fn for_proxy(&self) -> Self {
        Self {
            server_name: None,
            is_for_proxy: true,
            ..self.clone()
        }
    }

    /// The TLS handshake with `host` over a connected stream.
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`] when the certificate is not accepted, else [`ErrorKind::Tls`].
    pub async fn connect(
        &self,
        host: &str,
        stream: Stream,
        inside: Alpn,
    ) -> Result<(TlsStream, NegotiatedTls), Error> {
        let host = self.server_name.as_deref().unwrap_or(host);
        let name = server_name(host).map_err(failed)?;
        // A verifier of its own for each handshake: several may run at the same time.
        let ClientConfigs { config, trust } = self.configs();
        let verifier = Arc::new(RecordingVerifier::new(trust.clone()));
        let mut config = config.clone();
        if self.is_for_proxy {
            config.client_auth_cert_resolver = Arc::new(client_identity::NoIdentity);
        }
        config
            .dangerous()
            .set_certificate_verifier(verifier.clone());
        config.alpn_protocols = vec![match inside {
            Alpn::Http1 => b"http/1.1".to_vec(),
            Alpn::Http2 => b"h2".to_vec(),
        }];
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| self.explain(host, &error, verifier.verification()))?;
        let session = stream.get_ref().1;
        if inside == Alpn::Http2 && session.alpn_protocol() != Some(b"h2") {
            return Err(no_http2(host));
        }
        let seen = verifier.verification();
        let (version, cipher) = negotiated(session);
        let negotiated = NegotiatedTls {
            version,
            cipher,
            distrust: seen.distrust_reason(),
            certificate: seen.certificate,
        };
        Ok((stream, negotiated))
    }

    /// A failed handshake in words, with its cure.
    fn explain(&self, host: &str, error: &io::Error, seen: Verification) -> Error {
        match tls_error(error) {
            Some(why @ TlsError::InvalidCertificate(_)) => {
                self.explain_certificate(host, why, seen)
            }
            Some(TlsError::InvalidMessage(_)) => {
                failed(format!("{host} does not speak TLS on this port"))
                    .hint("try ws:// instead of wss://")
            }
            Some(TlsError::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
                no_http2(host)
            }
            Some(TlsError::AlertReceived(AlertDescription::ProtocolVersion))
            | Some(TlsError::PeerIncompatible(
                PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::ServerDoesNotSupportTls12Or13,
            )) => failed(format!(
                "{host} does not support an accepted version of TLS"
            ))
            .hint("wsprobe accepts TLS 1.2 and 1.3, or only 1.3 with --tls-min 1.3"),
            Some(TlsError::AlertReceived(alert)) => alerted(*alert),
            Some(other @ TlsError::PeerIncompatible(_)) => {
                failed(format!("TLS with {host} failed: {}", tls_text(other))).hint(LIMITS)
            }
            Some(other) => failed(format!("TLS with {host} failed: {}", tls_text(other))),
            None => {
                let why = match error.kind() {
                    io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
                    _ => io_text(error),
                };
                Error::new(
                    ErrorKind::TlsEnded,
                    Stage::Tls,
                    format!("TLS with {host} failed: {why}"),
                )
                .hint("is this a TLS port? ws:// connects without TLS")
            }
        }
    }

    fn explain_certificate(&self, host: &str, error: &TlsError, seen: Verification) -> Error {
        let mut message = format!(
            "the certificate of {host} is not accepted: {}",
            certificate_text(error, seen.certificate.as_ref(), seen.der.as_deref())
        );
        if let Some(trouble) = self.configs().trust.store_error() {
            message.push_str(&format!("; {trouble}"));
        }
        let hint = match error {
            TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => {
                "trust its CA with --cacert FILE, or accept any certificate with --insecure"
            }
            TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) if seen
                .certificate
                .as_ref()
                .is_some_and(|it| it.names.is_empty()) =>
            {
                "reissue it with the name as subjectAltName; until then --insecure accepts any certificate"
            }
            TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => {
                "connect by a name that it is valid for, check another name with --servername NAME, or accept any certificate with --insecure"
            }
            TlsError::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => "renew it on the server; until then --insecure accepts any certificate",
            _ => {
                "trust this certificate with --cacert FILE, or accept any certificate with --insecure"
            }
        };
        let error = Error::new(ErrorKind::Certificate, Stage::Tls, message).hint(hint);
        Error {
            certificate: seen.certificate.map(Box::new),
            ..error
        }
    }
}

/// Reads a name that TLS can ask for and check.
///
/// # Errors
/// Says that it is none.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned())
        .map_err(|_| format!("invalid server name '{host}' (expected a DNS name or an IP address)"))
}

/// A failure that TLS reports once the handshake seems over: with TLS 1.3 a server judges the client's
/// certificate when the client has long begun to talk (RFC 8446 §4.4.2.4).
pub fn late_failure(error: &io::Error) -> Option<Error> {
    match tls_error(error)? {
        TlsError::AlertReceived(alert) => Some(alerted(*alert)),
        other => Some(failed(format!("TLS failed: {}", tls_text(other)))),
    }
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref::<TlsError>()
}

/// The version and the cipher suite that two sides have settled on, by their names.
fn negotiated(session: &CommonState) -> (String, String) {
    let version = session
        .protocol_version()
        .and_then(|version| version.as_str())
        .map(|name| name.replace('_', "."));
    let cipher = session
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .map(|name| name.replace("TLS13_", "TLS_"));
    (version.unwrap_or_default(), cipher.unwrap_or_default())
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::Tls, Stage::Tls, message)
}

fn no_http2(host: &str) -> Error {
    failed(format!("{host} did not negotiate HTTP/2 (ALPN h2)"))
        .hint("remove --http2 to use HTTP/1.1")
}

/// The server ended the handshake with an alert.
fn alerted(alert: AlertDescription) -> Error {
    use AlertDescription as Alert;
    let error = failed(format!(
        "the server refused the TLS handshake: {}",
        alert_name(alert)
    ));
    match alert {
        Alert::CertificateRequired | Alert::NoCertificate => {
            error.hint("the server requires a client certificate: --cert FILE --key FILE")
        }
        Alert::BadCertificate
        | Alert::UnknownCA
        | Alert::CertificateUnknown
        | Alert::CertificateExpired
        | Alert::CertificateRevoked
        | Alert::UnsupportedCertificate
        | Alert::AccessDenied => {
            error.hint("the server rejected the client certificate, or requires one (--cert FILE --key FILE)")
        }
        Alert::HandshakeFailure => error.hint(format!(
            "no common version, cipher suite or signature algorithm ({LIMITS}), or the server requires a client certificate: --cert FILE --key FILE"
        )),
        Alert::UnrecognisedName => {
            error.hint("the server has no certificate for this name; --servername NAME asks for another one")
        }
        _ => error,
    }
}

fn read(path: &Path, files: ReadLimits) -> Result<Vec<u8>, TlsOptionsError> {
    named_file::read(path, files).map_err(|error| {
        TlsOptionsError::Unreadable(SecretError::because(&path.display().to_string(), &error))
    })
}

fn add_roots(
    roots: &mut RootCertStore,
    given: &mut Vec<CertificateDer<'static>>,
    path: &Path,
    files: ReadLimits,
) -> Result<(), TlsOptionsError> {
    let shown = path.display().to_string();
    let pem = read(path, files)?;
    let before = given.len();
    for certificate in CertificateDer::pem_slice_iter(&pem).flatten() {
        roots.add(certificate.clone()).map_err(|error| {
            TlsOptionsError::unusable(format!(
                "{shown} contains a certificate that cannot be used: {}",
                tls_text(&error)
            ))
        })?;
        given.push(certificate);
    }
    if given.len() == before {
        return Err(TlsOptionsError::unusable(format!(
            "{shown} does not contain a PEM certificate"
        )));
    }
    Ok(())
}
