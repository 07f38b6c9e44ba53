//! Brings the remote-tracking branches of a checkout up to date, as `git fetch` does, without ever running git in it: the
//! configuration of a repository could name programs in more ways than a list could blank.
//!
//! git fetches into a repository of ours, made for this one call, which borrows the checkout's objects and knows where
//! its branches are. Only when all has arrived and was checked do the packs move into the checkout, and then the
//! branches below `refs/remotes/NAME/`, each only if all are still where they were. Work tree, index, HEAD, local
//! branches, tags and configuration are never touched. A fetch that is stopped before that leaves nothing behind; a process
//! that is killed while they move leaves what a killed git leaves, some moved and a lock file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use bstr::ByteSlice;
use gix::{
    actor::SignatureRef,
    refs::{
        Target,
        transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog},
    },
};
use muster_model::{RemoteUrl, RepoError, RepoId, Timestamp};

use crate::{
    boundary::Boundary,
    guard,
    link::Checkout,
    open::{Opened, open},
    read::counting_remote,
    tracking::Refspecs,
};

use super::{
    credentials::Credentials,
    error::MirrorError,
    folder::{Copied, Mirrors, quoted},
    lock::{Hold, Lock},
    source::Source,
    transfer::{Call, Task},
    watch::{MirrorLimits, Watch},
};

/// Bytes of output that are kept; git prints nothing of interest here.
const MOST_OUTPUT: u64 = 1 << 10;
/// A list of where a shallow history ends, and of what was fetched, in bytes.
const MOST_LIST: u64 = 64 << 20;

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The remote, or the way to it.
    #[error(transparent)]
    Remote(#[from] MirrorError),
    /// The checkout cannot be read.
    #[error("{}", .0.message)]
    Checkout(RepoError),
    /// The checkout is of a kind that is not fetched into.
    #[error("{0}")]
    Refused(String),
    /// Somebody else was at its branches meanwhile, or they cannot be written.
    #[error("the remote's branches could not be written: {0}; try again")]
    NotWritten(String),
}

impl From<RepoError> for FetchError {
    fn from(error: RepoError) -> Self {
        Self::Checkout(error)
    }
}

/// The remote that a checkout follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Its name.
    pub remote: String,
    /// Its address, without credentials.
    pub url: RemoteUrl,
    specs: Refspecs,
}

/// What a fetch brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Branches that are elsewhere now.
    pub updated: usize,
    /// Branches that were not known before.
    pub new: usize,
}

/// Which remote the checkout follows: that of its current branch, else `origin`, else the only one.
pub fn followed(checkout: &Checkout, boundary: &Boundary) -> Result<Followed, FetchError> {
    let Opened { repo, .. } = open(checkout, boundary)?;
    let refused = |message: String| Err(FetchError::Refused(message));
    let Some(remote) = counting_remote(&repo) else {
        return refused("it has no remote; add one with `git remote add origin URL`".to_owned());
    };
    let Some(url) = repo.config_snapshot().string(format!("remote.{remote}.url").as_str()) else {
        return refused(format!("its remote {remote} has no address; give it one with `git remote set-url`"));
    };
    let url = match RemoteUrl::parse(&url.to_str_lossy()) {
        Ok(url) => url,
        Err(error) => return refused(format!("the address of its remote {remote} cannot be used: {error}")),
    };
    let Ok(remote) = String::from_utf8(remote.into()) else {
        return refused("the name of its remote is not UTF-8; run `git fetch` there".to_owned());
    };
    let specs = Refspecs::of(&repo, &remote);
    if specs.is_empty() {
        return refused(format!(
            "it keeps no branches of {remote} apart (refs/remotes/{remote}/); run `git fetch` there"
        ));
    }
    Ok(Followed { remote, url, specs })
}

/// Fetches what `followed` says from `source` into `checkout`. `id` is the project's, which keeps two at a time apart;
/// `now` is written into the branches' logs.
#[expect(
    clippy::too_many_arguments,
    reason = "what, from where, as whom, within which limits: none goes without"
)]
pub fn fetch(
    mirrors: &Mirrors,
    id: RepoId,
    checkout: &Checkout,
    boundary: &Boundary,
    followed: &Followed,
    source: &Source,
    credentials: &Credentials,
    now: Timestamp,
    limits: &MirrorLimits,
    watch: &Watch<'_>,
) -> Result<Fetched, FetchError> {
    let call = Call::new(source.url().to_string(), limits, watch);
    let file = mirrors.copy_lock(id, Copied::Window);
    let lock = Lock::take(&file, Hold::Alone, || call.check())?;
    let path = mirrors.unfinished(id, Copied::Window);
    mirrors.discard(id, &path)?;
    let work = Work { mirrors, path: &path, checkout, followed, source, credentials, call: &call };
    let fetched = work.run(boundary, now);
    let discarded = mirrors.discard(id, &path);
    let removed = lock.remove().map_err(|error| MirrorError::folder(&file, &error));
    let fetched = fetched?;
    discarded?;
    removed?;
    Ok(fetched)
}

struct Work<'a> {
    mirrors: &'a Mirrors,
    /// The repository of ours.
    path: &'a Path,
    checkout: &'a Checkout,
    followed: &'a Followed,
    source: &'a Source,
    credentials: &'a Credentials,
    call: &'a Call<'a>,
}

/// Where references are, by full name.
type Places = BTreeMap<String, gix::ObjectId>;

impl Work<'_> {
    fn run(&self, boundary: &Boundary, now: Timestamp) -> Result<Fetched, FetchError> {
        let Opened { repo, .. } = open(self.checkout, boundary)?;
        self.refuse_odd_kinds(&repo)?;
        let (before, symbolic) = self.places(&repo)?;
        self.make(&repo, &before)?;
        self.transfer()?;
        let ours_now = gix::open_opts(self.path, gix::open::Options::isolated()).map_err(ours)?;
        let (after, _) = self.places(&ours_now)?;
        let is_moved =
            |(name, id): &(String, gix::ObjectId)| before.get(name) != Some(id) && !symbolic.contains(name);
        let moved: Places = after.into_iter().filter(is_moved).collect();
        self.call.check()?;
        if !moved.is_empty() {
            self.adopt_packs()?;
            self.write(&repo, &before, &moved, now)?;
        }
        self.note_fetch();
        let new = moved.keys().filter(|name| !before.contains_key(*name)).count();
        Ok(Fetched { updated: moved.len() - new, new })
    }

    /// Objects and branches are written to by name: none of these folders may lead elsewhere.
    fn refuse_odd_kinds(&self, repo: &gix::Repository) -> Result<(), FetchError> {
        let dir = &self.checkout.common_dir;
        for place in
            ["objects", "objects/pack", "refs", "refs/remotes", "logs", "logs/refs", "logs/refs/remotes"]
        {
            refuse_link(&dir.join(place))?;
        }
        let is_partial = repo.config_snapshot().string("extensions.partialClone").is_some()
            || names_in(&dir.join("objects/pack"))
                .iter()
                .any(|name| Path::new(name).extension().is_some_and(|end| end == "promisor"));
        if is_partial {
            let message = "it is a partial clone, whose missing objects only git itself can ask for; run `git fetch` there";
            return Err(FetchError::Refused(message.to_owned()));
        }
        Ok(())
    }

    /// The remote-tracking branches, and the names among them that stand for another one, such as `HEAD`: a branch of
    /// such a name at the remote has no place here.
    fn places(&self, repo: &gix::Repository) -> Result<(Places, BTreeSet<String>), FetchError> {
        let prefix = format!("refs/remotes/{}/", self.followed.remote);
        let (mut places, mut symbolic) = (Places::new(), BTreeSet::new());
        for reference in repo.references().map_err(ours)?.prefixed(prefix.as_str()).map_err(ours)? {
            let Ok(reference) = reference else { continue };
            let Ok(name) = reference.name().as_bstr().to_str() else { continue };
            match reference.try_id() {
                Some(id) => drop(places.insert(name.to_owned(), id.detach())),
                None => drop(symbolic.insert(name.to_owned())),
            }
        }
        Ok((places, symbolic))
    }

    /// Makes the repository of ours: what the checkout has, it has.
    fn make(&self, repo: &gix::Repository, before: &Places) -> Result<(), FetchError> {
        let format = match repo.object_hash() {
            gix::hash::Kind::Sha256 => "sha256",
            _ => "sha1",
        };
        let mut git = self.mirrors.git().command();
        git.args(["init", "--quiet", "--bare", "--template=", "--initial-branch=none"]);
        git.arg(format!("--object-format={format}")).arg("--").arg(self.path);
        self.call.run(&mut git, &Task { what: "init", folder: self.path, most_output: MOST_OUTPUT })?;
        let failed = |path: &Path, error: &io::Error| MirrorError::folder(path, error);
        let objects = self.checkout.common_dir.join("objects");
        let objects = objects.canonicalize().map_err(|error| failed(&objects, &error))?;
        let alternates = self.path.join("objects/info/alternates");
        let line = quoted(&objects);
        fs::create_dir_all(self.path.join("objects/info"))
            .and_then(|()| fs::write(&alternates, line))
            .map_err(|error| failed(&alternates, &error))?;
        if let Some(shallow) = guard::read_small(&self.checkout.common_dir.join("shallow"), MOST_LIST)? {
            let path = self.path.join("shallow");
            fs::write(&path, shallow).map_err(|error| failed(&path, &error))?;
        }
        let packed = self.path.join("packed-refs");
        fs::write(&packed, have(repo, before)?).map_err(|error| failed(&packed, &error))?;
        Ok(())
    }

    fn transfer(&self) -> Result<(), FetchError> {
        let transferred = self.source.by_any_route(|route| {
            let mut git = self.mirrors.git().command_in(self.path);
            route.apply(&mut git, self.mirrors.root(), self.credentials);
            self.credentials.apply(&mut git);
            // git would ask the repository that objects are borrowed from for its branches, by running there.
            git.args(["-c", "core.alternateRefsCommand=true"]);
            // What these files of the checkout say of its objects is not believed.
            git.args(["-c", "core.commitGraph=false", "-c", "core.multiPackIndex=false"]);
            git.args(["fetch", "--progress", "--no-tags", "--no-prune", "--no-auto-maintenance"]);
            git.args(["--no-recurse-submodules", "--refmap="]);
            git.args(["--", &route.url()]).args(self.followed.specs.words());
            self.call.run(&mut git, &Task { what: "fetch", folder: self.path, most_output: MOST_OUTPUT })
        });
        Ok(transferred.map(drop)?)
    }

    /// Moves what has arrived into the checkout: the index of a pack last, by which git finds it.
    fn adopt_packs(&self) -> Result<(), FetchError> {
        let (from, to) = (self.path.join("objects/pack"), self.checkout.common_dir.join("objects/pack"));
        let failed = |path: &Path, error: &io::Error| FetchError::from(MirrorError::folder(path, error));
        fs::create_dir_all(&to).map_err(|error| failed(&to, &error))?;
        let is = |name: &String, end: &str| Path::new(name).extension().is_some_and(|has| has == end);
        let mut names: Vec<String> = names_in(&from)
            .into_iter()
            .filter(|name| {
                name.starts_with("pack-") && ["pack", "rev", "idx"].iter().any(|end| is(name, end))
            })
            .collect();
        names.sort_by_key(|name| is(name, "idx"));
        let had_none = names.is_empty();
        for name in names {
            let (source, target) = (from.join(&name), to.join(&name));
            // The name is a hash of what is in it.
            if target.symlink_metadata().is_err() {
                move_file(&source, &target).map_err(|error| failed(&target, &error))?;
            }
        }
        if !had_none {
            fs::File::open(&to).and_then(|folder| folder.sync_all()).map_err(|error| failed(&to, &error))?;
        }
        Ok(())
    }

    fn write(
        &self,
        repo: &gix::Repository,
        before: &Places,
        moved: &Places,
        now: Timestamp,
    ) -> Result<(), FetchError> {
        let dir = &self.checkout.common_dir;
        let mut edits = Vec::with_capacity(moved.len());
        let mut folders = BTreeSet::new();
        for (name, id) in moved {
            let parents = Path::new(name).ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
            folders.extend(parents.map(Path::to_owned));
            let expected = before.get(name).map_or(PreviousValue::MustNotExist, |id| {
                PreviousValue::MustExistAndMatch(Target::Object(*id))
            });
            let log = LogChange {
                mode: RefLog::AndReference,
                force_create_reflog: false,
                message: "fetch by muster".into(),
            };
            edits.push(RefEdit {
                change: Change::Update { log, expected, new: Target::Object(*id) },
                name: name.as_str().try_into().map_err(|_| FetchError::NotWritten(name.clone()))?,
                deref: false,
            });
        }
        for folder in &folders {
            refuse_link(&dir.join(folder))?;
            refuse_link(&dir.join("logs").join(folder))?;
        }
        for name in moved.keys() {
            refuse_link(&dir.join(name))?;
            refuse_link(&dir.join("logs").join(name))?;
        }
        let time = format!("{} +0000", now.as_second());
        let person = repo.committer().and_then(Result::ok);
        let (name, email) = person.map_or((b"muster".as_bstr(), b"muster@localhost".as_bstr()), |person| {
            (person.name, person.email)
        });
        let who = SignatureRef { name, email, time: &time };
        let written = repo.edit_references_as(edits, Some(who));
        written.map(drop).map_err(|error| FetchError::NotWritten(error.to_string()))
    }

    /// As git does, by which people and muster see when it was last fetched. That it cannot be written harms nothing.
    fn note_fetch(&self) {
        let noted = || -> Option<()> {
            let note = guard::read_small(&self.path.join("FETCH_HEAD"), MOST_LIST).ok()??;
            let target = self.checkout.git_dir.join("FETCH_HEAD");
            let unnamed = self.checkout.git_dir.join(format!("FETCH_HEAD.muster-{}", std::process::id()));
            let written = fs::File::create_new(&unnamed).and_then(|mut file| file.write_all(&note));
            let renamed = written.and_then(|()| fs::rename(&unnamed, &target));
            if renamed.is_err() {
                let _ = fs::remove_file(&unnamed);
            }
            Some(())
        };
        let _ = noted();
    }
}

/// The references of ours: the remote's branches where they are known to be, so that git sees what moves and how, and all
/// else under names that say nothing, so that it need not be sent again. What is missing is left out.
fn have(repo: &gix::Repository, before: &Places) -> Result<String, FetchError> {
    use gix::objs::Exists as _;
    let mut ids = BTreeSet::new();
    for reference in repo.references().map_err(ours)?.all().map_err(ours)? {
        let Ok(reference) = reference else { continue };
        ids.extend(reference.try_id().map(gix::Id::detach));
    }
    ids.extend(repo.head().ok().and_then(|head| head.id().map(gix::Id::detach)));
    let is_there = |id: &gix::ObjectId| repo.objects.exists(id);
    let mut text = String::new();
    let others = ids.iter().filter(|id| is_there(id)).enumerate();
    let lines = others.map(|(number, id)| (format!("refs/have/{number:09}"), *id));
    let known = before.iter().filter(|(_, id)| is_there(id)).map(|(name, id)| (name.clone(), *id));
    let all: BTreeMap<String, gix::ObjectId> = lines.chain(known).collect();
    for (name, id) in all {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{id} {name}");
    }
    Ok(text)
}

fn refuse_link(path: &Path) -> Result<(), FetchError> {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_symlink() => {
            Err(FetchError::Refused(format!("{} is a symbolic link; run `git fetch` there", path.display())))
        }
        _ => Ok(()),
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Renames, or copies where the checkout is on another file system.
fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    if fs::metadata(from)?.dev() == fs::metadata(folder)?.dev() {
        return fs::rename(from, to);
    }
    let mut unnamed: PathBuf = to.to_owned();
    // git takes files that begin so for leftovers, and removes them when they are old.
    unnamed.set_file_name(format!(
        "tmp_{}_{}",
        std::process::id(),
        to.file_name().unwrap_or_default().to_string_lossy()
    ));
    // One of a process that was killed and had this number cannot be written to.
    let _ = fs::remove_file(&unnamed);
    let copied = fs::copy(from, &unnamed)
        .and_then(|_| fs::File::open(&unnamed)?.sync_all())
        .and_then(|()| fs::rename(&unnamed, to));
    if copied.is_err() {
        let _ = fs::remove_file(&unnamed);
    }
    copied
}

/// Trouble with references that is not the remote's.
fn ours(error: impl std::fmt::Display) -> FetchError {
    FetchError::NotWritten(error.to_string())
}
