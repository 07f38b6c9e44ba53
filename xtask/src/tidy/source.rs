//! One Rust file as a flat list of tokens, without comments, documentation and test code. The lexer is rustc's
//! grammar through proc-macro2, so that a rule never trips over a string or a comment, and sees inside macro calls.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A file and what the rules need of it.
pub(super) struct Source {
    /// From the workspace's root.
    pub(super) path: PathBuf,
    pub(super) crate_name: String,
    /// Where it stands in its crate: `[]` for the root; `None` outside `src`.
    pub(super) module: Option<Vec<String>>,
    /// The whole text.
    pub(super) text: String,
    /// Tokens outside `#[cfg(test)]`.
    pub(super) tokens: Vec<Token>,
    /// Module paths below this file that are declared as tests elsewhere: `#[cfg(test)] mod name;`.
    pub(super) test_modules: Vec<Vec<String>>,
    /// Lines inside `#[cfg(test)]` items.
    pub(super) test_lines: usize,
    /// The whole file is test code.
    pub(super) is_test: bool,
    /// It belongs to a tooling crate.
    pub(super) is_tooling: bool,
}

impl Source {
    /// It ships.
    pub(super) fn is_product(&self) -> bool {
        !self.is_test && !self.is_tooling
    }

    /// Its first `//!` paragraph: the lines from the top on.
    pub(super) fn head(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines().skip_while(|line| line.trim().is_empty() || line.starts_with("#!/"));
        lines.take_while(|line| line.starts_with("//!"))
    }
}

/// A token with its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Ident(String),
    Punct(char),
    /// A string literal of any sort, unescaped.
    Text(String),
    Open(char),
    Close(char),
    /// Numbers, characters: nothing a rule looks at.
    Other,
}

impl Token {
    /// The identifier, if it is one.
    pub(super) fn ident(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ident(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn is(&self, punct: char) -> bool {
        self.kind == Kind::Punct(punct)
    }
}

/// `::` stands at `index`.
pub(super) fn is_path_separator(tokens: &[Token], index: usize) -> bool {
    matches!(tokens.get(index..index + 2), Some([one, two]) if one.is(':') && two.is(':'))
}

/// The path that starts with an identifier at `index`: its segments, and the index after it.
pub(super) fn path_at(tokens: &[Token], index: usize) -> (Vec<&str>, usize) {
    let mut segments = Vec::new();
    let mut at = index;
    while let Some(name) = tokens.get(at).and_then(Token::ident) {
        segments.push(name);
        at += 1;
        if !(is_path_separator(tokens, at) && tokens.get(at + 2).is_some_and(|next| next.ident().is_some())) {
            break;
        }
        at += 2;
    }
    (segments, at)
}

/// Reads a file. `inside` is its path from its crate's folder.
pub(super) fn lex(
    path: PathBuf,
    inside: &Path,
    crate_name: &str,
    text: String,
    is_tooling: bool,
) -> Result<Source> {
    let code = if text.starts_with("#!/") { text.replacen("#!/", "// ", 1) } else { text.clone() };
    let stream: TokenStream = code
        .parse()
        .map_err(|error: proc_macro2::LexError| anyhow!("line {}: {error}", error.span().start().line))?;
    let mut lexer = Lexer::default();
    let is_test_folder = ["benches", "examples", "tests"].iter().any(|folder| inside.starts_with(folder));
    let is_test = is_test_folder || begins_with_cfg_test(stream.clone());
    lexer.walk(stream, &mut Vec::new());
    Ok(Source {
        path,
        crate_name: crate_name.to_owned(),
        module: module_of(inside),
        text,
        tokens: lexer.tokens,
        test_modules: lexer.test_modules,
        test_lines: lexer.test_lines,
        is_test,
        is_tooling,
    })
}

fn module_of(inside: &Path) -> Option<Vec<String>> {
    let below = inside.strip_prefix("src").ok()?.with_extension("");
    let mut module: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let last = module.last()?;
    if last == "mod" || (module.len() == 1 && (last == "lib" || last == "main")) {
        module.pop();
    }
    Some(module)
}

/// `#![cfg(test)]` among the attributes of the file.
fn begins_with_cfg_test(stream: TokenStream) -> bool {
    let mut trees = stream.into_iter().peekable();
    while let Some(TokenTree::Punct(hash)) = trees.next() {
        let Some(TokenTree::Punct(bang)) = trees.next() else { return false };
        let Some(TokenTree::Group(attribute)) = trees.next() else { return false };
        if hash.as_char() != '#' || bang.as_char() != '!' {
            return false;
        }
        if is_cfg_test(&attribute) {
            return true;
        }
    }
    false
}

#[derive(Default)]
struct Lexer {
    tokens: Vec<Token>,
    test_modules: Vec<Vec<String>>,
    test_lines: usize,
}

impl Lexer {
    /// Flattens one level; `module` is the stack of inline modules around it.
    fn walk(&mut self, stream: TokenStream, module: &mut Vec<String>) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            if let Some((attribute, after)) = attribute_at(&trees, at) {
                if is_cfg_test(attribute) && !is_inner(&trees, at) {
                    let end = self.skip_item(&trees, after, module);
                    let line = |index: usize| trees[index].span().end().line;
                    self.test_lines += line(end.max(at + 1) - 1) + 1 - tree.span().start().line;
                    at = end;
                    continue;
                }
                if is_named(attribute, "doc") {
                    at = after;
                    continue;
                }
            }
            let inline = inline_module(&trees, at);
            self.push(tree, module, inline);
            at += 1;
        }
    }

    fn push(&mut self, tree: &TokenTree, module: &mut Vec<String>, inline: Option<String>) {
        let line = tree.span().start().line;
        let kind = match tree {
            TokenTree::Ident(ident) => Kind::Ident(ident.to_string().trim_start_matches("r#").to_owned()),
            TokenTree::Punct(punct) => Kind::Punct(punct.as_char()),
            TokenTree::Literal(literal) => text_of(&literal.to_string()).map_or(Kind::Other, Kind::Text),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                self.tokens.push(Token { kind: Kind::Open(open), line });
                let depth = module.len();
                module.extend(inline);
                self.walk(group.stream(), module);
                module.truncate(depth);
                let line = group.span_close().start().line;
                self.tokens.push(Token { kind: Kind::Close(close), line });
                return;
            }
        };
        self.tokens.push(Token { kind, line });
    }

    /// The index after the item that starts at `at`, further attributes included.
    fn skip_item(&mut self, trees: &[TokenTree], mut at: usize, module: &[String]) -> usize {
        while let Some((_, after)) = attribute_at(trees, at) {
            at = after;
        }
        if ident_at(trees, at) == Some("pub".into()) {
            at += 1;
            if matches!(trees.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
            {
                at += 1;
            }
        }
        let first = ident_at(trees, at).unwrap_or_default();
        if first == "mod" && matches!(trees.get(at + 2), Some(TokenTree::Punct(end)) if end.as_char() == ';')
        {
            let name = ident_at(trees, at + 1).unwrap_or_default();
            self.test_modules.push(module.iter().cloned().chain([name]).collect());
        }
        // `use a::{b};` and `const A: B = B {};` hold braces before their end; a field or an arm ends with a comma.
        let ends_at_semicolon = matches!(first.as_str(), "use" | "const" | "static" | "type" | "let")
            && ident_at(trees, at + 1) != Some("fn".into());
        let is_item = ends_at_semicolon
            || matches!(
                first.as_str(),
                "mod"
                    | "fn"
                    | "struct"
                    | "enum"
                    | "union"
                    | "trait"
                    | "impl"
                    | "async"
                    | "unsafe"
                    | "extern"
                    | "const"
                    | "macro_rules"
            );
        while let Some(tree) = trees.get(at) {
            at += 1;
            match tree {
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                TokenTree::Punct(punct) if punct.as_char() == ',' && !is_item => break,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !ends_at_semicolon => {
                    break;
                }
                _ => {}
            }
        }
        at
    }
}

/// The attribute `#[…]` or `#![…]` at `at`, and the index after it.
fn attribute_at(trees: &[TokenTree], at: usize) -> Option<(&Group, usize)> {
    let Some(TokenTree::Punct(hash)) = trees.get(at) else { return None };
    if hash.as_char() != '#' {
        return None;
    }
    let group = at + 1 + usize::from(is_inner(trees, at));
    match trees.get(group) {
        Some(TokenTree::Group(attribute)) if attribute.delimiter() == Delimiter::Bracket => {
            Some((attribute, group + 1))
        }
        _ => None,
    }
}

fn is_inner(trees: &[TokenTree], at: usize) -> bool {
    matches!(trees.get(at + 1), Some(TokenTree::Punct(bang)) if bang.as_char() == '!')
}

fn is_named(attribute: &Group, name: &str) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(ident)) if ident == name)
}

/// `cfg(test)`, also within `all(…)` or `any(…)`, not within `not(…)`.
fn is_cfg_test(attribute: &Group) -> bool {
    fn mentions_test(stream: TokenStream) -> bool {
        let mut is_negated = false;
        for tree in stream {
            match tree {
                TokenTree::Ident(ident) if ident == "test" => return true,
                TokenTree::Ident(ident) => is_negated = ident == "not",
                TokenTree::Group(group) if !is_negated && mentions_test(group.stream()) => return true,
                _ => is_negated = false,
            }
        }
        false
    }
    is_named(attribute, "cfg") && mentions_test(attribute.stream())
}

/// `mod name {` ends at `at`.
fn inline_module(trees: &[TokenTree], at: usize) -> Option<String> {
    let before = at.checked_sub(2)?;
    (ident_at(trees, before)? == "mod").then(|| ident_at(trees, before + 1)).flatten()
}

fn ident_at(trees: &[TokenTree], at: usize) -> Option<String> {
    match trees.get(at) {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

/// The content of a string literal; enough unescaping to see words.
fn text_of(literal: &str) -> Option<String> {
    let start = literal.find('"')?;
    let prefix = &literal[..start];
    if !prefix.chars().all(|letter| matches!(letter, 'b' | 'c' | 'r' | '#')) {
        return None;
    }
    let inner = &literal[start + 1..literal.rfind('"')?.max(start + 1)];
    if prefix.contains('r') {
        return Some(inner.to_owned());
    }
    let mut text = String::new();
    let mut letters = inner.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('n' | 'r' | 't') => text.push(' '),
            Some('\n') => while letters.next_if(|next| next.is_whitespace()).is_some() {},
            Some(other) => text.push(other),
            None => {}
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        lex("a.rs".into(), Path::new("src/a.rs"), "x", text.to_owned(), false).unwrap()
    }

    #[track_caller]
    fn check(text: &str, idents: &[&str]) {
        let source = source(text);
        assert_eq!(source.tokens.iter().filter_map(Token::ident).collect::<Vec<_>>(), idents, "{text}");
    }

    #[test]
    fn test_code_is_left_out_and_what_follows_is_kept() {
        check("#[cfg(test)] mod tests { fn a() {} } fn b() {}", &["fn", "b"]);
        check("#[cfg(test)] use a::{b, c}; fn d() {}", &["fn", "d"]);
        check("#[cfg(test)] #[derive(Debug)] pub(crate) struct A(u8); fn d() {}", &["fn", "d"]);
        check("#[cfg(test)] const A: B = B { c: 1 }; fn d() {}", &["fn", "d"]);
        check("#[cfg(test)] const fn a<T, U>() {} fn d() {}", &["fn", "d"]);
        check("struct A { #[cfg(test)] b: u8, c: u8 }", &["struct", "A", "c", "u8"]);
        check("#[cfg(all(test, unix))] mod a {} mod b {}", &["mod", "b"]);
        check("#[cfg(not(test))] mod b {}", &["cfg", "not", "test", "mod", "b"]);
    }

    #[test]
    fn comments_and_documentation_are_left_out() {
        check("//! a b\n/// c\nfn d() {} // e\n/* f */", &["fn", "d"]);
    }

    #[test]
    fn strings_are_read_as_text() {
        let texts = |text: &str| -> Vec<String> {
            let kinds = source(text).tokens.into_iter().map(|token| token.kind);
            kinds.filter_map(|kind| if let Kind::Text(text) = kind { Some(text) } else { None }).collect()
        };
        assert_eq!(texts("m!(\"a\\\n   b\", r#\"c \"d\"\"#, b\"e\", 'f', 1)"), ["ab", "c \"d\"", "e"]);
    }

    #[test]
    fn test_modules_in_other_files_are_known() {
        let source = source("#[cfg(test)] mod tests; mod a { #[cfg(test)] mod more; }");
        assert_eq!(source.test_modules, [vec!["tests"], vec!["a", "more"]]);
    }

    #[test]
    fn lines_of_tests_are_counted() {
        assert_eq!(source("fn a() {}\n#[cfg(test)]\nmod tests {\n}\nfn b() {}\n").test_lines, 3);
    }

    #[test]
    fn modules_follow_from_paths() {
        let module = |path: &str| module_of(Path::new(path)).map(|module| module.join("::"));
        assert_eq!(module("src/lib.rs").as_deref(), Some(""));
        assert_eq!(module("src/a/mod.rs").as_deref(), Some("a"));
        assert_eq!(module("src/a/b.rs").as_deref(), Some("a::b"));
        assert_eq!(module("tests/a.rs"), None);
    }
}
