//! Opens a repository locked down. Its own configuration is refused as a whole; a short list of harmless values is
//! read as plain data and handed back. Filter drivers are removed wherever they were configured, so no content filter
//! of a repository can start a program: which files would have needed one is said instead (`filtered_unknown`).
//!
//! Why not `isolated()` or reduced trust: both still ran filter programs when measured, and `safe.directory = *`
//! turns reduced trust back into full trust.

mod includes;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use bstr::{BString, ByteSlice};
use gix::{
    config::{
        file::{Metadata, init::Options},
        source::Kind,
    },
    sec::Trust,
};
use muster_model::{ErrorCode, RepoError, error::Warning};

use crate::{
    boundary::Boundary,
    config_path, error, guard,
    link::{Checkout, CheckoutKind},
};

const OBJECT_CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Values of the repository's own configuration that are honoured: section, then keys. Anything that names a program,
/// a file elsewhere or a URL to contact is absent by design.
const HONOURED: [(&str, &[&str]); 9] = [
    (
        "core",
        &[
            "autocrlf",
            "bare",
            "checkroundtripencoding",
            "checkstat",
            "eol",
            "filemode",
            "ignorecase",
            "logallrefupdates",
            "precomposeunicode",
            "repositoryformatversion",
            "safecrlf",
            "sparsecheckout",
            "sparsecheckoutcone",
            "symlinks",
            "trustctime",
            "worktree",
        ],
    ),
    (
        "extensions",
        &["noop", "objectformat", "partialclone", "preciousobjects", "refstorage", "worktreeconfig"],
    ),
    ("branch", &["merge", "remote"]),
    ("remote", &["fetch", "url"]),
    ("submodule", &["active", "ignore"]),
    ("status", &["renamelimit", "renames", "showuntrackedfiles"]),
    ("diff", &["ignoresubmodules", "renamelimit", "renames"]),
    ("index", &["sparse"]),
    ("user", &["email"]),
];

/// Extensions of format version 1 that change nothing about what is read here, or that are understood.
const READABLE_EXTENSIONS: [&str; 10] = [
    "compatobjectformat",
    "noop",
    "noop-v1",
    "objectformat",
    "partialclone",
    "preciousobjects",
    "refstorage",
    "relativeworktrees",
    "submodulepathconfig",
    "worktreeconfig",
];

/// An opened repository and what was found while opening it.
pub(crate) struct Opened {
    pub(crate) repo: gix::Repository,
    /// Names of filter drivers that were configured anywhere and are now gone.
    pub(crate) blanked_filters: BTreeSet<BString>,
    /// Object folders of other repositories that this one needs.
    pub(crate) borrows_from: Vec<PathBuf>,
    pub(crate) warnings: Vec<Warning>,
}

/// Opens the repository of `checkout`.
pub(crate) fn open(checkout: &Checkout, boundary: &Boundary) -> Result<Opened, RepoError> {
    guard::check_git_dir(&checkout.git_dir, &checkout.common_dir)?;
    let borrows_from = guard::check_links(&checkout.git_dir, &checkout.common_dir, boundary)?;
    let mut warnings = Vec::new();
    let follow_includes = match includes::check(checkout, boundary)? {
        Ok(()) => true,
        Err(warning) => {
            warnings.push(warning);
            false
        }
    };
    let repo = gix::ThreadSafeRepository::open_opts(&checkout.git_dir, options(follow_includes))
        .map_err(|error| unsupported_or(checkout, &error))?;
    let mut repo = repo.to_thread_local();
    let fail = |error: gix::Error| error::from_gix(&checkout.path, "cannot read the configuration", &error);
    check_extensions(checkout, &repo)?;
    let LockedDown { blanked_filters, pattern_files } = lock_down(&mut repo).map_err(fail)?;
    if repo.config_snapshot().string("extensions.refStorage").is_some_and(|kind| kind != "files") {
        return Err(unsupported_refs(checkout));
    }
    let work_tree = work_tree(checkout, &repo, boundary)?;
    honour_pattern_files(&mut repo, pattern_files, work_tree.as_deref(), boundary, &mut warnings)
        .map_err(fail)?;
    repo.set_workdir(work_tree).map_err(fail)?;
    warnings.extend(foreign_owner(checkout));
    // Objects are read often in neighbouring order; a small cache saves unpacking deltas twice.
    repo.object_cache_size_if_unset(OBJECT_CACHE_BYTES);
    Ok(Opened { repo, blanked_filters, borrows_from, warnings })
}

/// Where the work tree is, as git decides it, if that place may be read.
fn work_tree(
    checkout: &Checkout,
    repo: &gix::Repository,
    boundary: &Boundary,
) -> Result<Option<PathBuf>, RepoError> {
    let config = repo.config_snapshot();
    match checkout.kind {
        CheckoutKind::Bare => Ok(None),
        // `core.worktree` of a submodule says where its `.git` file is, and a linked worktree has no say in it.
        CheckoutKind::Linked | CheckoutKind::Submodule => Ok(Some(checkout.path.clone())),
        CheckoutKind::Main if config.boolean("core.bare") == Some(true) => Ok(None),
        CheckoutKind::Main => {
            let Some(named) = config.string("core.worktree") else { return Ok(Some(checkout.path.clone())) };
            let named = PathBuf::from(OsString::from_vec(named.into()));
            let path = checkout.git_dir.join(&named);
            if boundary.contains(&path) {
                return Ok(Some(path));
            }
            Err(RepoError::new(
                ErrorCode::OutsideRoots,
                format!(
                    "core.worktree of {} leads to {}, outside the roots",
                    checkout.path.display(),
                    named.display()
                ),
            ))
        }
    }
}

/// An extension that nobody here knows may change the meaning of anything; git refuses such a repository too. Before
/// format version 1 the section had no meaning.
fn check_extensions(checkout: &Checkout, repo: &gix::Repository) -> Result<(), RepoError> {
    let config = repo.config_snapshot();
    if config.integer("core.repositoryFormatVersion").is_none_or(|version| version < 1) {
        return Ok(());
    }
    let own = config.plumbing().sections_by_name("extensions").into_iter().flatten();
    let unknown = own
        .filter(|section| section.meta().source.kind() == Kind::Repository)
        .flat_map(|section| section.value_names().collect::<Vec<_>>())
        .find(|name| !READABLE_EXTENSIONS.contains(&name.to_ascii_lowercase().as_str()));
    match unknown {
        None => Ok(()),
        Some(name) => Err(RepoError::new(
            ErrorCode::UnsupportedFormat,
            format!("{} uses the extension '{name}', which cannot be read yet", checkout.path.display()),
        )),
    }
}

fn options(follow_includes: bool) -> gix::open::Options {
    let mut permissions = gix::open::Permissions::all();
    permissions.config.includes = follow_includes;
    permissions.config.git_binary = false;
    gix::open::Options::default()
        .permissions(permissions)
        .with(Trust::Full)
        .bail_if_untrusted(false)
        .open_path_as_is(true)
        .lossy_config(true)
        .filter_config_section(|meta| meta.source.kind() != Kind::Repository)
}

/// Files of patterns that the repository's own configuration may name, if they lie inside the roots.
const PATTERN_FILES: [&str; 2] = ["attributesfile", "excludesfile"];

/// What locking down took out.
struct LockedDown {
    blanked_filters: BTreeSet<BString>,
    pattern_files: Vec<(&'static str, BString)>,
}

/// Gives back the pattern files that lie inside the roots, as absolute paths.
fn honour_pattern_files(
    repo: &mut gix::Repository,
    files: Vec<(&'static str, BString)>,
    work_tree: Option<&Path>,
    boundary: &Boundary,
    warnings: &mut Vec<Warning>,
) -> gix::Result<()> {
    for (key, value) in files {
        let path = config_path::resolve(work_tree.unwrap_or(Path::new("")), value.clone());
        if boundary.contains(&path) && guard::check_plain(&path, guard::MAX_CONFIG_BYTES).is_ok() {
            let value = gix::path::into_bstr(path)?.into_owned();
            let mut config = repo.config_snapshot_mut();
            let meta = Metadata::from(gix::config::Source::Api).with(Trust::Full);
            config.new_section_with_meta("core", None::<BString>, meta)?.push(key, Some(value.as_bstr()))?;
            config.commit()?;
        } else {
            let message =
                format!("core.{key} names {value}, which is not read: it is no plain file inside the roots");
            warnings.push(Warning { code: "config_ignored".into(), message });
        }
    }
    Ok(())
}

/// Rewrites the configuration in memory: honoured values of the repository come back as trusted plain data, the rest
/// of its own configuration and every filter driver are gone.
fn lock_down(repo: &mut gix::Repository) -> gix::Result<LockedDown> {
    let mut blanked = BTreeSet::new();
    let mut pattern_files = Vec::new();
    let mut honoured = Vec::new();
    let mut config = repo.config_snapshot_mut();
    let ids: Vec<_> = config.section_ids().collect();
    for id in ids {
        let Some(section) = config.section_mut_by_id(id) else { continue };
        let name = section.header().name().to_str_lossy().to_ascii_lowercase();
        let subsection = section.header().subsection_name().map(ToOwned::to_owned);
        let is_local = section.meta().source.kind() == Kind::Repository;
        if name == "filter" {
            blanked.extend(subsection.clone());
        }
        if is_local && let Some((_, keys)) = HONOURED.iter().find(|(honoured, _)| *honoured == name) {
            for key in *keys {
                for value in section.values(key) {
                    honoured.push((name.clone(), subsection.clone(), *key, value));
                }
                // `[core] bare` without a value means true.
                if section.value_implicit(key) == Some(None) {
                    honoured.push((name.clone(), subsection.clone(), *key, BString::from("true")));
                }
            }
        }
        if is_local && name == "core" {
            let last = |key: &'static str| Some((key, section.values(key).pop()?));
            pattern_files.extend(PATTERN_FILES.into_iter().filter_map(last));
        }
        if is_local || name == "filter" {
            config.remove_section_by_id(id);
        }
    }
    for (name, subsection, key, value) in honoured {
        let meta = Metadata::from(gix::config::Source::Api).with(Trust::Full);
        let mut section = config.new_section_with_meta(name, subsection, meta)?;
        section.push(key, Some(value.as_bstr()))?;
    }
    config.commit()?;
    Ok(LockedDown { blanked_filters: blanked, pattern_files })
}

/// git refuses to work in a repository of somebody else until `safe.directory` names it; muster reads it all the same.
fn foreign_owner(checkout: &Checkout) -> Option<Warning> {
    use std::os::unix::fs::MetadataExt;
    let owner = checkout.git_dir.metadata().ok()?.uid();
    if owner == rustix::process::geteuid().as_raw() {
        return None;
    }
    let path = checkout.path.display();
    let message = format!(
        "{path} belongs to another user ({owner}); git refuses to work there until you run \
         `git config --global --add safe.directory {path}`"
    );
    Some(Warning { code: "foreign_owner".into(), message })
}

fn unsupported_or(checkout: &Checkout, error: &gix::Error) -> RepoError {
    let config = std::fs::read(checkout.common_dir.join("config")).unwrap_or_default().to_ascii_lowercase();
    if config.contains_str("refstorage") && config.contains_str("reftable") {
        return unsupported_refs(checkout);
    }
    let looks_wrong = !Path::new(&checkout.git_dir).join("HEAD").exists();
    if looks_wrong {
        return RepoError::new(
            ErrorCode::Corrupt,
            format!("{} has no HEAD, so git would not call it a repository", checkout.git_dir.display()),
        );
    }
    let meta = Metadata::from(gix::config::Source::Local);
    if let Err(error) = gix::config::File::from_bytes_no_includes(&config, meta, Options::default()) {
        let file = checkout.common_dir.join("config");
        return error::from_gix(&file, "cannot read the configuration", &gix::Error::from_error(error));
    }
    error::from_gix(&checkout.path, "cannot open the repository", error)
}

fn unsupported_refs(checkout: &Checkout) -> RepoError {
    let message = format!(
        "{} keeps its branches in another format than files (reftable), which cannot be read yet",
        checkout.path.display()
    );
    RepoError::new(ErrorCode::UnsupportedFormat, message)
}
