//! A search for a secret in the arguments and environments of all processes, while something runs
//! (requirement K1). Linux only: it reads `/proc` (proc(5)).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crate::home::contains;

/// A search that goes on until it is stopped.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use anyssh_testkit::{Place, ProcScan};
/// let scan = ProcScan::start("hunter2-in-argv");
/// let mut child = std::process::Command::new("/bin/sleep").arg("1000").env("X", "hunter2-in-argv").spawn().unwrap();
/// scan.wait_for_a_pass();
/// child.kill().unwrap();
/// child.wait().unwrap();
/// assert!(scan.stop().iter().any(|hit| hit.pid == child.id() && hit.place == Place::Environment));
/// # }
/// ```
#[derive(Debug)]
pub struct ProcScan {
    stop: Arc<AtomicBool>,
    passes: Arc<AtomicUsize>,
    thread: Option<JoinHandle<BTreeSet<Hit>>>,
}

/// A process in which the secret was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Its id.
    pub pid: u32,
    /// Its name, as `ps` shows it.
    pub program: String,
    /// Where the secret was.
    pub place: Place,
}

/// Where a secret was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the arguments, which every user can read.
    Arguments,
    /// In the environment, which root and the same user can read.
    Environment,
}

impl ProcScan {
    /// Starts to look for `needle`, again and again.
    pub fn start(needle: &str) -> Self {
        let (stop, passes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (told, count, needle) = (Arc::clone(&stop), Arc::clone(&passes), needle.as_bytes().to_vec());
        let thread = thread::spawn(move || {
            let mut hits = BTreeSet::new();
            while !told.load(Ordering::Acquire) {
                look(&needle, &mut hits);
                count.fetch_add(1, Ordering::Release);
                thread::yield_now();
            }
            hits
        });
        Self { stop, passes, thread: Some(thread) }
    }

    /// Waits until all processes that run now have been looked at.
    pub fn wait_for_a_pass(&self) {
        // The pass that is under way may have looked too early.
        let enough = self.passes.load(Ordering::Acquire) + 2;
        while self.passes.load(Ordering::Acquire) < enough {
            thread::yield_now();
        }
    }

    /// Stops and says where the needle was seen.
    pub fn stop(mut self) -> Vec<Hit> {
        self.stop.store(true, Ordering::Release);
        let hits = self.thread.take().and_then(|thread| thread.join().ok());
        hits.into_iter().flatten().collect()
    }
}

impl Drop for ProcScan {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn look(needle: &[u8], hits: &mut BTreeSet<Hit>) {
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        for (file, place) in [("cmdline", Place::Arguments), ("environ", Place::Environment)] {
            // A process that has ended, or that belongs to somebody else, cannot be read.
            let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
            if contains(&bytes, needle) {
                let program = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                hits.insert(Hit { pid, program: program.trim_end().to_owned(), place });
            }
        }
    }
}
