//! The progress bar: on stderr, only on a terminal, gone when the work is done.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use muster_app::services::scan::Progress;

/// A bar that begins as a spinner, since nobody knows how much there is until the folders are searched.
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    pub(crate) fn new(is_shown: bool) -> Self {
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} searching folders") {
            bar.set_style(style);
        }
        // Work that is over in a blink needs no bar.
        bar.enable_steady_tick(Duration::from_millis(150));
        Self { bar }
    }

    pub(crate) fn on(&mut self, progress: Progress) {
        match progress {
            Progress::Found(count) => {
                let more = u64::try_from(count).unwrap_or(u64::MAX);
                self.bar.set_length(self.bar.length().unwrap_or(0).saturating_add(more));
                if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} repositories") {
                    self.bar.set_style(style);
                }
            }
            Progress::Done => self.bar.inc(1),
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
