//! How TLS is spoken: rustls with ring, as the database driver does, and the certificates that the system trusts.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Trusts whom the system trusts. A machine without certificates trusts nobody, and can still speak plain HTTP.
pub(crate) fn with_roots_of_the_system() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    with(roots)
}

/// Trusts nobody: for a client that never speaks TLS, and need not read the system's certificates.
pub(crate) fn with_no_roots() -> Result<ClientConfig, String> {
    with(RootCertStore::empty())
}

fn with(roots: RootCertStore) -> Result<ClientConfig, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
