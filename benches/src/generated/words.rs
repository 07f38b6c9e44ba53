//! The words that names, paths and messages are put together from.

pub(super) const HOSTS: &[(&str, usize)] = &[("github.com", 80), ("gitlab.com", 14), ("codeberg.org", 6)];

pub(super) const ADJECTIVES: &[&str] = &[
    "amber", "async", "bold", "brisk", "calm", "clear", "cloud", "deep", "fast", "fine", "fuzzy", "gentle",
    "hidden", "inner", "light", "local", "lucid", "mini", "native", "open", "plain", "quiet", "rapid",
    "safe", "sharp", "silent", "simple", "small", "smart", "solid", "stable", "static", "swift", "tiny",
    "true", "vivid", "warm", "wide", "wild",
];

pub(super) const NOUNS: &[&str] = &[
    "agent", "atlas", "badge", "beacon", "bridge", "broker", "cache", "canvas", "chart", "client", "clock",
    "codec", "console", "daemon", "draft", "editor", "engine", "feed", "forge", "gateway", "graph", "grid",
    "harbor", "index", "kernel", "ledger", "lens", "lexer", "logger", "mapper", "matrix", "mesh", "mirror",
    "notes", "parser", "pipeline", "planner", "probe", "proxy", "queue", "relay", "router", "runner",
    "schema", "server", "shell", "signal", "store", "stream", "table", "tracker", "vault", "viewer",
    "watcher", "worker",
];

pub(super) const GIVEN: &[&str] = &[
    "Ada", "Alan", "Amara", "Anika", "Barbara", "Bo", "Carlos", "Chen", "Dana", "Edsger", "Elif", "Farid",
    "Grace", "Hana", "Ines", "Ivan", "Jae", "Jonas", "Katya", "Kofi", "Lena", "Linus", "Mara", "Mei",
    "Niels", "Noor", "Olga", "Omar", "Priya", "Rafael", "Rosa", "Sana", "Sven", "Tariq", "Tomás", "Uma",
    "Vera", "Wei", "Yuki", "Zoë",
];

pub(super) const FAMILY: &[&str] = &[
    "Abebe", "Andersen", "Bauer", "Becker", "Brown", "Costa", "Dahl", "Diaz", "Dubois", "Eriksen", "Fischer",
    "Garcia", "Haddad", "Hansen", "Ito", "Ivanova", "Jansen", "Kaya", "Khan", "Kim", "Kowalski", "Kumar",
    "Larsen", "Li", "Lopez", "Martin", "Mensah", "Meyer", "Müller", "Nguyen", "Novak", "Okafor", "Park",
    "Petrov", "Rossi", "Sato", "Silva", "Singh", "Smith", "Tanaka", "Weber", "Wong",
];

/// Folders and endings that the sources of a language have.
pub(super) const LANGUAGES: &[(&[&str], &str)] = &[
    (&["src", "src/api", "tests", "benches"], "rs"),
    (&["src", "lib", "tests", "tools"], "py"),
    (&["src", "src/components", "src/store", "test"], "ts"),
    (&["cmd", "internal", "pkg/api", "pkg/store"], "go"),
    (&["src/main/java/app", "src/test/java/app"], "java"),
    (&["src", "include", "tests"], "cpp"),
    (&["lib", "spec", "app/models"], "rb"),
];

pub(super) const VERBS: &[&str] = &[
    "Add", "Avoid", "Bump", "Change", "Clean up", "Document", "Drop", "Extract", "Fix", "Handle", "Improve",
    "Move", "Refactor", "Remove", "Rename", "Replace", "Revert", "Simplify", "Support", "Test", "Update",
];

pub(super) const REASONS: &[&str] = &[
    "The old way broke when two of them ran at once.",
    "Found by a user on a slow network; see the discussion in the tracker.",
    "It was computed twice for each request, which showed in profiles.",
    "No change of behaviour. This prepares for what comes next.",
    "Without it the error message named the wrong file.",
];

pub(super) const TAGS: &[&str] =
    &["backend", "core", "demo", "infra", "internal", "legacy", "mobile", "research"];

pub(super) const WATCHERS: &[&str] = &["local", "ada", "bo", "chen", "dana", "elif"];
