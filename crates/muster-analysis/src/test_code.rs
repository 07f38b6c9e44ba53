//! Finds tests: files by their names, and tests written inside source files where a language does so. Only counts;
//! whether there are enough of them is for others to say.

use muster_model::analysis::Evidence;

use crate::{
    layout::{File, Layout, MOST_EVIDENCE, Place},
    reading::Reader,
    stack::rules::RULES,
};

/// Most source files that are opened to look for tests inside them.
const MOST_OPENED: usize = 40;
const OPEN_LIMIT: usize = 256 << 10;

/// Languages whose tests stand in the source, and what marks them.
const INLINE: [(&str, &str); 3] = [("rs", "#[cfg(test)]"), ("zig", "test \""), ("d", "unittest")];

/// Markup and styles are no code that a test would cover.
fn is_code(extension: &str) -> bool {
    RULES
        .language(extension)
        .is_some_and(|language| !matches!(language, "CSS" | "HTML" | "TeX" | "Jupyter Notebook"))
}

/// The tests of a tree, and the code beside them.
#[derive(Debug, Default)]
pub(crate) struct TestCode {
    /// Test files, and the first source file with tests inside it.
    pub(crate) evidence: Vec<Evidence>,
    /// Number of test files; tests inside source files are not among them.
    pub(crate) test_files: usize,
    /// Number of the project's own code files.
    pub(crate) code_files: usize,
    /// Tests stand in the source files themselves.
    pub(crate) is_inline: bool,
}

impl TestCode {
    /// Counts.
    pub(crate) fn count(layout: &Layout<'_>, reader: &Reader<'_>) -> Self {
        let mut counted = Self::default();
        let mut found: Vec<&File<'_>> = Vec::new();
        for file in layout.own().filter(|file| file.is_regular) {
            let is_code = is_code(file.extension()) || matches!(file.extension(), "bats" | "feature");
            match file.place {
                Place::Source => counted.code_files += usize::from(is_code),
                Place::Test if is_code => {
                    counted.test_files += 1;
                    found.push(file);
                }
                _ => {}
            }
        }
        // The project's own tests before those of its examples.
        found.sort_by_key(|file| file.depth);
        counted.evidence = found.iter().take(MOST_EVIDENCE).map(|file| file.evidence("test file")).collect();
        for (extension, mark) in INLINE {
            let sources = layout.source().filter(|file| file.is_regular && file.extension() == extension);
            for file in sources.take(MOST_OPENED) {
                let Some(text) = reader.text(file, OPEN_LIMIT) else {
                    continue;
                };
                let line = (1_u32..).zip(text.lines()).find(|(_, line)| line.trim_start().starts_with(mark));
                if let Some((line, _)) = line {
                    counted.is_inline = true;
                    counted.evidence.push(file.evidence_at(line, "tests inside the source file"));
                    break;
                }
            }
        }
        counted
    }
}
