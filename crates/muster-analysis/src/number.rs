//! The steps between counters and formulas, in one place, because each of them loses something.

/// A counter for a formula. Above 2⁵³ the last digits are lost, which no formula of ours sees.
#[expect(clippy::cast_precision_loss, reason = "formulas need no more than 53 bits")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// A share of `max` points, rounded half up: `share` is cut to 0 to 1, and what is no number is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is between 0 and max before the cast"
)]
pub(crate) fn points(share: f64, max: u32) -> u32 {
    (share.clamp(0.0, 1.0) * f64::from(max)).round() as u32
}

/// A number for people: whole ones plain, others with one digit behind the point.
pub(crate) fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::{points, short};

    #[test]
    fn points_stay_between_nothing_and_all() {
        let given = [-1.0, 0.0, 0.5, 0.99, 2.0, f64::INFINITY, f64::NAN].map(|share| points(share, 30));
        assert_eq!(given, [0, 0, 15, 30, 30, 30, 0]);
    }

    #[test]
    fn people_read_one_digit_at_most() {
        assert_eq!([3.0, 2.56, 0.04, 1200.0].map(short), ["3", "2.6", "0", "1200"]);
    }
}
