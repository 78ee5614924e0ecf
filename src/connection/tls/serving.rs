//! TLS in the server role: the certificate, and the handshake with a client.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::TlsAcceptor;

use super::words::{alert_name, tls_text};
use super::{ClientIdentity, NegotiatedTls, SystemClock, TlsOptionsError, negotiated};
use crate::connection::error::{Error, ErrorKind, Stage};
use crate::connection::stream::{Stream, Transport};
use crate::named_file::ReadLimits;
use crate::secret::io_text;

/// The validity of a generated certificate. It is only used during one run.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How far a client's clock may be behind.
const CLOCK_SKEW: Duration = Duration::from_secs(24 * 60 * 60);

/// Accepts TLS connections. Built once, before the first client.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// Uses the certificate and key of two files.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub fn from_files(identity: &ClientIdentity) -> Result<Self, TlsOptionsError> {
        Ok(Self::showing(
            identity.load(&ring::default_provider(), ReadLimits::default())?,
        ))
    }

    /// Generates a self-signed certificate for these names and addresses. Returns its SHA-256 fingerprint
    /// too, by which a client can recognize it.
    ///
    /// # Errors
    /// A name is invalid in a certificate, or no random numbers are available.
    pub fn self_signed(names: Vec<String>) -> Result<(Self, String), TlsOptionsError> {
        let failed = |error: rcgen::Error| {
            TlsOptionsError::unusable(format!("cannot generate a certificate: {error}"))
        };
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "wsprobe serve");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = SystemTime::now();
        params.not_before = (now - CLOCK_SKEW).into();
        params.not_after = (now + LIFETIME).into();
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        let der = certificate.der().clone();
        let fingerprint = fingerprint(&der);
        let signer = PrivatePkcs8KeyDer::from(key.serialize_der());
        let signer = ring::sign::any_ecdsa_type(&signer.into()).map_err(|error| {
            TlsOptionsError::unusable(format!("cannot use the generated key: {error}"))
        })?;
        let certified = CertifiedKey::new(vec![der], signer);
        let shown = Arc::new(SingleCertAndKey::from(certified));
        Ok((Self::showing(shown), fingerprint))
    }

    fn showing(certificate: Arc<dyn ResolvesServerCert>) -> Self {
        let mut config = ServerConfig::builder_with_details(
            Arc::new(ring::default_provider()),
            Arc::new(SystemClock),
        )
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        // Fails only for a provider without any cipher suite of these versions, which ring has.
        .expect("ring supports TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(certificate);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    /// Performs the handshake with a client over a connected stream.
    ///
    /// # Errors
    /// [`ErrorKind::Tls`] with the reason.
    pub async fn accept(&self, stream: Stream) -> Result<(Stream, NegotiatedTls), Error> {
        let stream = self.0.accept(stream).await.map_err(|error| {
            let why = match super::tls_error(&error) {
                Some(rustls::Error::InvalidMessage(_)) => {
                    "the client does not speak TLS; this port needs wss:// or https://".to_owned()
                }
                Some(rustls::Error::AlertReceived(alert)) => {
                    format!(
                        "the client refused the TLS handshake: {}",
                        alert_name(*alert)
                    )
                }
                Some(other) => format!("TLS with the client failed: {}", tls_text(other)),
                None => format!("TLS with the client failed: {}", io_text(&error)),
            };
            Error::new(ErrorKind::Tls, Stage::Tls, why)
        })?;
        let (version, cipher) = negotiated(stream.get_ref().1);
        let negotiated = NegotiatedTls {
            version,
            cipher,
            certificate: None,
            distrust: None,
        };
        Ok((Stream::over(stream), negotiated))
    }
}

impl Transport for tokio_rustls::server::TlsStream<Stream> {
    fn carrier(&self) -> Option<&Stream> {
        Some(self.get_ref().0)
    }
}

/// The SHA-256 of a certificate, as browsers and openssl show it: `AB:CD:…`.
fn fingerprint(der: &[u8]) -> String {
    let sha256 = ring::cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .map(|suite| suite.common.hash_provider);
    let digest = sha256.map(|sha256| sha256.hash(der));
    let bytes = digest.as_ref().map_or(&[][..], AsRef::as_ref);
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}
