//! The address of a remote repository, parsed once at the door. Every spelling of one repository (https, ssh, scp
//! form, `.git`, trailing slash, credentials) has one identity: host and path without the scheme. Credentials are
//! dropped while parsing, so that no later mistake can show them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a remote is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `https://`
    Https,
    /// `http://`
    Http,
    /// `ssh://` and the scp form `user@host:path`
    Ssh,
    /// `git://`
    Git,
    /// `file://` and plain paths
    File,
}

impl Scheme {
    /// Its name, without `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Git => "git",
            Self::File => "file",
        }
    }

    fn default_port(self) -> Option<u16> {
        match self {
            Self::Https => Some(443),
            Self::Http => Some(80),
            Self::Ssh => Some(22),
            Self::Git => Some(9418),
            Self::File => None,
        }
    }
}

/// Forges on which the case of a path does not matter.
const CASE_BLIND_HOSTS: [&str; 4] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"];

/// A parsed remote address without credentials.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RemoteUrl {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    path: String,
}

/// Why a text is no remote address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteUrlError {
    /// Nothing was given.
    #[error("the address is empty; give one like https://host/owner/name")]
    Empty,
    /// Begins with a dash, which git would read as an option.
    #[error("the address begins with '-'; git would read it as an option")]
    LooksLikeOption,
    /// Contains a line break or another control character.
    #[error("the address contains a control character")]
    ControlCharacter,
    /// Longer than any server takes, and than an index holds.
    #[error("the address is longer than {MOST_BYTES} bytes")]
    TooLong,
    /// A transport that names a program or that we do not speak.
    #[error("the transport '{0}' is not supported; use https, ssh, http, git or a path")]
    UnsupportedScheme(String),
    /// No host where one must be.
    #[error("the address has no host")]
    NoHost,
    /// The port is no number between 1 and 65535.
    #[error("'{0}' is no port; use a number from 1 to 65535")]
    BadPort(String),
    /// No path, hence no repository.
    #[error("the address names no repository after the host")]
    NoPath,
}

/// Bytes of an address, credentials included.
const MOST_BYTES: usize = 2000;

impl RemoteUrl {
    /// Parses any spelling that git accepts, except transports that run a program (`ext::`, `fd::`).
    pub fn parse(text: &str) -> Result<Self, RemoteUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(RemoteUrlError::Empty);
        }
        if text.len() > MOST_BYTES {
            return Err(RemoteUrlError::TooLong);
        }
        if text.starts_with('-') {
            return Err(RemoteUrlError::LooksLikeOption);
        }
        if text.chars().any(char::is_control) {
            return Err(RemoteUrlError::ControlCharacter);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Self::parse_with_scheme(scheme, rest);
        }
        if let Some((transport, _)) = text.split_once("::")
            && transport.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '+')
        {
            return Err(RemoteUrlError::UnsupportedScheme(format!("{transport}::")));
        }
        match text.split_once(':') {
            // git's own rule: a colon before any slash means the scp form.
            Some((host, path)) if !host.contains('/') && !host.is_empty() => {
                Self::build(Scheme::Ssh, without_user(host), None, path)
            }
            _ => Ok(Self { scheme: Scheme::File, host: String::new(), port: None, path: text.to_owned() }),
        }
    }

    fn parse_with_scheme(scheme: &str, rest: &str) -> Result<Self, RemoteUrlError> {
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            "ssh" | "git+ssh" | "ssh+git" => Scheme::Ssh,
            "git" => Scheme::Git,
            "file" => {
                return Ok(Self {
                    scheme: Scheme::File,
                    host: String::new(),
                    port: None,
                    path: rest.to_owned(),
                });
            }
            other => return Err(RemoteUrlError::UnsupportedScheme(format!("{other}://"))),
        };
        let (authority, path) = rest.split_once('/').ok_or(RemoteUrlError::NoPath)?;
        let authority = without_user(authority);
        // An IPv6 literal keeps its brackets; the port follows them.
        let (host, port) = match authority.rfind(':') {
            Some(colon) if !authority[colon..].contains(']') => {
                (&authority[..colon], &authority[colon + 1..])
            }
            _ => (authority, ""),
        };
        let port = match port {
            "" => None,
            digits => match digits.parse::<u16>() {
                Ok(number) if number > 0 => Some(number),
                _ => return Err(RemoteUrlError::BadPort(digits.to_owned())),
            },
        };
        Self::build(scheme, host, port.filter(|&number| Some(number) != scheme.default_port()), path)
    }

    fn build(scheme: Scheme, host: &str, port: Option<u16>, path: &str) -> Result<Self, RemoteUrlError> {
        if host.is_empty() || host.starts_with('-') {
            return Err(RemoteUrlError::NoHost);
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
        if path.is_empty() {
            return Err(RemoteUrlError::NoPath);
        }
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port, path: path.to_owned() })
    }

    /// The same repository over https, if this is a spelling for ssh; the port, which is that of ssh, is left out.
    #[must_use]
    pub fn over_https_for_ssh(self) -> Self {
        if self.scheme != Scheme::Ssh {
            return self;
        }
        Self { scheme: Scheme::Https, port: None, ..self }
    }

    /// How it is reached.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host in lower case; empty for a local path.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to: the one given, else the scheme's own; `None` for a local path.
    pub fn port(&self) -> Option<u16> {
        self.port.or(self.scheme.default_port())
    }

    /// Path without leading and trailing slash and without `.git`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        let path = self.path.trim_end_matches('/');
        let last = path.rsplit('/').next().unwrap_or(path);
        last.strip_suffix(".git").unwrap_or(last)
    }

    /// What stands before the name: an account, an organisation, nested groups. `None` for local paths.
    pub fn owner(&self) -> Option<&str> {
        if self.scheme == Scheme::File {
            return None;
        }
        self.path.rsplit_once('/').map(|(owner, _)| owner)
    }

    /// What makes two spellings the same repository: host, unusual port, path; case folded where the forge does so.
    pub fn identity(&self) -> String {
        let path = if CASE_BLIND_HOSTS.contains(&self.host.as_str()) {
            self.path.to_ascii_lowercase()
        } else {
            self.path.clone()
        };
        match (self.scheme, self.port) {
            (Scheme::File, _) => format!("file:{path}"),
            // The ssh port says nothing about the repository that https serves on the same host.
            (Scheme::Ssh, _) | (_, None) => format!("{}/{path}", self.host),
            (_, Some(port)) => format!("{}:{port}/{path}", self.host),
        }
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.scheme, self.port) {
            (Scheme::File, _) => f.write_str(&self.path),
            (scheme, None) => write!(f, "{}://{}/{}", scheme.as_str(), self.host, self.path),
            (scheme, Some(port)) => write!(f, "{}://{}:{port}/{}", scheme.as_str(), self.host, self.path),
        }
    }
}

fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::{RemoteUrl, RemoteUrlError};

    fn identity(text: &str) -> String {
        RemoteUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).identity()
    }

    #[test]
    fn ten_spellings_are_one_repository() {
        for text in [
            "https://github.com/Owner/Name",
            "https://github.com/owner/name.git",
            "https://github.com/owner/name/",
            "https://user:secret@GitHub.com/owner/name.git/",
            "https://github.com:443/owner/name",
            "http://github.com/owner/name",
            "ssh://git@github.com/owner/name.git",
            "ssh://git@github.com:22/owner/name",
            "git@github.com:owner/name.git",
            "github.com:owner/name",
            "git://github.com/owner/name",
            "https://github.com/owner/name?tab=readme#top",
        ] {
            assert_eq!(identity(text), "github.com/owner/name", "{text}");
        }
    }

    #[test]
    fn credentials_never_survive() {
        let url = RemoteUrl::parse("https://me:tok@en@host.example:8443/a/b/c.git").expect("valid");
        assert_eq!(url.to_string(), "https://host.example:8443/a/b/c");
        assert_eq!((url.owner(), url.name()), (Some("a/b"), "c"));
        assert_eq!(url.port(), Some(8443));
        assert!(!format!("{url:?}").contains("tok"));
    }

    #[test]
    fn local_paths_stay_paths() {
        let url = RemoteUrl::parse("/srv/git/thing.git").expect("valid");
        assert_eq!((url.owner(), url.name()), (None, "thing"));
        assert_eq!(url.to_string(), "/srv/git/thing.git");
        assert_eq!(RemoteUrl::parse("../up/there").expect("valid").name(), "there");
        assert_eq!(identity("https://[::1]:8080/a/b"), "[::1]:8080/a/b");
    }

    #[test]
    fn refusals_say_why() {
        for (text, error) in [
            ("  ", RemoteUrlError::Empty),
            ("--upload-pack=touch x", RemoteUrlError::LooksLikeOption),
            ("https://host/a\nb", RemoteUrlError::ControlCharacter),
            ("ext::sh -c touch% /tmp/x", RemoteUrlError::UnsupportedScheme("ext::".into())),
            ("gopher://host/a", RemoteUrlError::UnsupportedScheme("gopher://".into())),
            ("https:///a/b", RemoteUrlError::NoHost),
            ("ssh://-oProxyCommand=x/a", RemoteUrlError::NoHost),
            ("https://host:0/a", RemoteUrlError::BadPort("0".into())),
            ("https://host", RemoteUrlError::NoPath),
            ("https://host/", RemoteUrlError::NoPath),
        ] {
            assert_eq!(RemoteUrl::parse(text), Err(error), "{text}");
        }
    }
}
