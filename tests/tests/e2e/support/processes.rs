//! What `/proc` shows of running processes.

use std::path::Path;

/// A process as others see it.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) session: i32,
    /// Its words, separated by NUL.
    pub(crate) words: Vec<u8>,
    /// Its environment, separated by NUL; empty if it may not be seen.
    pub(crate) environment: Vec<u8>,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let directory = Path::new("/proc").join(pid.to_string());
        let stat = std::fs::read_to_string(directory.join("stat")).ok()?;
        // The program's name stands in parentheses and may hold anything. The session is field 6.
        let session = stat.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()?;
        let words = std::fs::read(directory.join("cmdline")).ok()?;
        let environment = std::fs::read(directory.join("environ")).unwrap_or_default();
        Some(Self { pid, session, words, environment })
    }
}

/// All processes that can be seen now.
pub(crate) fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::read).collect()
}
