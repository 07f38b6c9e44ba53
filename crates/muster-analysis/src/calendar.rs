//! Weeks from Monday to Sunday in UTC, as numbers that can be counted, and which clocks there are. Any moment has a
//! week, the impossible ones that commits carry too.

use std::ops::RangeInclusive;

use muster_model::Timestamp;

pub(crate) const DAY_SECONDS: i64 = 86_400;
pub(crate) const WEEK_SECONDS: i64 = 7 * DAY_SECONDS;

/// Minutes that a clock on earth can be ahead of UTC: from Baker Island to the Line Islands (tz database).
pub(crate) const CLOCK_OFFSETS: RangeInclusive<i32> = -12 * 60..=14 * 60;

/// From the Monday before to 1970-01-01, which was a Thursday.
const MONDAY_TO_EPOCH: i64 = 3 * DAY_SECONDS;

/// The number of its week, counted from the one that holds the first moment of 1970.
pub(crate) fn week_of(at: Timestamp) -> i64 {
    (at.as_second() + MONDAY_TO_EPOCH).div_euclid(WEEK_SECONDS)
}

/// The first moment of a week; the earliest or latest there is if the calendar ends within it.
pub(crate) fn week_begin(number: i64) -> Timestamp {
    let seconds = number.saturating_mul(WEEK_SECONDS).saturating_sub(MONDAY_TO_EPOCH);
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Seconds from `at` to `as_of`; negative if `at` is the later one.
pub(crate) fn age_seconds(at: Timestamp, as_of: Timestamp) -> i64 {
    as_of.as_second().saturating_sub(at.as_second())
}

#[cfg(test)]
mod tests {
    use muster_model::Timestamp;

    use super::{week_begin, week_of};

    #[track_caller]
    fn check(moment: &str, monday: &str) {
        let moment: Timestamp = moment.parse().expect("a valid time");
        assert_eq!(week_begin(week_of(moment)).to_string(), monday);
    }

    #[test]
    fn weeks_begin_on_mondays_in_utc() {
        check("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z");
        check("2026-05-31T23:59:59Z", "2026-05-25T00:00:00Z");
        check("1970-01-01T00:00:00Z", "1969-12-29T00:00:00Z");
        check("1969-12-28T23:59:59Z", "1969-12-22T00:00:00Z");
    }

    #[test]
    fn the_ends_of_the_calendar_have_weeks() {
        for end in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(week_of(week_begin(week_of(end))).abs_diff(week_of(end)), 0, "{end}");
        }
        assert_eq!((week_begin(i64::MIN), week_begin(i64::MAX)), (Timestamp::MIN, Timestamp::MAX));
    }
}
