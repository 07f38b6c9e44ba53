//! A payment kit is imported and a checkout or webhook stands beside it: the project could earn.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::rule::Rule;

pub(super) struct PaymentFlowReady;

impl Rule for PaymentFlowReady {
    fn id(&self) -> &'static str {
        "payment-flow-ready"
    }

    fn judge(&self, analysis: &Analysis, _: &Context<'_>) -> Option<Recommendation> {
        let signal = |id: &str| analysis.signals.iter().find(|signal| signal.id == id);
        let (payments, checkout) = (signal("payments")?, signal("checkout")?);
        let evidence =
            payments.evidence.iter().take(2).chain(checkout.evidence.iter().take(2)).cloned().collect();
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Revenue,
            category: "revenue".into(),
            action: "Try the payment flow from checkout to webhook once with test keys, then decide on a date to open it.".to_owned(),
            impact: "The code to take payments is there; what is missing to earn is the decision.".to_owned(),
            evidence,
        })
    }
}
