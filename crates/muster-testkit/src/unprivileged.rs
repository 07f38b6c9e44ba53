//! Running a program as somebody without rights. Permissions and ownership mean nothing to root, and continuous
//! integration is often root: a test of "this folder may not be read" would pass or fail by who runs it.
//!
//! The user is 65534 (`nobody` on Debian). What it must write to has to be given to it first ([`crate::Lab`] is
//! readable by all, its folders belong to whoever runs the test).

use std::{ffi::OsStr, path::Path, process::Command};

/// User and group without rights.
pub(crate) const NOBODY: u32 = 65534;

/// A command for `program` that does not run as root: as it is for an ordinary user, through `setpriv` (util-linux)
/// as user and group 65534 without further groups when the tests run as root.
pub fn unprivileged_command(program: impl AsRef<OsStr>) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
    command
}

/// The tests run as root, so that file permissions stop nothing.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|own| own.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_runs_as_root() {
        let output = unprivileged_command("id").arg("-u").output().unwrap();
        let user = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && user.trim() != "0", "ran as user `{user}`");
    }
}
