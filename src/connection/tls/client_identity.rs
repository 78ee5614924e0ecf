//! Our own certificate and key (`--cert`, `--key`), as a client or as a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::{TlsOptionsError, certificate};
use crate::named_file::ReadLimits;

/// The files of our own certificate and key.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// The certificate chain (PEM), our own certificate first.
    pub certificate: PathBuf,
    /// The private key (PEM: PKCS#8, PKCS#1 or SEC1); `None` if it is in the certificate file.
    pub key: Option<PathBuf>,
}

impl ClientIdentity {
    /// Reads both files and checks that they match.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub(super) fn load(
        &self,
        provider: &CryptoProvider,
        files: ReadLimits,
    ) -> Result<Arc<SingleCertAndKey>, TlsOptionsError> {
        let shown = self.certificate.display().to_string();
        let pem = super::read(&self.certificate, files)?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| {
                TlsOptionsError::unusable(format!(
                    "{shown} is not a valid PEM certificate: {error}"
                ))
            })?;
        if chain.is_empty() {
            return Err(TlsOptionsError::unusable(format!(
                "{shown} does not contain a PEM certificate"
            )));
        }
        let key_path = self.key.as_ref().unwrap_or(&self.certificate);
        let key = match &self.key {
            Some(path) => read_key(path, &super::read(path, files)?)?,
            None => read_key(&self.certificate, &pem)?,
        };
        let key_shown = key_path.display();
        let signer = provider
            .key_provider
            .load_private_key(key)
            .map_err(|error| {
                TlsOptionsError::unusable(format!(
                    "the key in {key_shown} cannot be used: {}",
                    super::words::tls_text(&error)
                ))
            })?;
        // The TLS library's own comparison accepts only X.509 v3. Whether to accept an older certificate is
        // up to the peer.
        let public = certificate::public_key(&chain[0]).ok_or_else(|| {
            TlsOptionsError::unusable(format!("the certificate in {shown} cannot be read"))
        })?;
        if signer
            .public_key()
            .is_some_and(|identity| identity.as_ref() != public)
        {
            return Err(TlsOptionsError::unusable(format!(
                "the key in {key_shown} does not match the certificate in {shown}"
            )));
        }
        let certified = CertifiedKey::new(chain, signer);
        Ok(Arc::new(SingleCertAndKey::from(certified)))
    }
}

/// Sends no client certificate.
#[derive(Debug)]
pub(super) struct NoIdentity;

impl ResolvesClientCert for NoIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

fn read_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsOptionsError> {
    let shown = path.display();
    let text = String::from_utf8_lossy(pem);
    // PKCS#8 marks encryption in the label, older formats in a header line (RFC 1421 §4.6.1.1).
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(
            TlsOptionsError::unusable(format!("the key in {shown} is encrypted")).hint(format!(
                "decrypt it first: openssl pkey -in {shown} -out decrypted.pem"
            )),
        );
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            TlsOptionsError::unusable(format!("{shown} does not contain a PEM private key"))
                .hint("--key FILE names the private key of the certificate of --cert")
        }
        error => TlsOptionsError::unusable(format!("the key in {shown} cannot be read: {error}")),
    })
}
