//! TLS: which roots are trusted, how a certificate is judged, what the peer agreed to.
//!
//! The one module that names rustls. Trust is Mozilla's list, `--cacert` and the system's store; the
//! system's is read only when the others do not know the issuer, since reading it costs more than the
//! rest of a connection.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::{Error, Kind, Stage};
use crate::secret::{Unreadable, io_text};

/// A TLS connection over TCP.
pub type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// How a server is judged.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Accept any certificate, and say why it would not have been (`--insecure`).
    pub insecure: bool,
    /// PEM files with further roots (`--cacert`).
    pub extra_roots: Vec<PathBuf>,
}

/// The means to open TLS connections: built once, before the first packet.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

/// What the two sides agreed on.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite's IANA name.
    pub cipher: String,
    /// Why the certificate would have been refused without `--insecure`.
    pub distrust: Option<String>,
}

/// A `--cacert` file that cannot be used.
#[derive(Clone, Debug)]
pub enum BadRoots {
    /// It cannot be read (exit 26).
    Unreadable(Unreadable),
    /// It holds no certificate (exit 58).
    NoCertificate(String),
}

impl Tls {
    /// Reads the extra roots and prepares the configuration.
    ///
    /// # Errors
    /// Names the file that cannot be read or holds no certificate.
    pub fn new(trust: &Trust) -> Result<Self, BadRoots> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for path in &trust.extra_roots {
            add_roots(&mut roots, path)?;
        }
        let verifier = Arc::new(Verifier {
            insecure: trust.insecure,
            known: judge(roots, &provider),
            system: OnceLock::new(),
            provider: provider.clone(),
            distrust: Mutex::new(None),
        });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            // Fails only for a provider without any cipher suite of these versions, which ring has.
            .expect("ring supports TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            verifier,
        })
    }

    /// The TLS handshake with `host` over a connected stream.
    ///
    /// # Errors
    /// [`Kind::Certificate`] when the certificate is not accepted, else [`Kind::Tls`].
    pub async fn connect(&self, host: &str, tcp: TcpStream) -> Result<(TlsStream, Agreed), Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Error::new(
                Kind::Tls,
                Stage::Tls,
                format!("{host} is no name that TLS can check"),
            )
        })?;
        let connector = TlsConnector::from(self.config.clone());
        let stream = connector
            .connect(name, tcp)
            .await
            .map_err(|error| explain(host, &error))?;
        let session = stream.get_ref().1;
        let agreed = Agreed {
            version: session
                .protocol_version()
                .map(version_name)
                .unwrap_or_default(),
            cipher: session
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .map(|name| name.replace("TLS13_", "TLS_"))
                .unwrap_or_default(),
            distrust: self.verifier.take_distrust(),
        };
        Ok((stream, agreed))
    }
}

fn version_name(version: rustls::ProtocolVersion) -> String {
    version.as_str().unwrap_or_default().replace('_', ".")
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), BadRoots> {
    let shown = path.display().to_string();
    let pem = std::fs::read(path)
        .map_err(|error| BadRoots::Unreadable(Unreadable::new(&shown, io_text(&error))))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem).flatten() {
        roots.add(certificate).map_err(|error| {
            BadRoots::NoCertificate(format!(
                "{shown} holds a certificate that cannot be used: {error}"
            ))
        })?;
        found += 1;
    }
    if found == 0 {
        return Err(BadRoots::NoCertificate(format!(
            "{shown} holds no PEM certificate"
        )));
    }
    Ok(())
}

fn judge(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .ok()
}

/// Judges a certificate, remembers why it would be refused, and lets it pass when told to.
#[derive(Debug)]
struct Verifier {
    insecure: bool,
    known: Option<Arc<WebPkiServerVerifier>>,
    system: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
    provider: Arc<CryptoProvider>,
    distrust: Mutex<Option<String>>,
}

impl Verifier {
    fn take_distrust(&self) -> Option<String> {
        self.distrust.lock().ok()?.take()
    }

    fn system(&self) -> Option<&Arc<WebPkiServerVerifier>> {
        self.system
            .get_or_init(|| {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                judge(roots, &self.provider)
            })
            .as_ref()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let ask = |judge: &Arc<WebPkiServerVerifier>| {
            judge.verify_server_cert(end_entity, intermediates, server_name, ocsp, now)
        };
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let mut verdict = self.known.as_ref().map_or(Err(unknown.clone()), ask);
        if verdict.as_ref().is_err_and(|error| *error == unknown) {
            verdict = self.system().map_or(verdict, ask);
        }
        match verdict {
            Err(error) if self.insecure => {
                if let Ok(mut distrust) = self.distrust.lock() {
                    *distrust = Some(certificate_text(&error));
                }
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A failed handshake in words, with its cure.
fn explain(host: &str, error: &io::Error) -> Error {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(error @ rustls::Error::InvalidCertificate(why)) => {
            let message = format!(
                "the certificate of {host} is not accepted: {}",
                certificate_text(error)
            );
            Error::new(Kind::Certificate, Stage::Tls, message).hint(match why {
                CertificateError::UnknownIssuer => {
                    "trust its CA with --cacert FILE, or accept any certificate with --insecure"
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "connect by a name it is valid for, or accept any certificate with --insecure"
                }
                _ => "--insecure accepts any certificate",
            })
        }
        Some(rustls::Error::InvalidMessage(_)) => Error::new(
            Kind::Tls,
            Stage::Tls,
            format!("{host} does not speak TLS on this port"),
        )
        .hint("try ws:// instead of wss://"),
        Some(rustls::Error::AlertReceived(alert)) => Error::new(
            Kind::Tls,
            Stage::Tls,
            format!("{host} refused the TLS handshake with the alert {alert:?}"),
        ),
        Some(other) => Error::new(
            Kind::Tls,
            Stage::Tls,
            format!("TLS with {host} failed: {other}"),
        ),
        None => {
            let why = match error.kind() {
                io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
                _ => io_text(error),
            };
            Error::new(
                Kind::TlsEnded,
                Stage::Tls,
                format!("TLS with {host} failed: {why}"),
            )
            .hint("is this a TLS port? ws:// connects without TLS")
        }
    }
}

/// Why a certificate was refused, in the words of people.
fn certificate_text(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(why) = error else {
        return error.to_string();
    };
    match why {
        CertificateError::UnknownIssuer => {
            "its issuer is unknown (self-signed, or signed by a private CA)".to_owned()
        }
        CertificateError::ExpiredContext { time, not_after } => {
            let ago = time.as_secs().saturating_sub(not_after.as_secs());
            format!(
                "it expired {} ago, on {}",
                coarse(ago),
                date(not_after.as_secs())
            )
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("it is not valid before {}", date(not_before.as_secs()))
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            format!(
                "{} is not among its names ({})",
                expected.to_str(),
                presented.join(", ")
            )
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is a CA's own certificate, used by a server (self-signed)".to_owned()
        }
        other => other.to_string(),
    }
}

fn coarse(seconds: u64) -> String {
    match seconds {
        0..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn date(unix_seconds: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(unix_seconds);
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.split('T').next().unwrap_or(&text).to_owned()
}
