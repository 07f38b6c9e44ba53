//! How many deletions and additions git would show as one renamed entry. Follows git's own matching, because the count
//! depends on it: identical content first, then unique file names that are similar enough, then the best pairs of all.
//! Similarity is the share of bytes that the larger file has in common with the other, by lines of at most 64 bytes.
//! Source: `diffcore-rename.c` and `diffcore-delta.c` of git, described in `gitdiffcore(7)`.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use bstr::{BStr, BString, ByteSlice};
use gix::{ObjectId, index::State, index::entry::Mode, objs::Exists};

use super::half::Half;
use crate::tree;

const MAX_SCORE: u64 = 60_000;
/// `git status` pairs from 50 % similarity on.
const MIN_SCORE: u64 = MAX_SCORE / 2;
/// A unique file name pairs from half-way between that and identical on.
const MIN_BASENAME_SCORE: u64 = MIN_SCORE + (MAX_SCORE - MIN_SCORE) / 2;
/// Candidates kept for each addition.
const CANDIDATES: usize = 4;
/// git gives up on similarity beyond `core.bigFileThreshold`; we do so much earlier to bound memory.
const MAX_BLOB_BYTES: u64 = 32 * 1024 * 1024;
/// `diff.renameLimit` if it is not set.
const DEFAULT_LIMIT: usize = 1000;

/// Renames between HEAD and the index.
pub(super) fn count_staged(
    repo: &gix::Repository,
    deleted: &[Half],
    added: &[Half],
    interrupt: &AtomicBool,
) -> u32 {
    let Some(limit) = limit(repo) else { return 0 };
    let side = |half: &Half| Side { path: half.path.clone(), mode: half.mode, id: Some(half.id) };
    let sources: Vec<_> = deleted.iter().map(side).collect();
    let targets: Vec<_> = added.iter().map(side).collect();
    let mut content = |side: &Side| side.id.and_then(|id| blob(repo, id));
    count(&sources, &targets, limit, &mut content, interrupt)
}

/// Renames between the index and the files: entries removed on disk and files marked by `git add --intent-to-add`.
pub(super) fn count_work_tree(
    repo: &gix::Repository,
    index: &State,
    work_tree: &Path,
    removed: &[usize],
    intended: &[usize],
    interrupt: &AtomicBool,
) -> gix::Result<u32> {
    let Some(limit) = limit(repo) else { return Ok(0) };
    let (mut pipeline, _) = repo.filter_pipeline(None)?;
    let mut content_by_path = HashMap::new();
    let mut targets = Vec::new();
    for entry in intended.iter().map(|&at| &index.entries()[at]) {
        let path = entry.path(index).to_owned();
        let Some(content) = read_plain(work_tree, path.as_bstr()) else { continue };
        let relative = gix::path::from_bstr(path.as_bstr())?.into_owned();
        let mut bytes = Vec::new();
        let empty = State::new(repo.object_hash());
        let mut converted = pipeline.convert_to_git(content.as_slice(), &relative, &empty)?;
        if std::io::copy(&mut converted, &mut bytes).is_ok() {
            let id = gix::objs::compute_hash(repo.object_hash(), gix::objs::Kind::Blob, &bytes)
                .map_err(gix::Error::from_error)?;
            content_by_path.insert(path.clone(), bytes);
            targets.push(Side { path, mode: entry.mode, id: Some(id) });
        }
    }
    let sources: Vec<_> = removed
        .iter()
        .map(|&at| &index.entries()[at])
        .map(|entry| Side { path: entry.path(index).to_owned(), mode: entry.mode, id: Some(entry.id) })
        .collect();
    let mut content = |side: &Side| match content_by_path.get(&side.path) {
        Some(bytes) => Some(bytes.clone()),
        None => side.id.and_then(|id| blob(repo, id)),
    };
    Ok(count(&sources, &targets, limit, &mut content, interrupt))
}

/// The limit on inexact matching; `None` if renames are switched off.
fn limit(repo: &gix::Repository) -> Option<usize> {
    let config = repo.config_snapshot();
    let renames = config.string("status.renames").or_else(|| config.string("diff.renames"));
    if renames.is_some_and(|value| {
        matches!(value.to_ascii_lowercase().as_slice(), b"false" | b"no" | b"off" | b"0")
    }) {
        return None;
    }
    let limit = config.integer("status.renameLimit").or_else(|| config.integer("diff.renameLimit"));
    match limit.map(usize::try_from) {
        Some(Ok(0)) => Some(usize::MAX),
        Some(Ok(limit)) => Some(limit),
        _ => Some(DEFAULT_LIMIT),
    }
}

#[derive(Debug, Clone)]
struct Side {
    path: BString,
    mode: Mode,
    id: Option<ObjectId>,
}

impl Side {
    fn basename(&self) -> &BStr {
        match self.path.rfind_byte(b'/') {
            Some(slash) => self.path[slash + 1..].as_bstr(),
            None => self.path.as_bstr(),
        }
    }
}

fn count(
    sources: &[Side],
    targets: &[Side],
    limit: usize,
    content: &mut dyn FnMut(&Side) -> Option<Vec<u8>>,
    interrupt: &AtomicBool,
) -> u32 {
    let mut matching = Matching {
        source_used: vec![false; sources.len()],
        target_used: vec![false; targets.len()],
        count: 0,
    };
    matching.identical(sources, targets);
    let mut prints = Prints { by_path: HashMap::new(), content };
    matching.by_basename(sources, targets, &mut prints);
    matching.by_similarity(sources, targets, limit, &mut prints, interrupt);
    matching.count
}

struct Matching {
    source_used: Vec<bool>,
    target_used: Vec<bool>,
    count: u32,
}

impl Matching {
    fn pair(&mut self, source: usize, target: usize) {
        self.source_used[source] = true;
        self.target_used[target] = true;
        self.count += 1;
    }

    fn identical(&mut self, sources: &[Side], targets: &[Side]) {
        let mut sources_by_id: HashMap<ObjectId, Vec<usize>> = HashMap::new();
        for (at, source) in sources.iter().enumerate() {
            if let Some(id) = source.id {
                sources_by_id.entry(id).or_default().push(at);
            }
        }
        for (at, target) in targets.iter().enumerate() {
            let candidates = target.id.and_then(|id| sources_by_id.get(&id)).map_or(&[][..], Vec::as_slice);
            let fits = |&&source: &&usize| {
                let source_mode = sources[source].mode;
                !self.source_used[source]
                    && (source_mode == target.mode || is_plain(source_mode) && is_plain(target.mode))
            };
            let best = candidates
                .iter()
                .filter(fits)
                .find(|&&source| sources[source].basename() == target.basename())
                .or_else(|| candidates.iter().find(fits));
            if let Some(&source) = best {
                self.pair(source, at);
            }
        }
    }

    fn by_basename(&mut self, sources: &[Side], targets: &[Side], prints: &mut Prints<'_>) {
        let unique_sources = unique_basenames(sources, &self.source_used);
        let unique_targets = unique_basenames(targets, &self.target_used);
        for (name, source) in unique_sources {
            let (Some(source), Some(Some(target))) = (source, unique_targets.get(name).copied()) else {
                continue;
            };
            if prints.similarity(&sources[source], &targets[target], MIN_BASENAME_SCORE) >= MIN_BASENAME_SCORE
            {
                self.pair(source, target);
            }
        }
    }

    fn by_similarity(
        &mut self,
        sources: &[Side],
        targets: &[Side],
        limit: usize,
        prints: &mut Prints<'_>,
        interrupt: &AtomicBool,
    ) {
        let open =
            |used: &[bool]| used.iter().enumerate().filter(|(_, used)| !**used).map(|(at, _)| at).collect();
        let open_sources: Vec<usize> = open(&self.source_used);
        let open_targets: Vec<usize> = open(&self.target_used);
        let pairs = open_sources.len().saturating_mul(open_targets.len());
        if pairs == 0 || pairs > limit.saturating_mul(limit) {
            return;
        }
        let mut candidates = Vec::new();
        for &target in &open_targets {
            if interrupt.load(Ordering::Relaxed) {
                return;
            }
            let mut best: Vec<(u64, bool, usize, usize)> = open_sources
                .iter()
                .map(|&source| {
                    let score = prints.similarity(&sources[source], &targets[target], MIN_SCORE);
                    let same_name = sources[source].basename() == targets[target].basename();
                    (score, same_name, source, target)
                })
                .filter(|&(score, ..)| score >= MIN_SCORE)
                .collect();
            best.sort_by_key(|best| Reverse((best.0, best.1)));
            best.truncate(CANDIDATES);
            candidates.extend(best);
        }
        candidates.sort_by_key(|candidate| Reverse((candidate.0, candidate.1)));
        for (_, _, source, target) in candidates {
            if !self.source_used[source] && !self.target_used[target] {
                self.pair(source, target);
            }
        }
    }
}

/// File names that occur once among the sides still open; `None` for those that occur more often.
fn unique_basenames<'a>(sides: &'a [Side], used: &[bool]) -> BTreeMap<&'a BStr, Option<usize>> {
    let mut unique = BTreeMap::new();
    for (at, side) in sides.iter().enumerate().filter(|(at, _)| !used[*at]) {
        unique.entry(side.basename()).and_modify(|seen| *seen = None).or_insert(Some(at));
    }
    unique
}

/// Fingerprints of contents, made once.
struct Prints<'a> {
    by_path: HashMap<BString, Option<Print>>,
    content: &'a mut dyn FnMut(&Side) -> Option<Vec<u8>>,
}

/// Bytes of a content by the hash of the line they stand in.
#[derive(Debug, Clone)]
struct Print {
    size: u64,
    bytes_by_hash: HashMap<u32, u64>,
}

impl Prints<'_> {
    fn load(&mut self, side: &Side) -> Option<&Print> {
        if !self.by_path.contains_key(&side.path) {
            let print = (self.content)(side).map(|bytes| Print::of(&bytes));
            self.by_path.insert(side.path.clone(), print);
        }
        self.by_path.get(&side.path)?.as_ref()
    }

    /// 0 to [`MAX_SCORE`]; may say 0 for anything below `least`.
    fn similarity(&mut self, source: &Side, target: &Side, least: u64) -> u64 {
        // Links and submodules match only when they are identical.
        if !is_plain(source.mode) || !is_plain(target.mode) || self.load(target).is_none() {
            return 0;
        }
        if self.load(source).is_none() {
            return 0;
        }
        let of = |side: &Side| self.by_path.get(&side.path).and_then(Option::as_ref);
        let (Some(source), Some(target)) = (of(source), of(target)) else { return 0 };
        let (max, min) = (source.size.max(target.size), source.size.min(target.size));
        if target.size == 0 || max * (MAX_SCORE - least) < (max - min) * MAX_SCORE {
            return 0;
        }
        let copied: u64 = source
            .bytes_by_hash
            .iter()
            .map(|(hash, bytes)| *bytes.min(target.bytes_by_hash.get(hash).unwrap_or(&0)))
            .sum();
        copied * MAX_SCORE / max
    }
}

impl Print {
    fn of(bytes: &[u8]) -> Self {
        const HASH_BASE: u32 = 107_927;
        const MAX_CHUNK: u64 = 64;
        const BINARY_PROBE: usize = 8000;
        let is_text = !bytes[..bytes.len().min(BINARY_PROBE)].contains(&0);
        let mut bytes_by_hash = HashMap::new();
        let (mut first, mut second, mut length) = (0_u32, 0_u32, 0_u64);
        let mut end_chunk = |first: u32, second: u32, length: u64| {
            let hash = first.wrapping_add(second.wrapping_mul(0x61)) % HASH_BASE;
            *bytes_by_hash.entry(hash).or_insert(0) += length;
        };
        for (at, &byte) in bytes.iter().enumerate() {
            // The carriage return of a Windows line end does not make a text file different.
            if is_text && byte == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
                continue;
            }
            let old = first;
            first = (first << 7) ^ (second >> 25);
            second = (second << 7) ^ (old >> 25);
            first = first.wrapping_add(u32::from(byte));
            length += 1;
            if length == MAX_CHUNK || byte == b'\n' {
                end_chunk(first, second, length);
                (first, second, length) = (0, 0, 0);
            }
        }
        if length > 0 {
            end_chunk(first, second, length);
        }
        Self { size: bytes.len() as u64, bytes_by_hash }
    }
}

/// Whether the mode is that of a file with content of its own.
fn is_plain(mode: Mode) -> bool {
    mode == Mode::FILE || mode == Mode::FILE_EXECUTABLE
}

/// The objects of a repository that exist; a blob that is missing (partial clone) is left out of rename detection.
fn blob(repo: &gix::Repository, id: ObjectId) -> Option<Vec<u8>> {
    if !repo.objects.exists(&id) || repo.find_header(id).ok()?.size() > MAX_BLOB_BYTES {
        return None;
    }
    Some(repo.find_object(id).ok()?.detach().data)
}

/// The content of a regular file inside the work tree; no link is followed, nothing without end is read.
fn read_plain(work_tree: &Path, path: &BStr) -> Option<Vec<u8>> {
    let limit = usize::try_from(MAX_BLOB_BYTES).unwrap_or(usize::MAX);
    tree::read_inside(work_tree, path, limit).ok()
}
