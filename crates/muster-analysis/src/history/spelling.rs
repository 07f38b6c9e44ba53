//! The normal forms of names and addresses, by which two spellings are compared. Knows no table of them.

/// The end of GitHub's hidden addresses.
pub(super) const GITHUB_HIDDEN: &str = "@users.noreply.github.com";

/// Words apart by one space, lower case.
pub(super) fn normal_name(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// Lower case, without brackets. The two forms of GitHub's hidden addresses are one: accounts made since July 2017 have
/// their number in it, older ones do not (docs.github.com, "Setting your commit email address").
pub(super) fn normal_email(email: &str) -> String {
    let email = email.trim_matches(|c: char| c.is_whitespace() || c == '<' || c == '>').to_lowercase();
    let Some(user) = email.strip_suffix(GITHUB_HIDDEN) else { return email };
    match user.split_once('+') {
        Some((number, user)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{user}{GITHUB_HIDDEN}")
        }
        _ => email,
    }
}

#[cfg(test)]
mod tests {
    use super::normal_email;

    #[test]
    fn hidden_addresses_have_one_form() {
        for (written, normal) in [
            ("123+Ada@users.noreply.github.com", "ada@users.noreply.github.com"),
            ("ada@users.noreply.GitHub.com", "ada@users.noreply.github.com"),
            ("a+b@users.noreply.github.com", "a+b@users.noreply.github.com"),
            ("<123+ada@example.org> ", "123+ada@example.org"),
            ("", ""),
        ] {
            assert_eq!(normal_email(written), normal);
        }
    }
}
