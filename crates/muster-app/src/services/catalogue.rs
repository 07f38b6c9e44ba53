//! The catalogue: every repository once, whether it is watched, checked out here, or both. Filters are checked here
//! against the closed lists of words; the store answers them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use muster_model::{
    catalogue::{CatalogueCounts, CatalogueCursor, CatalogueFilter, Facet, Origin, Sort},
    category::Category,
    repository::{Level, Processing, RepositoryName},
};
pub use muster_store::{CatalogueRow, CatalogueRows, Checkout};

use crate::{
    caches::{TAG_PORTFOLIO, TAG_WATCHLIST, facets_key},
    context::Context,
    error::AppError,
};

/// The words of a relation (`muster_model::relation`).
const RELATIONS: [&str; 4] = ["mine", "team", "third_party", "unknown"];

/// Repositories that fit a filter, from a place on; `limit` of them at most, with what each facet counts.
/// [`AppError::Invalid`] if a filter asks for a word that cannot occur, or if the place belongs to another sort.
pub async fn page(
    context: &Context,
    filter: &CatalogueFilter,
    sort: Sort,
    from: Option<&CatalogueCursor>,
    limit: u64,
) -> Result<(CatalogueRows, Arc<CatalogueCounts>), AppError> {
    for (&facet, wanted) in &filter.values {
        check_words(facet, wanted)?;
    }
    check_text("q", filter.text.as_deref().unwrap_or_default())?;
    if let Some(from) = from.filter(|from| from.sort != sort) {
        let message =
            format!("it belongs to a list sorted by {}; give sort={} or begin anew", from.sort, from.sort);
        return Err(AppError::Invalid { field: "cursor", message });
    }
    let rows = context.store.catalogue_rows(filter, sort, from, limit).await?;
    Ok((rows, counts(context, filter).await?))
}

/// Counting looks at every repository, where a page looks at a few: kept until one changes.
async fn counts(context: &Context, filter: &CatalogueFilter) -> Result<Arc<CatalogueCounts>, AppError> {
    let (store, wanted) = (context.store.clone(), filter.clone());
    let load = move || -> BoxFuture<'static, Result<CatalogueCounts, AppError>> {
        Box::pin(async move { Ok(store.catalogue_counts(&wanted).await?) })
    };
    let tags = [TAG_WATCHLIST, TAG_PORTFOLIO];
    let of = &context.types.facets;
    Ok(context.cache.get_or_load(of, &facets_key(filter), &tags, load).await?.value)
}

/// The repository of this name: its id or number, or those of a project that is a checkout of it; `owner/name`; its
/// address; the id of its entry in the watchlist.
pub async fn find(context: &Context, name: &str) -> Result<CatalogueRow, AppError> {
    let not_found = || AppError::NotFound { query: name.to_owned() };
    let mut found =
        context.store.catalogue_named(&RepositoryName::parse(name).ok_or_else(not_found)?).await?;
    let mut watched = (0..found.len()).filter(|&index| found[index].repository.is_some());
    match (found.len(), watched.next(), watched.next()) {
        (0, ..) => Err(not_found()),
        (1, ..) => Ok(found.remove(0)),
        // Commits and people are asked for by the same name, and only a watched one has them.
        (_, Some(only), None) => Ok(found.remove(only)),
        _ => {
            let called = |row: &CatalogueRow| row.url.clone().unwrap_or_else(|| row.id.to_string());
            Err(AppError::Ambiguous {
                query: name.to_owned(),
                candidates: found.iter().map(called).collect(),
            })
        }
    }
}

/// The words that a facet can have, if the list is closed.
fn words(facet: Facet) -> Option<Vec<&'static str>> {
    match facet {
        Facet::Origin => Some(Origin::ALL.iter().map(|one| one.as_str()).collect()),
        Facet::Status => Some(Processing::ALL.iter().map(|one| one.as_str()).collect()),
        Facet::Level => Some(Level::ALL.iter().map(|one| one.as_str()).collect()),
        Facet::Category => Some(Category::ALL.iter().map(|one| one.as_str()).collect()),
        Facet::Relation => Some(RELATIONS.to_vec()),
        Facet::Host | Facet::Owner | Facet::Tag | Facet::Language | Facet::AddedBy => None,
    }
}

fn check_words(facet: Facet, wanted: &[String]) -> Result<(), AppError> {
    wanted.iter().try_for_each(|word| check_text(facet.as_str(), word))?;
    let Some(known) = words(facet) else { return Ok(()) };
    match wanted.iter().find(|word| !known.contains(&word.as_str())) {
        Some(word) => {
            let message = format!("'{word}' is none of {}", known.join(", "));
            Err(AppError::Invalid { field: facet.as_str(), message })
        }
        None => Ok(()),
    }
}

/// PostgreSQL takes no text with a zero in it.
fn check_text(field: &'static str, text: &str) -> Result<(), AppError> {
    if text.contains('\0') {
        let message = "there is a zero byte in it, which no name has".to_owned();
        return Err(AppError::Invalid { field, message });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use muster_model::relation::Relation;

    use super::RELATIONS;

    #[test]
    fn every_relation_has_its_word() {
        let all = [Relation::Mine, Relation::Team, Relation::ThirdParty, Relation::Unknown];
        assert_eq!(all.map(Relation::as_str), RELATIONS);
    }
}
