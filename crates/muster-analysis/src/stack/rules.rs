//! The technologies and languages that are known, from the tables beside the source. Parsed once per process; a table
//! that cannot be parsed is a mistake of ours that a test finds, not a state of the world.

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

use crate::manifest::Ecosystem;

/// One technology and what proves it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Technology {
    pub(crate) name: String,
    pub(crate) category: String,
    #[serde(default)]
    npm: Vec<String>,
    #[serde(default)]
    pypi: Vec<String>,
    #[serde(default)]
    cargo: Vec<String>,
    #[serde(default)]
    go: Vec<String>,
    #[serde(default)]
    maven: Vec<String>,
    #[serde(default)]
    rubygems: Vec<String>,
    #[serde(default)]
    packagist: Vec<String>,
    #[serde(default)]
    nuget: Vec<String>,
    #[serde(default, rename = "pub")]
    pub_dev: Vec<String>,
    #[serde(default)]
    hex: Vec<String>,
    #[serde(default)]
    swift: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    extensions: Vec<String>,
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    actions: Vec<String>,
    /// What an import names, where that is not the dependency's name.
    #[serde(default)]
    pub(crate) modules: Vec<String>,
}

impl Technology {
    pub(crate) fn dependencies(&self) -> [(Ecosystem, &[String]); 11] {
        [
            (Ecosystem::Npm, &self.npm),
            (Ecosystem::Pypi, &self.pypi),
            (Ecosystem::Cargo, &self.cargo),
            (Ecosystem::Go, &self.go),
            (Ecosystem::Maven, &self.maven),
            (Ecosystem::Rubygems, &self.rubygems),
            (Ecosystem::Packagist, &self.packagist),
            (Ecosystem::Nuget, &self.nuget),
            (Ecosystem::Pub, &self.pub_dev),
            (Ecosystem::Hex, &self.hex),
            (Ecosystem::Swift, &self.swift),
        ]
    }
}

#[derive(Deserialize)]
struct StackTable {
    #[expect(dead_code, reason = "for readers of the table; a change of the rules raises it")]
    version: u32,
    technology: Vec<Technology>,
}

#[derive(Deserialize)]
struct LanguageTable {
    #[expect(dead_code, reason = "for readers of the table; a change of the rules raises it")]
    version: u32,
    language: Vec<Language>,
}

#[derive(Deserialize)]
struct Language {
    name: String,
    extensions: Vec<String>,
}

/// The tables, turned round for looking up. Values are indices into `technologies`.
pub(crate) struct Rules {
    pub(crate) technologies: Vec<Technology>,
    by_dependency: HashMap<(Ecosystem, String), Vec<usize>>,
    by_name: HashMap<String, Vec<usize>>,
    by_path: HashMap<String, Vec<usize>>,
    by_extension: HashMap<String, Vec<usize>>,
    by_image: HashMap<String, Vec<usize>>,
    by_action: HashMap<String, Vec<usize>>,
    folders: Vec<(String, usize)>,
    /// Names with one `*`: what stands before it and after it.
    patterns: Vec<(String, String, usize)>,
    language_by_extension: HashMap<String, String>,
}

/// The rules of this version.
pub(crate) static RULES: LazyLock<Rules> = LazyLock::new(|| {
    Rules::parse(include_str!("../../rules/stack.toml"), include_str!("../../rules/languages.toml"))
        .expect("the embedded tables are parsed by a test")
});

impl Rules {
    fn parse(stack: &str, languages: &str) -> Result<Self, toml::de::Error> {
        let stack: StackTable = toml::from_str(stack)?;
        let languages: LanguageTable = toml::from_str(languages)?;
        let mut rules = Self {
            technologies: stack.technology,
            by_dependency: HashMap::new(),
            by_name: HashMap::new(),
            by_path: HashMap::new(),
            by_extension: HashMap::new(),
            by_image: HashMap::new(),
            by_action: HashMap::new(),
            folders: Vec::new(),
            patterns: Vec::new(),
            language_by_extension: HashMap::new(),
        };
        for language in languages.language {
            for extension in language.extensions {
                rules.language_by_extension.insert(extension, language.name.clone());
            }
        }
        for (index, technology) in rules.technologies.iter().enumerate() {
            for (ecosystem, names) in technology.dependencies() {
                for name in names {
                    rules.by_dependency.entry((ecosystem, name.clone())).or_default().push(index);
                }
            }
            for (keys, map) in [
                (&technology.extensions, &mut rules.by_extension),
                (&technology.images, &mut rules.by_image),
                (&technology.actions, &mut rules.by_action),
            ] {
                for key in keys {
                    map.entry(key.clone()).or_default().push(index);
                }
            }
            for file in &technology.files {
                let file = file.to_lowercase();
                if file.ends_with('/') {
                    rules.folders.push((file, index));
                } else if let Some((before, after)) = file.split_once('*') {
                    rules.patterns.push((before.to_owned(), after.to_owned(), index));
                } else if file.contains('/') {
                    rules.by_path.entry(file).or_default().push(index);
                } else {
                    rules.by_name.entry(file).or_default().push(index);
                }
            }
        }
        Ok(rules)
    }

    /// The language of an extension in lower case.
    pub(crate) fn language(&self, extension: &str) -> Option<&str> {
        self.language_by_extension.get(extension).map(String::as_str)
    }

    /// Technologies that a dependency proves: by its exact name, or by a whole group or scope it lies in.
    pub(crate) fn of_dependency(&self, ecosystem: Ecosystem, name: &str) -> Vec<usize> {
        let mut found = Vec::new();
        let mut look = |name: &str| {
            if let Some(indices) = self.by_dependency.get(&(ecosystem, name.to_owned())) {
                found.extend_from_slice(indices);
            }
        };
        look(name);
        let separators: &[char] = if ecosystem == Ecosystem::Nuget { &['.'] } else { &[':', '/'] };
        let mut group = name;
        while let Some(at) = group.rfind(separators) {
            look(&format!("{}*", &group[..=at]));
            group = &group[..at];
        }
        found
    }

    /// Technologies that a file proves by being there. All arguments in lower case.
    pub(crate) fn of_file(&self, path: &str, name: &str, extension: &str) -> Vec<usize> {
        let mut found = Vec::new();
        for (map, key) in [(&self.by_name, name), (&self.by_path, path), (&self.by_extension, extension)] {
            if let Some(indices) = map.get(key) {
                found.extend_from_slice(indices);
            }
        }
        found.extend(
            self.folders.iter().filter(|(folder, _)| path.starts_with(folder)).map(|(_, index)| *index),
        );
        found.extend(
            self.patterns
                .iter()
                .filter(|(before, after, _)| {
                    name.len() >= before.len() + after.len()
                        && name.starts_with(before)
                        && name.ends_with(after)
                })
                .map(|(.., index)| *index),
        );
        found
    }

    /// Technologies that a container image proves; registry and tag already taken off.
    pub(crate) fn of_image(&self, image: &str) -> &[usize] {
        self.by_image.get(image).map_or(&[], Vec::as_slice)
    }

    /// Technologies that a GitHub Action proves (`owner/name`).
    pub(crate) fn of_action(&self, action: &str) -> &[usize] {
        self.by_action.get(action).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Ecosystem, RULES};

    #[test]
    fn names_are_unique_and_every_technology_can_be_proved() {
        let mut names = BTreeSet::new();
        for technology in &RULES.technologies {
            assert!(names.insert((&technology.name, &technology.category)), "{} twice", technology.name);
            let is_provable = technology.dependencies().iter().any(|(_, names)| !names.is_empty())
                || !technology.files.is_empty()
                || !technology.extensions.is_empty()
                || !technology.images.is_empty()
                || !technology.actions.is_empty();
            assert!(is_provable, "nothing proves {}", technology.name);
        }
        let of = |category: &str| RULES.technologies.iter().filter(|one| one.category == category).count();
        assert!(RULES.technologies.len() >= 200);
        assert_eq!((of("payment"), of("auth")), (15, 17));
    }

    #[test]
    fn names_are_in_the_normal_form_that_manifests_give() {
        for technology in &RULES.technologies {
            for (ecosystem, names) in technology.dependencies() {
                for name in names {
                    if matches!(ecosystem, Ecosystem::Pypi | Ecosystem::Nuget | Ecosystem::Swift) {
                        assert_eq!(*name, name.to_lowercase(), "{}", technology.name);
                    }
                    assert!(ecosystem != Ecosystem::Maven || name.contains(':'), "{name}");
                }
            }
        }
    }

    #[test]
    fn dependencies_match_whole_names_and_groups_only() {
        let names = |ecosystem, dependency: &str| -> Vec<&str> {
            RULES
                .of_dependency(ecosystem, dependency)
                .into_iter()
                .map(|index| RULES.technologies[index].name.as_str())
                .collect()
        };
        assert_eq!(names(Ecosystem::Npm, "react"), ["React"]);
        assert!(names(Ecosystem::Npm, "react-dom-loader").is_empty());
        assert!(names(Ecosystem::Npm, "loader").is_empty());
        assert_eq!(names(Ecosystem::Npm, "@aws-sdk/client-s3"), ["AWS SDK"]);
        assert_eq!(names(Ecosystem::Maven, "io.grpc:grpc-netty"), ["gRPC"]);
        assert_eq!(names(Ecosystem::Go, "github.com/aws/aws-sdk-go-v2/service/s3"), ["AWS SDK"]);
        assert_eq!(
            names(Ecosystem::Nuget, "microsoft.entityframeworkcore.design"),
            ["Entity Framework Core"]
        );
    }
}
