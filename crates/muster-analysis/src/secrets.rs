//! Secrets committed by mistake: `.env` files with values, and private keys. Says where and which name, never the
//! value; tests and fixtures are left out, because keys made for tests are no secret.

use muster_model::analysis::Evidence;

use crate::{
    layout::{File, Layout, MOST_EVIDENCE, Place},
    reading::Reader,
};

const MOST_OPENED: usize = 40;
const FILE_LIMIT: usize = 64 << 10;

/// Parts of a key's name that make its value a secret; other values in a `.env` may be mere settings.
const SECRET_WORDS: [&str; 9] =
    ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "APIKEY", "API_KEY", "PRIVATE", "CREDENTIAL", "ACCESS_KEY"];

/// Values that stand for "put yours here".
const PLACEHOLDERS: [&str; 14] = [
    "changeme",
    "change-me",
    "change_me",
    "example",
    "xxx",
    "todo",
    "your",
    "<",
    "placeholder",
    "dummy",
    "null",
    "none",
    "test",
    "...",
];

/// Where secrets seem to lie.
pub(crate) fn find(layout: &Layout<'_>, reader: &Reader<'_>) -> Vec<Evidence> {
    layout
        .own()
        .filter(|file| {
            file.is_regular && !matches!(file.place, Place::Test | Place::Fixture | Place::Example)
        })
        .filter(|file| is_env(file.name()) || may_be_key(file))
        .take(MOST_OPENED)
        .filter_map(|file| {
            let text = reader.text(file, FILE_LIMIT)?;
            if is_env(file.name()) { env_value(file, &text) } else { private_key(file, &text) }
        })
        .take(MOST_EVIDENCE)
        .collect()
}

/// `.env`, `.env.local`, `.env.production`, `prod.env`; not templates.
fn is_env(name: &str) -> bool {
    let is_template = ["example", "sample", "template", "dist", "defaults", "schema", "test", "ci", "tpl"]
        .iter()
        .any(|word| name.split(['.', '-', '_']).any(|part| part == *word));
    !is_template && (name == ".env" || name.starts_with(".env.") || name.ends_with(".env") && name.len() > 4)
}

fn may_be_key(file: &File<'_>) -> bool {
    matches!(file.extension(), "pem" | "key" | "p8" | "ppk")
        || matches!(file.name(), "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519")
}

fn env_value(file: &File<'_>, text: &str) -> Option<Evidence> {
    (1_u32..).zip(text.lines()).find_map(|(number, line)| {
        let line = line.trim().strip_prefix("export ").unwrap_or(line.trim());
        let (key, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']).to_lowercase());
        let is_name = key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let upper = key.to_uppercase();
        let is_secret =
            upper == "KEY" || upper.ends_with("_KEY") || SECRET_WORDS.iter().any(|word| upper.contains(word));
        // An address with a password, or a well-known form of token, whatever the key is called.
        let has_credentials = value.split_once("://").is_some_and(|(_, rest)| {
            rest.split_once('@')
                .is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, word)| word.len() >= 6))
        });
        let is_token = ["sk_live_", "rk_live_", "ghp_", "github_pat_", "glpat-", "akia", "xoxb-", "xoxp-"]
            .iter()
            .any(|start| value.starts_with(start));
        // `${OTHER}` takes its value from elsewhere.
        let is_value = value.len() >= 6
            && !value.starts_with('$')
            && !PLACEHOLDERS
                .iter()
                .any(|placeholder| value.starts_with(placeholder) || value.contains("change"));
        let is_public = upper.contains("PUBLIC") || upper.contains("PUBLISHABLE");
        (is_name && is_value && (is_token || has_credentials || is_secret && !is_public))
            .then(|| file.evidence_at(number, format!("{key} has a value (not shown)")))
    })
}

fn private_key(file: &File<'_>, text: &str) -> Option<Evidence> {
    let start = text.trim_start();
    let first = start.lines().next().unwrap_or_default();
    let is_key = first.starts_with("-----BEGIN ") && first.contains("PRIVATE KEY-----")
        || first.starts_with("PuTTY-User-Key-File-");
    is_key.then(|| file.evidence_at(1, "begins like a private key (not shown)"))
}
