//! Legal signals: a licence that is certain, a manifest that agrees with it, notices for what is built in.

use super::{Earned, Measure};
use crate::{
    licence::{Agreement, agreement},
    text::short,
    view::View,
};

pub(super) fn certain(view: &View<'_, '_, '_>) -> Measure {
    let files = &view.survey.licences;
    let certain: Vec<_> =
        files.iter().filter_map(|licence| Some(licence.file.evidence(licence.id?))).collect();
    if certain.is_empty() {
        let evidence = files.iter().map(|licence| licence.file.evidence("licence file")).collect();
        let note = if files.is_empty() {
            "no licence file"
        } else {
            "a licence file is present, not identified with certainty"
        };
        return Measure::new(Earned::Nothing, evidence, note);
    }
    let names: Vec<&str> = files.iter().filter_map(|licence| licence.id).collect();
    Measure::new(Earned::All, certain, format!("certain: {}", names.join(", ")))
}

pub(super) fn agrees(view: &View<'_, '_, '_>) -> Measure {
    let Some((field, evidence)) = view.survey.licence_field() else {
        return Measure::new(Earned::Nothing, Vec::new(), "no manifest names the licence");
    };
    let identified: Vec<&str> = view.survey.licences.iter().filter_map(|licence| licence.id).collect();
    if identified.is_empty() {
        let note = "the manifest names a licence, but no licence file confirms it";
        return Measure::new(Earned::Nothing, vec![evidence], note);
    }
    let (earned, note) = match agreement(field, &identified) {
        Agreement::Agrees => (Earned::All, format!("the manifest says {}, as the file does", short(field))),
        Agreement::Differs => (
            Earned::Nothing,
            format!("the manifest says {}, the file {}", short(field), identified.join(", ")),
        ),
        Agreement::Invalid => (Earned::Nothing, format!("\"{}\" is no SPDX expression", short(field))),
    };
    Measure::new(earned, vec![evidence], note)
}

pub(super) fn notices(view: &View<'_, '_, '_>) -> Measure {
    let is_notice = |stem: &str| {
        matches!(stem, "notice" | "notices" | "credits" | "attributions" | "third-party" | "thirdparty")
            || stem.starts_with("third_party") && stem.len() < 32
            || stem.starts_with("third-party-") && stem.len() < 32
            || stem.starts_with("thirdpartynotice")
    };
    let found = view
        .layout
        .root()
        .filter(|file| is_notice(file.stem()))
        .map(|file| file.evidence("notices"))
        .collect();
    Measure::found(found, "no NOTICE or list of third-party licences")
}
