//! Readiness: a table of evidence, not a forecast. The points stand in a versioned table, what each signal looks for in
//! the files of this folder, one per area. Files cannot show users, revenue or demand, and nothing here pretends to.

mod ci;
mod deploy;
mod docs;
mod health;
mod legal;
mod registry;
mod release;
mod security;
mod tests;

use std::sync::LazyLock;

use muster_model::analysis::{Evidence, Score, ScoreItem};
use serde::Deserialize;

use crate::{text::percent, view::View};

/// How much of its points a signal earns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Earned {
    All,
    /// Rounded down to whole points.
    Half,
    Nothing,
    /// Out of both sides.
    Unmeasured,
}

/// What a signal found.
#[derive(Debug)]
pub(crate) struct Measure {
    earned: Earned,
    evidence: Vec<Evidence>,
    note: String,
}

impl Measure {
    fn new(earned: Earned, evidence: Vec<Evidence>, note: impl Into<String>) -> Self {
        Self { earned, evidence, note: note.into() }
    }

    /// All points if there is evidence.
    fn found(mut evidence: Vec<Evidence>, missing: &str) -> Self {
        evidence.truncate(3);
        if evidence.is_empty() {
            Self::new(Earned::Nothing, evidence, missing)
        } else {
            Self::new(Earned::All, evidence, "found")
        }
    }

    fn unmeasured(why: &str) -> Self {
        Self::new(Earned::Unmeasured, Vec::new(), why)
    }
}

/// A signal looks at the view and says what it found.
type Look = fn(&View<'_, '_, '_>) -> Measure;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rule_version: u32,
    area: Vec<Area>,
    signal: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Area {
    id: String,
    cap: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    area: String,
    points: u32,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    toml::from_str(include_str!("../../rules/readiness.toml"))
        .expect("the embedded table is parsed by a test")
});

/// Scores the view.
pub(crate) fn score(view: &View<'_, '_, '_>) -> Score {
    let mut items = Vec::with_capacity(TABLE.signal.len());
    for row in &TABLE.signal {
        let look = registry::SIGNALS.iter().find(|(id, _)| *id == row.id).map(|(_, look)| look);
        let measure = look.map_or_else(|| Measure::unmeasured("no such signal"), |look| look(view));
        items.push(ScoreItem {
            id: row.id.clone(),
            area: row.area.clone(),
            max_points: row.points,
            points: match measure.earned {
                Earned::All => Some(row.points),
                Earned::Half => Some(row.points / 2),
                Earned::Nothing => Some(0),
                Earned::Unmeasured => None,
            },
            evidence: measure.evidence,
            note: measure.note,
        });
    }
    let (mut earned, mut measurable, mut all) = (0, 0, 0);
    for area in &TABLE.area {
        let of_area = || items.iter().filter(|item| item.area == area.id);
        let measured = || of_area().filter(|item| item.points.is_some());
        earned += measured().filter_map(|item| item.points).sum::<u32>().min(area.cap);
        measurable += measured().map(|item| item.max_points).sum::<u32>().min(area.cap);
        all += of_area().map(|item| item.max_points).sum::<u32>().min(area.cap);
    }
    let value = (measurable > 0).then(|| percent(earned, measurable));
    Score { value, coverage: percent(measurable, all), rule_version: TABLE.rule_version, items }
}

/// The first lines of read files that contain one of the words, in lower case.
fn lines_with<'a>(
    texts: impl Iterator<Item = &'a crate::survey::Text<'a, 'a>>,
    words: &[&str],
    note: &str,
) -> Vec<Evidence> {
    texts
        .filter_map(|text| {
            (1_u32..).zip(text.text.lines()).find_map(|(number, line)| {
                let line = line.trim();
                let lower = line.to_lowercase();
                let is_comment = lower.starts_with('#') || lower.starts_with("//");
                let word = words.iter().find(|word| !is_comment && lower.contains(**word))?;
                Some(text.file.evidence_at(number, format!("{note}: {word}")))
            })
        })
        .collect()
}

#[cfg(test)]
mod table_tests {
    use super::{TABLE, registry};

    #[test]
    fn every_row_has_a_signal_and_every_signal_a_row() {
        let mut rows: Vec<&str> = TABLE.signal.iter().map(|row| row.id.as_str()).collect();
        rows.sort_unstable();
        let signals: Vec<&str> = registry::SIGNALS.iter().map(|(id, _)| *id).collect();
        assert_eq!(rows, signals, "the registry is alphabetic and complete");
    }

    #[test]
    fn the_areas_add_up_to_a_hundred() {
        assert_eq!(TABLE.area.iter().map(|area| area.cap).sum::<u32>(), 100);
        for area in &TABLE.area {
            let points: u32 =
                TABLE.signal.iter().filter(|row| row.area == area.id).map(|row| row.points).sum();
            assert!(points >= area.cap, "{} cannot reach its cap", area.id);
        }
        assert!(TABLE.signal.iter().all(|row| TABLE.area.iter().any(|area| area.id == row.area)));
    }
}
