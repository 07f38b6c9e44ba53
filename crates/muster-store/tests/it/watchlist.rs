//! The watchlist: repositories, watches, commits, derived history, alerts. On both databases.

use muster_model::{
    AlertId, Commit, RemoteUrl, RepoId, Repository, Timestamp, WatchId,
    alert::{Alert, AlertKind, AlertSettings, Finding, PlainAlert},
    category::Category,
    commit::{ChangeSize, FileChange, LineChange, Signature},
    repository::{Backfilled, Level, Processing, RefFacts, Step, StepState},
};
use muster_store::{
    AddedRepository, AddedWatch, DayCount, NewRepository, NewWatch, Priority, Store, WatchChange,
};

use crate::world::{World, at, id, raw};

suite! {
    a_page_of_commits_ends_where_the_next_begins,
    a_repository_comes_back_as_it_was_put,
    a_repository_that_goes_takes_its_belongings_with_it,
    commits_come_back_as_they_were,
    days_are_counted_with_the_commits,
    commits_of_many_files_come_a_few_at_once,
    one_address_in_many_spellings_is_one_repository,
    the_same_thing_is_found_once,
    two_who_add_one_address_at_once_get_the_same_repository,
    two_who_change_a_watch_keep_what_the_other_wrote,
    what_was_derived_by_other_rules_is_not_there,
    who_watches_already_keeps_the_watch,
}

fn url(text: &str) -> RemoteUrl {
    RemoteUrl::parse(text).unwrap()
}

fn new(number: u16, address: &str) -> NewRepository {
    NewRepository {
        id: id(number),
        url: url(address),
        level: Level::History,
        steps: vec![Step::waiting("refs")],
        category: None,
        tags: vec!["b".into(), "a".into(), "b".into()],
    }
}

async fn add(store: &Store, new: &[NewRepository]) -> Vec<AddedRepository> {
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    let added = tx.repository_add(new, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    added
}

fn watch_id(number: u8) -> WatchId {
    WatchId::new(at(0), [number; 10])
}

fn new_watch(number: u8, repository: RepoId, added_by: &str) -> NewWatch {
    NewWatch { id: watch_id(number), repository, added_by: added_by.into(), notes: None, alerts: None }
}

async fn watch(store: &Store, new: &[NewWatch]) -> Vec<AddedWatch> {
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    let added = tx.watch_add(new, at(2)).await.unwrap();
    tx.commit().await.unwrap();
    added
}

async fn put(store: &Store, repository: &Repository) -> bool {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let is_there = tx.repository_put(repository).await.unwrap();
    tx.commit().await.unwrap();
    is_there
}

async fn one_address_in_many_spellings_is_one_repository(world: World) {
    let store = world.open().await;
    let spellings = [
        "https://github.com/Owner/Name",
        "git@github.com:owner/name.git",
        "https://github.com/owner/other",
        "https://user:secret@github.com/owner/name/",
    ];
    let new: Vec<_> = (1..).zip(spellings).map(|(number, spelling)| new(number, spelling)).collect();
    let added = add(&store, &new).await;
    assert_eq!(added.iter().map(|one| one.is_new).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(added[0].repository, added[1].repository);
    assert_eq!(added[0].repository, added[3].repository);
    assert_eq!(added[0].repository.tags, ["a", "b"]);
    assert_ne!(added[0].repository.number, added[2].repository.number);
    let again = add(&store, &[self::new(9, "http://github.com/owner/NAME")]).await;
    assert_eq!((again[0].is_new, again[0].repository.id), (false, id(1)));

    let repository = added[0].repository.clone();
    assert_eq!(store.repository(id(1)).await.unwrap().as_ref(), Some(&repository));
    assert_eq!(store.repository_numbered(repository.number).await.unwrap().as_ref(), Some(&repository));
    assert_eq!(store.repository_at(&url("github.com:OWNER/name")).await.unwrap().as_ref(), Some(&repository));
    assert_eq!(store.repositories_called("Owner", "Name").await.unwrap(), [repository]);
    assert_eq!(store.repository(id(2)).await.unwrap(), None);
}

async fn two_who_add_one_address_at_once_get_the_same_repository(world: World) {
    let store = world.open().await;
    let adding = (1..=20_u16).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { add(&store, &[new(number, "https://host.example/a/b")]).await })
    });
    let mut ids = Vec::new();
    for task in adding.collect::<Vec<_>>() {
        ids.push(task.await.unwrap()[0].repository.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

async fn a_repository_comes_back_as_it_was_put(world: World) {
    let store = world.open().await;
    let mut repository = add(&store, &[new(1, "https://host.example:8443/a/b/c")]).await.remove(0).repository;
    repository.level = Level::Full;
    repository.processing = Processing::Ready;
    repository.is_refreshing = true;
    repository.steps[0].state = StepState::Failed;
    repository.steps[0].error = Some("no\nanswer".into());
    repository.last_error = Some("gone".into());
    repository.updated_at = at(7);
    repository.processing_completed_at = Some(at(6));
    repository.refs = Some(RefFacts {
        default_branch: Some("main".into()),
        head: Some("1f".repeat(20)),
        branches: 3,
        tags: 2,
        digest: "d".into(),
    });
    repository.refs_at = Some(at(5));
    repository.backfilled =
        Some(Backfilled { tip: "2e".repeat(20), cut_off: Some(at(-9)), mailmap: Some("3d".repeat(20)) });
    repository.commits = 12;
    repository.last_commit_at = Some(at(-1));
    repository.activity_score = Some(55);
    repository.bus_factor = Some(2);
    repository.category = Some(Category::CiCd);
    assert!(put(&store, &repository).await);
    assert_eq!(store.repository(id(1)).await.unwrap(), Some(repository.clone()));
    repository.id = id(2);
    assert!(!put(&store, &repository).await);
}

async fn who_watches_already_keeps_the_watch(world: World) {
    let store = world.open().await;
    add(&store, &[new(1, "https://host.example/a/b"), new(2, "https://host.example/a/c")]).await;
    let mut first = new_watch(1, id(1), "ada");
    first.notes = Some("mine".into());
    let others = [new_watch(2, id(1), "bob"), new_watch(3, id(1), "ada"), new_watch(4, id(2), "ada")];
    let added = watch(&store, &[vec![first], others.to_vec()].concat()).await;
    assert_eq!(added.iter().map(|one| one.is_new).collect::<Vec<_>>(), [true, true, false, true]);
    assert_eq!(added[2].watch, added[0].watch);
    assert_eq!(added[0].watch.notes, "mine");

    let mut again = new_watch(5, id(1), "ada");
    let breaks = Some(PlainAlert { enabled: true });
    again.alerts = Some(AlertSettings { ancestry_breaks: breaks, ..AlertSettings::default() });
    let again = watch(&store, &[again]).await.remove(0);
    assert_eq!((again.watch.id, again.watch.notes.as_str()), (watch_id(1), "mine"));
    assert_eq!(store.watch(watch_id(1)).await.unwrap(), Some(again.watch));
    assert_eq!(store.watches(&[id(1), id(2)]).await.unwrap().len(), 3);

    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    assert_eq!(tx.watch_remove(id(1), Some("ada")).await.unwrap(), (1, 1));
    assert_eq!(tx.watch_remove(id(1), Some("ada")).await.unwrap(), (0, 1));
    assert_eq!(tx.watch_remove(id(1), None).await.unwrap(), (1, 0));
    tx.commit().await.unwrap();
    assert_eq!(store.watches(&[id(1), id(2)]).await.unwrap().len(), 1);
}

async fn two_who_change_a_watch_keep_what_the_other_wrote(world: World) {
    let store = world.open().await;
    add(&store, &[new(1, "https://host.example/a/b")]).await;
    watch(&store, &[new_watch(1, id(1), "ada")]).await;
    let breaks = Some(PlainAlert { enabled: true });
    let alerts = AlertSettings { ancestry_breaks: breaks, ..AlertSettings::default() };
    // Both have seen the watch without notes and settings.
    let change = async |change: WatchChange<'_>, second| {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        let changed = tx.watch_change(watch_id(1), change, at(second)).await.unwrap();
        tx.commit().await.unwrap();
        changed
    };
    change(WatchChange { notes: Some("mine"), alerts: None }, 3).await.unwrap();
    let changed = change(WatchChange { notes: None, alerts: Some(&alerts) }, 4).await.unwrap();
    assert_eq!((changed.notes.as_str(), &changed.alerts), ("mine", &alerts));
    assert_eq!(store.watch(watch_id(1)).await.unwrap(), Some(changed));

    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.watch_remove(id(1), None).await.unwrap();
    assert_eq!(tx.watch_change(watch_id(1), WatchChange::default(), at(5)).await.unwrap(), None);
}

fn commit(number: u32, second: i64) -> Commit {
    let signature = |name: &str, offset_minutes| Signature {
        name: name.into(),
        email: "a'b\"@x".into(),
        at: at(second),
        offset_minutes,
    };
    Commit {
        id: format!("{number:040x}"),
        parents: vec!["a".repeat(40), "b".repeat(40)],
        author: signature("Äda 🦀", -720),
        committer: signature("", 840),
        message: "Subject\n\nBody; -- 'x'\t\u{1}".into(),
        size: Some(ChangeSize { files: 2, insertions: u64::from(number), deletions: 1 }),
        files: vec![
            FileChange {
                path: "a\tb\n\u{fffd}".into(),
                from: Some("c".into()),
                lines: Some(LineChange { insertions: 1, deletions: 2 }),
            },
            FileChange { path: "logo.png".into(), from: None, lines: None },
        ],
    }
}

async fn put_commits(store: &Store, repository: i64, commits: &[Commit]) {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.commits_put(repository, commits).await.unwrap();
    tx.commit().await.unwrap();
}

async fn commits_come_back_as_they_were(world: World) {
    let store = world.open().await;
    let mut merge = commit(1, 10);
    merge.size = None;
    merge.files.clear();
    let mut root = commit(2, -100_000_000);
    root.parents.clear();
    put_commits(&store, 7, &[merge.clone(), root.clone()]).await;
    put_commits(&store, 8, &[commit(1, 10)]).await;
    assert_eq!(store.commits_new(7).await.unwrap().len(), 2);
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.commits_known(7).await.unwrap(), 2);
    tx.commit().await.unwrap();
    // A second time, read through another mailmap.
    root.author.name = "Ada".into();
    put_commits(&store, 7, &[merge.clone(), root.clone()]).await;
    assert_eq!(store.commits_new(7).await.unwrap().len(), 0, "the same commit is not new again");
    assert_eq!(store.commits_new(8).await.unwrap().len(), 1);
    let page = store.commits_page(7, None, 10).await.unwrap();
    assert_eq!((page.commits, page.next), (vec![merge.clone(), root.clone()], None));
    assert_eq!(store.commit_ids(7).await.unwrap(), [merge.id, root.id.clone()].into());

    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.commits_forget(7, &[root.id]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(store.commits_orphaned().await.unwrap().len(), 2);
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.commits_remove(8, 10).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(store.commits_orphaned().await.unwrap(), [7]);
}

const DAY: i64 = 86_400;

/// The days from that one on, with their commits, repositories and lines added.
async fn days(store: &Store, since: i64) -> Vec<(i64, i64, i64, i64)> {
    let since = Timestamp::from_second(since * DAY).unwrap();
    let days = store.commits_by_day(since).await.unwrap();
    let read = |day: &DayCount| (day.day.as_second() / DAY, day.commits, day.repositories, day.insertions);
    days.iter().map(read).collect()
}

async fn days_are_counted_with_the_commits(world: World) {
    let store = world.open().await;
    // From before 1970 on: times of hostile commits are any.
    let at = |number: u32, day: i64, second: i64| {
        let mut one = commit(number, 0);
        one.committer.at = Timestamp::from_second(day * DAY + second).unwrap();
        one.size = Some(ChangeSize { files: 1, insertions: u64::from(number), deletions: 1 });
        one
    };
    let commits =
        [at(1, 3, 5), at(2, 3, DAY - 1), at(4, 4, 0), at(8, 900, 7), at(16, -700, 7), at(32, 0, -1)];
    put_commits(&store, 7, &commits[..4]).await;
    put_commits(&store, 7, &commits[3..]).await;
    put_commits(&store, 8, &[at(64, 3, 9)]).await;
    assert_eq!(days(&store, 3).await, [(3, 3, 2, 67), (4, 1, 1, 4), (900, 1, 1, 8)]);
    assert_eq!(days(&store, -10_000).await[..2], [(-699, 1, 1, 16), (0, 1, 1, 32)]);
    // The same commit read anew has other numbers; one that went is not counted.
    put_commits(&store, 7, &[at(4, 4, 0), Commit { size: None, ..at(8, 900, 7) }]).await;
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.commits_forget(7, &[commits[0].id.clone(), commits[2].id.clone()]).await.unwrap(), 2);
    tx.commit().await.unwrap();
    let counted = [(3, 2, 2, 66), (900, 1, 1, 0)];
    assert_eq!(days(&store, 3).await, counted);
    // An older schema has no days: they are counted when it is brought up to date.
    let before = days(&store, -10_000).await;
    store.close().await;
    let back = "DROP TABLE revision_day; CREATE INDEX revision_committed_at ON revision (committed_at); \
                UPDATE schema_version SET version = 7";
    raw(&world, back).await;
    let store = world.open().await;
    assert_eq!((days(&store, 3).await.as_slice(), days(&store, -10_000).await), (counted.as_slice(), before));
    // A repository that is gone, a few at a time.
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.commits_remove(7, 3).await.unwrap(), 3);
    assert_eq!(tx.commits_remove(7, 3).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(days(&store, -10_000).await, [(3, 1, 1, 64)]);
}

async fn a_page_of_commits_ends_where_the_next_begins(world: World) {
    let store = world.open().await;
    // Several in one second: the id decides.
    let commits: Vec<_> = (0..2500_u32).map(|number| commit(number, i64::from(number / 3))).collect();
    put_commits(&store, 7, &commits).await;
    let (mut seen, mut place) = (Vec::new(), None);
    loop {
        let page = store.commits_page(7, place.as_ref(), 400).await.unwrap();
        seen.extend(page.commits.into_iter().map(|commit| commit.id));
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> = commits.iter().rev().map(|commit| commit.id.clone()).collect();
    assert_eq!(seen, newest_first);
    let days = store.commits_by_day(Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(days.iter().map(|day| day.commits).sum::<i64>(), 2500);
    assert_eq!(days.iter().map(|day| day.insertions).sum::<i64>(), (0..2500).sum::<i64>());
}

async fn commits_of_many_files_come_a_few_at_once(world: World) {
    let store = world.open().await;
    let sized = |number: u32, megabytes: usize| {
        let path = "x".repeat(1 << 20);
        let file = FileChange { path, from: None, lines: None };
        Commit { parents: Vec::new(), files: vec![file; megabytes], ..commit(number, i64::from(number)) }
    };
    // Newest first: two that fit together, one that is too much alone, and a small one.
    let commits = [sized(4, 2), sized(3, 1), sized(2, 5), sized(1, 0)];
    put_commits(&store, 7, &commits).await;
    let (mut pages, mut place) = (Vec::new(), None);
    loop {
        let page = store.commits_page(7, place.as_ref(), 10).await.unwrap();
        pages.push(page.commits.len());
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!(pages, [2, 1, 1]);

    let mut short = store.commits_in_short(7).await.unwrap();
    short.sort_by_key(|commit| std::cmp::Reverse(commit.committer.at));
    let expected = commits.clone().map(|one| Commit { files: Vec::new(), message: "Subject".into(), ..one });
    assert_eq!(short, expected);

    let wanted: Vec<&Commit> = short.iter().collect();
    let (count, files) = store.commits_files(7, &wanted).await.unwrap();
    assert_eq!((count, files.len()), (2, 2));
    assert!(files[&commits[0].id] == commits[0].files);
    assert_eq!(store.commits_files(7, &wanted[2..]).await.unwrap().0, 1);
    assert_eq!(store.commits_files(7, &[]).await.unwrap().0, 0);
    assert_eq!(store.commits_files(8, &wanted).await.unwrap().1.len(), 0);
}

async fn what_was_derived_by_other_rules_is_not_there(world: World) {
    let store = world.open().await;
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.history_put(id(1), at(3), &["first"]).await.unwrap();
    tx.history_put(id(1), at(4), &["second"]).await.unwrap();
    tx.commit().await.unwrap();
    let found: Option<(Timestamp, Vec<String>)> = store.history(id(1)).await.unwrap();
    assert_eq!(found, Some((at(4), vec!["second".to_owned()])));

    // What the whole history says stands beside it, and stays.
    assert_eq!(store.history_all_time::<Vec<u8>>(id(1)).await.unwrap(), None);
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.history_put_all_time(id(1), &[7]).await.unwrap();
    tx.history_put_all_time(id(2), &[8]).await.unwrap();
    tx.history_put(id(1), at(5), &["third"]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.history_all_time(id(1)).await.unwrap(), Some(vec![7]));
    assert_eq!(store.history_all_time::<Vec<u8>>(id(2)).await.unwrap(), None, "nothing is known of it");
    raw(&world, "UPDATE history SET format = 0").await;
    assert_eq!(store.history::<Vec<String>>(id(1)).await.unwrap(), None);
}

fn alert(number: u8, repository: RepoId, kind: AlertKind, subject: &str) -> Alert {
    Alert {
        id: AlertId::new(at(0), [number; 10]),
        watch: watch_id(1),
        repository,
        finding: Finding {
            kind,
            subject: subject.into(),
            at: at(5),
            message: "600 lines".into(),
            value: Some(600.5),
            threshold: None,
        },
        fired_at: at(i64::from(number)),
    }
}

async fn add_alerts(store: &Store, alerts: &[Alert]) -> Vec<Alert> {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let added = tx.alerts_add(alerts).await.unwrap();
    tx.commit().await.unwrap();
    added
}

async fn the_same_thing_is_found_once(world: World) {
    let store = world.open().await;
    let one = alert(1, id(1), AlertKind::HighChurn, "2026-01-05");
    let other = alert(2, id(1), AlertKind::FilesChanged, "2026-01-05");
    assert_eq!(add_alerts(&store, &[one.clone(), other.clone()]).await, [one.clone(), other.clone()]);
    let again = alert(3, id(1), AlertKind::HighChurn, "2026-01-05");
    let third = alert(4, id(2), AlertKind::HighChurn, "2026-01-12");
    assert_eq!(add_alerts(&store, &[again, third.clone()]).await, std::slice::from_ref(&third));
    let all = store.alerts(None, None, None, 10).await.unwrap();
    assert_eq!(all, [third.clone(), other.clone(), one.clone()]);
    let page = store.alerts(None, None, Some((third.fired_at, third.id)), 1).await.unwrap();
    assert_eq!(page, std::slice::from_ref(&other));
    let churn = store.alerts(Some(id(1)), Some(AlertKind::HighChurn), None, 10).await.unwrap();
    assert_eq!(churn, [one]);
}

async fn a_repository_that_goes_takes_its_belongings_with_it(world: World) {
    let store = world.open().await;
    let added = add(&store, &[new(1, "https://host.example/a/b"), new(2, "https://host.example/a/c")]).await;
    watch(&store, &[new_watch(1, id(1), "ada"), new_watch(2, id(2), "ada")]).await;
    put_commits(&store, added[0].repository.number, &[commit(1, 1)]).await;
    put_commits(&store, added[1].repository.number, &[commit(1, 1)]).await;
    add_alerts(&store, &[alert(1, id(1), AlertKind::HighChurn, "a")]).await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.history_put(id(1), at(3), &["first"]).await.unwrap();
    assert!(tx.repository_remove(id(1)).await.unwrap());
    assert!(!tx.repository_remove(id(1)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.commits_orphaned().await.unwrap(), [added[0].repository.number]);
    assert_eq!(store.repository(id(1)).await.unwrap(), None);
    assert_eq!(store.watches(&[id(1), id(2)]).await.unwrap().len(), 1);
    assert_eq!(store.alerts(None, None, None, 10).await.unwrap(), []);
    assert_eq!(store.history::<Vec<String>>(id(1)).await.unwrap(), None);
}
