//! Certificates for the servers of tests.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::program::file;

/// A certificate authority that no system trusts.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: NamedTempFile,
}

/// A self-signed certificate without a host name, as from `openssl req -x509`: its file, and a server with it.
pub(crate) fn self_signed(is_ca: IsCa) -> (NamedTempFile, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = is_ca;
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (file(&certificate.pem()), acceptor(certificate.into(), &key))
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pem = file(&issuer.pem());
        Self { issuer, pem }
    }

    /// A TLS server with a certificate for `host` that is valid until the given year.
    pub(crate) fn acceptor(&self, host: &str, until: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        acceptor(params.signed_by(&key, &self.issuer).unwrap().into(), &key)
    }

    /// A certificate with this name for servers and clients, valid until the given year, and its key. Both are PEM
    /// text.
    pub(crate) fn issue(&self, name: &str, until: i32) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// The file of its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.pem.path().to_owned()
    }

    /// The line of a configuration file that trusts it.
    pub(crate) fn line(&self) -> String {
        format!("ca_file = '{}'", self.pem.path().display())
    }
}
