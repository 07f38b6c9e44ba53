//! The folder of mirrors: quota, leftovers of crashes, and who holds what.

use std::{
    fs::{self, File},
    path::PathBuf,
    sync::{atomic::AtomicBool, mpsc},
    thread,
    time::{Duration, SystemTime},
};

use muster_git::mirror::{MirrorError, MirrorLimits, Mirrors, Watch, default_quota, update};
use muster_model::RepoId;
use muster_testkit::{GitServer, Lab};

use crate::mirror_support::*;

/// Three mirrors, number 1 unused for the longest time.
#[track_caller]
fn three(lab: &Lab) -> Mirrors {
    history(lab, "a", 3);
    let server = GitServer::http(lab);
    let mirrors = mirrors(lab);
    let source = http(&server, "a");
    let found = refs(&mirrors, &source).unwrap();
    for number in 1..=3 {
        drop(update(&mirrors, id(number), &source, &found, &window(), &LIMITS, &onlooker()).unwrap());
        let used = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 * u64::from(number));
        lock_file(&mirrors, id(number)).set_modified(used).unwrap();
    }
    mirrors
}

#[track_caller]
fn lock_file(mirrors: &Mirrors, id: RepoId) -> File {
    File::options().append(true).open(mirrors.path(id).with_extension("lock")).unwrap()
}

fn ids(mirrors: &Mirrors) -> Vec<RepoId> {
    mirrors.sizes().unwrap().into_iter().map(|mirror| mirror.id).collect()
}

#[test]
fn the_longest_unused_go_first() {
    let lab = Lab::new();
    let mirrors = three(&lab);
    let sizes = mirrors.sizes().unwrap();
    assert_eq!(sizes[1].used, at(2_000));
    let all: u64 = sizes.iter().map(|mirror| mirror.bytes).sum();
    assert_eq!(mirrors.trim(all, &|_| false).unwrap().removed, []);
    let trimmed = mirrors.trim(all - 1, &|_| false).unwrap();
    assert_eq!((trimmed.removed, trimmed.freed), (vec![id(1)], sizes[0].bytes));
    assert_eq!(trimmed.left, all - sizes[0].bytes);
    // Used now, so the other one is the oldest.
    drop(mirrors.find(id(2)).unwrap());
    assert_eq!(mirrors.trim(1 + sizes[1].bytes, &|_| false).unwrap().removed, [id(3)]);
    assert_eq!(ids(&mirrors), [id(2)]);
    assert_eq!(mirrors.trim(0, &|_| false).unwrap().removed, [id(2)]);
    let left: Vec<_> = fs::read_dir(mirrors.path(id(1)).parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "the empty home alone: {left:?}");
}

#[test]
fn what_is_held_or_named_stays() {
    let lab = Lab::new();
    let mirrors = three(&lab);
    let held = mirrors.find(id(1)).unwrap().unwrap();
    // Another process opens the folder for itself.
    let other = Mirrors::open(&lab.folder().join("mirrors")).unwrap();
    let trimmed = other.trim(0, &|one| one == id(3)).unwrap();
    assert_eq!(trimmed.removed, [id(2)]);
    assert!(trimmed.left > 0);
    assert_eq!(ids(&mirrors), [id(1), id(3)]);
    assert!(matches!(other.remove(id(1)), Err(MirrorError::InUse { .. })));
    assert!(other.find(id(1)).unwrap().is_some(), "two may read at once");
    drop(held);
    other.remove(id(1)).unwrap();
    assert!(mirrors.find(id(1)).unwrap().is_none());
    other.remove(id(1)).unwrap();
}

#[test]
fn leftovers_of_a_crash_are_swept() {
    let lab = Lab::new();
    let mirrors = three(&lab);
    let root = mirrors.path(id(1)).parent().unwrap().to_owned();
    let half = root.join(format!("{}.new", id(7)));
    fs::create_dir_all(half.join("objects/pack")).unwrap();
    fs::write(half.join("objects/pack/tmp_pack_x"), "half").unwrap();
    fs::write(root.join(format!("{}.lock", id(7))), "").unwrap();
    let trash = root.join(format!("{}.1-1.trash", id(8)));
    fs::create_dir_all(trash.join("objects")).unwrap();
    fs::write(root.join("notes.txt"), "somebody's own").unwrap();
    assert_eq!(mirrors.sweep().unwrap(), 0);
    assert!(!half.exists() && !trash.exists() && !half.with_extension("lock").exists());
    assert_eq!(ids(&mirrors), [id(1), id(2), id(3)]);
    assert!(root.join("notes.txt").exists());
    assert!(mirrors.find(id(2)).unwrap().is_some());
}

#[test]
fn what_another_process_makes_is_not_swept() {
    let lab = Lab::new();
    let mirrors = mirrors(&lab);
    let half: PathBuf = mirrors.path(id(1)).with_extension("new");
    fs::create_dir(&half).unwrap();
    let lock = File::create(half.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    mirrors.sweep().unwrap();
    assert!(half.exists());
    drop(lock);
    mirrors.sweep().unwrap();
    assert!(!half.exists());
}

#[test]
fn a_killed_fetch_does_not_stop_the_next_one() {
    let lab = Lab::new();
    let repo = history(&lab, "a", 30);
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let window = muster_git::mirror::Window { since: at(FIRST + DAY * 20), at_least: 3, at_most: 100 };
    let path = mirror(&mirrors, &http(&server, "a"), &window).path().to_owned();
    for leftover in [
        "shallow.lock",
        "refs/heads/default.lock",
        "HEAD.lock",
        "objects/pack/tmp_pack_1",
        "packed-refs.lock",
    ] {
        fs::write(path.join(leftover), "").unwrap();
    }
    grow(&repo, 30..32);
    let mirror = mirror(&mirrors, &http(&server, "a"), &window);
    assert_eq!(mirror.tip(), repo.id("main"));
    assert!(!path.join("objects/pack/tmp_pack_1").exists());
}

#[test]
fn a_damaged_mirror_is_made_anew() {
    let lab = Lab::new();
    history(&lab, "a", 10);
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    for damage in ["objects", "HEAD", "refs"] {
        let path = mirror(&mirrors, &http(&server, "a"), &window()).path().to_owned();
        let damaged = path.join(damage);
        if damaged.is_dir() { fs::remove_dir_all(damaged) } else { fs::remove_file(damaged) }.unwrap();
        let mirror = mirror(&mirrors, &http(&server, "a"), &window());
        assert_eq!(listing(&mirror, &window()).ids.len(), 10, "{damage}");
    }
}

#[test]
fn who_writes_is_waited_for_and_the_wait_has_an_end() {
    let lab = Lab::new();
    let mirrors = three(&lab);
    let held = mirrors.find(id(1)).unwrap().unwrap();
    let server = GitServer::http(&lab);
    let source = http(&server, "a");
    let found = refs(&mirrors, &source).unwrap();
    let limits = MirrorLimits { wall: Duration::from_millis(100), ..LIMITS };
    let error = update(&mirrors, id(1), &source, &found, &window(), &limits, &onlooker()).unwrap_err();
    assert!(matches!(error, MirrorError::InUse { .. }), "{error:?}");
    let cancelled = AtomicBool::new(true);
    let watch = Watch { progress: &|_| {}, cancelled: &cancelled };
    let error = update(&mirrors, id(1), &source, &found, &window(), &LIMITS, &watch).unwrap_err();
    assert_eq!(error, MirrorError::Cancelled);
    thread::scope(|scope| {
        let (begun, has_begun) = mpsc::channel();
        let waiting = scope.spawn(|| {
            let begun = begun;
            begun.send(()).unwrap();
            update(&mirrors, id(1), &source, &found, &window(), &LIMITS, &onlooker())
                .map(|mirror| mirror.id())
        });
        has_begun.recv().unwrap();
        drop(held);
        assert_eq!(waiting.join().unwrap(), Ok(id(1)));
    });
}

#[test]
fn two_who_make_the_same_mirror_make_one() {
    let lab = Lab::new();
    history(&lab, "a", 20);
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let source = http(&server, "a");
    let found = refs(&mirrors, &source).unwrap();
    thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mirror =
                        update(&mirrors, id(1), &source, &found, &window(), &LIMITS, &onlooker()).unwrap();
                    listing(&mirror, &window()).ids.len()
                })
            })
            .collect();
        assert!(all.into_iter().all(|one| one.join().unwrap() == 20));
    });
    assert_eq!(ids(&mirrors), [id(1)]);
    assert_eq!(mirrors.sweep().unwrap(), 0);
}

#[test]
fn the_default_quota_is_a_fifth_but_not_nothing() {
    assert!(default_quota(&std::env::temp_dir()).unwrap() >= 5 << 30);
}

#[test]
fn many_packs_become_one() {
    let lab = Lab::new();
    let repo = history(&lab, "a", 30);
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let window = muster_git::mirror::Window { since: at(FIRST + DAY * 20), at_least: 3, at_most: 100 };
    let packs = mirror(&mirrors, &http(&server, "a"), &window).path().join("objects/pack");
    let names = || fs::read_dir(&packs).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let count = || names().iter().filter(|name| name.extension().is_some_and(|end| end == "pack")).count();
    // As so many fetches would leave them.
    for name in names() {
        let end = name.extension().unwrap().to_str().unwrap();
        for number in 0..60 {
            fs::copy(&name, packs.join(format!("pack-{number:040}.{end}"))).unwrap();
        }
    }
    assert!(count() > 60);
    grow(&repo, 30..32);
    let mirror = mirror(&mirrors, &http(&server, "a"), &window);
    assert_eq!(count(), 1);
    let listing = listing(&mirror, &window);
    assert_eq!(read(&mirror, &listing, 2).len(), 12);
}
