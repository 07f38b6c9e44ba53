//! The progress bar: on stderr, only on a terminal, gone when the work is done.

use std::{collections::HashMap, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
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

/// A bar for something with steps that a server works on: how far the present step is, and what it does.
pub(crate) struct Steps {
    bar: ProgressBar,
}

impl Steps {
    pub(crate) fn new(name: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_prefix(super::clean(name).clone());
        bar.enable_steady_tick(Duration::from_millis(150));
        Self { bar }
    }

    pub(crate) fn show(&self, done: u64, total: Option<u64>, message: &str) {
        let template = match total {
            Some(total) => {
                self.bar.set_length(total);
                "{prefix} {bar:30} {pos}/{len} {msg}"
            }
            None => "{prefix} {spinner} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_position(done);
        self.bar.set_message(super::clean(message).clone());
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for many things that a server works on, and a line for each that is under way.
pub(crate) struct Many {
    all: MultiProgress,
    overall: ProgressBar,
    lines: HashMap<String, ProgressBar>,
}

impl Many {
    /// `done` is what is said of those that are over.
    pub(crate) fn new(is_shown: bool, count: usize, done: &str) -> Self {
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let all = MultiProgress::with_draw_target(target);
        let overall = all.add(ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX)));
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} {msg}") {
            overall.set_style(style);
        }
        overall.set_message(done.to_owned());
        overall.enable_steady_tick(Duration::from_millis(150));
        Self { all, overall, lines: HashMap::new() }
    }

    pub(crate) fn show(&mut self, name: &str, done: u64, total: Option<u64>, message: &str) {
        let line = self.lines.entry(name.to_owned()).or_insert_with(|| {
            let line = self.all.add(ProgressBar::no_length());
            line.set_prefix(super::clean(name).clone());
            line
        });
        let template = match total {
            Some(total) => {
                line.set_length(total);
                "{prefix} {bar:30} {pos}/{len} {msg}"
            }
            None => "{prefix} {spinner} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            line.set_style(style);
        }
        line.set_position(done);
        line.set_message(super::clean(message).clone());
    }

    pub(crate) fn over(&mut self, name: &str) {
        if let Some(line) = self.lines.remove(name) {
            line.finish_and_clear();
        }
        self.overall.inc(1);
    }

    pub(crate) fn end(&self) {
        self.overall.finish_and_clear();
    }
}
