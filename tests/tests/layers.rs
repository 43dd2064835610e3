//! The layers of DESIGN "Repository", checked against what the crates link and what their files name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tests::process::Start;
use tests::repo_root;
use tests::wait::secs;

const CRATES: [&str; 10] = [
    "base",
    "media",
    "vision",
    "gate",
    "tables",
    "camera-agent",
    "cluster-analyzer",
    "cloud-trends",
    "scenes",
    "tests",
];

/// What a pure module may not name: everything that waits, reads, writes, logs or looks at a clock.
const IMPURE: [&str; 17] = [
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "std::io",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "rumqttc",
    "opencv",
    "ffmpeg_next",
    "ort",
    "aws_sdk_s3",
    "rusqlite",
    "axum",
    "tracing",
    "deltalake",
];

/// Everything that a crate links, by name.
fn linked_by(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = ["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}", "-p", package];
    let tree = Start::new(cargo).args(args).run(secs(60)).and_then(tests::process::Finished::success);
    let tree = tree.unwrap_or_else(|e| panic!("cargo tree -p {package}: {e:#}"));
    tree.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

#[track_caller]
fn assert_links_none(package: &str, forbidden: &[&str]) {
    let linked = linked_by(package);
    assert!(linked.contains("base"), "cargo tree lists nothing: {linked:?}");
    let is_forbidden = |name: &&String| {
        forbidden.iter().any(|f| f.strip_suffix('*').map_or(*name == f, |prefix| name.starts_with(prefix)))
    };
    let found: Vec<&String> = linked.iter().filter(is_forbidden).collect();
    assert!(found.is_empty(), "{package} links {found:?}");
}

#[test]
fn the_agent_links_no_table_no_cloud_and_no_network() {
    let forbidden =
        ["arrow*", "parquet", "datafusion*", "deltalake*", "delta_kernel*", "aws-*", "object_store", "ort*"];
    assert_links_none("camera-agent", &forbidden);
    assert_links_none("camera-agent", &["tables", "vision", "rusqlite", "axum", "ballista*", "opencv*"]);
}

#[test]
fn the_analyzer_links_no_distributed_engine() {
    assert_links_none("cluster-analyzer", &["ballista*", "cloud-trends", "scenes"]);
}

#[test]
fn base_links_no_client_and_no_codec() {
    assert_links_none("base", &["rumqttc", "ffmpeg*", "opencv*", "axum", "aws-*", "rusqlite", "arrow*", "ort*"]);
}

/// The Rust files of a crate and their text.
fn files_of(package: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![repo_root().join(package)];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{package} has no files");
    found
}

/// The text without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    lines.map(|line| line.split("//").next().unwrap_or_default()).fold(String::new(), |all, line| all + line + "\n")
}

/// Every path that a file names: those of its `use` trees, taken apart, and those that stand in its code.
fn paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for statement in code.split(';') {
        if let Some((_, tree)) = statement.split_once("use ") {
            let tree: String = tree.split_whitespace().collect();
            expand("", &tree, &mut found);
        }
    }
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    found.extend(code.split(|c| !is_path(c)).filter(|word| word.contains("::")).map(str::to_owned));
    found
}

/// Takes a use tree such as `a::{b,c::{d,e}}` apart.
fn expand(prefix: &str, tree: &str, found: &mut BTreeSet<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        found.insert(format!("{prefix}{tree}"));
        return;
    };
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let prefix = format!("{prefix}{head}");
    let (mut depth, mut begin) = (0, 0);
    for (i, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &inner[begin..i], found);
                begin = i + 1;
            }
            _ => {}
        }
    }
    if begin < inner.len() {
        expand(&prefix, &inner[begin..], found);
    }
}

/// Whether `path` is `name` or lies below it.
fn is_below(path: &str, name: &str) -> bool {
    let path = path.trim_start_matches("::");
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn use_trees_are_taken_apart() {
    let found = paths("use std::{\n    fs::{self, File},\n    time::Duration,\n};\nlet x = ::tokio::spawn(y);");
    let expected = ["::tokio::spawn", "std::fs::File", "std::fs::self", "std::time::Duration"];
    assert!(expected.iter().all(|e| found.contains(*e)), "{found:?}");
    assert!(found.iter().any(|p| is_below(p, "std::fs")) && !found.iter().any(|p| is_below(p, "std::f")));
    assert!(found.iter().any(|p| is_below(p, "tokio")));
}

#[test]
fn a_module_that_says_it_is_pure_is() {
    let mut pure = 0;
    let mut faults = Vec::new();
    for (path, text) in CRATES.iter().flat_map(|c| files_of(c)) {
        if !text.starts_with("//! Pure:") {
            continue;
        }
        pure += 1;
        let named = paths(&code(&text));
        let used = IMPURE.iter().filter(|name| named.iter().any(|path| is_below(path, name)));
        faults.extend(used.map(|name| format!("{} names {name}", path.display())));
    }
    assert!(pure > 20, "only {pure} modules say that they are pure");
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The crates one of whose files names `library` by a path.
fn crates_that_name(library: &str) -> BTreeSet<&'static str> {
    let names = |text: &str| paths(&code(text)).iter().any(|path| is_below(path, library));
    CRATES.into_iter().filter(|c| files_of(c).iter().any(|(_, text)| names(text))).collect()
}

#[test]
fn each_foreign_library_is_named_by_the_crate_that_owns_it() {
    assert_eq!(crates_that_name("ffmpeg_next"), BTreeSet::from(["media"]));
    assert_eq!(crates_that_name("ort"), BTreeSet::from(["vision"]));
    assert_eq!(crates_that_name("deltalake"), BTreeSet::from(["tables"]));
    for (library, owner) in [("ffmpeg-next", "media"), ("ort", "vision"), ("deltalake", "tables")] {
        for package in CRATES {
            let manifest = std::fs::read_to_string(repo_root().join(package).join("Cargo.toml")).unwrap();
            let depends = manifest.lines().any(|line| line.starts_with(&format!("{library}.")));
            assert_eq!(depends, package == owner, "{package}/Cargo.toml and {library}");
        }
    }
}

#[test]
fn every_crate_opens_with_a_module_page() {
    for package in CRATES {
        let src = repo_root().join(package).join("src");
        let bins = std::fs::read_dir(src.join("bin")).into_iter().flatten().flatten().map(|entry| entry.path());
        let pages: Vec<PathBuf> =
            [src.join("lib.rs"), src.join("main.rs")].into_iter().chain(bins).filter(|p| p.exists()).collect();
        assert!(!pages.is_empty(), "{package} has no page");
        for page in pages {
            assert!(opens_with_a_page(&page), "{} must open with `//!` and say what belongs there", page.display());
        }
    }
}

fn opens_with_a_page(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let page: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    page.concat().len() > 30
}
