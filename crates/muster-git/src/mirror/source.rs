//! Where a mirror comes from, with the addresses that its host was resolved to: git is made to connect to nothing else.
//! Knows for each scheme how git is told; knows no policy: which addresses are allowed was decided before.
//!
//! - http, https: `http.curloptResolve`, so that certificates and virtual hosts are those of the name.
//! - git: the address stands in the URL, the name goes into the request (`GIT_OVERRIDE_VIRTUAL_HOST`).
//! - ssh: options `HostName` and `HostKeyAlias`, as user `git`, because addresses are stored without theirs. The key of
//!   a host is taken on trust at first sight and must stay the same (`accept-new`), in a file beside the mirrors: nobody
//!   is there to be asked, and the person's own list is not written to.
//!
//! A host that a resolver and curl could read differently (`0x7f.1`, `host.`, `%31`) is refused.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    process::Command,
};

use muster_model::remote_url::{RemoteUrl, Scheme};

use super::{credentials::Credentials, error::MirrorError};

/// Seconds until a connection must stand, for ssh, which has an option for it. The stall limit bounds the others.
const SSH_CONNECT_SECONDS: u32 = 20;

/// How the path of the URL is written. Servers of plain files and `git http-backend` insist on the folder's real name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Spelling {
    /// As people write it.
    #[default]
    Plain,
    /// With `.git` at the end.
    DotGit,
}

impl Spelling {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Plain => Self::DotGit,
            Self::DotGit => Self::Plain,
        }
    }
}

/// A remote repository, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    url: RemoteUrl,
    addresses: Vec<IpAddr>,
    spelling: Spelling,
}

impl Source {
    /// A source at one of these addresses.
    ///
    /// # Errors
    /// [`MirrorError::Refused`] if there is no address, for local paths, and for hosts that could be read in two ways.
    pub fn new(url: RemoteUrl, addresses: Vec<IpAddr>) -> Result<Self, MirrorError> {
        let refused =
            |reason: &str| MirrorError::Refused { place: url.to_string(), reason: reason.to_owned() };
        if url.scheme() == Scheme::File {
            return Err(refused("only addresses on the network can be mirrored"));
        }
        if addresses.is_empty() {
            return Err(refused("its host has no address; check the name"));
        }
        match host_of(&url) {
            Host::Name => {}
            Host::Address(literal) if addresses.iter().all(|&address| address == literal) => {}
            Host::Address(_) => return Err(refused("its address is not the one that was allowed")),
            Host::Odd => {
                return Err(refused(
                    "write its host in letters, digits, '-' and '.', or as an ordinary address",
                ));
            }
        }
        Ok(Self { url, addresses, spelling: Spelling::default() })
    }

    /// The same, with the spelling that worked before ([`super::RemoteRefs::spelling`]).
    #[must_use]
    pub fn with_spelling(self, spelling: Spelling) -> Self {
        Self { spelling, ..self }
    }

    /// The address as people see it.
    pub fn url(&self) -> &RemoteUrl {
        &self.url
    }

    /// What the host was resolved to.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// How the path is written.
    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// Each way to connect. Curl goes through several addresses by itself, the others know one at a time.
    fn routes(&self) -> Vec<Route<'_>> {
        let one_by_one = self.addresses.iter().map(std::slice::from_ref);
        match self.url.scheme() {
            Scheme::Http | Scheme::Https => vec![Route { source: self, addresses: &self.addresses }],
            _ => one_by_one.map(|addresses| Route { source: self, addresses }).collect(),
        }
    }
}

impl Source {
    /// Tries one way after the other, until one leads there.
    pub(super) fn by_any_route<T>(
        &self,
        mut attempt: impl FnMut(&Route<'_>) -> Result<T, MirrorError>,
    ) -> Result<T, MirrorError> {
        let mut last = None;
        for route in self.routes() {
            match attempt(&route) {
                Err(error @ MirrorError::Unreachable { .. }) => last = Some(error),
                other => return other,
            }
        }
        let place = self.url.to_string();
        Err(last.unwrap_or(MirrorError::Unreachable { place, message: "no address".to_owned() }))
    }
}

/// One way to connect to a source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route<'a> {
    source: &'a Source,
    addresses: &'a [IpAddr],
}

impl Route<'_> {
    /// Tells `git` to reach nothing but this: to be called before the subcommand is added. `folder` is where the known
    /// keys of hosts are kept; those that the person knows count too where it is asked in the person's name.
    pub(super) fn apply(&self, git: &mut Command, folder: &Path, credentials: &Credentials) {
        let url = &self.source.url;
        let port = url.port().unwrap_or_default();
        let scheme = match url.scheme() {
            Scheme::Https => "https",
            Scheme::Http => "http",
            Scheme::Git => "git",
            Scheme::Ssh => "ssh",
            Scheme::File => "none",
        };
        git.env("GIT_ALLOW_PROTOCOL", scheme).args(["-c", &format!("protocol.{scheme}.allow=always")]);
        match url.scheme() {
            Scheme::Http | Scheme::Https => {
                if let Host::Name = host_of(url) {
                    let addresses: Vec<_> = self.addresses.iter().map(|one| bracketed(*one)).collect();
                    let pin = format!("{}:{port}:{}", url.host(), addresses.join(","));
                    git.args(["-c", &format!("http.curloptResolve={pin}")]);
                }
            }
            Scheme::Git => {
                git.env("GIT_OVERRIDE_VIRTUAL_HOST", format!("{}:{port}", url.host()));
            }
            Scheme::Ssh => {
                git.env("GIT_SSH_COMMAND", self.ssh_command(port, folder, credentials))
                    .env("GIT_SSH_VARIANT", "ssh");
            }
            Scheme::File => {}
        }
    }

    /// The URL for git.
    pub(super) fn url(&self) -> String {
        let Source { url, spelling, .. } = self.source;
        let end = match spelling {
            Spelling::Plain => "",
            Spelling::DotGit => ".git",
        };
        let (path, port) = (url.path(), url.port().unwrap_or_default());
        match (url.scheme(), self.addresses) {
            (Scheme::Git, [address, ..]) => format!("git://{}:{port}/{path}{end}", bracketed(*address)),
            (Scheme::Ssh, _) => format!("ssh://git@{}:{port}/{path}{end}", url.host()),
            _ => format!("{url}{end}"),
        }
    }

    /// The command, for a shell. The host has no character that means anything to one.
    fn ssh_command(&self, port: u16, folder: &Path, credentials: &Credentials) -> String {
        let host = self.source.url.host().trim_matches(['[', ']']);
        let alias = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
        let known = folder.join("known_hosts").display().to_string();
        // New keys go to the first file.
        let own = if credentials.is_of_person() { " ~/.ssh/known_hosts" } else { "" };
        let mut options = vec![
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=accept-new".to_owned(),
            format!("UserKnownHostsFile=\"{known}\"{own}"),
            format!("ConnectTimeout={SSH_CONNECT_SECONDS}"),
            format!("HostKeyAlias={alias}"),
            "ClearAllForwardings=yes".to_owned(),
            "ForwardAgent=no".to_owned(),
            "PermitLocalCommand=no".to_owned(),
        ];
        options.extend(self.addresses.first().map(|address| format!("HostName={address}")));
        let options: Vec<_> = options.iter().map(|option| format!("-o {}", quoted(option))).collect();
        format!("ssh -F /dev/null {}", options.join(" "))
    }
}

enum Host {
    Name,
    Address(IpAddr),
    /// Not clearly one of them.
    Odd,
}

fn host_of(url: &RemoteUrl) -> Host {
    let host = url.host();
    if let Some(literal) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return literal.parse::<Ipv6Addr>().map_or(Host::Odd, |address| Host::Address(address.into()));
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Host::Address(address.into());
    }
    let is_plain =
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let last = host.rsplit('.').next().unwrap_or_default();
    // inet_aton takes numbers in octal and hexadecimal, and fewer than four of them.
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_plain && !is_number { Host::Name } else { Host::Odd }
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// One word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str, address: &str) -> Result<Source, MirrorError> {
        Source::new(RemoteUrl::parse(url).unwrap(), vec![address.parse().unwrap()])
    }

    #[test]
    fn hosts_that_could_be_read_in_two_ways_are_refused() {
        for url in [
            "https://0x7f.1/a/b",
            "https://2130706433/a/b",
            "https://127.1/a/b",
            "https://0177.0.0.1/a/b",
            "https://host.example./a/b",
            "https://ho%73t/a/b",
            "https://ho$(touch x)st/a/b",
            "https://hö.example/a/b",
            "ssh://ho'st/a/b",
            "https://[::1/a/b",
            "/srv/git/a",
            "file:///srv/git/a",
        ] {
            assert!(matches!(source(url, "192.0.2.1"), Err(MirrorError::Refused { .. })), "{url}");
        }
        assert!(source("https://127.0.0.1/a/b", "192.0.2.1").is_err(), "another address than was allowed");
        assert!(source("https://[::1]:8443/a/b", "::1").is_ok());
        assert!(source("https://git_lab.example-1.org/a/b", "192.0.2.1").is_ok());
        let nowhere = Source::new(RemoteUrl::parse("https://h.example/a").unwrap(), vec![]);
        assert!(matches!(nowhere, Err(MirrorError::Refused { .. })));
    }

    #[track_caller]
    fn told(url: &str, address: &str) -> String {
        let source = source(url, address).unwrap();
        let route = source.routes()[0];
        let mut git = Command::new("git");
        route.apply(&mut git, Path::new("/m's"), &Credentials::none());
        let envs = git
            .get_envs()
            .filter_map(|(name, value)| Some(format!("{}={}", name.to_str()?, value?.to_str()?)));
        let args = git.get_args().filter_map(|arg| arg.to_str()).map(str::to_owned);
        envs.chain(args).chain([route.url()]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn git_is_told_the_address_in_the_way_of_each_scheme() {
        assert_eq!(
            told("https://h.example/a/b", "2001:db8::1"),
            "GIT_ALLOW_PROTOCOL=https -c protocol.https.allow=always \
             -c http.curloptResolve=h.example:443:[2001:db8::1] https://h.example/a/b"
        );
        assert_eq!(
            told("git://h.example/a/b", "192.0.2.1"),
            "GIT_ALLOW_PROTOCOL=git GIT_OVERRIDE_VIRTUAL_HOST=h.example:9418 \
             -c protocol.git.allow=always git://192.0.2.1:9418/a/b"
        );
        let ssh = told("h.example:a/b", "192.0.2.1");
        assert!(
            ssh.contains("-o 'HostName=192.0.2.1'") && ssh.contains("-o 'HostKeyAlias=h.example'"),
            "{ssh}"
        );
        assert!(ssh.contains(r#"'UserKnownHostsFile="/m'\''s/known_hosts"'"#), "{ssh}");
        assert!(ssh.ends_with("ssh://git@h.example:22/a/b"), "{ssh}");
    }
}
