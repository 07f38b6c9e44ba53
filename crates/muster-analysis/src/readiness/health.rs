//! Health signals of readiness. Only activity can be measured from what git says here; the others need the history and
//! the code analysis, and say so.

use super::{Earned, Measure};
use crate::view::View;

pub(super) fn commits(view: &View<'_, '_, '_>) -> Measure {
    match view.context.git.commits_90_days {
        None => Measure::unmeasured("the history was not read"),
        Some(0) => Measure::new(Earned::Nothing, Vec::new(), "no commit in the last 90 days"),
        Some(number) => {
            let commits = crate::text::count(number, "commit", "commits");
            Measure::new(Earned::All, Vec::new(), format!("{commits} in the last 90 days"))
        }
    }
}

pub(super) fn bus_factor(_: &View<'_, '_, '_>) -> Measure {
    Measure::unmeasured("needs the history of every file")
}

pub(super) fn complexity(_: &View<'_, '_, '_>) -> Measure {
    Measure::unmeasured("needs the code analysis")
}

pub(super) fn hotspots(_: &View<'_, '_, '_>) -> Measure {
    Measure::unmeasured("needs the code analysis and the history")
}
