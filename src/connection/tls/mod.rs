//! TLS: trusted roots, certificate verification, negotiated parameters. Only this module uses rustls.
//!
//! Trusted are Mozilla's roots, `--cacert` and the system's trust store. The system's store is read only if
//! the others do not know the issuer, since reading it takes longer than the rest of a connection. Sessions
//! are never resumed, so that every handshake is complete.

pub mod certificate;
mod client_identity;
pub mod old;
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
use super::stream::{Stream, Transport};
use crate::named_file::{self, ReadLimits};
use crate::secret::{SecretError, io_text};
use certificate::CertificateSummary;
pub use client_identity::ClientIdentity;
use verifier::{RecordingVerifier, TrustPolicy, Verification};
use words::{LIMITS, alert_name, certificate_text, tls_text};

/// TLS over another stream.
pub type TlsStream = tokio_rustls::client::TlsStream<Stream>;

impl Transport for TlsStream {
    fn carrier(&self) -> Option<&Stream> {
        Some(self.get_ref().0)
    }
}

/// The TLS options of the command line.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Accept any certificate, and warn if it would have been rejected (`--insecure`).
    pub insecure: bool,
    /// PEM files with additional roots (`--cacert`).
    pub extra_roots: Vec<PathBuf>,
    /// The client's own certificate.
    pub identity: Option<ClientIdentity>,
    /// The name for SNI and verification, instead of the URL's host (`--servername`).
    pub server_name: Option<String>,
    /// Whether only TLS 1.3 is accepted (`--tls-min 1.3`).
    pub only_13: bool,
    /// Whether session keys are appended to the file in SSLKEYLOGFILE.
    pub log_keys: bool,
    /// Limits for reading the files.
    pub files: ReadLimits,
}

/// Opens TLS connections. The options are checked before the first packet. The rest is prepared by the
/// first connection that needs TLS, since local servers often use none.
#[derive(Clone)]
pub struct TlsClient {
    trust: Arc<LoadedOptions>,
    configs: Arc<OnceLock<ClientConfigs>>,
    server_name: Option<String>,
    /// Whether the peer is a proxy.
    is_for_proxy: bool,
}

/// The options, with all files read.
#[derive(Debug)]
struct LoadedOptions {
    insecure: bool,
    /// The certificates of `--cacert`; `roots` contains them too.
    given: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    identity: Option<Arc<SingleCertAndKey>>,
    only_13: bool,
    log_keys: bool,
}

/// The configuration shared by all connections.
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

/// The application protocol (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// The negotiated parameters of a TLS connection.
#[derive(Clone, Debug)]
pub struct NegotiatedTls {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The IANA name of the cipher suite.
    pub cipher: String,
    /// The server's certificate.
    pub certificate: Option<CertificateSummary>,
    /// Why the certificate would have been rejected without `--insecure`.
    pub distrust: Option<String>,
}

/// A file of the TLS options that cannot be read or used.
#[derive(Clone, Debug)]
pub enum TlsOptionsError {
    /// The file cannot be read (exit 26).
    Unreadable(SecretError),
    /// It is not a usable certificate or key (exit 58): why, and a hint.
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

/// The system time. Unlike the library's own clock, it does not panic if the time is before 1970.
#[derive(Debug)]
struct SystemClock;

impl TimeProvider for SystemClock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Some(UnixTime::since_unix_epoch(since.unwrap_or_default()))
    }
}

impl TlsClient {
    /// Reads the files of the options.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub fn new(options: &TlsOptions) -> Result<Self, TlsOptionsError> {
        Ok(Self {
            trust: Arc::new(LoadedOptions::of(options)?),
            configs: Arc::default(),
            server_name: options.server_name.clone(),
            is_for_proxy: false,
        })
    }

    /// Prepares the configuration, so that its time does not count as part of the first handshake.
    pub fn prepare(&self) {
        self.configs();
    }

    fn configs(&self) -> &ClientConfigs {
        self.configs.get_or_init(|| self.trust.client_configs())
    }

    /// A client for a proxy: `--servername` and the client certificate are for the server only.
    pub fn for_proxy(&self) -> Self {
        Self {
            server_name: None,
            is_for_proxy: true,
            ..self.clone()
        }
    }

    /// Performs the TLS handshake with `host` over a connected stream.
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`] if the certificate is rejected, else [`ErrorKind::Tls`] or
    /// [`ErrorKind::TlsEnded`].
    pub async fn connect(
        &self,
        host: &str,
        stream: Stream,
        inside: Alpn,
    ) -> Result<(TlsStream, NegotiatedTls), Error> {
        let host = self.server_name.as_deref().unwrap_or(host);
        let name = server_name(host).map_err(failed)?;
        // Each handshake has its own verifier, since several may run at the same time.
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

    /// The error and hint for a failed handshake.
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
        if let Some(error) = self.configs().trust.store_error() {
            message.push_str(&format!("; {error}"));
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

/// Parses a name for SNI and verification.
///
/// # Errors
/// It is neither a DNS name nor an IP address.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned())
        .map_err(|_| format!("invalid server name '{host}' (expected a DNS name or an IP address)"))
}

/// A TLS failure after the client's handshake is complete: with TLS 1.3 a server may reject the client
/// certificate when the client already sends data (RFC 8446 §4.4.2.4).
pub fn late_failure(error: &io::Error) -> Option<Error> {
    match tls_error(error)? {
        TlsError::AlertReceived(alert) => Some(alerted(*alert)),
        other => Some(failed(format!("TLS failed: {}", tls_text(other)))),
    }
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref::<TlsError>()
}

/// The names of the negotiated version and cipher suite.
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

/// The error for an alert from the server.
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
