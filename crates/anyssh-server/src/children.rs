//! What a server has started, so that nothing of it outlives the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

/// The process groups that one server started and that may still run.
#[derive(Debug, Default)]
pub(crate) struct Children(Mutex<Groups>);

#[derive(Debug, Default)]
struct Groups {
    running: HashMap<Pid, Extent>,
    over: bool,
}

/// How far a command reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// A process group of its own.
    Group,
    /// A session of its own, with a terminal: its shell makes more process groups.
    Session,
}

/// One command that was started.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    children: Arc<Children>,
    leader: Pid,
}

impl Children {
    /// Takes note of a command by the id of its first process, which leads its process group. When
    /// the server is already over, the command is killed at once.
    pub(crate) fn add(self: &Arc<Self>, leader: Pid, extent: Extent) -> Started {
        let mut groups = self.groups();
        if groups.over {
            kill(leader, extent);
        } else {
            groups.running.insert(leader, extent);
        }
        Started { children: Arc::clone(self), leader }
    }

    /// Kills all that runs, now and from now on.
    pub(crate) fn kill_all(&self) {
        let mut groups = self.groups();
        groups.over = true;
        for (leader, extent) in groups.running.drain() {
            kill(leader, extent);
        }
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Started {
    /// Sends a signal to the command's first process group.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.children.groups().running.contains_key(&self.leader) {
            let _ = kill_process_group(self.leader, signal);
        }
    }

    /// The first process has ended. What it left behind in its group or session runs on, as with
    /// `sshd`, and is remembered, so that it ends with the server.
    pub(crate) fn leader_ended(&self) {
        let mut groups = self.children.groups();
        let nothing_left = test_kill_process_group(self.leader).is_err();
        let extent = groups.running.get(&self.leader).copied();
        if nothing_left && (extent != Some(Extent::Session) || session_members(self.leader).is_empty()) {
            groups.running.remove(&self.leader);
        }
    }
}

fn kill(leader: Pid, extent: Extent) {
    // Those that are gone already need nothing.
    if extent == Extent::Session {
        for member in session_members(leader) {
            let _ = kill_process(member, Signal::KILL);
        }
    }
    let _ = kill_process_group(leader, Signal::KILL);
}

/// The processes of a session, read from Linux's `/proc` (proc_pid_stat(5): field 6 is the session).
/// Elsewhere none are found; there the end of the session's leader hangs up its terminal.
fn session_members(leader: Pid) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| session_of(*pid) == Some(leader.as_raw_nonzero().get()))
        .filter_map(Pid::from_raw)
        .collect()
}

fn session_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in parentheses and may hold anything, so reading starts behind it.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(3)?.parse().ok()
}
