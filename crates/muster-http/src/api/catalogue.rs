//! The list of all repositories, local and watched, and one of them by its name.

#![expect(unused_qualifications, reason = "what utoipa makes of IntoParams names it in full")]

use axum::{extract::State, response::IntoResponse};
use muster_app::services::catalogue;
use muster_model::catalogue::{CatalogueFilter, Facet, Sort};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{Path, Query},
    problem::{Problem, ProblemView},
    state::HttpState,
    wire::catalogue::{CatalogueView, OneRepositoryView},
};

use super::cache::no_store;

/// Repositories of a page, and at most.
const LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 500;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// Several values of one filter are separated by commas, and are alternatives. A comma that belongs to a value is written
/// after a backslash.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// `local`, `watched`, `both`
    origin: Option<String>,
    /// `processing`, `ready`, `failed`
    status: Option<String>,
    /// `facts`, `history`, `full`
    level: Option<String>,
    host: Option<String>,
    /// What stands before the name, whatever the case.
    owner: Option<String>,
    /// Of the fourteen categories.
    category: Option<String>,
    tag: Option<String>,
    /// The main language, whatever the case.
    language: Option<String>,
    /// `mine`, `team`, `third_party`, `unknown`
    relation: Option<String>,
    /// Who watches it.
    /// A name with a comma in it has a backslash before the comma.
    added_by: Option<String>,
    /// A part of `owner/name`, whatever the case.
    q: Option<String>,
    /// The least activity score, 0 to 100.
    min_activity: Option<i64>,
    /// `name`, `last_commit_at`, `activity_score`, `number`, `updated_at`; the other way round after `-`. Without,
    /// `-last_commit_at`. What has no value comes last.
    sort: Option<String>,
    /// What `next` said, with the same `sort`.
    cursor: Option<String>,
    /// 1 to 500
    limit: Option<u64>,
}

impl ListParams {
    fn filter(&self) -> CatalogueFilter {
        let given = [
            (Facet::Origin, &self.origin),
            (Facet::Status, &self.status),
            (Facet::Level, &self.level),
            (Facet::Host, &self.host),
            (Facet::Owner, &self.owner),
            (Facet::Category, &self.category),
            (Facet::Tag, &self.tag),
            (Facet::Language, &self.language),
            (Facet::Relation, &self.relation),
            (Facet::AddedBy, &self.added_by),
        ];
        CatalogueFilter {
            values: given
                .into_iter()
                .filter_map(|(facet, text)| Some((facet, several(text.as_deref()?))))
                .collect(),
            text: self.q.clone().filter(|text| !text.is_empty()),
            min_activity: self.min_activity,
        }
    }
}

/// The values of a filter: between commas; a comma that belongs to a value stands after a backslash, and so does a backslash.
fn several(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ',' => words.push(std::mem::take(&mut word)),
            '\\' => word.extend(letters.next()),
            letter => word.push(letter),
        }
    }
    words.push(word);
    words.into_iter().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

/// All repositories, local and watched
///
/// Checkouts and a watched repository with the same address are one item. `facets` counts the values of each filter among
/// what fits all the others.
#[utoipa::path(get, path = "/repositories", tag = "repositories", params(ListParams), responses(
    (status = OK, body = CatalogueView),
    (status = UNPROCESSABLE_ENTITY, body = ProblemView, content_type = "application/problem+json"),
))]
async fn list(
    State(state): State<HttpState>,
    Query(params): Query<ListParams>,
) -> Result<impl IntoResponse, Problem> {
    let sort = params.sort.as_deref().unwrap_or_default();
    let sort = match sort {
        "" => Sort::default(),
        given => given.parse().map_err(|error: muster_model::catalogue::UnknownSort| {
            Problem::field("sort", error.to_string())
        })?,
    };
    let from = params.cursor.as_deref().map(super::cursor).transpose()?;
    let limit = super::limit(params.limit, LIMIT, MAX_LIMIT)?;
    let (page, counts) =
        catalogue::page(&state.context, &params.filter(), sort, from.as_ref(), limit).await?;
    Ok(no_store(CatalogueView::new(page, &counts)))
}

/// A repository
///
/// A watched one with all that is known of it; one that nobody watches as the list has it. The id or number of a project
/// means the repository that it is a checkout of.
#[utoipa::path(get, path = "/repositories/{id}", tag = "repositories",
    params(("id" = String, Path, description = "`repo_…`, a number, or `owner/name` percent-encoded")),
    responses(
        (status = OK, body = OneRepositoryView),
        (status = NOT_FOUND, body = ProblemView, content_type = "application/problem+json"),
        (status = CONFLICT, body = ProblemView, content_type = "application/problem+json"),
    ))]
async fn show(State(state): State<HttpState>, Path(id): Path<String>) -> Result<impl IntoResponse, Problem> {
    Ok(no_store(OneRepositoryView::new(catalogue::find(&state.context, &id).await?)))
}

#[cfg(test)]
mod tests {
    use super::several;

    #[test]
    fn values_stand_between_commas_that_have_no_backslash() {
        assert_eq!(several("a, b ,,c"), ["a", "b", "c"]);
        assert_eq!(several(r"Lovelace\, Ada,eve"), ["Lovelace, Ada", "eve"]);
        assert_eq!(several(r"a\\b,c\"), [r"a\b", "c"]);
        assert_eq!(several(""), Vec::<String>::new());
    }
}
