//! The administrator's password: Argon2id with the parameters that OWASP recommends (19 MiB, two passes, one lane), kept
//! as a PHC string, so that they can be raised later.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};

use crate::error::AppError;

/// Characters of a password.
const SHORTEST: usize = 12;
const LONGEST: usize = 200;
/// Bytes of salt that the PHC format recommends.
const SALT: usize = 16;

/// Fails if it is too short to be one.
pub(super) fn check(password: &str) -> Result<(), AppError> {
    let length = password.chars().count();
    if (SHORTEST..=LONGEST).contains(&length) {
        return Ok(());
    }
    let message = format!("has {length} characters; a password has {SHORTEST} to {LONGEST}");
    Err(AppError::Invalid { field: "password", message })
}

/// Takes some ten milliseconds: not for a thread that others wait for.
pub(super) fn hash(password: &str, chance: &[u8; 32]) -> Result<String, AppError> {
    let hashed = Argon2::default().hash_password_with_salt(password.as_bytes(), &chance[..SALT]);
    hashed
        .map(|hash| hash.to_string())
        .map_err(|error| AppError::Internal { message: format!("the password cannot be hashed: {error}") })
}

/// As long as [`hash`].
pub(super) fn is_right(password: &str, hash: &str) -> bool {
    password.chars().count() <= LONGEST
        && Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_one_is_known_by_its_hash() {
        let hash = hash("correct horse battery", &[3; 32]).expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_right("correct horse battery", &hash));
        assert!(!is_right("correct horse batterz", &hash));
        assert!(!is_right("", &hash) && !is_right(&"a".repeat(201), &hash));
        assert!(!is_right("correct horse battery", "no hash"));
    }

    #[test]
    fn short_and_endless_ones_are_refused() {
        for (password, is_good) in
            [("", false), ("elevenchars", false), ("twelve chars", true), (&"a".repeat(201), false)]
        {
            assert_eq!(check(password).is_ok(), is_good, "{password}");
        }
    }
}
