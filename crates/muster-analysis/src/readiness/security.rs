//! Security signals that files can show. Known vulnerabilities need advisories, which are not here.

use super::{Earned, Measure};
use crate::{lock_file::LockFile, view::View};

pub(super) fn lock_file(view: &View<'_, '_, '_>) -> Measure {
    match LockFile::of(view.survey) {
        LockFile::Present(evidence) => Measure::found(evidence, "no lock file"),
        LockFile::Missing(evidence) => Measure::new(Earned::Nothing, evidence, "no lock file is committed"),
        LockFile::NotApplicable(why) => Measure::unmeasured(why),
    }
}

pub(super) fn vulnerabilities(_: &View<'_, '_, '_>) -> Measure {
    Measure::unmeasured("dependencies have not been matched with advisories")
}

pub(super) fn update_bot(view: &View<'_, '_, '_>) -> Measure {
    const FILES: [&str; 13] = [
        ".github/dependabot.yml",
        ".github/dependabot.yaml",
        "renovate.json",
        "renovate.json5",
        ".renovaterc",
        ".renovaterc.json",
        ".renovaterc.json5",
        ".github/renovate.json",
        ".github/renovate.json5",
        ".gitlab/renovate.json",
        ".dependabot/config.yml",
        ".scala-steward.conf",
        ".github/scala-steward.conf",
    ];
    let found = view
        .layout
        .own()
        .filter(|file| FILES.contains(&file.lower.as_str()))
        .map(|file| file.evidence("update bot"))
        .collect();
    Measure::found(found, "no bot keeps the dependencies fresh")
}

pub(super) fn policy(view: &View<'_, '_, '_>) -> Measure {
    let found = view
        .layout
        .own()
        .filter(|file| {
            file.stem() == "security" && matches!(file.folder(), "" | ".github" | "docs" | ".gitlab")
        })
        .filter(|file| matches!(file.extension(), "" | "md" | "rst" | "txt" | "adoc"))
        .map(|file| file.evidence("security policy"))
        .collect();
    Measure::found(found, "no SECURITY file")
}

pub(super) fn no_secrets(view: &View<'_, '_, '_>) -> Measure {
    let found = &view.facts.secrets;
    if found.is_empty() {
        Measure::new(Earned::All, Vec::new(), "nothing that looks like a secret")
    } else {
        Measure::new(Earned::Nothing, found.clone(), "something looks like a committed secret")
    }
}
