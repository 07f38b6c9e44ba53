//! Which branches of a remote a repository follows: its remote-tracking branches, by the plain refspecs of its
//! configuration. Plain is what maps branches of the remote to places below `refs/remotes/NAME/`; whatever else a
//! refspec could say is not looked at and never carried out.
//!
//! Knows no network: what the remote has now is compared above.

use std::{fs, path::Path};

use bstr::{BStr, BString, ByteSlice};
use muster_model::{Timestamp, git_state::TrackedHead};

/// Remote-tracking branches that are looked at; more say nothing new.
const MOST: usize = 20_000;

/// Whether the remote-tracking branches of the remote that counts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracking {
    /// They are.
    Read,
    /// They are not; nobody compares them with anything.
    Leave,
}

/// What is fetched of a remote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Refspecs {
    plain: Vec<Refspec>,
    /// Patterns of branches that are left out.
    excluded: Vec<String>,
}

/// `+refs/heads/SOURCE:refs/remotes/NAME/TARGET`, with one star on both sides or on none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refspec {
    is_forced: bool,
    source: String,
    target: String,
}

impl Refspecs {
    /// The plain refspecs of this remote.
    pub(crate) fn of(repo: &gix::Repository, remote: &str) -> Self {
        let config = repo.config_snapshot();
        let values = config.plumbing().strings(format!("remote.{remote}.fetch").as_str());
        Self::parse(values.unwrap_or_default().iter().map(|value| value.as_bstr()), remote)
    }

    fn parse<'a>(values: impl Iterator<Item = &'a BStr>, remote: &str) -> Self {
        let mut specs = Self::default();
        for value in values {
            let Ok(value) = value.to_str() else { continue };
            match value.strip_prefix('^') {
                Some(excluded) => specs.excluded.push(excluded.to_owned()),
                None => specs.plain.extend(Refspec::parse(value, remote)),
            }
        }
        specs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }

    /// As git's command line takes them.
    pub(crate) fn words(&self) -> impl Iterator<Item = String> {
        let plain = self.plain.iter().map(|spec| {
            let sign = if spec.is_forced { "+" } else { "" };
            format!("{sign}{}:{}", spec.source, spec.target)
        });
        let excluded = self.excluded.iter().filter(|pattern| is_name(pattern));
        plain.chain(excluded.map(|pattern| format!("^{pattern}")))
    }

    /// The branch at the remote, by its short name, that this reference follows.
    fn followed_by(&self, reference: &str) -> Option<String> {
        let source = self.plain.iter().find_map(|spec| {
            let middle = middle(&spec.target, reference)?;
            Some(spec.source.replacen('*', middle, 1))
        })?;
        if self.excluded.iter().any(|pattern| middle(pattern, &source).is_some()) {
            return None;
        }
        source.strip_prefix("refs/heads/").map(str::to_owned)
    }
}

impl Refspec {
    fn parse(text: &str, remote: &str) -> Option<Self> {
        let (is_forced, text) = text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
        let (source, target) = text.split_once(':')?;
        let stars = |text: &str| text.matches('*').count();
        let is_plain = source.starts_with("refs/heads/")
            && target.strip_prefix("refs/remotes/").is_some_and(|rest| {
                rest.strip_prefix(remote).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
            })
            && stars(source) == stars(target)
            && is_name(source)
            && is_name(target);
        is_plain.then(|| Self { is_forced, source: source.to_owned(), target: target.to_owned() })
    }
}

/// A name that git would give a reference, but for one star.
fn is_name(pattern: &str) -> bool {
    pattern.matches('*').count() <= 1
        && gix::refs::FullName::try_from(BString::from(pattern.replacen('*', "x", 1))).is_ok()
}

/// What stands for the star of `pattern` in `name`; nothing if it has none and is the name.
fn middle<'a>(pattern: &str, name: &'a str) -> Option<&'a str> {
    match pattern.split_once('*') {
        None => (pattern == name).then_some(""),
        Some((begin, end)) => name.strip_prefix(begin)?.strip_suffix(end).filter(|middle| !middle.is_empty()),
    }
}

/// The branches of the remote that are followed here, each with where it was last seen and since when it is known. `None`
/// if the configuration follows none.
pub(crate) fn tracked(
    repo: &gix::Repository,
    common_dir: &Path,
    remote: &str,
) -> gix::Result<Option<Vec<TrackedHead>>> {
    let specs = Refspecs::of(repo, remote);
    if specs.is_empty() {
        return Ok(None);
    }
    let packed_at = modified(&common_dir.join("packed-refs"));
    let mut heads = Vec::new();
    for reference in repo.references()?.prefixed(format!("refs/remotes/{remote}/").as_str())? {
        // What is damaged is told with the branches. Symbolic ones (`origin/HEAD`) repeat another.
        let Ok(reference) = reference else { continue };
        let (Some(id), Ok(name)) = (reference.try_id(), reference.name().as_bstr().to_str()) else {
            continue;
        };
        let Some(branch) = specs.followed_by(name) else { continue };
        let changed_at = modified(&common_dir.join(name)).or(packed_at).unwrap_or(Timestamp::UNIX_EPOCH);
        heads.push(TrackedHead { branch, id: id.to_string(), changed_at });
        if heads.len() == MOST {
            break;
        }
    }
    Ok(Some(heads))
}

fn modified(path: &Path) -> Option<Timestamp> {
    let meta = fs::symlink_metadata(path).ok()?;
    meta.is_file().then(|| Timestamp::try_from(meta.modified().ok()?).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(texts: &[&str]) -> Refspecs {
        Refspecs::parse(texts.iter().map(|text| BStr::new(*text)), "origin")
    }

    #[test]
    fn only_plain_refspecs_count() {
        for odd in [
            "+refs/*:refs/*",
            "refs/heads/*:refs/heads/*",
            "refs/heads/*:refs/remotes/other/*",
            "refs/heads/*:refs/remotes/origin*",
            "refs/heads/*:refs/remotes/origin/../../heads/*",
            "refs/heads/*:refs/remotes/origin/main",
            "refs/tags/*:refs/remotes/origin/*",
            "refs/heads/a:refs/remotes/origin/",
            "--upload-pack=touch x",
            "main",
        ] {
            assert!(specs(&[odd]).is_empty(), "{odd}");
        }
        let specs = specs(&["+refs/heads/*:refs/remotes/origin/*", "^refs/heads/wip/*"]);
        let words: Vec<_> = specs.words().collect();
        assert_eq!(words, ["+refs/heads/*:refs/remotes/origin/*", "^refs/heads/wip/*"]);
        assert_eq!(specs.followed_by("refs/remotes/origin/a/b").as_deref(), Some("a/b"));
        assert_eq!(specs.followed_by("refs/remotes/origin/wip/a"), None);
        assert_eq!(specs.followed_by("refs/remotes/other/a"), None);
    }

    #[test]
    fn a_refspec_may_rename_and_name_one_branch() {
        let specs =
            specs(&["refs/heads/main:refs/remotes/origin/trunk", "refs/heads/f/*:refs/remotes/origin/g/*"]);
        assert_eq!(specs.followed_by("refs/remotes/origin/trunk").as_deref(), Some("main"));
        assert_eq!(specs.followed_by("refs/remotes/origin/g/x").as_deref(), Some("f/x"));
        assert_eq!(specs.followed_by("refs/remotes/origin/main"), None);
    }
}
