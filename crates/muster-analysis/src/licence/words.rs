//! The normal form of a licence text: its words in lower case, without what differs between two copies of the same
//! licence - title, copyright lines, bullets, the owner's name in its slots. Applied to both sides of a comparison, so it
//! need not be pretty, only never drop a line that grants or forbids something.

/// Longest owner's name in a slot, in words.
const SLOT_WORDS: usize = 12;

/// Words that a title is made of; a first line of nothing else is dropped.
const TITLE_WORDS: [&str; 27] = [
    "the",
    "mit",
    "expat",
    "license",
    "licence",
    "licensed",
    "bsd",
    "zero",
    "isc",
    "0",
    "1",
    "2",
    "3",
    "clause",
    "new",
    "simplified",
    "modified",
    "revised",
    "apache",
    "zlib",
    "libpng",
    "boost",
    "software",
    "freebsd",
    "or",
    "style",
    "no",
];

/// Words with which a line says more than who owns what since when.
const TELLING_WORDS: [&str; 22] = [
    "use",
    "used",
    "may",
    "must",
    "not",
    "shall",
    "commercial",
    "permission",
    "permitted",
    "license",
    "licence",
    "licensed",
    "notice",
    "prohibited",
    "forbidden",
    "without",
    "only",
    "subject",
    "terms",
    "condition",
    "conditions",
    "distribute",
];

/// Where the copies of the GNU texts in circulation differ from one another, none of it terms: left becomes right.
const GNU_VARIANTS: [(&str, &str); 8] = [
    (" name and brief idea of what", " name and an idea of what"),
    (" what it does copyright yyyy name of author", " what it does"),
    (" philosophy why not lgpl", " licenses why not lgpl"),
    (" follow gnu general public license terms and", " follow terms and"),
    (" follow gnu lesser general public license terms and", " follow terms and"),
    ("59 temple place suite 330 boston ma 02111 1307", "51 franklin street fifth floor boston ma 02110 1301"),
    (" inc https fsf org everyone", " inc everyone"),
    (
        " this general public license does not permit incorporating your program into proprietary programs if your \
         program is subroutine library you may consider it more useful to permit linking proprietary applications \
         with the library if this is what you want to do use the gnu lesser general public license instead of this \
         license",
        "",
    ),
];

/// The words of a licence text that matter, joined by single spaces.
pub(super) fn normalise(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut is_at_start = true;
    for line in text.lines() {
        let words = words_of(line);
        if words.is_empty() || (is_at_start && is_title(&words)) || is_ownership(line, &words) {
            continue;
        }
        is_at_start = false;
        for word in &words {
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(word);
        }
    }
    blank_slot(&mut joined, "neither the name of ", " nor the names of ");
    blank_slot(&mut joined, "neither the names of ", " nor the names of ");
    blank_slot(&mut joined, "this software is provided by ", " as is and any express");
    blank_slot(&mut joined, "in no event shall ", " be liable for any direct");
    if joined.contains("general public license") {
        for (variant, published) in GNU_VARIANTS {
            joined = joined.replace(variant, published);
        }
    }
    joined
}

fn words_of(line: &str) -> Vec<String> {
    line.split(|c: char| !c.is_alphanumeric())
        // Bullets of every kind, wherever a copy breaks its lines.
        .filter(|word| word.len() > 1 && !(word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_digit())))
        .map(|word| match word.to_lowercase().as_str() {
            // Addresses moved to https, and both spellings of the word are in use.
            "http" => "https".to_owned(),
            "licence" => "license".to_owned(),
            other => other.to_owned(),
        })
        .collect()
}

fn is_title(words: &[String]) -> bool {
    words.len() <= 8 && words.iter().all(|word| TITLE_WORDS.contains(&word.as_str()))
}

fn is_ownership(line: &str, words: &[String]) -> bool {
    if words.len() > 25 || words.iter().any(|word| TELLING_WORDS.contains(&word.as_str())) {
        return false;
    }
    let lower = line.to_lowercase();
    let has_mark = lower.contains("(c)") || line.contains('©') || lower.contains(['<', '[', '{']);
    let has_year = words.iter().any(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()));
    let is_reservation = words.iter().map(String::as_str).eq(["all", "rights", "reserved"]);
    // Only at the start: wrapped prose has the word, and years, further in ("of the WIPO copyright treaty adopted …").
    let start = lower.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '©' && c != '(');
    let is_claim =
        ["copyright", "portions copyright", "©", "(c) "].iter().any(|word| start.starts_with(word));
    is_reservation || is_claim && (has_mark || has_year)
}

/// Takes the owner's name out of `before … after`, if it is short enough to be a name.
fn blank_slot(words: &mut String, before: &str, after: &str) {
    let Some(start) = words.find(before).map(|at| at + before.len()) else {
        return;
    };
    let Some(length) = words[start..].find(after) else {
        return;
    };
    let slot = &words[start..start + length];
    let is_name = slot.split(' ').count() <= SLOT_WORDS
        && !slot.split(' ').any(|word| TELLING_WORDS.contains(&word) && word != "licensed");
    if is_name {
        words.replace_range(start..start + length, "");
    }
}
