//! The catalogue: what it lists, counts and cuts into pages is compared with a naive computation of the same over some
//! hundred generated repositories and checkouts. On both databases.
//!
//! Long because the naive computation stands beside what it is compared with.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use muster_model::{
    RemoteUrl, RepoId, Repository, Timestamp, WatchId,
    analysis::StackItem,
    catalogue::{
        CatalogueCursor, CatalogueFilter, Direction, FACET_VALUES, Facet, FacetCounts, Origin, Sort, SortKey,
    },
    category::Category,
    git_state::LastCommit,
    project::ProjectKind,
    relation::Relation,
    repository::{Level, Processing, RepositoryName},
};
use muster_store::{CatalogueRow, NewRepository, NewWatch, Priority, ProjectRecord, Store, StoreError};

use crate::world::{World, at, id, node, put, raw, record};

suite! {
    a_checkout_without_an_address_stands_alone,
    a_folder_that_is_no_repository_is_not_listed,
    a_name_leads_to_the_repository_from_any_side,
    a_page_costs_the_same_statements_whatever_its_length,
    each_facet_is_counted_under_all_filters_but_its_own,
    every_filter_lists_what_a_naive_list_has,
    pages_follow_each_other_without_a_gap_or_a_repetition,
    tags_are_found_as_they_are_now,
    tags_of_an_older_schema_are_taken_over,
    text_is_meant_as_it_is_written,
    what_goes_leaves_the_list,
}

/// Chance that is the same in each run (Knuth's numbers).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// Addresses out of a small pool, so that many are met from both sides; a third are spelled otherwise.
fn address(chance: &mut Chance) -> String {
    let host = chance.pick(&["github.com", "host.example", "git.example.org:8443"]);
    // More owners than a facet names.
    let owner = chance.below(26);
    let name = format!("{}{}", chance.pick(&["Repo", "repo", "x_y", "äö%"]), chance.below(6));
    match chance.below(3) {
        0 => format!("https://{host}/Owner{owner}/{name}.git"),
        _ => format!("https://{host}/Owner{owner}/{name}"),
    }
}

fn new(number: u16, address: &str, chance: &mut Chance) -> NewRepository {
    let category = chance.pick(&[None, Some(Category::Tools), Some(Category::Api), Some(Category::Library)]);
    let tags = (0..chance.below(4)).map(|_| format!("tag {}", chance.below(30))).collect();
    NewRepository {
        id: id(number),
        url: RemoteUrl::parse(address).unwrap(),
        level: chance.pick(&[Level::Facts, Level::History, Level::Full]),
        steps: Vec::new(),
        category,
        tags,
    }
}

/// A checkout of this address, or of none.
fn checkout(number: u16, address: Option<&str>) -> ProjectRecord {
    // Everything that can be known, so that the columns are filled; the changed parts follow.
    let mut record = ProjectRecord { id: id(number), ..crate::full::project(number) };
    record.updated_at = at(0);
    let project = &mut record.project;
    project.name = format!("project{number}");
    project.path = format!("/code/project{number}").into();
    project.remote = address.map(|address| RemoteUrl::parse(address).unwrap());
    record
}

fn random_checkout(number: u16, chance: &mut Chance) -> ProjectRecord {
    let address = address(chance);
    let address = (chance.below(5) > 0).then_some(address.as_str());
    let mut record = checkout(number, address);
    record.updated_at = at(chance.pick(&[5, 17, 250]));
    let project = &mut record.project;
    project.relation =
        chance.pick(&[Relation::Mine, Relation::Team, Relation::ThirdParty, Relation::Unknown]);
    let language = chance.pick(&[None, Some("Rust"), Some("C++"), Some("Go")]);
    let stack = &mut project.analysis.as_mut().unwrap().stack;
    let item = |name: &str, category: &str, is_marginal| StackItem {
        name: name.into(),
        category: category.into(),
        evidence: Vec::new(),
        is_marginal,
    };
    *stack = vec![item("Shell", "language", true), item("PostgreSQL", "database", false)];
    stack.extend(language.map(|name| item(name, "language", false)));
    let committed_at = chance.pick(&[None, Some(3), Some(40), Some(41), Some(-70)]);
    let git = project.git.as_mut().unwrap();
    git.last_commit = committed_at.map(|second| LastCommit {
        id: "a".repeat(40),
        subject: String::new(),
        author: String::new(),
        author_email: String::new(),
        committed_at: at(second),
    });
    record
}

async fn add(store: &Store, new: &[NewRepository], watches: &[NewWatch]) -> Vec<Repository> {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let added = tx.repository_add(new, at(1)).await.unwrap();
    tx.watch_add(watches, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    added.into_iter().map(|one| one.repository).collect()
}

async fn put_back(store: &Store, repositories: &[Repository]) {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    for repository in repositories {
        assert!(tx.repository_put(repository).await.unwrap());
    }
    tx.commit().await.unwrap();
}

fn watch(number: u16, repository: RepoId, added_by: &str) -> NewWatch {
    let mut chance = [0; 10];
    chance[8..].copy_from_slice(&number.to_be_bytes());
    let id = WatchId::new(at(0), chance);
    NewWatch { id, repository, added_by: added_by.into(), notes: None, alerts: None }
}

/// A repository as the naive list has it.
#[derive(Debug, Clone, Default)]
struct Naive {
    number: i64,
    id: String,
    name: String,
    values: BTreeMap<Facet, BTreeSet<String>>,
    score: Option<i64>,
    last_commit_at: Option<Timestamp>,
    updated_at: Timestamp,
    checkouts: Vec<RepoId>,
    watchers: u64,
}

impl Naive {
    fn set(&mut self, facet: Facet, value: Option<&str>) {
        let value = value.filter(|value| !value.is_empty());
        self.values.entry(facet).or_default().extend(value.map(str::to_owned));
    }

    fn fits(&self, filter: &CatalogueFilter, but: Option<Facet>) -> bool {
        let fold = |facet, value: &str| match facet {
            Facet::Owner | Facet::Language => value.to_ascii_lowercase(),
            _ => value.to_owned(),
        };
        let fits_facet = |facet: Facet, wanted: &[String]| {
            let mine = self.values.get(&facet).cloned().unwrap_or_default();
            wanted.is_empty()
                || wanted.iter().any(|want| mine.iter().any(|has| fold(facet, has) == fold(facet, want)))
        };
        let owner = self.values[&Facet::Owner].first().map(|owner| format!("{owner}/")).unwrap_or_default();
        let slug = format!("{owner}{}", self.name).to_ascii_lowercase();
        filter.values.iter().all(|(&facet, wanted)| Some(facet) == but || fits_facet(facet, wanted))
            && filter.text.as_ref().is_none_or(|text| slug.contains(&text.to_ascii_lowercase()))
            && filter.min_activity.is_none_or(|least| self.score.is_some_and(|score| score >= least))
    }
}

struct Made {
    store: Store,
    naive: Vec<Naive>,
}

/// Some hundred of each, put into the store, and the list that must come of it.
async fn generated(world: &World) -> Made {
    let store = world.open().await;
    let mut chance = Chance(7);
    let new: Vec<_> = (1..=300).map(|number| new(number, &address(&mut chance), &mut chance)).collect();
    let mut repositories = add(&store, &new, &[]).await;
    repositories.sort_by_key(|repository| repository.number);
    repositories.dedup_by_key(|repository| repository.number);
    let mut watches = Vec::new();
    for (number, repository) in (0..).zip(&mut repositories) {
        repository.processing = chance.pick(&[Processing::Processing, Processing::Ready, Processing::Failed]);
        repository.updated_at = at(chance.pick(&[1, 9, 100]));
        repository.activity_score = chance.pick(&[None, Some(0), Some(50), Some(51), Some(100)]);
        repository.last_commit_at = chance.pick(&[None, Some(at(3)), Some(at(40)), Some(at(99))]);
        for (more, person) in (0..).zip(["ada", "bob", "Eve, of host"]) {
            if chance.below(3) > 0 {
                watches.push(watch(number * 3 + more, repository.id, person));
            }
        }
    }
    put_back(&store, &repositories).await;
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.watch_add(&watches, at(2)).await.unwrap();
    tx.commit().await.unwrap();
    let checkouts: Vec<_> = (1000..1300).map(|number| random_checkout(number, &mut chance)).collect();
    put(&store, &checkouts).await;
    let index = store.project_index(node()).await.unwrap();
    let numbers: HashMap<RepoId, i64> = index.iter().map(|entry| (entry.id, entry.number)).collect();
    let naive = naive(&repositories, &watches, &checkouts, &numbers);
    Made { store, naive }
}

fn naive(
    repositories: &[Repository],
    watches: &[NewWatch],
    checkouts: &[ProjectRecord],
    numbers: &HashMap<RepoId, i64>,
) -> Vec<Naive> {
    let mut by_identity: BTreeMap<String, Naive> = BTreeMap::new();
    for repository in repositories {
        let mut one = Naive {
            number: repository.number,
            id: repository.id.to_string(),
            name: repository.url.name().to_owned(),
            score: repository.activity_score,
            last_commit_at: repository.last_commit_at,
            updated_at: repository.updated_at,
            ..Naive::default()
        };
        one.set(Facet::Origin, Some("watched"));
        one.set(Facet::Status, Some(repository.processing.as_str()));
        one.set(Facet::Level, Some(repository.level.as_str()));
        one.set(Facet::Host, Some(repository.url.host()));
        one.set(Facet::Owner, repository.url.owner());
        one.set(Facet::Category, repository.category.map(Category::as_str));
        for tag in &repository.tags {
            one.set(Facet::Tag, Some(tag));
        }
        for watch in watches.iter().filter(|watch| watch.repository == repository.id) {
            one.set(Facet::AddedBy, Some(&watch.added_by));
            one.watchers += 1;
        }
        by_identity.insert(repository.url.identity(), one);
    }
    let mut checkouts: Vec<_> = checkouts.iter().collect();
    checkouts.sort_by_key(|record| numbers[&record.id]);
    for record in checkouts {
        let project = &record.project;
        let remote = project.remote.as_ref();
        let key = remote.map_or_else(|| record.id.to_string(), RemoteUrl::identity);
        let one = by_identity.entry(key).or_insert_with(|| {
            let mut one = Naive {
                number: numbers[&record.id],
                id: record.id.to_string(),
                name: remote.map_or(project.name.as_str(), RemoteUrl::name).to_owned(),
                ..Naive::default()
            };
            one.set(Facet::Origin, Some("local"));
            one.set(Facet::Host, remote.map(RemoteUrl::host));
            one.set(Facet::Owner, remote.and_then(RemoteUrl::owner));
            one
        });
        if one.values[&Facet::Origin].contains("watched") {
            one.values.insert(Facet::Origin, BTreeSet::from(["both".to_owned()]));
        }
        if one.checkouts.is_empty() {
            one.set(Facet::Relation, Some(project.relation.as_str()));
            let mut stack = project.analysis.as_ref().unwrap().stack.iter();
            let main = stack.find(|item| item.category == "language" && !item.is_marginal);
            one.set(Facet::Language, main.map(|item| item.name.as_str()));
        }
        let commit = project.git.as_ref().unwrap().last_commit.as_ref();
        one.last_commit_at = one.last_commit_at.max(commit.map(|commit| commit.committed_at));
        one.updated_at = one.updated_at.max(record.updated_at);
        one.checkouts.push(record.id);
    }
    by_identity.into_values().collect()
}

/// The naive list in the order of a sort.
fn sorted(list: &[Naive], sort: Sort) -> Vec<Naive> {
    let mut list = list.to_vec();
    let key = |one: &Naive| match sort.key {
        SortKey::Name => Some((0, one.name.to_ascii_lowercase())),
        SortKey::LastCommitAt => one.last_commit_at.map(|at| (at.as_microsecond(), String::new())),
        SortKey::ActivityScore => one.score.map(|score| (score, String::new())),
        SortKey::Number => Some((one.number, String::new())),
        SortKey::UpdatedAt => Some((one.updated_at.as_microsecond(), String::new())),
    };
    list.sort_by(|a, b| {
        let (first, second) = (key(a), key(b));
        let by_value = match (&first, &second) {
            (Some(first), Some(second)) if sort.direction == Direction::Descending => second.cmp(first),
            _ => first.is_none().cmp(&second.is_none()).then_with(|| first.cmp(&second)),
        };
        by_value.then_with(|| a.number.cmp(&b.number))
    });
    list
}

fn naive_facets(list: &[Naive], filter: &CatalogueFilter) -> BTreeMap<Facet, FacetCounts> {
    let count = |&facet: &Facet| {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for one in list.iter().filter(|one| one.fits(filter, Some(facet))) {
            for value in one.values.get(&facet).into_iter().flatten() {
                *counts.entry(value).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let more = (counts.len() as u64).saturating_sub(FACET_VALUES);
        counts.truncate(usize::try_from(FACET_VALUES).unwrap());
        let value = |(value, count): (&str, u64)| muster_model::catalogue::FacetCount {
            value: value.to_owned(),
            count,
        };
        (facet, FacetCounts { values: counts.into_iter().map(value).collect(), more })
    };
    Facet::ALL.iter().map(count).collect()
}

fn filter(values: &[(Facet, &[&str])]) -> CatalogueFilter {
    let values = values
        .iter()
        .map(|(facet, words)| (*facet, words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>()));
    CatalogueFilter { values: values.collect(), ..CatalogueFilter::default() }
}

/// Filters that say something of each facet, alone and together.
fn filters() -> Vec<CatalogueFilter> {
    let text = |text: &str| CatalogueFilter { text: Some(text.into()), ..CatalogueFilter::default() };
    vec![
        CatalogueFilter::default(),
        filter(&[(Facet::Origin, &["both"])]),
        filter(&[(Facet::Origin, &["local", "both"])]),
        filter(&[(Facet::Status, &["ready", "failed"]), (Facet::Level, &["full"])]),
        filter(&[(Facet::Host, &["github.com"]), (Facet::Owner, &["OWNER3", "Owner4", "owner5"])]),
        filter(&[(Facet::Category, &["tools"]), (Facet::Origin, &["watched"])]),
        filter(&[(Facet::Tag, &["tag 1", "tag 2", "tag 3"]), (Facet::AddedBy, &["ada"])]),
        filter(&[(Facet::Language, &["rust", "c++"]), (Facet::Relation, &["mine", "third_party"])]),
        filter(&[(Facet::AddedBy, &["Eve, of host"])]),
        filter(&[(Facet::Host, &["nowhere"]), (Facet::Tag, &[])]),
        CatalogueFilter { min_activity: Some(51), ..filter(&[(Facet::Origin, &["both", "watched"])]) },
        CatalogueFilter { min_activity: Some(0), ..CatalogueFilter::default() },
        text("OWNER1/repo"),
        text("y3"),
        text("project"),
    ]
}

fn orders() -> impl Iterator<Item = Sort> {
    let both = |&key: &SortKey| {
        [Direction::Ascending, Direction::Descending].map(|direction| Sort { key, direction })
    };
    SortKey::ALL.iter().flat_map(both)
}

/// A page with what is counted beside it.
struct CataloguePage {
    rows: Vec<CatalogueRow>,
    next: Option<CatalogueCursor>,
    total: u64,
    facets: BTreeMap<Facet, FacetCounts>,
}

async fn listed(
    store: &Store,
    filter: &CatalogueFilter,
    sort: Sort,
    from: Option<&CatalogueCursor>,
    limit: u64,
) -> Result<CataloguePage, StoreError> {
    let listed = store.catalogue_rows(filter, sort, from, limit).await?;
    let counted = store.catalogue_counts(filter).await?;
    Ok(CataloguePage { rows: listed.rows, next: listed.next, total: counted.total, facets: counted.facets })
}

async fn page(store: &Store, filter: &CatalogueFilter) -> CataloguePage {
    listed(store, filter, Sort::default(), None, 1000).await.unwrap()
}

/// What a row says, beside what the naive list says.
fn check(row: &CatalogueRow, naive: &Naive) {
    let first = |facet| naive.values.get(&facet).and_then(BTreeSet::first).cloned();
    assert_eq!((row.number, row.id.to_string(), &row.name), (naive.number, naive.id.clone(), &naive.name));
    assert_eq!(Some(row.origin.as_str()), first(Facet::Origin).as_deref());
    assert_eq!((row.host.clone(), row.owner.clone()), (first(Facet::Host), first(Facet::Owner)));
    assert_eq!(
        (row.relation.clone(), row.language.clone()),
        (first(Facet::Relation), first(Facet::Language))
    );
    assert_eq!((row.last_commit_at, row.updated_at), (naive.last_commit_at, naive.updated_at));
    assert_eq!(row.checkouts.iter().map(|one| one.id).collect::<Vec<_>>(), naive.checkouts);
    assert_eq!(row.watchers, naive.watchers);
    assert_eq!(row.repository.is_some(), row.origin != Origin::Local);
    let repository = row.repository.as_ref();
    assert_eq!(repository.and_then(|repository| repository.activity_score), naive.score);
}

async fn every_filter_lists_what_a_naive_list_has(world: World) {
    let Made { store, naive } = generated(&world).await;
    for origin in ["local", "watched", "both"] {
        let there = naive.iter().filter(|one| one.values[&Facet::Origin].contains(origin)).count();
        assert!(there > 20, "{there} are {origin}");
    }
    assert!(naive.iter().any(|one| one.checkouts.len() > 1));
    for filter in filters() {
        let expected: Vec<_> = naive.iter().filter(|one| one.fits(&filter, None)).cloned().collect();
        let page = page(&store, &filter).await;
        assert_eq!(page.total, expected.len() as u64, "{filter:?}");
        let expected = sorted(&expected, Sort::default());
        assert_eq!(page.rows.len(), expected.len());
        for (row, naive) in page.rows.iter().zip(&expected) {
            check(row, naive);
        }
    }
}

async fn each_facet_is_counted_under_all_filters_but_its_own(world: World) {
    let Made { store, naive } = generated(&world).await;
    for filter in filters() {
        let page = listed(&store, &filter, Sort::default(), None, 1).await.unwrap();
        assert_eq!(page.facets, naive_facets(&naive, &filter), "{filter:?}");
    }
    let all = page(&store, &CatalogueFilter::default()).await;
    assert!(all.facets[&Facet::Owner].more > 0 && all.facets[&Facet::Tag].more > 0);
}

async fn pages_follow_each_other_without_a_gap_or_a_repetition(world: World) {
    let Made { store, naive } = generated(&world).await;
    let filters = [CatalogueFilter::default(), filter(&[(Facet::Origin, &["watched", "both"])])];
    for (filter, limit) in filters.iter().zip([60, 37]) {
        let expected: Vec<_> = naive.iter().filter(|one| one.fits(filter, None)).cloned().collect();
        for sort in orders() {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let page = listed(&store, filter, sort, cursor.as_ref(), limit).await.unwrap();
                assert_eq!(page.total, expected.len() as u64);
                seen.extend(page.rows.iter().map(|row| row.number));
                // By its text, as it goes to a client and back.
                cursor = page.next.map(|next| next.to_string().parse().unwrap());
                if cursor.is_none() {
                    break;
                }
            }
            let numbers: Vec<_> = sorted(&expected, sort).iter().map(|one| one.number).collect();
            assert_eq!(seen, numbers, "{sort}");
        }
    }
}

async fn a_page_costs_the_same_statements_whatever_its_length(world: World) {
    let Made { store, .. } = generated(&world).await;
    let mut costs = BTreeSet::new();
    for limit in [10, 100, 500] {
        let before = store.stats().statements;
        let page = listed(&store, &CatalogueFilter::default(), Sort::default(), None, limit).await.unwrap();
        assert_eq!(page.rows.len() as u64, limit.min(page.total));
        costs.insert(store.stats().statements - before);
    }
    assert_eq!(costs, BTreeSet::from([5]));
}

async fn a_folder_that_is_no_repository_is_not_listed(world: World) {
    let store = world.open().await;
    put(&store, &[record(1, "folder"), checkout(2, None)]).await;
    let ids = |page: CataloguePage| page.rows.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(page(&store, &CatalogueFilter::default()).await), [id(2)]);
    let mut became = record(1, "folder");
    became.project.kind = ProjectKind::Repository;
    let mut was = record(2, "project2");
    was.project.path = "/code/project2".into();
    put(&store, &[became, was]).await;
    assert_eq!(ids(page(&store, &CatalogueFilter::default()).await), [id(1)]);
}

async fn a_checkout_without_an_address_stands_alone(world: World) {
    let store = world.open().await;
    let records = [
        checkout(1, None),
        checkout(2, None),
        // Each means another place.
        checkout(3, Some("../up/shared.git")),
        checkout(4, Some("../up/shared.git")),
        checkout(5, Some("/srv/git/shared.git")),
        checkout(6, Some("/srv/git/shared.git")),
    ];
    put(&store, &records).await;
    let sort = Sort { key: SortKey::Number, direction: Direction::Ascending };
    let page = listed(&store, &CatalogueFilter::default(), sort, None, 10).await.unwrap();
    let said: Vec<_> =
        page.rows.iter().map(|row| (row.name.as_str(), row.host.as_deref(), row.checkouts.len())).collect();
    let shared = ("shared", None, 1);
    assert_eq!(said, [("project1", None, 1), ("project2", None, 1), shared, shared, ("shared", None, 2)]);
    let checkout = &page.rows[0].checkouts[0];
    assert_eq!((checkout.branch.as_deref(), checkout.health), (Some("main"), None));
    assert_eq!(checkout.error.as_deref(), Some("timed_out"));
    assert_eq!((checkout.name.as_str(), checkout.path.to_str()), ("project1", Some("/code/project1")));
}

async fn a_name_leads_to_the_repository_from_any_side(world: World) {
    let store = world.open().await;
    let mut chance = Chance(1);
    add(&store, &[new(1, "https://host.example/a/b", &mut chance)], &[]).await;
    let records = [
        checkout(2, Some("git@host.example:a/b.git")),
        checkout(3, Some("https://host.example/a/c")),
        checkout(4, Some("https://other.example/a/c")),
        checkout(5, None),
    ];
    put(&store, &records).await;
    let named = async |name| {
        let rows = store.catalogue_named(&name).await.unwrap();
        rows.iter().map(|row| (row.id, row.origin)).collect::<Vec<_>>()
    };
    let both = [(id(1), Origin::Both)];
    assert_eq!(named(RepositoryName::Id(id(1))).await, both);
    assert_eq!(named(RepositoryName::Id(id(2))).await, both);
    assert_eq!(named(RepositoryName::Number(2)).await, both);
    assert_eq!(named(RepositoryName::Slug("a".into(), "b".into())).await, both);
    assert_eq!(
        named(RepositoryName::Address(RemoteUrl::parse("https://host.example/a/b").unwrap())).await,
        both
    );
    assert_eq!(named(RepositoryName::Id(id(5))).await, [(id(5), Origin::Local)]);
    let several = named(RepositoryName::Slug("a".into(), "c".into())).await;
    assert_eq!(several, [(id(3), Origin::Local), (id(4), Origin::Local)]);
    assert_eq!(named(RepositoryName::Number(99)).await, []);
}

async fn tags_are_found_as_they_are_now(world: World) {
    let store = world.open().await;
    let mut chance = Chance(1);
    let mut first = new(1, "https://host.example/a/b", &mut chance);
    first.tags = vec!["old".into(), "it's \"100%\" \\".into()];
    let mut second = new(2, "https://host.example/a/c", &mut chance);
    second.tags = vec!["old".into()];
    let mut added = add(&store, &[first, second.clone()], &[]).await;
    let tagged = async |tag: &str| page(&store, &filter(&[(Facet::Tag, &[tag])])).await.total;
    assert_eq!((tagged("old").await, tagged("it's \"100%\" \\").await, tagged("100").await), (2, 1, 0));
    added[0].tags = vec!["new".into()];
    put_back(&store, &added).await;
    assert_eq!((tagged("old").await, tagged("new").await), (1, 1));
    // Added once more with other tags: it stays as it is.
    second.id = id(9);
    second.tags = vec!["other".into()];
    add(&store, &[second], &[]).await;
    assert_eq!((tagged("old").await, tagged("other").await), (1, 0));
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.repository_remove(id(2)).await.unwrap();
    tx.commit().await.unwrap();
    let facets = page(&store, &CatalogueFilter::default()).await.facets;
    assert_eq!(facets[&Facet::Tag].values.len(), 1);
}

async fn tags_of_an_older_schema_are_taken_over(world: World) {
    let store = world.open().await;
    let mut chance = Chance(1);
    let mut new = new(1, "https://host.example/a/b", &mut chance);
    new.tags = vec!["naïve \"🦀\"".into(), "b".into()];
    add(&store, &[new], &[]).await;
    store.close().await;
    let back = "DROP TABLE revision_day; CREATE INDEX revision_committed_at ON revision (committed_at); \
                ALTER TABLE history DROP COLUMN all_time; DROP TABLE token; DROP TABLE remote_heads; ALTER TABLE job DROP COLUMN only_node; DROP VIEW catalogue; DROP TABLE checkout; DROP TABLE repository_tag; DROP INDEX repository_owner; \
                DROP INDEX repository_name; DROP INDEX repository_level; DROP INDEX repository_category; \
                DROP INDEX repository_activity; UPDATE schema_version SET version = 3";
    raw(&world, back).await;
    let store = world.open().await;
    let facets = page(&store, &CatalogueFilter::default()).await.facets;
    let tags: Vec<_> = facets[&Facet::Tag].values.iter().map(|one| one.value.as_str()).collect();
    assert_eq!(tags, ["b", "naïve \"🦀\""]);
}

async fn text_is_meant_as_it_is_written(world: World) {
    let store = world.open().await;
    let names = ["100%", "1000", "a_b", "aXb", "back\\slash", "Ünder"];
    let records: Vec<_> = (1..)
        .zip(names)
        .map(|(number, name)| checkout(number, Some(&format!("https://host.example/o/{name}"))))
        .collect();
    put(&store, &records).await;
    let found = async |text: &str| {
        let filter = CatalogueFilter { text: Some(text.into()), ..CatalogueFilter::default() };
        page(&store, &filter).await.total
    };
    assert_eq!((found("0%").await, found("A_B").await, found("k\\s").await), (1, 1, 1));
    assert_eq!((found("O/A").await, found("").await, found("'; --").await), (2, 6, 0));
    assert_eq!((found("Ünder").await, found("axb").await), (1, 1));
}

async fn what_goes_leaves_the_list(world: World) {
    let store = world.open().await;
    let mut chance = Chance(1);
    add(&store, &[new(1, "https://host.example/a/b", &mut chance)], &[watch(1, id(1), "ada")]).await;
    put(&store, &[checkout(2, Some("https://host.example/a/b"))]).await;
    let origins = async || {
        let rows = page(&store, &CatalogueFilter::default()).await.rows;
        rows.iter().map(|row| (row.id, row.origin)).collect::<Vec<_>>()
    };
    assert_eq!(origins().await, [(id(1), Origin::Both)]);
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.repository_remove(id(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(origins().await, [(id(2), Origin::Local)]);
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.project_remove(&[id(2)]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(origins().await, []);
    // A row of a database that another hand has touched is an error, no panic.
    put(&store, &[checkout(2, None)]).await;
    raw(&world, "UPDATE checkout SET id = 'x'").await;
    let asked = listed(&store, &CatalogueFilter::default(), Sort::default(), None, 1).await;
    assert!(asked.is_err());
}
