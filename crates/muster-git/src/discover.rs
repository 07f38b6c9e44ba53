//! Finds checkouts and manifest folders under the roots. One directory listing answers both "is a repository here"
//! and "which children are there"; no file is looked at, no symbolic link followed, so links out of a root and loops
//! cannot lead anywhere. Clones hide inside other work trees, in ignored folders above all: whoever reads the states
//! anyway leaves work trees alone here and hands the folders that reading met to [`discover_within`].

mod ignores;

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    fs, io,
    num::NonZeroUsize,
    os::unix::ffi::OsStrExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use muster_model::RepoError;

use crate::{
    boundary::Boundary,
    link::{Checkout, enclosing_checkout},
};

use ignores::Ignores;

pub(crate) use ignores::IGNORE_FILE;

/// Folders that are never entered: what build tools and package managers make, and git's own.
const NEVER_ENTERED: [&str; 8] =
    [".git", "node_modules", "target", "venv", ".venv", "dist", "build", "__pycache__"];

/// How often a waiting thread looks at the interrupt.
const TICK: Duration = Duration::from_millis(100);

/// How to walk.
#[derive(Debug, Clone, Copy)]
pub struct DiscoverOptions {
    /// Folders below a root that are entered, in levels; 0 looks at the root alone.
    pub max_depth: usize,
    /// Threads that list folders.
    pub threads: NonZeroUsize,
    /// What to do with work trees.
    pub work_trees: WorkTrees,
    /// Tells by its file name whether a file is a project manifest.
    pub is_manifest: fn(&[u8]) -> bool,
}

/// Whether the walk goes on inside a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkTrees {
    /// List every folder in it.
    Enter,
    /// Reading its state will tell where to look further.
    Leave,
}

/// A folder with a project manifest, outside any repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestFolder {
    /// The folder.
    pub path: PathBuf,
}

/// What a walk found, each list sorted by path.
#[derive(Debug, Default)]
pub struct Found {
    /// Checkouts of every kind.
    pub checkouts: Vec<Checkout>,
    /// Manifest folders; none lies inside another or inside a checkout.
    pub folders: Vec<ManifestFolder>,
    /// What could not be listed or resolved.
    pub problems: Vec<(PathBuf, RepoError)>,
    /// Folders listed.
    pub folders_listed: u64,
    /// Those of them outside checkouts, where projects come and go.
    pub between: Vec<PathBuf>,
}

/// Walks the roots. Stops early, with what it has, when `interrupt` is set.
pub fn discover(
    roots: &[PathBuf],
    boundary: &Boundary,
    options: DiscoverOptions,
    interrupt: &AtomicBool,
) -> Found {
    let mut seen = HashSet::new();
    let mut problems = Vec::new();
    let mut folders = Vec::new();
    for root in roots {
        match root.canonicalize() {
            Ok(real) if seen.insert(real.clone()) => {
                let inside =
                    if enclosing_checkout(&real).is_some() { Inside::Checkout } else { Inside::Nothing };
                folders.push(Folder { path: root.clone(), depth: 0, inside, ignores: None });
            }
            Ok(_) => {}
            Err(error) => problems.push((root.clone(), crate::error::from_io(root, "cannot enter", &error))),
        }
    }
    let mut found = run(folders, boundary, options, interrupt);
    found.problems.extend(problems);
    found.sorted()
}

/// Walks folders below the roots, as if the walk had come there from its root: the same names and the same ignore files
/// leave them out, and a manifest counts only outside checkouts and other manifest folders.
pub fn discover_within(
    places: &[PathBuf],
    roots: &[PathBuf],
    boundary: &Boundary,
    options: DiscoverOptions,
    interrupt: &AtomicBool,
) -> Found {
    let mut above =
        Above { by_folder: HashMap::new(), is_manifest: options.is_manifest, found: Found::default() };
    let folders = places
        .iter()
        .filter_map(|place| {
            let root = roots.iter().find(|root| place.starts_with(root))?;
            above.reach(root, place, options.max_depth)
        })
        .collect();
    let mut found = run(folders, boundary, options, interrupt);
    found.merge(above.found);
    found.sorted()
}

fn run(folders: Vec<Folder>, boundary: &Boundary, options: DiscoverOptions, interrupt: &AtomicBool) -> Found {
    let walk = Walk {
        queue: Mutex::new(Queue { folders, busy: 0 }),
        wake: Condvar::new(),
        boundary,
        options,
        interrupt,
    };
    let mut found = Found::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads.get()).map(|_| scope.spawn(|| walk.work())).collect();
        for worker in workers {
            if let Ok(part) = worker.join() {
                found.merge(part);
            }
        }
    });
    found
}

/// What the folders above a folder say, each looked at once.
struct Above {
    by_folder: HashMap<PathBuf, (Option<Arc<Ignores>>, Inside)>,
    is_manifest: fn(&[u8]) -> bool,
    found: Found,
}

impl Above {
    /// The folder as the walk would have met it; `None` if it would not have come there.
    fn reach(&mut self, root: &Path, place: &Path, max_depth: usize) -> Option<Folder> {
        let below = place.strip_prefix(root).ok()?;
        let mut path = root.to_owned();
        let mut ignores = None;
        let mut inside = if enclosing_checkout(root).is_some() { Inside::Checkout } else { Inside::Nothing };
        let mut depth = 0;
        for part in below.components() {
            (ignores, inside) = self.look_at(&path, ignores, inside);
            path.push(part);
            depth += 1;
            let is_left_out = ignores.as_deref().is_some_and(|ignores: &Ignores| ignores.leaves_out(&path));
            if is_left_out || is_never_entered(part.as_os_str()) || depth > max_depth {
                return None;
            }
        }
        Some(Folder { path, depth, inside, ignores })
    }

    fn look_at(
        &mut self,
        folder: &Path,
        above: Option<Arc<Ignores>>,
        inside: Inside,
    ) -> (Option<Arc<Ignores>>, Inside) {
        if let Some(known) = self.by_folder.get(folder) {
            return known.clone();
        }
        let has_file = folder.join(IGNORE_FILE).symlink_metadata().is_ok();
        let ignores = if has_file { Ignores::read(folder, above, &mut self.found.problems) } else { above };
        let inside = match inside {
            Inside::Checkout => Inside::Checkout,
            _ if folder.join(".git").symlink_metadata().is_ok() => Inside::Checkout,
            Inside::ManifestFolder => Inside::ManifestFolder,
            Inside::Nothing => match Listing::read(folder, self.is_manifest) {
                Ok(listing) if listing.is_bare() => Inside::Checkout,
                Ok(listing) if listing.has_manifest => Inside::ManifestFolder,
                _ => Inside::Nothing,
            },
        };
        self.by_folder.insert(folder.to_owned(), (ignores.clone(), inside));
        (ignores, inside)
    }
}

impl Found {
    /// Nothing at all was found, not even trouble.
    pub fn is_empty(&self) -> bool {
        self.checkouts.is_empty() && self.folders.is_empty() && self.problems.is_empty()
    }

    fn sorted(mut self) -> Self {
        self.checkouts.sort();
        self.checkouts.dedup();
        self.folders.sort();
        self.folders.dedup();
        self.problems.sort_by(|a, b| a.0.cmp(&b.0));
        self
    }

    fn merge(&mut self, part: Self) {
        self.checkouts.extend(part.checkouts);
        self.folders.extend(part.folders);
        self.problems.extend(part.problems);
        self.folders_listed += part.folders_listed;
        self.between.extend(part.between);
    }
}

/// What encloses a folder; decides whether a manifest in it makes a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Checkout,
    ManifestFolder,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    depth: usize,
    inside: Inside,
    ignores: Option<Arc<Ignores>>,
}

#[derive(Debug)]
struct Queue {
    folders: Vec<Folder>,
    busy: usize,
}

struct Walk<'a> {
    queue: Mutex<Queue>,
    wake: Condvar,
    boundary: &'a Boundary,
    options: DiscoverOptions,
    interrupt: &'a AtomicBool,
}

impl Walk<'_> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> Found {
        let mut found = Found::default();
        while let Some(folder) = self.take() {
            // A panic here must not leave the other threads waiting for this folder.
            let visit = catch_unwind(AssertUnwindSafe(|| self.visit(&folder, &mut found)));
            let children = visit.unwrap_or_default();
            let mut queue = self.lock();
            queue.busy -= 1;
            queue.folders.extend(children);
            self.wake.notify_all();
        }
        found
    }

    /// The next folder; `None` when all are done or the walk was interrupted.
    fn take(&self) -> Option<Folder> {
        let mut queue = self.lock();
        loop {
            if self.interrupt.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(folder) = queue.folders.pop() {
                queue.busy += 1;
                return Some(folder);
            }
            if queue.busy == 0 {
                return None;
            }
            // Woken now and then to see an interrupt while another thread waits for a slow folder.
            queue = self.wake.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lists one folder, notes what it is, and returns the folders to enter next.
    fn visit(&self, folder: &Folder, found: &mut Found) -> Vec<Folder> {
        let listing = match Listing::read(&folder.path, self.options.is_manifest) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder.depth > 0 => return Vec::new(),
            Err(error) => {
                found
                    .problems
                    .push((folder.path.clone(), crate::error::from_io(&folder.path, "cannot list", &error)));
                return Vec::new();
            }
        };
        found.folders_listed += 1;
        let mut inside = folder.inside;
        if inside != Inside::Checkout && !listing.has_dot_git && !listing.is_bare() {
            found.between.push(folder.path.clone());
        }
        if listing.has_dot_git {
            match Checkout::with_dot_git(&folder.path, self.boundary) {
                Ok(checkout) => {
                    found.checkouts.push(checkout);
                    if self.options.work_trees == WorkTrees::Leave {
                        return Vec::new();
                    }
                }
                Err(error) => found.problems.push((folder.path.clone(), error)),
            }
            inside = Inside::Checkout;
        } else if listing.is_bare() {
            match Checkout::at(&folder.path, self.boundary) {
                Ok(checkout) => found.checkouts.push(checkout),
                Err(error) => found.problems.push((folder.path.clone(), error)),
            }
            return Vec::new();
        } else if listing.has_manifest && inside == Inside::Nothing {
            found.folders.push(ManifestFolder { path: folder.path.clone() });
            inside = Inside::ManifestFolder;
        }
        if folder.depth >= self.options.max_depth {
            return Vec::new();
        }
        let above = folder.ignores.clone();
        let ignores = if listing.has_ignore_file {
            Ignores::read(&folder.path, above, &mut found.problems)
        } else {
            above
        };
        let mut children = Vec::with_capacity(listing.folders.len());
        for name in listing.folders {
            let path = folder.path.join(&name);
            if !ignores.as_deref().is_some_and(|ignores| ignores.leaves_out(&path)) {
                children.push(Folder { path, depth: folder.depth + 1, inside, ignores: ignores.clone() });
            }
        }
        children
    }
}

fn is_never_entered(name: &OsStr) -> bool {
    NEVER_ENTERED.iter().any(|&never| name == never)
}

/// What one listing tells.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent yes/no answers of one pass")]
struct Listing {
    folders: Vec<std::ffi::OsString>,
    has_dot_git: bool,
    has_manifest: bool,
    has_ignore_file: bool,
    has_head: bool,
    has_objects: bool,
    has_refs: bool,
}

impl Listing {
    fn read(path: &Path, is_manifest: fn(&[u8]) -> bool) -> io::Result<Self> {
        let mut listing = Self::default();
        for entry in fs::read_dir(path)? {
            // One entry that cannot be told must not hide its neighbours.
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            // Known from the listing itself on common file systems: no further system call.
            let Ok(kind) = entry.file_type() else { continue };
            if name.as_bytes() == b".git" {
                listing.has_dot_git = kind.is_dir() || kind.is_file() || kind.is_symlink();
            } else if kind.is_dir() {
                listing.note_folder(&name);
            } else {
                listing.note_file(name.as_bytes(), kind.is_file(), is_manifest);
            }
        }
        // The stack is last in, first out: reversed, folders are entered in name order.
        listing.folders.sort_unstable_by(|a, b| b.cmp(a));
        Ok(listing)
    }

    fn note_folder(&mut self, name: &OsStr) {
        match name.as_bytes() {
            b"objects" => self.has_objects = true,
            b"refs" => self.has_refs = true,
            _ => {}
        }
        if !is_never_entered(name) {
            self.folders.push(name.to_owned());
        }
    }

    fn note_file(&mut self, name: &[u8], is_plain: bool, is_manifest: fn(&[u8]) -> bool) {
        match name {
            b"HEAD" => self.has_head = true,
            _ if !is_plain => {}
            _ if name == IGNORE_FILE.as_bytes() => self.has_ignore_file = true,
            _ => self.has_manifest |= is_manifest(name),
        }
    }

    /// HEAD, objects and refs side by side make a bare repository, or a git directory met from inside.
    fn is_bare(&self) -> bool {
        self.has_head && self.has_objects && self.has_refs
    }
}
