//! The certificate verifier. It always verifies strictly and records the certificate and the result.
//!
//! With `--insecure` the recorded error is not returned; everything else is the same.

use std::env;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

use super::certificate::CertificateSummary;
use super::words::certificate_text;
use crate::named_file::{self, ReadLimits};
use crate::secret::io_text;

/// The trusted roots; shared by all connections.
#[derive(Debug)]
pub struct TrustPolicy {
    /// Accept any certificate.
    insecure: bool,
    /// Mozilla's roots and `--cacert`.
    known: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates of `--cacert`: a server may present one of them itself.
    given: Vec<CertificateDer<'static>>,
    system: OnceLock<SystemRoots>,
    provider: Arc<CryptoProvider>,
}

/// The system's trust store.
#[derive(Debug)]
struct SystemRoots {
    verifier: Option<Arc<WebPkiServerVerifier>>,
    error: Option<String>,
}

impl TrustPolicy {
    /// Trusts these roots and the given certificates.
    pub fn new(
        insecure: bool,
        given: Vec<CertificateDer<'static>>,
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self {
            insecure,
            known: verifier(roots, &provider),
            given,
            system: OnceLock::new(),
            provider,
        }
    }

    /// The error when the system's trust store was read, if any.
    pub fn store_error(&self) -> Option<&str> {
        self.system.get()?.error.as_deref()
    }

    fn system(&self) -> Option<&Arc<WebPkiServerVerifier>> {
        let load = || {
            let mut roots = RootCertStore::empty();
            if let Some(pipe) = store_in_a_pipe() {
                return match pipe {
                    Ok(certificates) => {
                        roots.add_parsable_certificates(certificates);
                        SystemRoots {
                            error: None,
                            verifier: verifier(roots, &self.provider),
                        }
                    }
                    Err(error) => SystemRoots {
                        error: Some(error),
                        verifier: None,
                    },
                };
            }
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            SystemRoots {
                error: missing_store().or_else(|| {
                    let error = found.errors.iter().find(|error| !is_absent(error))?;
                    roots
                        .is_empty()
                        .then(|| format!("cannot read the system's trust store: {error}"))
                }),
                verifier: verifier(roots, &self.provider),
            }
        };
        self.system.get_or_init(load).verifier.as_ref()
    }

    /// Whether the server presents a certificate of `--cacert` itself. Self-signed certificates are mostly CA
    /// certificates, which path validation rejects as server certificates (RFC 5280 §6.1).
    fn is_given(&self, presented: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
        self.given.iter().any(|known| known == presented)
            && CertificateSummary::parse(presented)
                .is_some_and(|certificate| certificate.is_current())
            && ParsedCertificate::try_from(presented)
                .is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
    }
}

/// The certificates of `SSL_CERT_FILE` if it is a pipe or a device, which may be endless.
fn store_in_a_pipe() -> Option<Result<Vec<CertificateDer<'static>>, String>> {
    // Reading delays the handshake.
    const LIMITS: ReadLimits = ReadLimits {
        size: named_file::USUAL_SIZE,
        time: Duration::from_secs(5),
    };
    let name = env::var_os("SSL_CERT_FILE")?;
    let path = Path::new(&name);
    if path.metadata().ok()?.is_file() {
        return None;
    }
    let pem = named_file::read(path, LIMITS).map_err(|error| {
        let why = io_text(&error);
        format!("SSL_CERT_FILE: cannot read {}: {why}", path.display())
    });
    Some(pem.map(|pem| CertificateDer::pem_slice_iter(&pem).flatten().collect()))
}

/// The error for a trust store in the environment that does not exist.
fn missing_store() -> Option<String> {
    let missing = |name: &str, path: &Path| {
        let why = path.metadata().err()?;
        Some(format!(
            "{name}: cannot read {}: {}",
            path.display(),
            io_text(&why)
        ))
    };
    let file = env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
    if let Some(error) = file.and_then(|path| missing("SSL_CERT_FILE", Path::new(&path))) {
        return Some(error);
    }
    let folders = env::var_os("SSL_CERT_DIR")?;
    env::split_paths(&folders)
        .filter(|path| !path.as_os_str().is_empty())
        .find_map(|path| missing("SSL_CERT_DIR", &path))
}

/// Whether the store is missing without being named in the environment. That is fine, for example in a
/// container image with only wsprobe, since Mozilla's roots are built in.
fn is_absent(error: &rustls_native_certs::Error) -> bool {
    let is_named = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .iter()
        .any(|name| env::var_os(name).is_some());
    let is_missing = matches!(&error.kind, rustls_native_certs::ErrorKind::Io { inner, .. }
        if inner.kind() == io::ErrorKind::NotFound);
    is_missing && !is_named
}

fn verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .ok()
}

/// The result of verifying one handshake.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// The server's certificate.
    pub certificate: Option<CertificateSummary>,
    /// The certificate in DER.
    pub der: Option<Vec<u8>>,
    /// Why the certificate was rejected.
    pub error: Option<TlsError>,
    /// Why the signature by its key is invalid.
    pub unproven: Option<TlsError>,
}

impl Verification {
    /// Why the certificate is not accepted, as text.
    pub fn distrust_reason(&self) -> Option<String> {
        let error = self.error.as_ref().or(self.unproven.as_ref())?;
        let (certificate, der) = (self.certificate.as_ref(), self.der.as_deref());
        Some(certificate_text(error, certificate, der))
    }
}

/// The verifier of one handshake, which records the result.
#[derive(Debug)]
pub struct RecordingVerifier {
    trust: Arc<TrustPolicy>,
    seen: Mutex<Verification>,
}

impl RecordingVerifier {
    /// A verifier for one handshake.
    pub fn new(trust: Arc<TrustPolicy>) -> Self {
        Self {
            trust,
            seen: Mutex::default(),
        }
    }

    /// The recorded result.
    pub fn verification(&self) -> Verification {
        self.seen
            .lock()
            .map(|seen| seen.clone())
            .unwrap_or_default()
    }
}

/// Signature schemes that cannot be verified here. They are offered with `--insecure` only, for servers whose
/// key supports no other.
const UNVERIFIED: [SignatureScheme; 4] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    SignatureScheme::RSA_PKCS1_SHA1,
    SignatureScheme::ECDSA_SHA1_Legacy,
];

impl RecordingVerifier {
    /// Records whether the server has proved that it owns the key of its certificate. With `--insecure` a
    /// missing proof is accepted, since any certificate is accepted anyway.
    fn check_proof(
        &self,
        proof: Result<HandshakeSignatureValid, TlsError>,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        if let Err(error) = &proof
            && let Ok(mut seen) = self.seen.lock()
        {
            seen.unproven = Some(error.clone());
        }
        match self.trust.insecure {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => proof,
        }
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let ask = |verifier: &Arc<WebPkiServerVerifier>| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp, now)
        };
        let unknown = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let trust = &self.trust;
        let mut verdict = trust.known.as_ref().map_or(Err(unknown.clone()), ask);
        if verdict.is_err() && trust.is_given(end_entity, server_name) {
            verdict = Ok(ServerCertVerified::assertion());
        }
        if verdict.as_ref().is_err_and(|error| *error == unknown) {
            verdict = trust.system().map_or(verdict, ask);
        }
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Verification {
                certificate: CertificateSummary::parse(end_entity),
                der: Some(end_entity.to_vec()),
                error: verdict.as_ref().err().cloned(),
                unproven: None,
            };
        }
        if trust.insecure {
            return Ok(ServerCertVerified::assertion());
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        let proof = rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms);
        self.check_proof(proof)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.trust.provider.signature_verification_algorithms;
        let proof = rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms);
        self.check_proof(proof)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self
            .trust
            .provider
            .signature_verification_algorithms
            .supported_schemes();
        if self.trust.insecure {
            schemes.extend(UNVERIFIED);
        }
        schemes
    }
}
