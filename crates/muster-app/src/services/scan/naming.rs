//! Names of projects: the folder's name, and where two folders share it, the shortest path suffix that tells them
//! apart.

use std::{
    collections::HashMap,
    path::{Component, Path},
};

/// A name for every path that no other has, in the order of the paths.
pub(crate) fn unique_names<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let parts: Vec<Vec<String>> = paths.map(parts_of).collect();
    let mut depth = vec![1_usize; parts.len()];
    loop {
        let mut owners: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, parts) in parts.iter().enumerate() {
            owners.entry(suffix(parts, depth[at])).or_default().push(at);
        }
        let mut has_grown = false;
        for at in owners.into_values().filter(|owners| owners.len() > 1).flatten() {
            if depth[at] < parts[at].len() {
                depth[at] += 1;
                has_grown = true;
            }
        }
        if !has_grown {
            break;
        }
    }
    parts.iter().zip(depth).map(|(parts, depth)| suffix(parts, depth)).collect()
}

fn parts_of(path: &Path) -> Vec<String> {
    let parts: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    if parts.is_empty() { vec![path.to_string_lossy().into_owned()] } else { parts }
}

fn suffix(parts: &[String], depth: usize) -> String {
    parts[parts.len().saturating_sub(depth)..].join("/")
}
