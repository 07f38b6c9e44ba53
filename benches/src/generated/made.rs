//! What a generated repository looks like: few are large and most are small; authors work in several repositories of one
//! neighbourhood; commits lie over eight years, more of them in the last ones; one in twelve is a merge, which has no
//! files; the others change some files that come up again and again. None of it is taken from a real person or project.

use std::collections::HashSet;

use fastrand::Rng;
use muster_model::{
    Commit, RemoteUrl, RepoId, Timestamp, WatchId,
    alert::AlertSettings,
    category::Category,
    commit::{ChangeSize, FileChange, LineChange, Signature},
    repository::{Level, Processing, Step},
};
use muster_store::{NewRepository, NewWatch};

use super::{
    Size,
    words::{ADJECTIVES, FAMILY, GIVEN, HOSTS, LANGUAGES, NOUNS, REASONS, TAGS, VERBS, WATCHERS},
};

/// How fast sizes fall: the repository of rank r has a share of 1 / (r + 10)^0.7.
const SKEW: f64 = 0.7;
const HEAD: f64 = 10.0;
const YEAR: i64 = 365 * 86_400;
const YEARS: i64 = 8;
/// Repositories of one owner, about.
const PER_OWNER: usize = 5;
/// Authors for each repository, in all.
const AUTHORS: usize = 3;
/// Authors of a repository live within this distance.
const NEIGHBOURHOOD: usize = 400;

struct Author {
    name: String,
    email: String,
    offset_minutes: i32,
}

/// Makes one repository after the other.
pub(super) struct Maker {
    chance: Rng,
    now: Timestamp,
    /// Commits of each repository, in the order in which they are made.
    sizes: Vec<usize>,
    made: usize,
    authors: Vec<Author>,
    taken: HashSet<String>,
}

type Whole = (NewRepository, Vec<NewWatch>, Processing, Vec<Commit>);

impl Maker {
    pub(super) fn new(size: Size, now: Timestamp) -> Self {
        let mut chance = Rng::with_seed(size.seed);
        let sizes = sizes(&mut chance, size);
        let authors = (0..size.repositories * AUTHORS).map(|number| author(&mut chance, number)).collect();
        Self { chance, now, sizes, made: 0, authors, taken: HashSet::new() }
    }

    /// The next one; `None` when all were made.
    pub(super) fn repository(&mut self) -> Option<Whole> {
        let commits = *self.sizes.get(self.made)?;
        let (number, now) = (self.made, self.now);
        self.made += 1;
        let url = self.url(number);
        let id = RepoId::new(now, self.bytes());
        let chance = &mut self.chance;
        let tags = (0..chance.usize(0..3)).map(|_| pick(chance, TAGS).to_owned()).collect();
        let category = (chance.u8(0..10) < 6).then(|| Category::ALL[chance.usize(0..Category::ALL.len())]);
        let processing = match chance.u8(0..100) {
            0 => Processing::Failed,
            1 => Processing::Processing,
            _ => Processing::Ready,
        };
        let steps = ["refs", "clone", "commits"].map(Step::waiting).to_vec();
        let people = 1 + usize::from(chance.u8(0..8) == 0);
        let first = chance.usize(0..WATCHERS.len());
        let watches = (0..people).map(|offset| NewWatch {
            id: WatchId::new(now, self.bytes()),
            repository: id,
            added_by: WATCHERS[(first + offset) % WATCHERS.len()].to_owned(),
            notes: None,
            alerts: Some(AlertSettings::default()),
        });
        let watches = watches.collect();
        let history = self.history(number, commits);
        let new = NewRepository { id, url, level: Level::History, steps, category, tags };
        Some((new, watches, processing, history))
    }

    fn url(&mut self, number: usize) -> RemoteUrl {
        loop {
            let chance = &mut self.chance;
            let mut place = chance.usize(0..100);
            let host = HOSTS.iter().find(|(_, share)| {
                let is_it = place < *share;
                place = place.saturating_sub(*share);
                is_it
            });
            let owner = chance.usize(0..=number / PER_OWNER);
            let owner = format!("{}-{owner}", ADJECTIVES[owner % ADJECTIVES.len()]);
            let text = format!(
                "https://{}/{owner}/{}-{}",
                host.map_or("github.com", |(host, _)| host),
                pick(chance, ADJECTIVES),
                pick(chance, NOUNS)
            );
            // Names of one owner differ; another throw finds one that is free.
            if self.taken.insert(text.clone())
                && let Ok(url) = RemoteUrl::parse(&text)
            {
                return url;
            }
        }
    }

    /// Oldest first.
    fn history(&mut self, number: usize, count: usize) -> Vec<Commit> {
        let (language, team) = (self.chance.usize(0..LANGUAGES.len()), 1 + count.ilog2() as usize * 2);
        let home = number * AUTHORS;
        let team: Vec<usize> =
            (0..team).map(|_| (home + self.chance.usize(0..NEIGHBOURHOOD)) % self.authors.len()).collect();
        let files = 5 + count / 4;
        let mut times: Vec<i64> = self.times(count);
        times.sort_unstable();
        let mut commits: Vec<Commit> = Vec::with_capacity(count);
        for at in times {
            let at = Timestamp::from_second(at).unwrap_or(self.now);
            // The first of a team do most of the work.
            let who = team[self.skewed(team.len())];
            let is_merge = commits.len() > 1 && self.chance.u8(0..12) == 0;
            let mut parents: Vec<String> = commits
                .iter()
                .rev()
                .take(if is_merge { 2 } else { 1 })
                .map(|commit| commit.id.clone())
                .collect();
            parents.truncate(2);
            let changed = if is_merge { Vec::new() } else { self.files(language, files) };
            let lines = |of: fn(&LineChange) -> u64| {
                changed.iter().filter_map(|file| file.lines.as_ref()).map(of).sum()
            };
            let size = (!is_merge).then(|| ChangeSize {
                files: changed.len() as u64,
                insertions: lines(|lines| lines.insertions),
                deletions: lines(|lines| lines.deletions),
            });
            let message = self.message(is_merge);
            let author = &self.authors[who];
            let signature = Signature {
                name: author.name.clone(),
                email: author.email.clone(),
                at,
                offset_minutes: author.offset_minutes,
            };
            let id = format!(
                "{:016x}{:016x}{:08x}",
                self.chance.u64(..),
                self.chance.u64(..),
                self.chance.u32(..)
            );
            let committer = signature.clone();
            commits.push(Commit { id, parents, author: signature, committer, message, size, files: changed });
        }
        commits
    }

    /// Moments of the life of a repository: it began some years ago, and may be quiet by now.
    fn times(&mut self, count: usize) -> Vec<i64> {
        let now = self.now.as_second();
        let begin = now - self.chance.i64(YEAR / 4..YEARS * YEAR);
        let is_asleep = self.chance.u8(0..10) < 4;
        let end = if is_asleep { self.chance.i64(begin + 86_400..now) } else { now };
        let span = usize::try_from(end - begin).unwrap_or_default();
        // The square root puts more of them towards the end.
        let passed = |share: f64| i64::try_from(part(span, share)).unwrap_or_default();
        (0..count).map(|_| begin + passed(self.chance.f64().sqrt())).collect()
    }

    fn files(&mut self, language: usize, known: usize) -> Vec<FileChange> {
        let (folders, ending) = LANGUAGES[language];
        let count = 1 + self.skewed(8);
        let mut names = HashSet::new();
        let mut files = Vec::with_capacity(count);
        for _ in 0..count {
            let number = self.skewed(known);
            if !names.insert(number) {
                continue;
            }
            let (one, other) = (number % NOUNS.len(), number / NOUNS.len());
            let path = match other {
                0 => format!("{}/{}.{ending}", folders[number % folders.len()], NOUNS[one]),
                other => {
                    format!("{}/{}/part_{other}.{ending}", folders[number % folders.len()], NOUNS[one])
                }
            };
            let lines = LineChange { insertions: self.skewed(200) as u64, deletions: self.skewed(80) as u64 };
            files.push(FileChange { path, from: None, lines: Some(lines) });
        }
        files
    }

    fn message(&mut self, is_merge: bool) -> String {
        let chance = &mut self.chance;
        if is_merge {
            return format!("Merge pull request #{} from {}", chance.u16(1..), pick(chance, ADJECTIVES));
        }
        let subject =
            format!("{} the {} {}", pick(chance, VERBS), pick(chance, ADJECTIVES), pick(chance, NOUNS));
        if chance.u8(0..3) == 0 { format!("{subject}\n\n{}", pick(chance, REASONS)) } else { subject }
    }

    /// Below `count`, small numbers far more often.
    fn skewed(&mut self, count: usize) -> usize {
        part(count, self.chance.f64().powi(3)).min(count.saturating_sub(1))
    }

    fn bytes(&mut self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.chance.fill(&mut bytes);
        bytes
    }
}

/// How many commits each has, in all as many as wanted, at least one each; the large ones anywhere between the others.
fn sizes(chance: &mut Rng, size: Size) -> Vec<usize> {
    let ranks = std::iter::successors(Some(HEAD), |rank| Some(rank + 1.0)).take(size.repositories);
    let shares: Vec<f64> = ranks.map(|rank| rank.powf(-SKEW)).collect();
    let all: f64 = shares.iter().sum();
    let rest = size.commits.saturating_sub(size.repositories);
    let mut sizes: Vec<usize> = shares.iter().map(|share| 1 + part(rest, share / all)).collect();
    let missing = size.commits.saturating_sub(sizes.iter().sum());
    sizes[0] += missing;
    chance.shuffle(&mut sizes);
    sizes
}

/// So much of it, rounded down.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 0 to 1 of what is far below 2^52"
)]
fn part(of: usize, share: f64) -> usize {
    (of as f64 * share) as usize
}

fn author(chance: &mut Rng, number: usize) -> Author {
    let (given, family) = (pick(chance, GIVEN), pick(chance, FAMILY));
    Author {
        name: format!("{given} {family}"),
        email: format!("{}.{}{number}@example.org", given.to_lowercase(), family.to_lowercase()),
        offset_minutes: chance.i32(-10..=12) * 60,
    }
}

fn pick<'a>(chance: &mut Rng, of: &[&'a str]) -> &'a str {
    of[chance.usize(0..of.len())]
}
