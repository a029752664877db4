//! What a crash leaves, and what others can see of a launch (requirements F1, F2, C7).

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use anyssh_openssh::LaunchOptions;
use rustix::process::Signal;

use crate::runner::tests;
use crate::support::{Driver, Scratch, drive_words, eventually, output, password_session, result, this_program};

tests![
    nothing_is_readable_by_others_whatever_the_umask,
    what_a_killed_launch_left_is_private_and_the_next_launch_removes_it,
    the_sweep_leaves_what_is_alive_or_not_ours,
];

/// F1, F2: looked at while ssh runs, with umask 000.
fn nothing_is_readable_by_others_whatever_the_umask() {
    let scratch = Scratch::new();
    let ssh = scratch.fake_ssh(
        "OpenSSH_9.9",
        "cd \"$(dirname \"$LOG\")\"\nstat -c '%a %F %n' .. . * >\"$HERE/seen\"\n[ -S askpass ] && exit 3",
    );
    let words = drive_words(&scratch, &ssh, 9, "me", "password");
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(this_program()).args(words).arg("true");
    let _driver = Driver(shell.spawn().unwrap());
    assert!(result(&scratch).contains("Exited(3)"));
    let seen = scratch.read("seen");
    assert!(seen.lines().count() >= 6, "{seen}");
    for line in seen.lines() {
        let mode = if line.contains("directory") { "700 " } else { "600 " };
        assert!(line.starts_with(mode), "{seen}");
    }
}

/// C7
fn what_a_killed_launch_left_is_private_and_the_next_launch_removes_it() {
    let scratch = Scratch::new();
    let driver = Driver::start(
        &scratch,
        "touch \"$HERE/ready\"\nwhile [ -e \"$HERE\" ] && [ ! -e \"$HERE/go\" ]; do sleep 0.05; done",
    );
    eventually("ssh runs", || scratch.exists("ready"));
    driver.signal(Signal::KILL);
    drop(driver);
    let left: Vec<_> = fs::read_dir(scratch.base()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(fs::metadata(&left[0]).unwrap().mode() & 0o777, 0o700);
    for file in fs::read_dir(&left[0]).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().mode() & 0o777, 0o600);
    }
    crate::support::write(&scratch.path("go"), "", 0o600);
    scratch.launcher(&scratch.fake_ssh("OpenSSH_9.9", "exit 0")).sweep().unwrap();
    scratch.assert_nothing_left();
}

/// C7
fn the_sweep_leaves_what_is_alive_or_not_ours() {
    let scratch = Scratch::new();
    let _driver = Driver::start(&scratch, "touch \"$HERE/ready\"\nwhile [ -e \"$HERE\" ]; do sleep 0.05; done");
    eventually("ssh runs", || scratch.exists("ready"));
    let make = |name: &str, mode: u32| {
        let path = scratch.base().join(name);
        fs::DirBuilder::new().create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        crate::support::write(&path.join("kept"), "x", 0o600);
        path
    };
    let (other, loose, elsewhere) =
        (make("other", 0o700), make("launch-0123456789abcdef", 0o755), make("launch-0123456789abcde0", 0o700));
    crate::support::write(&elsewhere.join("lock"), "another-machine", 0o600);
    let before = fs::read_dir(scratch.base()).unwrap().count();
    let target = scratch.path("target");
    crate::support::write(&target, "x", 0o600);
    std::os::unix::fs::symlink(scratch.path(""), scratch.base().join("launch-0123456789abcde1")).unwrap();
    let other_scratch = Scratch::new();
    let ssh = other_scratch.fake_ssh("OpenSSH_9.9", "exit 0");
    output(&scratch.launcher(&ssh), &password_session(), &LaunchOptions::new());
    assert_eq!(fs::read_dir(scratch.base()).unwrap().count(), before + 1);
    assert!([other, loose, elsewhere].iter().all(|path| path.join("kept").exists()) && target.exists());
}
