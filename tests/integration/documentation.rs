//! The documentation says what the code says: quoted code is the examples' own, links and file names lead somewhere, lengths are bounded.

use std::fs;
use std::path::{Path, PathBuf};

use resource_app::codes;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents that a reader meets, with their paths.
fn documents() -> Vec<(String, String)> {
    let mut paths: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned).into();
    for folder in ["docs", "docs/attack"] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        paths.extend(files.map(|file| format!("{folder}/{}", file.file_name().into_string().unwrap())));
    }
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// The lines between `// region: NAME` and `// endregion`, without what indents all of them.
fn region(path: &str, name: &str) -> String {
    let text = read(path);
    let lines: Vec<_> = text
        .lines()
        .skip_while(|line| line.trim() != format!("// region: {name}"))
        .skip(1)
        .take_while(|line| line.trim() != "// endregion")
        .collect();
    assert!(!lines.is_empty(), "{path} has no region {name}");
    let indent =
        lines.iter().filter(|line| !line.is_empty()).map(|line| line.len() - line.trim_start().len());
    let indent = indent.min().unwrap();
    lines.iter().map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n").collect()
}

#[test]
fn quoted_code_is_the_code_of_the_examples() {
    let mut quoted = 0;
    for (path, text) in documents() {
        for part in text.split("<!-- region ").skip(1) {
            let (marker, rest) = part.split_once(" -->\n").unwrap();
            let (name, example) = marker.split_once(" of ").unwrap();
            let code = rest.strip_prefix("```rust\n").unwrap().split("```").next().unwrap();
            assert_eq!(code, region(example, name), "{path} quotes {name} of {example}");
            quoted += 1;
        }
    }
    assert!(quoted >= 2, "README quotes the guard and the call");
}

#[test]
fn what_a_reader_meets_first_is_short() {
    let limits = [
        ("README.md", 180),
        ("ARCHITECTURE.md", 120),
        ("crates/entra-guard/examples/orders.rs", 60),
        ("crates/entra-token/examples/call_orders.rs", 25),
    ];
    for (path, limit) in limits {
        let lines = read(path).lines().count();
        assert!(lines <= limit, "{path} has {lines} lines, more than {limit}");
    }
    for (path, name, limit) in [
        ("crates/entra-guard/examples/orders.rs", "guard", 35),
        ("crates/entra-token/examples/call_orders.rs", "call", 15),
    ] {
        assert!(region(path, name).lines().count() <= limit, "region {name} of {path}");
    }
}

#[test]
fn private_keys_are_written_where_git_ignores_them() {
    let ignored = read(".gitignore");
    assert!(ignored.lines().any(|line| line == "data/"), "{ignored}");
    let mut written = 0;
    for (path, text) in documents() {
        for rest in text.split(" -keyout ").skip(1) {
            assert!(rest.starts_with("data/"), "{path}: {}", rest.lines().next().unwrap());
            written += 1;
        }
    }
    assert!(written >= 1, "the client's certificate is documented");
}

#[test]
fn links_lead_somewhere() {
    for (path, text) in documents() {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = target.split('#').next().unwrap();
            let is_external = target.starts_with("http") || file.is_empty();
            assert!(is_external || folder.join(file).exists(), "{path} links to {target}");
        }
    }
}

#[test]
fn named_files_exist() {
    for (path, text) in documents() {
        let names = text.split('`').skip(1).step_by(2).map(Path::new);
        let is_rust =
            |name: &&Path| name.components().count() > 1 && name.extension().is_some_and(|it| it == "rs");
        for name in names.filter(is_rust) {
            assert!(root().join(name).exists(), "{path} names {}", name.display());
        }
    }
}

#[test]
fn every_reason_code_is_documented() {
    let rows: Vec<_> =
        codes().map(|code| format!("| `{}` | {} | {} |\n", code.code, code.meaning, code.remedy)).collect();
    let rows = rows.concat();
    let documented = read("docs/reason-codes.md");
    assert!(documented.contains(&rows), "docs/reason-codes.md must have exactly these rows:\n{rows}");
    assert_eq!(documented.lines().filter(|line| line.starts_with("| `")).count(), codes().count());
}
