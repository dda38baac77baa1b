//! The trusted certificates: the system's authorities, and those of a file.
//!
//! A file may also hold the server's own certificate, as `openssl req -x509` creates it. Such a certificate mostly
//! claims to be an authority, and names no host, so the usual check refuses it. It is accepted as it is, because only
//! the server has its key.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
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
        let usual = Verifier::new_with_extra_roots(certificates.iter().cloned(), Arc::new(ring::default_provider()))?;
        // The verifier does the usual check, and also accepts the certificates of the file.
        Ok(Self(Some(config(Some(usual), certificates)?)))
    }

    /// Trusts any certificate, for a server on this machine that gets no secret.
    ///
    /// # Errors
    /// Fails never with the built-in cryptography.
    pub fn any() -> Result<Self, Error> {
        Ok(Self(Some(config(None, Vec::new())?)))
    }

    /// The TLS configuration. `None` when only the system's authorities are trusted.
    pub(super) fn config(&self) -> Option<ClientConfig> {
        self.0.clone()
    }
}

fn config(usual: Option<Verifier>, known: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let verifier = Arc::new(ServerVerifier { usual, known, algorithms });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The usual check of certificates, and the certificates that need none.
#[derive(Debug)]
struct ServerVerifier {
    /// `None`: every certificate is accepted.
    usual: Option<Verifier>,
    /// Certificates that are accepted as they are.
    known: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.usual {
            Some(usual) if !self.known.iter().any(|known| known == end_entity) => {
                usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
