//! No loops among the files of a crate: whoever reads one file should not have to hold the circle of them in mind.
//!
//! A file imports another when a `use` or a path that starts with `crate`, `super`, `self` or a module of its own
//! names something in it. A name that a module only passes on (`pub use`) counts for the file that defines it. A
//! parent knows its own children, to declare and to list them: that direction is no import, so parent and child may
//! use each other. Names from glob re-exports and macros by example stay with the module that was named.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write,
};

use super::{
    Problem, Severity,
    source::{Kind, Source, Token, is_path_separator, path_at},
    tree::Tree,
};

/// A module path from the crate's root.
type Module = Vec<String>;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.crates.iter().flat_map(|krate| check_crate(tree, &krate.name)).collect()
}

fn check_crate(tree: &Tree, name: &str) -> Vec<Problem> {
    let sources: Vec<&Source> =
        tree.sources.iter().filter(|source| source.crate_name == name && !source.is_test).collect();
    let mut files: BTreeMap<Module, File<'_>> = BTreeMap::new();
    for source in sources {
        if let Some(module) = &source.module {
            // With lib.rs and main.rs both there, the library is the root; it sorts first.
            files.entry(module.clone()).or_insert_with(|| File::read(source, module));
        }
    }
    let graph: BTreeMap<&Module, BTreeMap<&Module, usize>> =
        files.keys().map(|from| (from, imports(&files, from))).collect();

    let mut problems = Vec::new();
    let mut reported: Vec<&Module> = Vec::new();
    for start in graph.keys().copied() {
        let Some(circle) = shortest_circle(&graph, start) else { continue };
        if circle.iter().any(|module| reported.contains(module)) {
            continue;
        }
        let name_of = |module: &Module| files[module].source.path.display().to_string();
        let mut what = "files import each other in a loop: ".to_owned() + &name_of(start);
        for pair in circle.windows(2) {
            let _ = write!(what, " -> {} (line {})", name_of(pair[1]), graph[pair[0]][pair[1]]);
        }
        problems.push(Problem {
            file: files[start].source.path.clone(),
            line: graph[start][circle[1]],
            severity: Severity::Error,
            what,
            why: "files in a loop can only be understood, tested and moved together",
            remedy: "move what both need into a file below both, or hand it in as a parameter".into(),
        });
        reported.extend(circle);
    }
    problems
}

/// What one file says about others.
struct File<'tree> {
    source: &'tree Source,
    /// All paths, absolute if they lead into this crate.
    mentions: Vec<Mention>,
    /// What its root scope passes on or has imported: name → absolute path.
    names: BTreeMap<String, Module>,
}

/// One path in the code. Its first segments are absolute from the crate's root once `is_absolute`; otherwise it may
/// start with a child module of `scope`, or with another crate.
struct Mention {
    scope: Module,
    path: Vec<String>,
    is_absolute: bool,
    line: usize,
}

impl<'tree> File<'tree> {
    fn read(source: &'tree Source, module: &Module) -> Self {
        let mut file = Self { source, mentions: Vec::new(), names: BTreeMap::new() };
        let tokens = &source.tokens;
        let mut scope = module.clone();
        // Brace depths at which an inline module was entered.
        let mut depth = 0_usize;
        let mut inline: Vec<usize> = Vec::new();
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            match &token.kind {
                Kind::Open('{') => {
                    depth += 1;
                    if let Some(name) = module_opened_at(tokens, index) {
                        scope.push(name.to_owned());
                        inline.push(depth);
                    }
                }
                Kind::Close('}') => {
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        scope.pop();
                    }
                    depth = depth.saturating_sub(1);
                }
                Kind::Ident(word)
                    if word == "use" && !tokens.get(index + 1).is_some_and(|next| next.is('<')) =>
                {
                    let mut at = index + 1;
                    for (path, alias) in use_tree(tokens, &mut at, &[]) {
                        let (path, is_absolute) = absolute(&scope, &path);
                        if inline.is_empty()
                            && let Some(alias) = alias
                        {
                            let full = if is_absolute {
                                path.clone()
                            } else {
                                [scope.clone(), path.clone()].concat()
                            };
                            file.names.insert(alias, full);
                        }
                        file.mentions.push(Mention {
                            scope: scope.clone(),
                            path,
                            is_absolute,
                            line: token.line,
                        });
                    }
                    index = at;
                    continue;
                }
                Kind::Ident(_) if !continues_a_path(tokens, index) => {
                    let (path, after) = path_at(tokens, index);
                    if path.len() > 1 {
                        let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
                        let (path, is_absolute) = absolute(&scope, &path);
                        file.mentions.push(Mention {
                            scope: scope.clone(),
                            path,
                            is_absolute,
                            line: token.line,
                        });
                        index = after;
                        continue;
                    }
                }
                _ => {}
            }
            index += 1;
        }
        file
    }
}

/// The files that `from` imports, each with the first line that does.
fn imports<'files>(
    files: &'files BTreeMap<Module, File<'_>>,
    from: &Module,
) -> BTreeMap<&'files Module, usize> {
    let mut found = BTreeMap::new();
    for mention in &files[from].mentions {
        let path = if mention.is_absolute {
            mention.path.clone()
        } else {
            let below: Module = [mention.scope.as_slice(), &mention.path[..1]].concat();
            if !files.contains_key(&below) {
                continue;
            }
            [mention.scope.clone(), mention.path.clone()].concat()
        };
        let Some(to) = defining_file(files, &path, 16) else { continue };
        if !to.starts_with(from) {
            found.entry(to).or_insert(mention.line);
        }
    }
    found
}

/// The file that defines what `path` names, through names that modules pass on. `hops` bounds circular re-exports.
fn defining_file<'files>(
    files: &'files BTreeMap<Module, File<'_>>,
    path: &[String],
    hops: u8,
) -> Option<&'files Module> {
    let length = (0..=path.len()).rev().find(|length| files.contains_key(&path[..*length]))?;
    let (module, file) = files.get_key_value(&path[..length])?;
    if let (Some(name), true) = (path.get(length), hops > 0)
        && let Some(target) = file.names.get(name)
    {
        // A name that leads out of the crate (`pub use bstr::BString`) is at home where it is passed on.
        let leads_here = (module.len() + 1..=target.len()).any(|end| files.contains_key(&target[..end]))
            || !target.starts_with(module);
        if leads_here {
            let full = [target.as_slice(), &path[length + 1..]].concat();
            return defining_file(files, &full, hops - 1);
        }
    }
    Some(module)
}

/// Resolves `crate`, `self` and `super`; true if one of them led the path.
fn absolute(scope: &[String], path: &[String]) -> (Vec<String>, bool) {
    let mut base = match path.first().map(String::as_str) {
        Some("crate") => Vec::new(),
        Some("self" | "super") => scope.to_vec(),
        _ => return (path.to_vec(), false),
    };
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" | "self" => {}
            "super" => {
                base.pop();
            }
            _ => break,
        }
        rest = after;
    }
    base.extend_from_slice(rest);
    (base, true)
}

/// Reads a use tree from `at` on: each leaf's path, and the name it gets (`None` for a glob and for `_`).
fn use_tree(tokens: &[Token], at: &mut usize, before: &[String]) -> Vec<(Vec<String>, Option<String>)> {
    let mut path = before.to_vec();
    if is_path_separator(tokens, *at) {
        *at += 2;
    }
    while let Some(token) = tokens.get(*at) {
        match &token.kind {
            Kind::Ident(name) => {
                *at += 1;
                // `a::{self}` names `a`.
                if name != "self" || path.is_empty() {
                    path.push(name.clone());
                }
                if is_path_separator(tokens, *at) {
                    *at += 2;
                    continue;
                }
                let mut alias = path.last().cloned();
                if tokens.get(*at).and_then(Token::ident) == Some("as") {
                    alias = tokens
                        .get(*at + 1)
                        .and_then(Token::ident)
                        .map(str::to_owned)
                        .filter(|alias| alias != "_");
                    *at += 2;
                }
                return vec![(path, alias)];
            }
            Kind::Punct('*') => {
                *at += 1;
                return vec![(path, None)];
            }
            Kind::Open('{') => {
                *at += 1;
                let mut leaves = Vec::new();
                while let Some(token) = tokens.get(*at) {
                    match token.kind {
                        Kind::Close('}') => {
                            *at += 1;
                            break;
                        }
                        Kind::Punct(',') => *at += 1,
                        _ => leaves.extend(use_tree(tokens, at, &path)),
                    }
                }
                return leaves;
            }
            // Not a use tree (a macro's own syntax): leave it.
            _ => {
                *at += 1;
                return Vec::new();
            }
        }
    }
    Vec::new()
}

/// `::` or `$` stands before `index`, so that the path began earlier.
fn continues_a_path(tokens: &[Token], index: usize) -> bool {
    let follows_separator = index >= 2 && is_path_separator(tokens, index - 2);
    follows_separator || index.checked_sub(1).is_some_and(|before| tokens[before].is('$'))
}

/// The name in `mod name {`.
fn module_opened_at(tokens: &[Token], open: usize) -> Option<&str> {
    let before = open.checked_sub(2)?;
    (tokens[before].ident() == Some("mod")).then(|| tokens[before + 1].ident()).flatten()
}

/// The shortest way from `start` back to it, both ends included.
fn shortest_circle<'graph>(
    graph: &BTreeMap<&'graph Module, BTreeMap<&'graph Module, usize>>,
    start: &'graph Module,
) -> Option<Vec<&'graph Module>> {
    let mut came_from: BTreeMap<&Module, &'graph Module> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(from) = queue.pop_front() {
        for to in graph.get(from)?.keys().copied() {
            if to == start {
                let mut circle = vec![start, from];
                while let Some(before) =
                    circle.last().filter(|last| **last != start).and_then(|last| came_from.get(*last))
                {
                    circle.push(before);
                }
                if from == start {
                    circle.pop();
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(to) {
                came_from.insert(to, from);
                queue.push_back(to);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree_of;
    use super::*;

    /// Files by name below src.
    #[track_caller]
    fn loops(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, String)> = files
            .iter()
            .map(|(name, code)| (format!("crates/muster-x/src/{name}"), format!("//! Head.\n{code}")))
            .collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, code)| (path.as_str(), code.as_str())).collect();
        let problems = check(&tree_of(&files));
        let what = |problem: &Problem| {
            problem
                .what
                .replace("files import each other in a loop: ", "")
                .replace("crates/muster-x/src/", "")
        };
        problems.iter().map(what).collect()
    }

    #[test]
    fn two_siblings_in_a_loop_are_found() {
        let found = loops(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;\npub struct A(B);"),
            ("b.rs", "\npub fn f() { crate::a::g() }"),
        ]);
        assert_eq!(found, ["a.rs -> b.rs (line 2) -> a.rs (line 3)"]);
    }

    #[test]
    fn a_loop_through_three_files_is_found_once() {
        let found = loops(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use super::b;"),
            ("b.rs", "use crate::{c::{self, C as D}};"),
            ("c.rs", "fn f() { super::a::g(); }"),
        ]);
        assert_eq!(found, ["a.rs -> b.rs (line 2) -> c.rs (line 2) -> a.rs (line 2)"]);
    }

    #[test]
    fn parent_and_own_child_may_use_each_other() {
        let found = loops(&[
            ("lib.rs", "mod a;\nuse a::A;\nfn f() { a::g() }\npub struct X;"),
            ("a.rs", "mod c;\nuse crate::X;\nuse c::C;"),
            ("a/c.rs", "use super::A;\nuse crate::X;"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn what_a_parent_passes_on_counts_for_the_file_that_defines_it() {
        let passing = "mod a; mod b;\npub use a::A;\npub use b::*;";
        let good = [("lib.rs", passing), ("a.rs", "pub struct A;"), ("b.rs", "use crate::A;")];
        assert_eq!(loops(&good), [""; 0]);
        let bad = [("lib.rs", passing), ("a.rs", "use crate::b::B;"), ("b.rs", "use crate::A;")];
        assert_eq!(loops(&bad), ["a.rs -> b.rs (line 2) -> a.rs (line 2)"]);
    }

    #[test]
    fn a_name_from_outside_stays_where_it_is_passed_on() {
        let found = loops(&[
            ("lib.rs", "mod a;\npub use bstr::{BStr, ByteSlice as _};"),
            ("a.rs", "use crate::BStr;"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_file_of_another_branch_is_no_own_child() {
        let found = loops(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod c;\nuse crate::b::B;"),
            ("a/c.rs", "pub struct C;"),
            ("b.rs", "use crate::a::c::C;"),
        ]);
        assert_eq!(found, [""; 0], "a needs b, b needs a's child, which needs nobody");
        let found = loops(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod c;\nuse crate::b::B;"),
            ("a/c.rs", "use super::A;"),
            ("b.rs", "use crate::a::c::C;"),
        ]);
        assert_eq!(found, ["a.rs -> b.rs (line 3) -> a/c.rs (line 2) -> a.rs (line 2)"]);
    }

    #[test]
    fn inline_modules_and_tests_are_seen_through() {
        let found = loops(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod inner { use super::super::b::B; fn f() { super::g(); self::h(); } }"),
            ("b.rs", "#[cfg(test)]\nmod tests { use crate::a::A; use super::*; }"),
        ]);
        assert_eq!(found, [""; 0]);
        let found = loops(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod inner { use super::super::b::B; }"),
            ("b.rs", "fn f() { vec![crate::a::X]; }"),
        ]);
        assert_eq!(found, ["a.rs -> b.rs (line 2) -> a.rs (line 2)"]);
    }

    #[test]
    fn re_exports_in_a_circle_end() {
        let found =
            loops(&[("lib.rs", "mod a;\npub use a::X;"), ("a.rs", "pub use crate::X;\nuse crate::X as Y;")]);
        assert_eq!(found, [""; 0]);
    }
}
