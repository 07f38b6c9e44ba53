//! What git may show to who asks who it is. Nobody's, for the remotes that a user names: everybody may read those. The
//! person's own, for the remotes of their checkouts, most of which are private: the credential helpers of their global
//! configuration, `~/.netrc`, their ssh keys and agent.
//!
//! Only `credential.*` is taken over from that configuration, and from no repository: whatever else it names stays out of
//! force. Helpers are asked to *get* alone: git would tell them to erase what a server did not take, and a server in
//! trouble must not cost anybody a password. They run without a terminal and without a display, so that those that ask
//! the person give up; keyrings behind a desktop's session cannot be reached for the same reason.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use bstr::ByteSlice;
use gix::config::Source;

use crate::{config_path, identity};

/// Variables that helpers and ssh may need besides those of every git here.
const KEPT: [&str; 7] =
    ["GNUPGHOME", "LOGNAME", "USER", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"];

/// Files that are followed from one to the next.
const MOST_FILES: usize = 50;

/// As whom git asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials(Option<Person>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Person {
    home: OsString,
    /// `credential.*` in order, later ones in force.
    settings: Vec<(String, String)>,
}

impl Credentials {
    /// As nobody.
    pub fn none() -> Self {
        Self(None)
    }

    /// As the person whose configuration this process sees.
    pub fn of_person() -> Self {
        let Some(home) = std::env::var_os("HOME").filter(|home| !home.is_empty()) else { return Self(None) };
        let mut variable = |name: &str| std::env::var_os(name);
        let usual = [Source::System, Source::Git, Source::User].into_iter();
        let files: Vec<PathBuf> = usual.filter_map(|source| source.storage_location(&mut variable)).collect();
        let (mut settings, mut read) = (Vec::new(), 0);
        for file in files {
            collect(&file, &mut settings, &mut read);
        }
        Self(Some(Person { home, settings }))
    }

    /// The person's own.
    pub(super) fn is_of_person(&self) -> bool {
        self.0.is_some()
    }

    /// Gives them to a locked-down git, before the subcommand is added.
    pub(super) fn apply(&self, git: &mut Command) {
        let Some(person) = &self.0 else { return };
        for name in KEPT {
            match std::env::var_os(name) {
                Some(value) => git.env(name, value),
                None => git.env_remove(name),
            };
        }
        git.env("HOME", &person.home);
        // Else the bus is found through the runtime folder, and a keyring may ask on the desktop.
        git.env("DBUS_SESSION_BUS_ADDRESS", "disabled:");
        for (number, (key, value)) in person.settings.iter().enumerate() {
            // Not on the command line, which every user of the machine can read.
            let variable = format!("MUSTER_CREDENTIAL_{number}");
            let value = if key.ends_with(".helper") { only_get(value) } else { value.clone() };
            git.arg(format!("--config-env={key}={variable}")).env(variable, value);
        }
    }
}

/// The `credential.*` of a file and of those that it includes unconditionally, in their order.
fn collect(file: &Path, settings: &mut Vec<(String, String)>, read: &mut usize) {
    *read += 1;
    let Some(config) = (*read <= MOST_FILES).then(|| identity::parse(file)).flatten() else { return };
    for section in config.sections() {
        let name = section.header().name().to_str_lossy().to_ascii_lowercase();
        let subsection = section.header().subsection_name();
        match (name.as_str(), subsection) {
            ("include", None) => {
                let folder = file.parent().unwrap_or(file);
                for target in section.values("path") {
                    collect(&config_path::resolve(folder, target), settings, read);
                }
            }
            ("credential", subsection) => {
                let scope = match subsection.map(|scope| scope.to_str()) {
                    None => String::new(),
                    Some(Ok(scope)) => format!("{scope}."),
                    Some(Err(_)) => continue,
                };
                let keys = ["helper", "useHttpPath", "username"];
                // Values of one key in their order; between keys none matters.
                for key in keys {
                    for value in section.values(key) {
                        let value = value.to_str_lossy().into_owned();
                        settings.push((format!("credential.{scope}{key}"), value));
                    }
                }
            }
            _ => {}
        }
    }
}

/// A helper that passes on nothing but the wish to get something. An empty one forgets those before it.
fn only_get(helper: &str) -> String {
    let command = match helper.strip_prefix('!') {
        _ if helper.is_empty() => return String::new(),
        Some(command) => command.to_owned(),
        None if helper.starts_with('/') => helper.to_owned(),
        None => format!("git credential-{helper}"),
    };
    format!("!muster_get() {{ test \"$1\" = get || exit 0; {command} \"$1\"; }}; muster_get")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_are_called_as_git_calls_them_and_only_to_get() {
        let shown =
            |helper: &str| only_get(helper).replace("!muster_get() { test \"$1\" = get || exit 0; ", "");
        assert_eq!(shown("store --file x"), "git credential-store --file x \"$1\"; }; muster_get");
        assert_eq!(shown("/usr/bin/gcm"), "/usr/bin/gcm \"$1\"; }; muster_get");
        assert_eq!(shown("!gh auth git-credential"), "gh auth git-credential \"$1\"; }; muster_get");
        assert_eq!(only_get(""), "");
    }
}
