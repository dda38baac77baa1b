use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hyper::header::HeaderMap;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;

use common::clock::Clock;

use super::WebConfig;
use super::current::CurrentWebConfig;

const HASH: &str = "$2y$04$zhSpqDVoSPWYODg7h/4MbOPtPfx2SV3BSSBkCBCzA4BIcpZapKNOm";

/// A folder with a certificate and its key, an authority, and files that are none.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    put("ca.pem", &issuer.pem());
    for (name, from, to) in [("good", 2020, 4000), ("old", 2001, 2002), ("early", 3999, 4000)] {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        let key = KeyPair::generate().unwrap();
        put(&format!("{name}.pem"), &params.signed_by(&key, &issuer).unwrap().pem());
        put(&format!("{name}.key"), &key.serialize_pem());
    }
    put("open.key", &fs::read_to_string(folder.path().join("good.key")).unwrap());
    fs::set_permissions(folder.path().join("open.key"), fs::Permissions::from_mode(0o644)).unwrap();
    put("empty", "");
    put("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    put("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n");
    fs::create_dir(folder.path().join("folder")).unwrap();
    folder
}

/// Reads a text as a configuration: its warnings, or its faults without the path of the file.
fn read(folder: &TempDir, text: &str) -> Result<Vec<String>, Vec<String>> {
    let path = folder.path().join("web.yml");
    fs::write(&path, text).unwrap();
    let lines =
        |text: String| text.replace(&format!("{}/", folder.path().display()), "").lines().map(str::to_owned).collect();
    match WebConfig::read(&path, "2026-11-22T12:00:00Z".parse().unwrap()) {
        Ok(config) => Ok(lines(config.warnings().join("\n"))),
        Err(faults) => Err(lines(faults.to_string())),
    }
}

const TLS: &str = "tls_server_config:\n  cert_file: good.pem\n  key_file: good.key\n";

#[test]
fn every_key_of_the_format_is_taken() {
    let folder = folder();
    let text = format!(
        "# Comments are free.\n\
         tls_server_config:\n  cert_file: good.pem\n  key_file: {}/good.key\n\
         \x20 client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n\
         \x20 client_allowed_sans: [prometheus.example, 192.0.2.1, 'spiffe://example/prometheus']\n\
         \x20 min_version: TLS12\n  max_version: TLS13\n\
         \x20 cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n\
         \x20 prefer_server_cipher_suites: false\n  curve_preferences: [X25519, CurveP256, CurveP384]\n\
         http_server_config:\n  http2: false\n  headers:\n    Strict-Transport-Security: max-age=600\n\
         \x20   X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n    X-XSS-Protection: ''\n\
         \x20   Content-Security-Policy: default-src 'none'\n\
         basic_auth_users:\n  alice: {HASH}\n  \"1\": '{HASH}'\n",
        folder.path().display()
    );
    assert_eq!(read(&folder, &text), Ok(vec![]));
    let path = folder.path().join("web.yml");
    let config = WebConfig::read(&path, "2026-11-22T12:00:00Z".parse().unwrap()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("content-security-policy", "script-src 'self'".parse().unwrap());
    headers.insert("x-frame-options", "sameorigin".parse().unwrap());
    config.add_headers(&mut headers);
    let policies: Vec<_> = headers.get_all("content-security-policy").iter().collect();
    assert_eq!(policies, ["script-src 'self'", "default-src 'none'"], "a browser enforces both");
    assert_eq!(headers["x-frame-options"], "deny");
    assert!(!headers.contains_key("x-xss-protection"), "a blank value sets none");
    assert!(config.users().hash("1").1 && !config.users().hash("bob").1);
    assert!(!format!("{config:?}").contains(HASH), "no formatting prints a hash");
}

#[test]
fn pem_text_may_stand_in_the_file_itself() {
    let folder = folder();
    let inline = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap().replace('\n', "\n    ");
    let text =
        format!("tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n", inline("good.pem"), inline("good.key"));
    assert_eq!(read(&folder, &text), Ok(vec![]));
}

/// Fails unless each text has exactly these faults, each with this part.
fn expect_faults<const N: usize>(rows: [(String, &[&str]); N]) {
    let folder = folder();
    for (text, faults) in rows {
        let found = read(&folder, &text).expect_err(&text);
        assert_eq!(found.len(), faults.len(), "{text}{found:#?}");
        for (found, part) in found.iter().zip(faults) {
            assert!(found.contains(part), "{text}{found:?} does not contain {part:?}");
            assert!(!found.contains("s3cret"), "a value is quoted: {found}");
        }
    }
}

#[test]
fn a_text_that_protects_nothing_or_is_no_hash_is_refused() {
    expect_faults([
        (String::new(), &["web.yml: protects nothing"]),
        ("# nothing\n".into(), &["web.yml: protects nothing"]),
        ("tls_server_config:\n".into(), &["web.yml: protects nothing"]),
        ("- a\n".into(), &["web.yml: must be a table"]),
        ("a: [1\nb: 2: 3\n".into(), &["not valid YAML: a line is `key: value`"]),
        ("basic_auth_users:\n  a: s3cret\n  a: s3cret\n".into(), &["line 3: a key is set twice"]),
        (
            format!("basic_auth_users:\n  slow: $2b$31${}\n", "a".repeat(53)),
            &["basic_auth_users.slow (web.yml): is no bcrypt hash of a cost from 4 to 20"],
        ),
        (
            "basic_auth_users:\n  alice: s3cret\n  'b:c': s3cret\n  dan: 7\n".into(),
            &[
                "basic_auth_users.alice (web.yml): is no bcrypt hash of a cost from 4 to 20. It has 60 characters and begins with $2y$",
                "basic_auth_users.b:c (web.yml): a user name cannot contain a colon",
                "basic_auth_users.b:c (web.yml): is no bcrypt hash",
                "basic_auth_users.dan (web.yml): must be text",
            ],
        ),
    ]);
}

#[test]
fn certificates_and_keys_that_cannot_be_used_are_named() {
    expect_faults([
        (
            "tls_server_config:\n  cert_file: good.pem\n".into(),
            &["tls_server_config (web.yml): has no private key: set key_file"],
        ),
        (
            "tls_server_config:\n  min_version: TLS13\n".into(),
            &[
                "tls_server_config (web.yml): has no certificate: set cert_file",
                "tls_server_config (web.yml): has no private key",
            ],
        ),
        (
            "tls_server_config:\n  cert_file: none.pem\n  key_file: folder\n".into(),
            &[
                "tls_server_config.cert_file (web.yml): cannot read none.pem: No such file",
                "tls_server_config.key_file (web.yml): cannot read folder: Is a directory",
            ],
        ),
        (
            "tls_server_config:\n  cert_file: empty\n  key_file: empty\n".into(),
            &["cert_file (web.yml): holds no certificate", "key_file (web.yml): holds no private key"],
        ),
        (
            "tls_server_config:\n  cert_file: good.key\n  key_file: good.pem\n".into(),
            &["cert_file (web.yml): holds no certificate", "key_file (web.yml): holds no private key"],
        ),
        (
            "tls_server_config:\n  cert_file: cut.pem\n  key_file: locked.key\n".into(),
            &["cert_file (web.yml): is not valid PEM", "key_file (web.yml): is encrypted by a passphrase"],
        ),
        (
            "tls_server_config:\n  cert_file: good.pem\n  key_file: old.key\n".into(),
            &["tls_server_config.key_file (web.yml): does not belong to the certificate"],
        ),
        (
            format!("{TLS}  cert: x\n"),
            &[
                "tls_server_config (web.yml): has no certificate",
                "tls_server_config.cert (web.yml): stands beside cert_file",
            ],
        ),
    ]);
}

#[test]
fn policies_versions_and_suites_that_do_not_exist_are_named() {
    let suites = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    expect_faults([
        (
            format!("{TLS}  client_ca_file: ca.pem\n"),
            &["tls_server_config.client_ca_file (web.yml): has no effect without client_auth_type"],
        ),
        (
            format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n"),
            &["tls_server_config.client_auth_type (web.yml): needs client_ca_file"],
        ),
        (
            format!("{TLS}  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a.example]\n"),
            &["client_allowed_sans (web.yml): needs client_auth_type RequireAndVerifyClientCert"],
        ),
        (
            format!(
                "{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n  client_allowed_sans: [a.example]\n"
            ),
            &["client_allowed_sans (web.yml): needs client_auth_type RequireAndVerifyClientCert"],
        ),
        (
            format!("{TLS}  client_auth_type: Always\n  client_allowed_sans: [a@b.example]\n"),
            &[
                "client_allowed_sans (web.yml): e-mail addresses are not supported",
                "client_allowed_sans (web.yml): needs client_auth_type RequireAndVerifyClientCert",
                "client_auth_type (web.yml): must be one of NoClientCert, RequestClientCert, RequireAnyClientCert,",
            ],
        ),
        (
            format!("{TLS}  min_version: TLS10\n  max_version: SSL3\n"),
            &["max_version (web.yml): must be TLS12 or TLS13", "min_version (web.yml): TLS before 1.2 is broken"],
        ),
        (
            format!("{TLS}  min_version: TLS13\n  max_version: TLS12\n"),
            &["max_version (web.yml): is below min_version"],
        ),
        (
            format!("{TLS}  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n  curve_preferences: [CurveP521]\n"),
            &[
                "cipher_suites (web.yml): \"TLS_RSA_WITH_AES_128_CBC_SHA\" is not supported; the suites of TLS 1.2 are TLS_",
                "curve_preferences (web.yml): \"CurveP521\" is not supported; the curves are X25519, CurveP256, CurveP384",
            ],
        ),
        (
            format!("{TLS}  max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"),
            &["cipher_suites (web.yml): leaves no suite for these versions"],
        ),
        (
            format!("{TLS}  max_version: TLS12\n  cipher_suites: {suites}\n"),
            &["cipher_suites (web.yml): must be a list of texts"],
        ),
    ]);
}

#[test]
fn keys_and_headers_that_do_not_exist_are_named_with_what_does() {
    expect_faults([
        (
            format!(
                "{TLS}  key_fil: x\nhttp_server_config:\n  http2: maybe\n  header: {{}}\nrate_limit: {{interval: 1s}}\n"
            ),
            &[
                "http_server_config.header (web.yml): unknown key; did you mean \"headers\"?",
                "http_server_config.http2 (web.yml): must be true or false",
                "rate_limit (web.yml): is not supported: remove it",
                "tls_server_config.key_fil (web.yml): unknown key; did you mean \"key_file\"?",
            ],
        ),
        (
            format!(
                "{TLS}http_server_config:\n  headers:\n    X-Powered-By: a\n    X-Frame-Options: allow\n    X-XSS-Protection: \"a\\nb\"\n"
            ),
            &[
                "http_server_config.headers.X-Frame-Options (web.yml): must be deny or sameorigin",
                "http_server_config.headers.X-Powered-By (web.yml): unknown key; the keys here are Content-Security-Policy",
                "http_server_config.headers.X-XSS-Protection (web.yml): must be one line",
            ],
        ),
        (
            format!("{TLS}basic_auth: {{}}\n"),
            &["basic_auth (web.yml): unknown key; the keys here are tls_server_config,"],
        ),
    ]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let missing = WebConfig::read(Path::new("/nowhere/web.yml"), "2026-11-22T12:00:00Z".parse().unwrap()).unwrap_err();
    assert!(missing.to_string().starts_with("/nowhere/web.yml: cannot read the web configuration: No such file"));
}

#[test]
fn settings_that_may_surprise_are_warned_of() {
    let folder = folder();
    let slow = HASH.replace("$04$", "$16$");
    for (text, warning) in [
        (
            format!("basic_auth_users: {{a: {HASH}}}\n"),
            "without tls_server_config, passwords can be read on the network",
        ),
        (format!("{TLS}http_server_config: {{http2: true}}\n"), "http_server_config.http2: HTTP/2 is not supported"),
        (format!("{TLS}basic_auth_users: {{a: {slow}}}\n"), "basic_auth_users.a: the hash takes seconds to check"),
        (TLS.replace("good", "old"), "tls_server_config.cert_file: the certificate expired at 2002-01-01T00:00:00Z"),
        (TLS.replace("good", "early"), "cert_file: the certificate is valid from 3999-01-01T00:00:00Z only"),
        (
            TLS.replace("good.key", "open.key"),
            "key_file: every user of this machine has access to open.key (mode 0644): chmod 0600 open.key",
        ),
    ] {
        let warnings = read(&folder, &text).unwrap();
        assert_eq!(warnings.len(), 1, "{text}{warnings:#?}");
        assert!(warnings[0].contains(warning), "{text}{warnings:?}");
    }
}

#[tokio::test]
async fn a_changed_file_counts_at_the_next_request_and_a_faulty_one_never() {
    let folder = folder();
    let path = folder.path().join("web.yml");
    let users = |name: &str| format!("{TLS}basic_auth_users:\n  {name}: {HASH}\n");
    fs::write(&path, users("first")).unwrap();
    let current = CurrentWebConfig::open(&path, Clock::system()).await.unwrap();
    let knows = async |name: &str| current.current().await.users().hash(name).1;
    assert!(knows("first").await);
    tokio::time::pause();
    let later = async || tokio::time::advance(std::time::Duration::from_secs(2)).await;

    fs::write(&path, users("second with another length")).unwrap();
    assert!(knows("first").await, "files are looked at once a second");
    later().await;
    assert!(knows("second with another length").await);
    let before = current.in_force();

    for broken in ["", "basic_auth_users: {a: plain}", "{"] {
        fs::write(&path, broken).unwrap();
        later().await;
        assert!(knows("second with another length").await, "{broken:?}");
        assert!(current.reload().await.is_err(), "{broken:?}");
    }
    fs::remove_file(&path).unwrap();
    later().await;
    assert!(std::sync::Arc::ptr_eq(&before, &current.current().await), "the same one goes on");

    fs::write(&path, users("third")).unwrap();
    later().await;
    assert!(knows("third").await);
    fs::copy(folder.path().join("old.pem"), folder.path().join("good.pem")).unwrap();
    fs::copy(folder.path().join("old.key"), folder.path().join("good.key")).unwrap();
    let before = current.in_force();
    later().await;
    assert!(!std::sync::Arc::ptr_eq(&before, &current.current().await), "a new certificate is read, too");
}
