//! When people commit, by the clock on their wall: day of the week and hour. Bots work at any hour and are left out.

use muster_model::history::HeatMap;

use super::log::Log;
use crate::calendar::{CLOCK_OFFSETS, DAY_SECONDS, WEEK_SECONDS};

/// Counts commits of people, merges too, by the author's time. A commit whose clock cannot exist is left out: nobody
/// knows what hour it was there.
pub(super) fn heat_map(log: &Log<'_>) -> HeatMap {
    let mut map = HeatMap::default();
    for entry in log.by_people() {
        let author = &entry.commit.author;
        if !CLOCK_OFFSETS.contains(&author.offset_minutes) {
            continue;
        }
        let local = author.at.as_second() + i64::from(author.offset_minutes) * 60;
        // The first day of 1970 was a Thursday, three days after a Monday.
        let into_week = (local + 3 * DAY_SECONDS).rem_euclid(WEEK_SECONDS);
        let (day, hour) = (into_week / DAY_SECONDS, into_week % DAY_SECONDS / 3600);
        let cell = usize::try_from(day).ok().zip(usize::try_from(hour).ok());
        if let Some(count) = cell.and_then(|(day, hour)| map.get_mut(day)?.get_mut(hour)) {
            *count += 1;
        }
    }
    map
}
