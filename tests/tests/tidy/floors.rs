//! Arrows between packages only go down, as docs/architecture.md draws them.

use super::{Dependency, Package, assert_none, packages, read};

/// The floor of each package. Providers are on floor 2 by their place in the tree.
const FLOORS: &[(&str, u8)] = &[
    ("anyssh-core", 0),
    ("anyssh-http", 1),
    ("anyssh-openssh", 1),
    ("anyssh-private-dir", 1),
    ("anyssh-server", 1),
    ("anyssh-testkit", 1),
    ("anyssh-tunnel", 1),
    ("anyssh-sdk", 3),
    ("anyssh", 4),
    ("anyssh-examples", 5),
    ("anyssh-tests", 5),
];

/// The floor of providers.
const PROVIDERS: u8 = 2;

/// Arrows on one floor, each with a reason in docs/architecture.md.
const SIDEWAYS: &[(&str, &str)] =
    &[("anyssh-openssh", "anyssh-private-dir"), ("anyssh-testkit", "anyssh-server"), ("anyssh-tunnel", "anyssh-http")];

/// Arrows that go down and are still wrong: a provider returns a value and launches nothing.
const NOT_FOR_PROVIDERS: &[&str] = &["anyssh-openssh", "anyssh-testkit"];

/// Arrows that go down or sideways and are still wrong: openssh only writes the command line of a proxy.
const NEVER: &[(&str, &str)] = &[("anyssh-openssh", "anyssh-tunnel")];

/// Crates that would let the outside world into floor 0.
const NOT_FOR_CORE: &[&str] = &["tokio", "reqwest", "russh", "rustix", "rand", "jiff"];

#[test]
fn dependencies_between_our_packages_only_go_down() {
    assert_none("arrows against the floors", &wrong_arrows(&packages()));
}

#[test]
fn the_floor_rule_finds_every_kind_of_wrong_arrow() {
    let wrong = [
        ("crates/anyssh-core", "anyssh-core", "anyssh-http"),
        ("crates/anyssh-core", "anyssh-core", "tokio"),
        ("crates/anyssh-http", "anyssh-http", "anyssh-server"),
        ("crates/anyssh-openssh", "anyssh-openssh", "anyssh-tunnel"),
        ("providers/duck", "anyssh-duck", "anyssh-openssh"),
        ("providers/duck", "anyssh-duck", "anyssh-sdk"),
        ("providers/duck", "anyssh-duck", "anyssh-duck"),
        ("crates/anyssh-new", "anyssh-new", "serde"),
    ];
    for (directory, name, dependency) in wrong {
        let package = package(directory, name, dependency, false);
        assert_eq!(wrong_arrows(&[package]).len(), 1, "{name} -> {dependency}");
    }
    let right = [
        package("crates/anyssh-testkit", "anyssh-testkit", "anyssh-server", false),
        package("crates/anyssh-openssh", "anyssh-openssh", "anyssh-testkit", true),
        package("providers/duck", "anyssh-duck", "anyssh-http", false),
    ];
    assert_none("false alarms", &wrong_arrows(&right));
}

#[test]
fn every_package_takes_the_lints_of_the_workspace_and_has_no_features() {
    let mut violations = Vec::new();
    for package in packages() {
        let manifest = package.directory.join("Cargo.toml");
        if !read(&manifest).contains("[lints]\nworkspace = true\n") {
            violations.push(format!("{}: no `[lints] workspace = true`", manifest.display()));
        }
        if package.features > 0 {
            violations.push(format!("{}: has cargo features", manifest.display()));
        }
    }
    assert_none("manifests", &violations);
}

#[test]
fn every_provider_is_in_the_list_and_has_a_page() {
    let list = read("crates/anyssh-sdk/src/builtin.rs");
    let mut violations = Vec::new();
    for package in packages().iter().filter(|package| is_provider(package)) {
        let word = package.directory.file_name().unwrap().to_string_lossy();
        if package.name != format!("anyssh-{word}") {
            violations.push(format!("providers/{word} is called {}, not anyssh-{word}", package.name));
        }
        if !list.contains(&format!("anyssh_{}::PROVIDER", word.replace('-', "_"))) {
            violations.push(format!("{word} is not in crates/anyssh-sdk/src/builtin.rs"));
        }
        if !super::root().join(format!("docs/providers/{word}.md")).is_file() {
            violations.push(format!("{word} has no page docs/providers/{word}.md"));
        }
    }
    assert_none("providers", &violations);
}

#[test]
fn every_third_party_crate_of_the_workspace_is_used_by_a_package() {
    let packages = packages();
    let is_used = |name: &str| packages.iter().any(|package| package.dependencies.iter().any(|d| d.name == name));
    let unused: Vec<String> = workspace_dependencies().into_iter().filter(|name| !is_used(name)).collect();
    assert_none("in [workspace.dependencies] and used by nobody", &unused);
}

/// The names under `[workspace.dependencies]` in the root manifest, ours left out.
fn workspace_dependencies() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let (_, after) = manifest.split_once("[workspace.dependencies]\n").unwrap();
    let table = after.split("\n[").next().unwrap();
    let names = table.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim().to_owned());
    let names: Vec<String> = names.filter(|name| !name.starts_with('#') && !name.starts_with("anyssh")).collect();
    assert!(names.len() > 10, "the table is not read right: {names:?}");
    names
}

/// Each normal or build dependency that the floors forbid, as one sentence.
fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let Some(floor) = floor(package) else {
            wrong.push(format!("{}: give it a floor here and in docs/architecture.md", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.is_development) {
            wrong.extend(complaint(package, floor, &dependency.name));
        }
    }
    wrong
}

fn complaint(package: &Package, floor: u8, dependency: &str) -> Option<String> {
    let name = package.name.as_str();
    let arrow = || format!("{name} -> {dependency}");
    if floor == 0 && NOT_FOR_CORE.contains(&dependency) {
        return Some(format!("{}: floor 0 holds words only", arrow()));
    }
    if NEVER.contains(&(name, dependency)) || is_provider(package) && NOT_FOR_PROVIDERS.contains(&dependency) {
        return Some(format!("{}: forbidden on its own", arrow()));
    }
    if !dependency.starts_with("anyssh") || SIDEWAYS.contains(&(name, dependency)) {
        return None;
    }
    // What is ours and not in the list of floors is a provider.
    let below = FLOORS.iter().find(|(known, _)| *known == dependency).map_or(PROVIDERS, |(_, floor)| *floor);
    (below >= floor).then(|| format!("{}: floor {floor} to floor {below}", arrow()))
}

fn floor(package: &Package) -> Option<u8> {
    if is_provider(package) {
        return Some(PROVIDERS);
    }
    FLOORS.iter().find(|(name, _)| *name == package.name).map(|(_, floor)| *floor)
}

fn is_provider(package: &Package) -> bool {
    package.directory.starts_with("providers")
}

fn package(directory: &str, name: &str, dependency: &str, is_development: bool) -> Package {
    let dependencies = vec![Dependency { name: dependency.to_owned(), is_development }];
    Package { name: name.to_owned(), directory: directory.into(), dependencies, features: 0 }
}
