//! No tests beside code that could have some.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::rule::Rule;

pub(super) struct NoTests;

impl Rule for NoTests {
    fn id(&self) -> &'static str {
        "no-tests"
    }

    fn judge(&self, analysis: &Analysis, _: &Context<'_>) -> Option<Recommendation> {
        let has_code = analysis.stack.iter().any(|item| {
            item.category == "language"
                && !item.is_marginal
                && !matches!(item.name.as_str(), "HTML" | "CSS" | "TeX" | "HCL" | "Nix")
        });
        if !analysis.facts.tests.is_empty() || !has_code {
            return None;
        }
        let evidence = analysis
            .stack
            .iter()
            .filter(|item| item.category == "language")
            .take(1)
            .flat_map(|item| item.evidence.clone())
            .collect();
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::High,
            category: "testing".into(),
            action: "Add a first test for the most important path through the code.".to_owned(),
            impact: "Without tests every change can break something unnoticed.".to_owned(),
            evidence,
        })
    }
}
