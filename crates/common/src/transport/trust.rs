//! The trusted certificates: the system's authorities, and those of a file.
//!
//! A file may also hold the server's own certificate, as `openssl req -x509` creates it. Such a certificate mostly
//! claims to be an authority, and names no host, so the usual check refuses it. It is accepted as it is, because only
//! the server has its key.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// The fault of a certificate file.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// The certificate at this position is invalid.
    #[error("certificate {0} is not valid PEM")]
    Pem(usize),
    /// The certificates cannot be trusted.
    #[error(transparent)]
    Tls(#[from] Error),
}

/// The trust besides the system's authorities.
#[derive(Clone, Debug, Default)]
pub struct Trust(Option<ClientConfig>);

impl Trust {
    /// Trusts each certificate of a PEM file, as an authority and as a server's certificate.
    ///
    /// # Errors
    /// [`BadFile`].
    pub fn of_file(pem: &[u8]) -> Result<Self, BadFile> {
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
            .enumerate()
            .map(|(index, certificate)| certificate.map_err(|_| BadFile::Pem(index + 1)))
            .collect::<Result<_, _>>()?;
        let provider = Arc::new(ring::default_provider());
        let verifier = Pinning::new(certificates, &provider)?;
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        // The verifier does the usual check, and also accepts the certificates of the file.
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
        Ok(Self(Some(config)))
    }

    /// Trusts any certificate, for a server on this machine that gets no secret.
    ///
    /// # Errors
    /// Fails never with the built-in cryptography.
    pub fn everyone() -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(Everyone(algorithms)));
        Ok(Self(Some(config.with_no_client_auth())))
    }

    /// The TLS configuration. `None` when only the system's authorities are trusted.
    pub(super) fn config(&self) -> Option<ClientConfig> {
        self.0.clone()
    }
}

/// The usual check of certificates, with some known certificates that are accepted unchecked.
#[derive(Debug)]
struct Pinning {
    usual: Verifier,
    known: Vec<CertificateDer<'static>>,
}

impl Pinning {
    fn new(known: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let usual = Verifier::new_with_extra_roots(known.iter().cloned(), Arc::clone(provider))?;
        Ok(Self { usual, known })
    }
}

impl ServerCertVerifier for Pinning {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.known.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Accepts any certificate whose key the server has.
#[derive(Debug)]
struct Everyone(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Everyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
