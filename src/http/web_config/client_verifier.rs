//! The check of client certificates.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

use super::fault::Faults;

/// The policy of `client_auth_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    /// No certificate is requested.
    None,
    /// One is requested.
    Request,
    /// One is needed, from any issuer.
    RequireAny,
    /// One that is shown must come from a trusted authority.
    VerifyIfGiven,
    /// One from a trusted authority is needed.
    RequireAndVerify,
}

impl ClientAuth {
    const NAMES: [(&str, Self); 6] = [
        ("NoClientCert", Self::None),
        ("RequestClientCert", Self::Request),
        ("RequireAnyClientCert", Self::RequireAny),
        ("RequireClientCert", Self::RequireAny),
        ("VerifyClientCertIfGiven", Self::VerifyIfGiven),
        ("RequireAndVerifyClientCert", Self::RequireAndVerify),
    ];

    /// The policy of a name; without a name, that of the default.
    pub(super) fn parse(name: Option<&str>, key: &str, faults: &mut Faults) -> Self {
        let Some(name) = name else { return Self::None };
        if let Some((_, policy)) = Self::NAMES.iter().find(|(known, _)| *known == name) {
            return *policy;
        }
        let names = Self::NAMES.map(|(name, _)| name).into_iter().filter(|name| *name != "RequireClientCert");
        faults.add(key, format!("must be one of {}", names.collect::<Vec<_>>().join(", ")));
        Self::None
    }

    /// Whether certificates are compared with those of the authorities.
    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }

    /// Whether a client without a certificate is refused.
    pub(super) fn is_mandatory(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }
}

/// A name that a client certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum San {
    Ip(IpAddr),
    /// A host name or a URI.
    Text(String),
}

/// Checks client certificates by a policy and a list of names.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    /// `None`: a certificate of any issuer will do.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    is_mandatory: bool,
    allowed: Vec<San>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    /// A verifier for a policy. `allowed` is empty if any name will do.
    pub(super) fn new(
        policy: ClientAuth,
        roots: RootCertStore,
        allowed: &[String],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let chain = if policy.verifies() {
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            Some(builder.build().map_err(|error| error.to_string())?)
        } else {
            None
        };
        let san = |text: &String| text.parse().map_or_else(|_| San::Text(text.clone()), San::Ip);
        Ok(Self {
            chain: chain.map(|chain| chain as Arc<dyn ClientCertVerifier>),
            is_mandatory: policy.is_mandatory(),
            allowed: allowed.iter().map(san).collect(),
            algorithms: provider.signature_verification_algorithms,
        })
    }

    /// Whether a certificate has one of the allowed names, exactly.
    fn has_allowed_name(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok(parsed) = EndEntityCert::try_from(certificate) else { return false };
        self.allowed.iter().any(|name| match name {
            San::Ip(address) => {
                parsed.verify_is_valid_for_subject_name(&ServerName::IpAddress((*address).into())).is_ok()
            }
            San::Text(text) => {
                parsed.valid_dns_names().any(|name| name == text) || parsed.valid_uri_names().any(|name| name == text)
            }
        })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        if !self.allowed.is_empty() && !self.has_allowed_name(end_entity) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
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
