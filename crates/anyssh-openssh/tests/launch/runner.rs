//! As much of the usual test harness as `cargo test` and `cargo nextest` need.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// A name and what it does.
pub(crate) type Test = (&'static str, fn());

/// Names each function of a list.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::runner::Test] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}
pub(crate) use tests;

pub(crate) fn run(tests: &[Test], arguments: &[String]) -> ExitCode {
    let has = |flag: &str| arguments.iter().any(|word| word == flag);
    let filters: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-') && *word != "terse").collect();
    let matches = |name: &'static str| {
        let name = shown(name);
        filters.is_empty()
            || filters
                .iter()
                .any(|filter| if has("--exact") { name == *filter } else { name.contains(filter.as_str()) })
    };
    let picked: Vec<&Test> = tests.iter().filter(|(name, _)| matches(name)).collect();
    if has("--list") {
        if !has("--ignored") {
            picked.iter().for_each(|(name, _)| println!("{}: test", shown(name)));
        }
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", picked.len());
    let start = Instant::now();
    let failed = run_all(&picked);
    failed.iter().for_each(|name| println!("failed: {name}"));
    // The closing line of the usual harness, which programs that count tests read.
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        picked.len() - failed.len(),
        failed.len(),
        tests.len() - picked.len(),
        start.elapsed().as_secs_f64()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs them on a few threads; returns the names of those that failed.
fn run_all(tests: &[&Test]) -> Vec<&'static str> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((name, test)) = tests.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let passed = catch_unwind(test).is_ok();
                    println!("test {} ... {}", shown(name), if passed { "ok" } else { "FAILED" });
                    if !passed {
                        failed.lock().unwrap().push(shown(name));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// The name without the crate's.
fn shown(name: &'static str) -> &'static str {
    name.split_once("::").map_or(name, |(_, rest)| rest)
}

const THREADS: usize = 4;
