//! File names that make a folder a project even without version control. Asked for every file of every folder that is
//! searched, so it looks at the name alone.

/// Names of manifests that mark a project.
const MARKERS: [&[u8]; 10] = [
    b"Cargo.toml",
    b"Dockerfile",
    b"Gemfile",
    b"build.gradle",
    b"composer.json",
    b"go.mod",
    b"package.json",
    b"pom.xml",
    b"pyproject.toml",
    b"requirements.txt",
];

/// Whether a file of this name marks its folder as a project.
pub fn is_manifest(name: &[u8]) -> bool {
    MARKERS.contains(&name) || (name.len() > b".csproj".len() && name.ends_with(b".csproj"))
}

#[cfg(test)]
mod tests {
    use super::{MARKERS, is_manifest};

    #[test]
    fn markers_are_whole_names() {
        assert!(MARKERS.is_sorted());
        for name in ["Cargo.toml", "App.csproj", "package.json"] {
            assert!(is_manifest(name.as_bytes()), "{name}");
        }
        for name in ["Cargo.toml.bak", ".csproj", "cargo.toml", "my-package.json", "build.gradle.txt"] {
            assert!(!is_manifest(name.as_bytes()), "{name}");
        }
    }
}
