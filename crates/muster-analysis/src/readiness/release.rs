//! Release signals: tags, metadata of the package, signatures or provenance.

use jiff::SignedDuration;

use super::{Earned, Measure, lines_with};
use crate::view::View;

const RECENT: SignedDuration = SignedDuration::from_hours(365 * 24);

/// `1.2`, `v1.2.3`, `name-v1.2.3`, `name@1.2.3-rc.1`: what follows the last letter-or-sign prefix reads as a version.
fn is_version(tag: &str) -> bool {
    let from = tag.rfind(['@', '/']).map_or(0, |at| at + 1);
    let tag = &tag[from..];
    let Some(digit) = tag.find(|c: char| c.is_ascii_digit()) else {
        return false;
    };
    let prefix = &tag[..digit];
    let is_prefix = prefix.is_empty() || prefix.ends_with(['v', 'V', '-', '_', '.']);
    let end = tag[digit..].find(['-', '+']).map_or(tag.len(), |at| digit + at);
    let numbers: Vec<&str> = tag[digit..end].split(['.', '_']).collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_prefix && numbers.len() >= 2 && numbers.iter().take(2).all(is_number)
}

pub(super) fn semver_tag(view: &View<'_, '_, '_>) -> Measure {
    let Some(tags) = &view.context.git.tags else {
        return Measure::unmeasured("the tags were not read");
    };
    let versions = tags.iter().filter(|tag| is_version(&tag.name)).count();
    let earned = if versions > 0 { Earned::All } else { Earned::Nothing };
    Measure::new(earned, Vec::new(), format!("{versions} of {} tags are versions", tags.len()))
}

pub(super) fn recent_tag(view: &View<'_, '_, '_>) -> Measure {
    let Some(tags) = &view.context.git.tags else {
        return Measure::unmeasured("the tags were not read");
    };
    let recent =
        tags.iter().find(|tag| tag.at.is_some_and(|at| view.context.now.duration_since(at) <= RECENT));
    match recent {
        Some(tag) => Measure::new(Earned::All, Vec::new(), format!("{} is younger than a year", tag.name)),
        None => Measure::new(Earned::Nothing, Vec::new(), "no tag of the last 12 months"),
    }
}

pub(super) fn metadata(view: &View<'_, '_, '_>) -> Measure {
    let packages: Vec<_> = view.survey.own_manifests().filter(|manifest| manifest.is_package()).collect();
    let complete: Vec<_> = packages
        .iter()
        .filter(|manifest| manifest.content.is_complete)
        .map(|manifest| manifest.file.evidence("name, version, description and licence"))
        .collect();
    Measure::found(complete, "no manifest with name, version, description and licence")
}

pub(super) fn provenance(view: &View<'_, '_, '_>) -> Measure {
    const WORDS: [&str; 13] = [
        "attest-build-provenance",
        "actions/attest",
        "slsa-framework",
        "cosign",
        "sigstore",
        "--provenance",
        "gpg --",
        "gpg_private",
        "signing_key",
        "id-token: write",
        "codesign",
        "signtool",
        "minisign",
    ];
    let mut found = lines_with(view.survey.ci.iter(), &WORDS, "signs or attests");
    found.extend(
        view.layout
            .root()
            .filter(|file| matches!(file.name(), "cosign.pub" | "minisign.pub" | "signing-key.asc"))
            .map(|file| file.evidence("public key of releases")),
    );
    Measure::found(found, "no signature or provenance of releases")
}

#[cfg(test)]
mod tests {
    use super::is_version;

    #[test]
    fn versions_are_told_from_other_tags() {
        for tag in [
            "1.2",
            "v1.2.3",
            "name-v0.1.0",
            "@scope/name@1.2.3",
            "gson-parent-2.8.1",
            "v1.0.0-rc.1",
            "curl-8_1_0",
        ] {
            assert!(is_version(tag), "{tag}");
        }
        for tag in ["nightly", "v1", "2024", "latest-build", "", "release"] {
            assert!(!is_version(tag), "{tag}");
        }
    }
}
