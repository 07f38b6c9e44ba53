//! How many repositories have which value, of all facets, by one statement. Each facet is counted among what fits all
//! filters but its own, so that a person sees what another choice would bring.

use std::collections::BTreeMap;

use muster_model::catalogue::{
    CatalogueCounts, CatalogueFilter, FACET_VALUES, Facet, FacetCount, FacetCounts,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, QueryResult, Statement};

use super::condition::{Values, column, every, of_facets, of_plain};

/// Stands where facets have their name, for the number of all that fit.
const TOTAL: &str = "total";

pub(super) async fn count(
    reader: &DatabaseConnection,
    filter: &CatalogueFilter,
) -> Result<CatalogueCounts, DbErr> {
    let (sql, values) = statement(filter);
    let query = Statement::from_sql_and_values(reader.get_database_backend(), sql, values.0);
    let mut total = 0;
    let mut facets: BTreeMap<_, _> =
        Facet::ALL.iter().map(|&facet| (facet, FacetCounts::default())).collect();
    for row in reader.query_all_raw(query).await? {
        let (name, count, distinct) = read(&row)?;
        if name == TOTAL {
            total = count;
            continue;
        }
        let Some(counts) = Facet::of_word(&name).and_then(|facet| facets.get_mut(&facet)) else { continue };
        counts.values.push(FacetCount { value: row.try_get_by_index(1)?, count });
        counts.more = distinct.saturating_sub(FACET_VALUES);
    }
    Ok(CatalogueCounts { total, facets })
}

fn read(row: &QueryResult) -> Result<(String, u64, u64), DbErr> {
    let whole = |index: usize| -> Result<u64, DbErr> {
        let number: i64 = row.try_get_by_index(index)?;
        Ok(u64::try_from(number).unwrap_or_default())
    };
    Ok((row.try_get_by_index(0)?, whole(2)?, whole(3)?))
}

/// The view is worked out once; each facet then goes over what that brought.
fn statement(filter: &CatalogueFilter) -> (String, Values) {
    let mut values = Values::default();
    let plain = of_plain(filter, &mut values);
    let conditions = of_facets(filter, &mut values);
    let all_but = |own: Option<Facet>| {
        let others = conditions.iter().filter(|(facet, _)| Some(*facet) != own);
        every(&others.map(|(_, condition)| condition.clone()).collect::<Vec<_>>())
    };
    let mut counts = vec![format!(
        "SELECT '{TOTAL}' AS facet, '' AS value, COUNT(*) AS found FROM base WHERE {}",
        all_but(None)
    )];
    for &facet in Facet::ALL {
        let (name, fits) = (facet.as_str(), all_but(Some(facet)));
        counts.push(match column(facet) {
            Some(column) => format!(
                "SELECT '{name}', {column}, COUNT(*) FROM base WHERE {column} IS NOT NULL AND {fits} \
                 GROUP BY {column}"
            ),
            None => {
                let (table, column) = match facet {
                    Facet::Tag => ("repository_tag", "tag"),
                    _ => ("watch", "added_by"),
                };
                format!(
                    "SELECT '{name}', many.{column}, COUNT(*) FROM {table} many \
                     WHERE many.repository IN (SELECT id FROM base WHERE {fits}) GROUP BY many.{column}"
                )
            }
        });
    }
    let columns: Vec<_> = Facet::ALL.iter().filter_map(|&facet| column(facet)).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "WITH base AS MATERIALIZED (SELECT id, {columns} FROM catalogue WHERE {plain}), \
         counted AS ({}), \
         placed AS (SELECT facet, value, found, \
           ROW_NUMBER() OVER (PARTITION BY facet ORDER BY found DESC, value) AS place, \
           COUNT(*) OVER (PARTITION BY facet) AS distinct_values FROM counted) \
         SELECT facet, value, found, distinct_values FROM placed WHERE place <= {FACET_VALUES} ORDER BY facet, place",
        counts.join(" UNION ALL ")
    );
    (sql, values)
}
