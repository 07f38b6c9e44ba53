//! Warming: the answers that most clients begin with, worked out before they are asked for. Those asked for most come
//! first. At start it waits for the first search and never holds up readiness.

use std::time::Duration;

use muster_cache::warm::{WarmLimits, Warmed, warm};

use crate::{api::portfolio, problem::Problem, ready::Conditions, state::HttpState};

/// How often it is looked whether the first search is done.
const TICK: Duration = Duration::from_millis(200);

/// A page that can be warmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Summary,
    Recommendations,
    Projects,
    Dashboard,
    Health,
}

impl Page {
    const ALL: [Self; 5] =
        [Self::Summary, Self::Recommendations, Self::Projects, Self::Dashboard, Self::Health];

    /// Its short path.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Summary => "/portfolio/summary",
            Self::Recommendations => "/portfolio/recommendations",
            Self::Projects => "/portfolio/projects",
            Self::Dashboard => "/portfolio/dashboard",
            Self::Health => "/portfolio/health",
        }
    }

    async fn load(self, state: HttpState) -> Result<(), Problem> {
        let none = Conditions::default();
        match self {
            Self::Summary => portfolio::summary_body(&state, &none).await,
            Self::Recommendations => portfolio::recommendations_body(&state, &none).await,
            Self::Projects => portfolio::projects_body(&state, &none).await,
            Self::Dashboard => portfolio::dashboard_body(&state, &none).await,
            Self::Health => portfolio::health_body(&state, &none).await,
        }
        .map(drop)
    }
}

/// Warms all pages; what is at hand already costs nothing.
pub(crate) async fn all(state: &HttpState) -> Warmed {
    const REMEMBERED: usize = 100;
    let hottest = state.context.cache.hottest(REMEMBERED);
    let rank = |page: &Page| {
        let key = muster_app::caches::body_key(page.path(), "");
        hottest.iter().position(|hot| *hot.key == *key).unwrap_or(usize::MAX)
    };
    let mut pages = Page::ALL.to_vec();
    pages.sort_by_key(rank);
    let mut stopped = state.stopped.clone();
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    warm(&state.context.cache, pages, &WarmLimits::default(), stop, |page| page.load(state.clone())).await
}

/// Warms once the portfolio has been searched.
pub(crate) async fn after_search(state: HttpState) {
    while !state.context.known.health().is_scanned {
        tokio::time::sleep(TICK).await;
    }
    let warmed = all(&state).await;
    tracing::debug!(cache.warmed = warmed.loaded, cache.failed = warmed.failed, "cache warmed");
}
