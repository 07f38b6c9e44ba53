//! Committed secrets: found, named, never shown.

use crate::support::{of, place};

fn secrets(path: &str, text: &str) -> Vec<String> {
    of(&[(path, text)]).facts.secrets.iter().map(place).collect()
}

#[test]
fn values_in_env_files_are_found_and_not_shown() {
    let text = "# comment\nPORT=8080\nexport STRIPE_SECRET_KEY=\"sk_live_abcdef123456\"\n";
    assert_eq!(secrets(".env", text), [".env:3 STRIPE_SECRET_KEY has a value (not shown)"]);
    assert_eq!(secrets("api/.env.production", text).len(), 1);
    assert_eq!(secrets(".env", "DB=postgres://me:hunter22@db/x\n"), [".env:1 DB has a value (not shown)"]);
    assert!(!format!("{:?}", of(&[(".env", text)])).contains("abcdef123456"));
}

#[test]
fn templates_settings_and_placeholders_are_no_secrets() {
    let text = "API_KEY=0123456789abcdef\n";
    for path in [
        ".env.example",
        ".env.sample",
        ".env.template",
        "tests/.env",
        "test/fixtures/.env",
        ".env.test",
        "examples/.env",
    ] {
        assert!(secrets(path, text).is_empty(), "{path}");
    }
    for text in [
        "API_KEY=\n",
        "API_KEY=changeme\n",
        "API_KEY=your-key-here\n",
        "API_KEY=${KEY}\n",
        "#API_KEY=0123456789\n",
        "DEBUG=true123\n",
        "NEXT_PUBLIC_KEY=0123456789\n",
    ] {
        assert!(secrets(".env", text).is_empty(), "{text}");
    }
}

#[test]
fn private_keys_are_found_outside_of_tests() {
    let key = ["-----BEGIN RSA ", "PRIVATE KEY-----\nMIIE\n"].concat();
    assert_eq!(
        secrets("deploy/server.key", &key),
        ["deploy/server.key:1 begins like a private key (not shown)"]
    );
    assert_eq!(secrets("id_ed25519", &key.replace("RSA", "OPENSSH")).len(), 1);
    assert!(secrets("tests/server.key", &key).is_empty());
    assert!(secrets("testdata/server.pem", &key).is_empty());
    assert!(secrets("server.pem", "-----BEGIN CERTIFICATE-----\n").is_empty());
}
