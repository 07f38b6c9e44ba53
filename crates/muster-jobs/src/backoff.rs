//! How long to wait before a failed job is tried again.

use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(2);

/// Never longer than this, and a fifth.
const LONGEST: Duration = Duration::from_hours(1);

/// 2 s after the first failed attempt, twice as long after each further one, and up to a fifth more by chance, so that
/// what failed together is not tried again together.
pub fn retry_delay(attempt: u32, chance: u16) -> Duration {
    let doubled = 2_u32.checked_pow(attempt.saturating_sub(1)).and_then(|times| FIRST.checked_mul(times));
    let delay = doubled.unwrap_or(LONGEST).min(LONGEST);
    delay + (delay / 5).mul_f64(f64::from(chance) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_and_stays_in_bounds() {
        for (attempt, seconds) in [(0, 2), (1, 2), (2, 4), (3, 8), (10, 1024), (12, 3600), (u32::MAX, 3600)] {
            let shortest = Duration::from_secs(seconds);
            assert_eq!(retry_delay(attempt, 0), shortest, "attempt {attempt}");
            assert_eq!(retry_delay(attempt, u16::MAX), shortest + shortest / 5, "attempt {attempt}");
        }
    }
}
