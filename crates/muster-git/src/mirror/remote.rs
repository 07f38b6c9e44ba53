//! What the other side has, by `git ls-remote`: its default branch, branches and tags. Cheap, and needs no mirror; an
//! unchanged repository is not fetched at all.

use std::collections::BTreeMap;

use bstr::ByteSlice;

use super::{
    credentials::Credentials,
    error::MirrorError,
    folder::Mirrors,
    source::{Source, Spelling},
    transfer::{Call, Task},
    watch::{MirrorLimits, Watch},
};

/// Bytes of a list of references that are taken in: some hundred thousand.
const MOST_OUTPUT: u64 = 32 << 20;

/// What the other side has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteRefs {
    /// Short name of the branch that HEAD names; `None` if it names none that exists.
    pub default_branch: Option<String>,
    /// Id of HEAD's commit; `None` if there is none.
    pub head: Option<String>,
    /// `refs/heads/…` and `refs/tags/…` with their ids; an annotated tag has the id of what it stands for. Names that
    /// are not UTF-8 are left out.
    pub refs: BTreeMap<String, String>,
    /// There were more references than are taken in.
    pub is_cut: bool,
    /// How the path had to be written.
    pub spelling: Spelling,
}

/// Asks the other side what it has. If there is nothing under the path as written, the other spelling is tried once.
pub fn ls_remote(
    mirrors: &Mirrors,
    source: &Source,
    limits: &MirrorLimits,
    watch: &Watch<'_>,
) -> Result<RemoteRefs, MirrorError> {
    ls_remote_as(mirrors, source, &Credentials::none(), limits, watch)
}

/// The same in somebody's name.
pub fn ls_remote_as(
    mirrors: &Mirrors,
    source: &Source,
    credentials: &Credentials,
    limits: &MirrorLimits,
    watch: &Watch<'_>,
) -> Result<RemoteRefs, MirrorError> {
    let call = Call::new(source.url().to_string(), limits, watch);
    match ask(mirrors, source, credentials, &call) {
        Err(not_found @ MirrorError::NotFound { .. }) => {
            let other = source.clone().with_spelling(source.spelling().other());
            // What is wrong with the address as given is the better answer.
            ask(mirrors, &other, credentials, &call).map_err(|error| match error {
                stopped @ (MirrorError::Cancelled | MirrorError::TimedOut { .. }) => stopped,
                _ => not_found,
            })
        }
        answer => answer,
    }
}

fn ask(
    mirrors: &Mirrors,
    source: &Source,
    credentials: &Credentials,
    call: &Call<'_>,
) -> Result<RemoteRefs, MirrorError> {
    let home = mirrors.root().join("home");
    let printed = source.by_any_route(|route| {
        let mut git = mirrors.git().command();
        route.apply(&mut git, mirrors.root(), credentials);
        credentials.apply(&mut git);
        git.args(["ls-remote", "--symref", "--", &route.url(), "HEAD", "refs/heads/*", "refs/tags/*"]);
        call.run(&mut git, &Task { what: "ls-remote", folder: &home, most_output: MOST_OUTPUT })
    })?;
    let refs = read(&printed.bytes);
    Ok(RemoteRefs { is_cut: printed.is_cut, spelling: source.spelling(), ..refs })
}

fn read(printed: &[u8]) -> RemoteRefs {
    let mut refs = RemoteRefs::default();
    // Without its end the last line may be half a name.
    let whole = printed.rfind_byte(b'\n').map_or(&[][..], |end| &printed[..end]);
    for line in whole.lines() {
        let Ok(line) = line.to_str() else { continue };
        let Some((value, name)) = line.split_once('\t') else { continue };
        if let Some(target) = value.strip_prefix("ref: ") {
            if name == "HEAD" {
                refs.default_branch = target.strip_prefix("refs/heads/").map(str::to_owned);
            }
        } else if !is_id(value) {
        } else if name == "HEAD" {
            refs.head = Some(value.to_owned());
        } else if let Some(tag) = name.strip_suffix("^{}") {
            // Comes after the tag itself.
            refs.refs.insert(tag.to_owned(), value.to_owned());
        } else if name.starts_with("refs/heads/") || name.starts_with("refs/tags/") {
            refs.refs.insert(name.to_owned(), value.to_owned());
        }
    }
    if refs.head.is_none() {
        refs.default_branch = None;
    }
    refs
}

/// A whole object id, SHA-1 or SHA-256.
pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_whole_and_ours_is_read() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let text = format!(
            "ref: refs/heads/main\tHEAD\n{a}\tHEAD\n{a}\trefs/heads/main\nshort\trefs/heads/x\n\
             {a}\trefs/remotes/origin/HEAD\n{a}\trefs/tags/v1\n{b}\trefs/tags/v1^{{}}\n{b}\trefs/heads/cu"
        );
        let refs = read(text.as_bytes());
        assert_eq!(refs.default_branch.as_deref(), Some("main"));
        assert_eq!(refs.head.as_ref(), Some(&a));
        let expected = [("refs/heads/main".to_owned(), a), ("refs/tags/v1".to_owned(), b)];
        assert_eq!(refs.refs.into_iter().collect::<Vec<_>>(), expected);
    }
}
