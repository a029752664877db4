//! A test file that no module names is never compiled and never fails.

use std::path::{Path, PathBuf};

use super::{assert_none, files, read, root};

#[test]
fn no_test_file_is_forgotten() {
    let mut forgotten = Vec::new();
    for file in files("tests/tests", "rs") {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if file == Path::new("tests/tests/main.rs") {
            continue;
        }
        let (name, directory) = match name.as_str() {
            "mod" => (last_name(file.parent().unwrap()), file.parent().unwrap().parent().unwrap()),
            _ => (name, file.parent().unwrap()),
        };
        let parent = module_file(directory);
        let names_it = |line: &str| line.trim_start_matches("pub(crate) ") == format!("mod {name};");
        if !parent.as_ref().is_some_and(|parent| read(parent).lines().any(names_it)) {
            forgotten.push(format!("{}: no `mod {name};` above it", file.display()));
        }
    }
    assert_none("forgotten test files", &forgotten);
}

#[test]
fn the_package_of_the_tests_has_one_test_binary() {
    let manifest = read("tests/Cargo.toml");
    assert!(manifest.contains("autotests = false"));
    assert_eq!(manifest.matches("[[test]]").count(), 1);
}

/// The file that declares the modules of a directory.
fn module_file(directory: &Path) -> Option<PathBuf> {
    let candidates = [directory.join("main.rs"), directory.join("mod.rs"), directory.with_extension("rs")];
    candidates.into_iter().find(|path| root().join(path).is_file())
}

fn last_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
