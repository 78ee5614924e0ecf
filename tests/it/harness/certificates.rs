//! Server certificates generated at run time: a valid one, and one for each kind of defect.

use std::sync::Arc;

use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SignatureScheme};

/// The certificate of a TLS server, and the authority that a client must trust to accept it.
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authority: String,
    /// The authority that must have issued the client certificates, if they are required.
    clients: Option<CertificateDer<'static>>,
    /// Whether the server supports only TLS 1.2.
    old: bool,
}

/// A client certificate and its key, as PEM.
pub struct ClientCertificate {
    pub certificate: String,
    pub key: String,
    authority: CertificateDer<'static>,
}

impl ClientCertificate {
    /// Signed by its own authority.
    pub fn new() -> Self {
        let authority = authority();
        let key = KeyPair::generate().unwrap();
        let mut params = params(&["client.example"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &authority).unwrap();
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            authority: authority.der().clone(),
        }
    }
}

impl Certificate {
    /// For `localhost` and 127.0.0.1, signed by its own authority.
    pub fn good() -> Self {
        Self::signed(&params(&["localhost", "127.0.0.1"]))
    }

    pub fn expired() -> Self {
        let mut params = params(&["localhost", "127.0.0.1"]);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        Self::signed(&params)
    }

    pub fn not_yet_valid() -> Self {
        let mut params = params(&["localhost", "127.0.0.1"]);
        params.not_before = date_time_ymd(2090, 1, 1);
        params.not_after = date_time_ymd(2099, 1, 1);
        Self::signed(&params)
    }

    /// For another host, with escape sequences in its subject and name.
    pub fn with_escapes_in_its_name() -> Self {
        Self::named("\u{1b}]0;pwned\u{7}\u{1b}[2J\u{202e}\r\nhint: trust me")
    }

    /// For another host, with this as its subject.
    pub fn named(drawn: &str) -> Self {
        let mut params = params(&["other.example"]);
        params.distinguished_name.push(DnType::CommonName, drawn);
        params
            .distinguished_name
            .push(DnType::OrganizationName, drawn);
        Self::signed(&params)
    }

    pub fn for_another_host() -> Self {
        Self::signed(&params(&["other.example"]))
    }

    /// For `localhost`, but only in the common name.
    pub fn with_a_common_name_alone() -> Self {
        let mut params = params(&[]);
        params
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        Self::signed(&params)
    }

    /// With these as its DNS names.
    pub fn for_dns_names(names: &[&str]) -> Self {
        let mut params = params(&[]);
        let names = names.iter().map(|name| (*name).try_into().unwrap());
        params.subject_alt_names = names.map(SanType::DnsName).collect();
        Self::signed(&params)
    }

    /// With an unknown critical extension.
    pub fn with_an_unknown_critical_extension() -> Self {
        let mut params = params(&["localhost", "127.0.0.1"]);
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
        Self::signed(&params)
    }

    /// X.509 v1, as `openssl x509 -req` generates it without an extension file.
    pub fn of_version_1() -> Self {
        let made = Self::self_signed();
        let key = ring::sign::any_ecdsa_type(&made.key).unwrap();
        let signer = key.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]);
        let certificate = elements(content(&made.chain[0]));
        // Version and extensions are the fields with context-specific tags.
        let fields = elements(content(certificate[0]));
        let fields: Vec<&[u8]> = fields
            .into_iter()
            .filter(|field| ![0xa0, 0xa3].contains(&field[0]))
            .collect();
        let body = sequence(&fields);
        let signature = signer.unwrap().sign(&body).unwrap();
        let signature = der(0x03, &[&[0], &signature]);
        let whole = sequence(&[&body, certificate[1], &signature]);
        Self {
            chain: vec![CertificateDer::from(whole)],
            ..made
        }
    }

    /// Self-signed; its "authority" is an unrelated one.
    pub fn self_signed() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params(&["localhost", "127.0.0.1"])
            .self_signed(&key)
            .unwrap();
        Self {
            chain: vec![certificate.der().clone()],
            key: private(&key),
            authority: authority().pem(),
            clients: None,
            old: false,
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
            clients: None,
            old: false,
        }
    }

    /// Requires a client certificate issued by this authority.
    pub fn only_for(self, client: &ClientCertificate) -> Self {
        Self {
            clients: Some(client.authority.clone()),
            ..self
        }
    }

    /// Supports nothing newer than TLS 1.2.
    pub fn only_tls_1_2(self) -> Self {
        Self { old: true, ..self }
    }

    /// The server's own certificate as PEM.
    pub fn pem(&self) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(&self.chain[0]);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    /// The certificate's key.
    pub fn key_pem(&self) -> String {
        let body = base64::engine::general_purpose::STANDARD.encode(self.key.secret_der());
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    }

    /// The authority's certificate, for `--cacert`.
    pub fn authority_pem(&self) -> &str {
        &self.authority
    }

    pub fn into_server_config(self) -> Arc<ServerConfig> {
        let versions: &[_] = match self.old {
            true => &[&rustls::version::TLS12],
            false => rustls::DEFAULT_VERSIONS,
        };
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap();
        let config = match self.clients {
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority).unwrap();
                let provider = Arc::new(ring::default_provider());
                let judge = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                config.with_client_cert_verifier(judge.build().unwrap())
            }
            None => config.with_no_client_auth(),
        };
        // The library's constructor would reject certificates that clients are tested with.
        let key = ring::sign::any_supported_type(&self.key).unwrap();
        let shown = CertifiedKey::new(self.chain, key);
        Arc::new(config.with_cert_resolver(Arc::new(SingleCertAndKey::from(shown))))
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

/// A DER element of that tag with that content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..0x80) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, &content].concat()
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, parts)
}

/// Where an element's content begins, and its length.
fn measure(element: &[u8]) -> (usize, usize) {
    match element[1] {
        length @ 0..0x80 => (2, length.into()),
        form => {
            let digits = &element[2..2 + usize::from(form & 0x7f)];
            let length = digits
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (2 + digits.len(), length)
        }
    }
}

fn content(element: &[u8]) -> &[u8] {
    let (start, length) = measure(element);
    &element[start..start + length]
}

fn elements(mut content: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let (start, length) = measure(content);
        let (element, rest) = content.split_at(start + length);
        found.push(element);
        content = rest;
    }
    found
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(key.serialize_der()).unwrap()
}
