//! The one verifier: judges strictly, keeps what was presented and what is wrong with it, and lets it
//! pass all the same when told to. `--insecure` differs in the last step alone.

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

/// Who is trusted; shared by all connections.
#[derive(Debug)]
pub struct TrustPolicy {
    /// Accept whatever is presented.
    insecure: bool,
    /// Mozilla's roots and `--cacert`.
    known: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates of `--cacert`, for servers that present one of them as their own.
    given: Vec<CertificateDer<'static>>,
    system: OnceLock<SystemRoots>,
    provider: Arc<CryptoProvider>,
}

/// The system's trust store.
#[derive(Debug)]
struct SystemRoots {
    verifier: Option<Arc<WebPkiServerVerifier>>,
    trouble: Option<String>,
}

impl TrustPolicy {
    /// Trusts Mozilla's roots and those given.
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

    /// What went wrong when the system's store was read, if it was.
    pub fn store_error(&self) -> Option<&str> {
        self.system.get()?.trouble.as_deref()
    }

    fn system(&self) -> Option<&Arc<WebPkiServerVerifier>> {
        let load = || {
            let mut roots = RootCertStore::empty();
            if let Some(pipe) = store_in_a_pipe() {
                return match pipe {
                    Ok(certificates) => {
                        roots.add_parsable_certificates(certificates);
                        SystemRoots {
                            trouble: None,
                            verifier: verifier(roots, &self.provider),
                        }
                    }
                    Err(trouble) => SystemRoots {
                        trouble: Some(trouble),
                        verifier: None,
                    },
                };
            }
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            SystemRoots {
                trouble: missing_store().or_else(|| {
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

    /// Whether the server presents the very certificate that `--cacert` names: self-signed ones are
    /// mostly made as authorities, which no path may end with (RFC 5280 §6.1), and trusted by hand.
    fn is_given(&self, presented: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
        self.given.iter().any(|known| known == presented)
            && CertificateSummary::parse(presented)
                .is_some_and(|certificate| certificate.is_current())
            && ParsedCertificate::try_from(presented)
                .is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
    }
}

/// The certificates of `SSL_CERT_FILE` where it is a pipe or a device, which may have no end.
fn store_in_a_pipe() -> Option<Result<Vec<CertificateDer<'static>>, String>> {
    // The handshake waits for it.
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

/// A file or a folder that the environment names as the trust store and that is not there.
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
    if let Some(trouble) = file.and_then(|path| missing("SSL_CERT_FILE", Path::new(&path))) {
        return Some(trouble);
    }
    let folders = env::var_os("SSL_CERT_DIR")?;
    env::split_paths(&folders)
        .filter(|path| !path.as_os_str().is_empty())
        .find_map(|path| missing("SSL_CERT_DIR", &path))
}

/// A system without a store, as an image that holds wsprobe alone, is none in trouble: Mozilla's roots
/// are built in. A store that the environment names must be there.
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

/// What one handshake saw.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// The server's certificate.
    pub certificate: Option<CertificateSummary>,
    /// The same as it came.
    pub der: Option<Vec<u8>>,
    /// Why it is not trusted.
    pub error: Option<TlsError>,
    /// Why the server may not have its key.
    pub unproven: Option<TlsError>,
}

impl Verification {
    /// Why the certificate would not be accepted, in words.
    pub fn distrust_reason(&self) -> Option<String> {
        let error = self.error.as_ref().or(self.unproven.as_ref())?;
        let (certificate, der) = (self.certificate.as_ref(), self.der.as_deref());
        Some(certificate_text(error, certificate, der))
    }
}

/// The judge of one handshake.
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

    /// What was presented.
    pub fn verification(&self) -> Verification {
        self.seen
            .lock()
            .map(|seen| seen.clone())
            .unwrap_or_default()
    }
}

/// Signatures that cannot be checked here: a server whose key is of such a kind has nothing else to offer.
const UNVERIFIED: [SignatureScheme; 4] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    SignatureScheme::RSA_PKCS1_SHA1,
    SignatureScheme::ECDSA_SHA1_Legacy,
];

impl RecordingVerifier {
    /// Whether the server has the key of its certificate. Who accepts any certificate accepts one whose
    /// key cannot be used here as well, since anybody could make one that can.
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
