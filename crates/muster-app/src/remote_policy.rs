//! Which remotes may be reached, judged at the door as far as no name server is needed; names are judged when they are
//! resolved.

use muster_model::{
    AddressPolicy, RemoteUrl,
    remote_url::{RemoteUrlError, Scheme},
};

use crate::{config::MirrorConfig, error::AppError};

/// Which remotes may be reached; what needs no name server is judged at the door.
#[derive(Debug, Clone)]
pub struct RemotePolicy {
    schemes: Vec<Scheme>,
    /// Spellings for ssh are meant so; else the same repository is asked for over https.
    is_ssh_meant: bool,
    /// Which addresses may be reached.
    pub addresses: AddressPolicy,
}

impl RemotePolicy {
    /// As the configuration wants it.
    pub fn new(config: &MirrorConfig) -> Result<Self, AppError> {
        let scheme = |word: &String| match word.as_str() {
            "https" => Ok(Scheme::Https),
            "http" => Ok(Scheme::Http),
            "git" => Ok(Scheme::Git),
            other => Err(AppError::Invalid {
                field: "mirror.schemes",
                message: format!(
                    "'{other}' is none of https, http, git (ssh has a switch of its own, mirror.ssh)"
                ),
            }),
        };
        let addresses =
            if config.allow_private { AddressPolicy::AllowPrivate } else { AddressPolicy::Public };
        let mut schemes = config.schemes.iter().map(scheme).collect::<Result<Vec<_>, _>>()?;
        if config.ssh {
            schemes.push(Scheme::Ssh);
        }
        Ok(Self { schemes, is_ssh_meant: config.ssh, addresses })
    }

    /// The address of a repository that may be asked for; credentials in it are dropped.
    pub fn admit(&self, text: &str) -> Result<RemoteUrl, AppError> {
        let refuse = |message: String| Err(AppError::Invalid { field: "repo_url", message });
        let url = match RemoteUrl::parse(text) {
            Ok(url) => url,
            Err(error @ RemoteUrlError::UnsupportedScheme(_)) => {
                return refuse(format!("{error}; give one like https://host/owner/name"));
            }
            Err(error) => return refuse(error.to_string()),
        };
        if url.scheme() == Scheme::File {
            return refuse(
                "this is no address of a remote repository; give one like https://host/owner/name \
                 (folders of this machine are roots: muster serve FOLDER)"
                    .to_owned(),
            );
        }
        self.askable(url).or_else(refuse)
    }

    /// How a remote is asked, if it may be: a spelling for ssh over https unless ssh is meant. Else why not.
    pub(crate) fn askable(&self, url: RemoteUrl) -> Result<RemoteUrl, String> {
        let url = if self.is_ssh_meant { url } else { url.over_https_for_ssh() };
        if url.scheme() == Scheme::File {
            return Err("it is a folder of this machine; run `git fetch` there".to_owned());
        }
        self.check_scheme(&url)?;
        if url.host().eq_ignore_ascii_case("localhost") && self.addresses == AddressPolicy::Public {
            return Err("localhost is this machine itself; set mirror.allow_private to reach it".to_owned());
        }
        if let Some(address) = muster_net::literal(url.host()) {
            self.addresses.check(address).map_err(|refused| refused.to_string())?;
        }
        let is_odd = |part: &str| part.is_empty() || part == "." || part == ".." || part.starts_with('-');
        if url.path().split('/').any(is_odd) {
            return Err(format!("'{}' is no path of a repository", url.path()));
        }
        Ok(url)
    }

    /// Whether this transport is allowed, now: the configuration may have changed since a repository was added.
    pub(crate) fn check_scheme(&self, url: &RemoteUrl) -> Result<(), String> {
        if self.schemes.contains(&url.scheme()) {
            return Ok(());
        }
        let known: Vec<_> = self.schemes.iter().map(|scheme| scheme.as_str()).collect();
        Err(format!(
            "the transport {} is not allowed here (allowed: {}); mirror.schemes says which are",
            url.scheme().as_str(),
            known.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(schemes: &[&str], allow_private: bool) -> RemotePolicy {
        let config = MirrorConfig {
            folder: std::path::PathBuf::new(),
            quota_bytes: -1,
            schemes: schemes.iter().map(|scheme| (*scheme).to_owned()).collect(),
            allow_private,
            ssh: false,
            timeout_seconds: 1,
            stall_seconds: 1,
            max_bytes: 1,
        };
        RemotePolicy::new(&config).expect("schemes")
    }

    #[test]
    fn what_cannot_be_reached_is_refused_at_the_door_with_the_reason() {
        let public = policy(&["https"], false);
        for (text, says) in [
            ("", "empty"),
            ("hello", "no address of a remote repository"),
            ("/srv/git/a", "no address of a remote repository"),
            ("file:///srv/git/a", "no address of a remote repository"),
            ("--upload-pack=touch x", "begins with '-'"),
            ("ext::sh -c id", "not supported"),
            ("ftp://host.example/a", "not supported"),
            ("http://host.example/a/b", "http is not allowed here (allowed: https)"),
            ("https://localhost/a/b", "this machine itself"),
            ("https://127.0.0.1/a/b", "a loopback address"),
            ("https://[::ffff:10.0.0.1]:8443/a/b", "a private address"),
            ("https://169.254.169.254/latest/meta-data", "a link-local address"),
            ("https://host.example/../b", "no path of a repository"),
            ("https://host.example/a/--x", "no path of a repository"),
            ("https://host.example/a//b", "no path of a repository"),
        ] {
            let error = public.admit(text).expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let url = public.admit("https://me:secret@host.example/a/b.git?token=x").expect("admitted");
        assert_eq!(url.to_string(), "https://host.example/a/b");
        let ssh = public.admit("ssh://git@host.example:2222/a/b.git").expect("admitted");
        assert_eq!(ssh.to_string(), "https://host.example/a/b", "the same repository over https");
        let private = policy(&["https", "http", "git"], true);
        for text in ["http://127.0.0.1:8080/a/b.git", "git://localhost/a", "https://10.1.2.3/a/b"] {
            assert!(private.admit(text).is_ok(), "{text}");
        }
        assert!(private.admit("http://0.0.0.0/a/b").is_err());
    }
}
