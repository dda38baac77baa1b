//! The TLS settings of the listener.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    Error, InconsistentKeys, NamedGroup, ProtocolVersion, RootCertStore, ServerConfig, SupportedCipherSuite,
    SupportedProtocolVersion,
};
use webpki::{EndEntityCert, KeyUsage};

use super::client_verifier::{ClientAuth, ClientVerifier};
use super::document::{Named, Pem, TlsSettings};
use super::fault::Faults;
use super::files;
use super::files::Files;

/// The curves by their names in the file.
const CURVES: [(&str, NamedGroup); 3] =
    [("X25519", NamedGroup::X25519), ("CurveP256", NamedGroup::secp256r1), ("CurveP384", NamedGroup::secp384r1)];

/// Builds the settings. `None` after a fault.
pub(super) fn build(
    settings: &TlsSettings,
    now: Timestamp,
    files: &mut Files,
    faults: &mut Faults,
    warnings: &mut Vec<String>,
) -> Option<ServerConfig> {
    let versions = versions(settings, faults);
    let provider = provider(settings, faults);
    let is_faulty = provider.is_none();
    let provider = Arc::new(provider.unwrap_or_else(ring::default_provider));
    let key = certified_key(settings, now, &provider, files, faults, warnings);
    let clients = clients(settings, &provider, files, faults);
    let (versions, key, clients) = (versions?, key?, clients?);
    if is_faulty {
        return None;
    }
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions);
    let builder = builder.map_err(|_| {
        let problem = "leaves no suite for these versions: add a TLS 1.2 suite, or set max_version to TLS13";
        faults.add(key_of(settings, "cipher_suites"), problem);
    });
    let builder = builder.ok()?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = settings.prefers_own_order;
    // A resumed session would not check the client's certificate again, and scrapes keep their connection.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Some(config)
}

fn key_of(settings: &TlsSettings, key: &str) -> String {
    format!("{}.{key}", settings.section)
}

/// The TLS versions from `min_version` to `max_version`.
fn versions(settings: &TlsSettings, faults: &mut Faults) -> Option<Vec<&'static SupportedProtocolVersion>> {
    let mut version = |key: &str, name: Option<&str>, default: ProtocolVersion| match name {
        None => Some(default),
        Some("TLS12") => Some(ProtocolVersion::TLSv1_2),
        Some("TLS13") => Some(ProtocolVersion::TLSv1_3),
        Some("TLS10" | "TLS11") => {
            faults.add(key_of(settings, key), "TLS before 1.2 is broken and not supported: write TLS12 or TLS13");
            None
        }
        Some(_) => {
            faults.add(key_of(settings, key), "must be TLS12 or TLS13");
            None
        }
    };
    let min = version("min_version", settings.min_version.as_deref(), ProtocolVersion::TLSv1_2);
    let max = version("max_version", settings.max_version.as_deref(), ProtocolVersion::TLSv1_3);
    let number = |version: ProtocolVersion| u16::from(version);
    let (min, max) = (number(min?), number(max?));
    let between = |version: &&SupportedProtocolVersion| (min..=max).contains(&number(version.version));
    let versions: Vec<_> = [&TLS13, &TLS12].into_iter().filter(between).collect();
    if versions.is_empty() {
        faults.add(key_of(settings, "max_version"), "is below min_version, so no version is left");
        return None;
    }
    Some(versions)
}

/// The cryptography, with the configured cipher suites and curves in their order. `None` after a fault.
fn provider(settings: &TlsSettings, faults: &mut Faults) -> Option<CryptoProvider> {
    let mut provider = ring::default_provider();
    let mut is_faulty = false;
    let is_new = |suite: &SupportedCipherSuite| matches!(suite, SupportedCipherSuite::Tls13(_));
    if !settings.cipher_suites.is_empty() {
        let (mut suites, old): (Vec<_>, Vec<_>) = provider.cipher_suites.into_iter().partition(is_new);
        for name in &settings.cipher_suites {
            let found = old.iter().find(|suite| suite.suite().as_str() == Some(name));
            let is_of_tls13 = || suites.iter().any(|suite| name_of_tls13(suite).as_deref() == Some(name));
            match found {
                Some(suite) => suites.push(*suite),
                // All suites of TLS 1.3 are always on.
                None if is_of_tls13() => {}
                None => {
                    let known = old.iter().filter_map(|suite| suite.suite().as_str()).collect::<Vec<_>>().join(", ");
                    let problem = format!("{name:?} is not supported; the suites of TLS 1.2 are {known}");
                    faults.add(key_of(settings, "cipher_suites"), problem);
                    is_faulty = true;
                }
            }
        }
        provider.cipher_suites = suites;
    }
    if !settings.curves.is_empty() {
        let mut groups = Vec::new();
        for name in &settings.curves {
            let group = CURVES.iter().find(|(known, _)| known == name).map(|(_, group)| *group);
            match provider.kx_groups.iter().find(|known| Some(known.name()) == group) {
                Some(group) => groups.push(*group),
                None => {
                    let known = CURVES.map(|(name, _)| name).join(", ");
                    let problem = format!("{name:?} is not supported; the curves are {known}");
                    faults.add(key_of(settings, "curve_preferences"), problem);
                    is_faulty = true;
                }
            }
        }
        provider.kx_groups = groups;
    }
    (!is_faulty).then_some(provider)
}

/// The name of a suite of TLS 1.3 as Go writes it: `TLS_…`, where rustls has `TLS13_…`.
fn name_of_tls13(suite: &SupportedCipherSuite) -> Option<String> {
    suite.suite().as_str().map(|name| name.replacen("TLS13_", "TLS_", 1))
}

/// The PEM text of a key. `None` after a fault.
fn pem(named: &Named, files: &mut Files, faults: &mut Faults) -> Option<Vec<u8>> {
    match &named.pem {
        Pem::Inline(text) => Some(text.clone().into_bytes()),
        Pem::File(path) => {
            let read = files.read(path);
            let read = read.map_err(|error| {
                faults.add(&named.key, format!("cannot read {}: {error}; name a PEM file", path.display()));
            });
            read.ok()
        }
    }
}

/// The certificates in the PEM text of a key. `None` after a fault.
fn certificates(named: &Named, files: &mut Files, faults: &mut Faults) -> Option<Vec<CertificateDer<'static>>> {
    let pem = pem(named, files, faults)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        Ok(_) => {
            faults.add(&named.key, "holds no certificate: lines from -----BEGIN CERTIFICATE----- on");
            None
        }
        Err(_) => {
            faults.add(&named.key, "is not valid PEM: copy the whole file, with its BEGIN and END lines");
            None
        }
    }
}

/// The certificate of the listener with its key. `None` after a fault.
fn certified_key(
    settings: &TlsSettings,
    now: Timestamp,
    provider: &CryptoProvider,
    files: &mut Files,
    faults: &mut Faults,
    warnings: &mut Vec<String>,
) -> Option<CertifiedKey> {
    if settings.certificate.is_none() {
        faults.add(settings.section, "has no certificate: set cert_file, or cert with the PEM text");
    }
    if settings.private_key.is_none() {
        faults.add(settings.section, "has no private key: set key_file, or key with the PEM text");
    }
    let certificate = settings.certificate.as_ref();
    let chain = certificate.and_then(|named| Some((certificates(named, files, faults)?, named)));
    let private_key = settings.private_key.as_ref();
    let key = private_key.and_then(|named| signing_key(named, provider, files, faults, warnings));
    let (chain, named) = chain?;
    if let Some(warning) = validity(&chain[0], now, &named.key, faults) {
        warnings.push(warning);
    }
    let certified = CertifiedKey::new(chain, key?);
    if certified.keys_match() == Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) {
        let problem = "does not belong to the certificate: name the key for which the certificate was made";
        faults.add(&private_key?.key, problem);
        return None;
    }
    Some(certified)
}

fn signing_key(
    named: &Named,
    provider: &CryptoProvider,
    files: &mut Files,
    faults: &mut Faults,
    warnings: &mut Vec<String>,
) -> Option<Arc<dyn rustls::sign::SigningKey>> {
    let text = pem(named, files, faults)?;
    if let Pem::File(path) = &named.pem
        && let Some(mode) = files::open_mode(path)
    {
        let path = path.display();
        let warning = format!(
            "{}: every user of this machine has access to {path} (mode {mode:04o}): chmod 0600 {path}",
            named.key
        );
        warnings.push(warning);
    }
    let Ok(key) = PrivateKeyDer::from_pem_slice(&text) else {
        let is_encrypted = String::from_utf8_lossy(&text).contains("ENCRYPTED");
        let problem = if is_encrypted {
            "is encrypted by a passphrase: decrypt it by `openssl pkey -in FILE -out NEW`"
        } else {
            "holds no private key: lines from -----BEGIN PRIVATE KEY----- on"
        };
        faults.add(&named.key, problem);
        return None;
    };
    let loaded = provider.key_provider.load_private_key(key);
    let loaded = loaded.map_err(|_| {
        faults.add(
            &named.key,
            "is of a kind that is not supported: use ECDSA P-256 or P-384, Ed25519, or RSA from 2048 bits on",
        );
    });
    loaded.ok()
}

/// Checks the certificate itself. An expired one is served, because a refusal would end the daemon and its alerts too;
/// clients refuse it anyway. The warning says so.
fn validity(certificate: &CertificateDer<'_>, now: Timestamp, key: &str, faults: &mut Faults) -> Option<String> {
    let Ok(parsed) = EndEntityCert::try_from(certificate) else {
        faults.add(key, "holds a certificate that cannot be read");
        return None;
    };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(now.as_second().try_into().unwrap_or(0)));
    // Without any authority this always fails. The dates are checked before the issuer is looked for.
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    let outcome = parsed.verify_for_usage(algorithms, &[], &[], time, KeyUsage::server_auth(), None, None);
    let date = |time: UnixTime| Timestamp::from_second(time.as_secs().try_into().unwrap_or(i64::MAX)).ok();
    let shown = |time: UnixTime| date(time).map_or_else(String::new, |date| format!("{date}"));
    match outcome.err()? {
        webpki::Error::CertExpired { not_after, .. } => {
            Some(format!("{key}: the certificate expired at {}, and clients refuse it: renew it", shown(not_after)))
        }
        webpki::Error::CertNotValidYet { not_before, .. } => Some(format!(
            "{key}: the certificate is valid from {} only, and clients refuse it until then: check the clock",
            shown(not_before)
        )),
        _ => None,
    }
}

/// The check of client certificates: `None` after a fault, `Some(None)` if none is requested.
fn clients(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
    files: &mut Files,
    faults: &mut Faults,
) -> Option<Option<ClientVerifier>> {
    let key = key_of(settings, "client_auth_type");
    let policy = ClientAuth::parse(settings.client_auth.as_deref(), &key, faults);
    let sans = key_of(settings, "client_allowed_sans");
    if !settings.allowed_sans.is_empty() && policy != ClientAuth::RequireAndVerify {
        faults.add(
            &sans,
            "needs client_auth_type RequireAndVerifyClientCert: only then has every client a name that an authority signed",
        );
    }
    if settings.allowed_sans.iter().any(|name| name.contains('@') && !name.contains("://")) {
        faults.add(&sans, "e-mail addresses are not supported: list host names, IP addresses or URIs");
    }
    let mut roots = RootCertStore::empty();
    match &settings.client_ca {
        Some(named) => {
            if settings.client_auth.is_none() || policy == ClientAuth::None {
                faults.add(&named.key, "has no effect without client_auth_type: set it to RequireAndVerifyClientCert");
            }
            for (position, certificate) in (1..).zip(certificates(named, files, faults)?) {
                if roots.add(certificate).is_err() {
                    faults.add(&named.key, format!("certificate {position} cannot be read"));
                }
            }
        }
        None if policy.verifies() => {
            faults.add(key, "needs client_ca_file, or client_ca: the authority that signs the clients' certificates");
            return None;
        }
        None => {}
    }
    if policy == ClientAuth::None {
        return Some(None);
    }
    let verifier = ClientVerifier::new(policy, roots, &settings.allowed_sans, provider);
    let verifier = verifier.map_err(|error| faults.add(key_of(settings, "client_ca_file"), error));
    verifier.ok().map(Some)
}
