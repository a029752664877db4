//! What `kill -9` leaves, and who removes it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::Signal;

use super::support::{Gateway, Home, until};

/// What is readable or writable by somebody else, below and including a directory.
fn open_to_others(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        if metadata.mode() & 0o077 != 0 {
            found.push(format!("{:o} {}", metadata.mode(), path.display()));
        }
        if metadata.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

/// C7, F2: nothing that others can read stays, and the next run removes the rest.
#[test]
fn what_a_killed_command_leaves_is_private_and_goes_with_the_next_run() {
    for target in ["certificate", "password"] {
        let home = Home::new();
        let umask = r#"umask 000; exec "$0" "$@""#;
        let running = home.anyssh(&["mock", target, "--", "echo up; exec sleep 1000"]).shell(umask).start();
        running.says("up");
        running.signal(Signal::KILL);
        // The server was in the killed process, so ssh ends by itself.
        running.finish().exits(-9);
        let left = home.launches();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(open_to_others(&left[0]), [""; 0]);
        assert_eq!(open_to_others(&home.path().join(".local/state/anyssh")), [""; 0]);
        home.anyssh(&["mock", "certificate", "--", "true"]).run().exits(0);
        assert!(home.launches().is_empty());
        assert!(home.files().is_empty(), "{:?}", home.files());
    }
}

/// C7: the directory of a launch that lives is nobody else's to remove.
#[test]
fn a_running_launch_keeps_its_directory() {
    let gateway = Gateway::start(60, "pass word");
    let home = Home::new();
    let go_on = home.beside("go-on");
    let line = format!("echo up; until [ -e '{}' ]; do sleep 0.02; done; exit 6", go_on.display());
    let running = home.guest(&gateway.pinned(), &["guest", "room", "--", &line]).start();
    running.says("up");
    let own = home.launches();
    home.anyssh(&["mock", "password", "--", "true"]).run().exits(0);
    assert_eq!((home.launches(), own.len()), (own, 1));
    super::support::write(&go_on, "");
    running.finish().exits(6);
    assert!(home.launches().is_empty());
}

/// C7: an ssh that outlives a killed command does not keep its files.
#[test]
fn files_of_a_killed_command_go_although_its_ssh_still_runs() {
    let gateway = Gateway::start(61, "pass word");
    let home = Home::new();
    let running = home.guest(&gateway.pinned(), &["guest", "room", "--", "echo up; exec sleep 1000"]).start();
    running.says("up");
    running.signal(Signal::KILL);
    until("the lock is free and the files are gone", || {
        home.anyssh(&["mock", "certificate", "--", "true"]).run().exits(0);
        home.launches().is_empty()
    });
    running.signal_group(Signal::KILL);
    running.finish().exits(-9);
}
