//! Names a licence from its text, and only when it is certain: the complete text, less names, years and titles, must
//! be the published one. Anything added (a Commons Clause, a change date) or taken away leaves it unnamed, because a
//! wrong name is worse than none. A fingerprint per licence stands in for the texts; a test derives them from SPDX.

mod table;
mod words;

use spdx::{Expression, LicenseItem, ParseMode};

/// The end of the terms in the Apache and GNU texts; an appendix on how to apply them may follow or be left off.
#[cfg(test)]
const END_OF_TERMS: &str = "end of terms and conditions";

/// The SPDX id of the licence whose complete text this is. GNU licences come without `-only` or `-or-later`, which
/// the text does not say.
pub(crate) fn identify(text: &str) -> Option<&'static str> {
    let words = words::normalise(text);
    let fingerprint = table::fingerprint(&words);
    table::FINGERPRINTS.iter().find(|row| (row.1, row.2) == fingerprint).map(|row| row.0)
}

/// What a manifest's licence field says beside the identified files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// A valid expression that names every identified licence.
    Agrees,
    /// A valid expression that does not.
    Differs,
    /// No valid SPDX expression.
    Invalid,
}

/// Compares a manifest's licence field with the licences that were identified in files.
pub(crate) fn agreement(field: &str, identified: &[&str]) -> Agreement {
    // Longer than any sane expression; parsing is linear, but nobody needs the answer.
    const LONGEST: usize = 512;
    if field.len() > LONGEST {
        return Agreement::Invalid;
    }
    let Ok(expression) = Expression::parse_mode(field, ParseMode::LAX) else {
        return Agreement::Invalid;
    };
    let named: Vec<&str> = expression
        .requirements()
        .filter_map(|requirement| match &requirement.req.license {
            LicenseItem::Spdx { id, .. } => Some(family(id.name)),
            LicenseItem::Other { .. } => None,
        })
        .collect();
    if identified.iter().all(|id| named.contains(&family(id))) {
        Agreement::Agrees
    } else {
        Agreement::Differs
    }
}

fn family(id: &str) -> &str {
    id.strip_suffix("-only").or_else(|| id.strip_suffix("-or-later")).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::{Agreement, END_OF_TERMS, agreement, identify, table, words};

    /// The licences that are recognised, by the name of the text SPDX publishes.
    const RECOGNISED: [&str; 17] = [
        "0BSD",
        "AGPL-3.0-only",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "GPL-2.0-only",
        "GPL-3.0-only",
        "ISC",
        "LGPL-2.1-only",
        "LGPL-3.0-only",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "Unlicense",
        "Zlib",
    ];

    fn published(id: &str) -> &'static str {
        spdx::license_id(id).expect("a known id").text()
    }

    /// The table is what this test derives. After a change of the normal form, copy what it prints.
    #[test]
    fn the_table_is_derived_from_the_published_texts() {
        let mut rows = Vec::new();
        for id in RECOGNISED {
            let name = super::family(id);
            let words = words::normalise(published(id));
            let (count, hash) = table::fingerprint(&words);
            rows.push((name, count, hash));
            if let Some(end) = words.find(END_OF_TERMS)
                && end + END_OF_TERMS.len() < words.len()
            {
                let (count, hash) = table::fingerprint(&words[..end + END_OF_TERMS.len()]);
                rows.push((name, count, hash));
            }
            // SPDX appends the GPL to the LGPL 3; projects keep it in a file of its own.
            if name == "LGPL-3.0"
                && let Some(end) = words.find(" gnu general public license version june 2007")
            {
                let (count, hash) = table::fingerprint(&words[..end]);
                rows.push((name, count, hash));
            }
        }
        let mut printed = String::new();
        for (name, count, hash) in &rows {
            let _ = writeln!(printed, "    (\"{name}\", {count}, 0x{hash:016x}),");
        }
        assert!(rows == table::FINGERPRINTS, "the table must be:\n{printed}");
    }

    #[test]
    fn names_years_titles_and_bullets_do_not_matter() {
        let mit = published("MIT");
        let body = &mit[mit.find("Permission is").unwrap()..];
        for head in [
            "",
            "(The MIT License)\n\nCopyright (c) 2009-2014 A B <a@b.example>\nCopyright (c) 2013 C\n\n",
            "# The MIT License (MIT)\n\nCopyright © 2018-present, Yuxi (E) Y and contributors. All rights reserved.\n",
            "MIT License\r\n\r\nCopyright (c) Somebody Inc.\r\n",
        ] {
            assert_eq!(identify(&format!("{head}{body}")), Some("MIT"), "{head:?}");
        }
        let bsd = published("BSD-3-Clause")
            .replace("1.", "*")
            .replace("2.", "*")
            .replace("3.", "  -")
            .replace("the copyright holder nor", "Foo Corp. nor")
            .replace("COPYRIGHT HOLDERS AND CONTRIBUTORS", "REGENTS AND CONTRIBUTORS");
        assert_eq!(identify(&bsd), Some("BSD-3-Clause"));
    }

    #[test]
    fn additions_make_it_uncertain() {
        let mit = published("MIT");
        for extra in [
            "\"Commons Clause\" License Condition v1.0\nThe Software is provided to you subject to the Condition.",
            "Copyright (c) 2020 X. You may not use this for commercial purposes.",
            "For non-commercial use only.",
        ] {
            assert_eq!(identify(&format!("{mit}\n\n{extra}\n")), None, "{extra}");
            assert_eq!(identify(&format!("{extra}\n\n{mit}\n")), None, "{extra}");
        }
        let bsd = published("BSD-3-Clause").replace(
            "the copyright holder nor",
            "X. It may not be used for commercial purposes by anyone, neither X nor",
        );
        assert_eq!(identify(&bsd), None);
        assert_eq!(identify("All rights reserved."), None);
        assert_eq!(identify(""), None);
        assert_eq!(identify(&"MIT ".repeat(200_000)), None);
    }

    #[test]
    fn the_appendix_may_be_left_off_but_not_replaced() {
        let apache = published("Apache-2.0");
        let end = apache.find("END OF TERMS AND CONDITIONS").unwrap() + END_OF_TERMS.len();
        assert_eq!(identify(&apache[..end]), Some("Apache-2.0"));
        assert_eq!(
            identify(&apache.replace("[yyyy] [name of copyright owner]", "2020 Somebody")),
            Some("Apache-2.0")
        );
        assert_eq!(identify(&format!("{}\nExcept that …", &apache[..end])), None);
    }

    #[test]
    fn a_manifest_agrees_when_it_names_what_was_found() {
        assert_eq!(agreement("MIT OR Apache-2.0", &["MIT", "Apache-2.0"]), Agreement::Agrees);
        assert_eq!(agreement("Apache-2.0/MIT", &["MIT"]), Agreement::Agrees);
        assert_eq!(agreement("GPL-3.0-or-later", &["GPL-3.0"]), Agreement::Agrees);
        assert_eq!(agreement("ISC", &["MIT"]), Agreement::Differs);
        assert_eq!(agreement("do what you want", &["MIT"]), Agreement::Invalid);
        assert_eq!(agreement(&"(".repeat(100_000), &["MIT"]), Agreement::Invalid);
    }
}
