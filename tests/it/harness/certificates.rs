//! Server certificates made at run time: one that holds, and each way one may not.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a TLS server presents, and the authority that a client would have to trust for it.
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authority: String,
}

impl Certificate {
    /// For `localhost` and 127.0.0.1, signed by an authority of its own.
    pub fn good() -> Self {
        Self::signed(&params(&["localhost", "127.0.0.1"]))
    }

    pub fn expired() -> Self {
        let mut params = params(&["localhost", "127.0.0.1"]);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        Self::signed(&params)
    }

    pub fn for_another_host() -> Self {
        Self::signed(&params(&["other.example"]))
    }

    /// Signed by nobody but itself; its "authority" is an unrelated one.
    pub fn self_signed() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params(&["localhost", "127.0.0.1"])
            .self_signed(&key)
            .unwrap();
        Self {
            chain: vec![certificate.der().clone()],
            key: private(&key),
            authority: authority().pem(),
        }
    }

    fn signed(params: &CertificateParams) -> Self {
        let authority = authority();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        Self {
            chain: vec![certificate.der().clone()],
            key: private(&key),
            authority: authority.pem(),
        }
    }

    /// The authority's certificate, for `--cacert`.
    pub fn authority_pem(&self) -> &str {
        &self.authority
    }

    pub fn into_server_config(self) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)
            .unwrap();
        Arc::new(config)
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = params(&[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "wsprobe test authority");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(key.serialize_der()).unwrap()
}
