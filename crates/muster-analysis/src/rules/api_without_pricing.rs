//! A service describes its API, and no page says what using it costs.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::rule::Rule;

pub(super) struct ApiWithoutPricing;

impl Rule for ApiWithoutPricing {
    fn id(&self) -> &'static str {
        "api-without-pricing"
    }

    fn judge(&self, analysis: &Analysis, _: &Context<'_>) -> Option<Recommendation> {
        let api = analysis.signals.iter().find(|signal| signal.id == "api_access")?;
        if analysis.facts.pricing.iter().any(|page| page.note == "pricing page") {
            return None;
        }
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Revenue,
            category: "revenue".into(),
            action: "Decide what access to the API costs, and say so on a page.".to_owned(),
            impact:
                "An API that is described can be sold by key and volume; without a price nobody can buy it."
                    .to_owned(),
            evidence: api.evidence.clone(),
        })
    }
}
