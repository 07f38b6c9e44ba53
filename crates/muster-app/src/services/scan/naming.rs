//! Names of projects: the folder's name, and where two folders share it, the shortest path suffix that tells them
//! apart.

use std::{
    collections::HashMap,
    path::{Component, Path},
};

use muster_model::project::Project;

/// Gives every project a name that no other has.
pub(super) fn make_unique(projects: &mut [Project]) {
    let parts: Vec<Vec<String>> = projects.iter().map(|project| parts_of(&project.path)).collect();
    let mut depth = vec![1_usize; projects.len()];
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
    for ((project, parts), depth) in projects.iter_mut().zip(&parts).zip(depth) {
        project.name = suffix(parts, depth);
    }
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
