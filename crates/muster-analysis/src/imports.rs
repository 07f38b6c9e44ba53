//! Finds the line that imports a package, by the words with which each language imports. No parser: it asks for the
//! language's own keyword and the whole name, so that a comment or a similar name does not count.

/// Source files of these languages are understood.
pub(crate) fn has_imports(extension: &str) -> bool {
    !keywords(extension).is_empty()
}

fn keywords(extension: &str) -> &'static [&'static str] {
    match extension {
        "js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs" | "mts" | "cts" | "vue" | "svelte" | "astro" => {
            &["import ", "import(", "export ", "require(", "} from ", "from "]
        }
        "py" => &["import ", "from "],
        "rs" => &["use ", "extern crate ", "pub use "],
        "go" => &["import ", "\"", "_ \""],
        "java" | "kt" | "scala" | "groovy" | "dart" => &["import "],
        "rb" => &["require ", "require_relative "],
        "php" => &["use "],
        "cs" | "fs" => &["using ", "global using ", "open "],
        "ex" | "exs" => &["alias ", "import ", "use "],
        "swift" => &["import ", "@preconcurrency import "],
        _ => &[],
    }
}

/// The first line that imports one of the names, and which.
pub(crate) fn find<'n>(text: &str, extension: &str, names: &'n [String]) -> Option<(u32, &'n str)> {
    let keywords = keywords(extension);
    (1_u32..).zip(text.lines()).find_map(|(number, line)| {
        let line = line.trim();
        if line.len() > 4_096 || line.starts_with("//") || line.starts_with('*') {
            return None;
        }
        let has_keyword = match extension {
            // `const x = require('y')`, `await import('y')` and the last line of a long import.
            "js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs" | "mts" | "cts" | "vue" | "svelte" | "astro" => {
                keywords.iter().any(|keyword| line.contains(keyword))
            }
            _ => keywords.iter().any(|keyword| line.starts_with(keyword)),
        };
        let name = names.iter().find(|name| {
            (has_keyword && names_package(line, extension, name))
                // Bundler requires gems by itself: the constant is the import.
                || (extension == "rb" && is_constant_use(line, name))
                || (matches!(extension, "rs" | "ex" | "exs") && is_path_use(line, name))
        })?;
        Some((number, name.as_str()))
    })
}

/// The name stands in the line as a whole: quoted, or as the start of a path.
fn names_package(line: &str, extension: &str, name: &str) -> bool {
    match extension {
        "js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs" | "mts" | "cts" | "vue" | "svelte" | "astro" | "go"
        | "rb" => quoted_path(line, name),
        "dart" => line.contains(&format!("package:{name}/")),
        "py" | "rs" => whole_word(line, &name.replace('-', "_")),
        _ => whole_word(line, name),
    }
}

fn quoted_path(line: &str, name: &str) -> bool {
    ['\'', '"', '`'].iter().any(|quote| {
        let opened = format!("{quote}{name}");
        line.match_indices(&opened).any(|(at, _)| line[at + opened.len()..].starts_with([*quote, '/']))
    })
}

/// After a blank, `\` or `{`, and before the end of a path's part.
fn whole_word(line: &str, name: &str) -> bool {
    !name.is_empty()
        && line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + name.len()..].chars().next();
            before.is_none_or(|c| c.is_whitespace() || matches!(c, '\\' | '{' | ','))
                && after.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
        })
}

fn is_constant_use(line: &str, name: &str) -> bool {
    name.starts_with(char::is_uppercase) && !line.starts_with('#') && path_use(line, &format!("{name}::"))
        || name.starts_with(char::is_uppercase)
            && !line.starts_with('#')
            && path_use(line, &format!("{name}."))
}

fn is_path_use(line: &str, name: &str) -> bool {
    path_use(line, &format!("{}::", name.replace('-', "_"))) && !line.starts_with('#')
}

fn path_use(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        line[..at]
            .chars()
            .next_back()
            .is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '\'' | '"')))
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    fn imports(extension: &str, line: &str, name: &str) -> bool {
        find(line, extension, &[name.to_owned()]).is_some()
    }

    #[test]
    fn each_language_imports_in_its_own_words() {
        for (extension, line, name) in [
            ("ts", "import Stripe from 'stripe';", "stripe"),
            ("js", "const { loadStripe } = require(\"@stripe/stripe-js/pure\")", "@stripe/stripe-js"),
            ("py", "from stripe.error import CardError", "stripe"),
            ("py", "import stripe", "stripe"),
            ("rs", "use stripe::Client;", "stripe"),
            ("rs", "let client = async_stripe::Client::new(key);", "async-stripe"),
            ("go", "\t\"github.com/stripe/stripe-go/v76/checkout/session\"", "github.com/stripe/stripe-go"),
            ("java", "import com.stripe.Stripe;", "com.stripe"),
            ("rb", "require 'stripe'", "stripe"),
            ("rb", "  session = Stripe::Checkout::Session.create(", "Stripe"),
            ("php", "use Stripe\\StripeClient;", "Stripe"),
            ("cs", "using Stripe;", "Stripe"),
            ("dart", "import 'package:flutter_stripe/flutter_stripe.dart';", "flutter_stripe"),
            ("swift", "import RevenueCat", "RevenueCat"),
        ] {
            assert!(imports(extension, line, name), "{extension}: {line}");
        }
    }

    #[test]
    fn comments_and_similar_names_are_no_imports() {
        for (extension, line, name) in [
            ("ts", "// import Stripe from 'stripe'", "stripe"),
            ("ts", "import x from 'striped-background'", "stripe"),
            ("ts", "const stripe = 'stripe';", "stripe"),
            ("py", "# import stripe", "stripe"),
            ("py", "import stripes", "stripe"),
            ("py", "stripe = 1", "stripe"),
            ("rs", "let pin_stripe::x", "stripe"),
            ("java", "import com.striped.A;", "com.stripe"),
            ("rb", "puts 'Stripe::Foo'", "Stripe"),
            ("txt", "import stripe", "stripe"),
        ] {
            assert!(!imports(extension, line, name), "{extension}: {line}");
        }
    }
}
