//! Odd homes, masks, users and runtime directories.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::support::{Home, directory, write};

/// A real ssh that first writes down, with modes, all that the launch has on disk and the way to it.
fn watching(home: &Home) -> (PathBuf, PathBuf) {
    let seen = home.beside("seen");
    let script = format!(
        r#"for word; do [ "$before" = -E ] && log=$word; before=$word; done
[ -n "$log" ] || exec /usr/bin/ssh "$@"
launch=${{log%/*}}; base=${{launch%/*}}
{{ find "$launch" -printf '%m %U %y %p\n'; find "$base" "${{base%/*}}" -maxdepth 0 -printf '%m %U %y %p\n'; }} >> '{}'
exec /usr/bin/ssh "$@""#,
        seen.display()
    );
    (home.script("ssh", &script), seen)
}

/// A line of what [`watching`] saw.
#[derive(Debug)]
struct Seen {
    mode: u32,
    owner: u32,
    kind: String,
    path: String,
}

fn seen(file: &Path) -> Vec<Seen> {
    let text = std::fs::read_to_string(file).unwrap();
    let line = |line: &str| {
        let mut parts = line.splitn(4, ' ');
        let mut part = || parts.next().unwrap().to_owned();
        let mode = u32::from_str_radix(&part(), 8).unwrap();
        Seen { mode, owner: part().parse().unwrap(), kind: part(), path: part() }
    };
    text.lines().map(line).collect()
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// F1, F2, K7: whatever the mask, directories are 0700 and files 0600, before ssh starts and while it is
/// there, and afterwards all of it is gone.
#[test]
fn whatever_the_mask_what_a_launch_has_on_disk_is_private_and_goes() {
    for mask in ["000", "077", "022"] {
        for target in ["certificate", "password"] {
            let home = Home::new();
            let (ssh, log) = watching(&home);
            let shell = format!(r#"umask {mask}; exec "$0" "$@""#);
            let words = ["-q", "mock", target, "--", "echo hello"];
            let ran = home.anyssh(&words).env("ANYSSH_SSH", &ssh).shell(&shell).run();
            assert_eq!((ran.exits(0).text().as_str(), ran.lines()), ("hello\n", vec![]));
            let seen = seen(&log);
            assert!(seen.len() >= 5, "{seen:?}");
            for entry in seen {
                let expected = if entry.kind == "d" { 0o700 } else { 0o600 };
                assert_eq!((entry.mode, entry.owner), (expected, own_uid()), "umask {mask}: {}", entry.path);
            }
            assert_eq!((home.files(), home.launches()), (vec![], vec![]));
        }
    }
}

/// F5: the path of a home may hold anything but a line break and `${`.
#[test]
fn homes_with_odd_names_work() {
    let long = "l".repeat(200);
    for name in [
        "with blank\ttab",
        "%h%%d it's a\"b",
        "hällo-日本 back\\slash",
        "#hash $HOME",
        "-dash;a&b|c *?[x] `id` ~",
        &long,
    ] {
        let home = Home::called(name);
        for target in ["certificate", "password"] {
            let ran = home.anyssh(&["-q", "mock", target, "--", "echo hello"]).run();
            assert_eq!((ran.exits(0).text().as_str(), ran.lines()), ("hello\n", vec![]), "{name}");
        }
        assert_eq!((home.files(), home.launches()), (vec![], vec![]), "{name}");
    }
}

/// F5: what ssh could not be told without a wrong reading is refused, with advice.
#[test]
fn homes_that_cannot_be_told_to_ssh_are_refused_with_advice() {
    for name in ["line\nbreak", "${HOME}", "return\r"] {
        let home = Home::called(name);
        let ran = home.anyssh(&["--error-format=json", "mock", "certificate", "--", "echo hello"]).run();
        let error = ran.exits(255).error();
        assert_eq!(error["kind"], json!("local"), "{error}");
        assert_eq!(ran.text(), "");
        assert!(home.files().is_empty());
    }
}

/// F6: a path far beyond what a socket's address can hold.
#[test]
fn a_very_long_home_works() {
    let home = Home::new();
    let mut path = home.path().to_owned();
    while path.as_os_str().len() < 900 {
        path.push("d".repeat(90));
    }
    directory(&path, 0o700);
    for target in ["certificate", "password"] {
        let ran = home.anyssh(&["-q", "mock", target, "--", "echo hello"]).env("HOME", &path).run();
        assert_eq!(ran.exits(0).text(), "hello\n", "{}", ran.stderr);
    }
    assert!(home.files().is_empty());
}

/// F1, F6: a runtime directory is used if it is ours alone; any other is passed over.
#[test]
fn a_runtime_directory_is_used_only_if_it_is_ours_alone() {
    let run = |home: &Home, value: &Path| {
        let (ssh, log) = watching(home);
        let run = home.anyssh(&["-q", "mock", "password", "--", "true"]).env("ANYSSH_SSH", &ssh);
        run.env("XDG_RUNTIME_DIR", value).run().exits(0);
        seen(&log).remove(0).path
    };
    let home = Home::new();
    let own = home.beside("own");
    directory(&own, 0o700);
    assert!(run(&home, &own).starts_with(own.to_str().unwrap()));
    assert_eq!(std::fs::read_dir(own.join("anyssh")).unwrap().count(), 0, "nothing is left there");

    let make = |home: &Home, name: &str, mode| {
        let path = home.beside(name);
        directory(&path, mode);
        path
    };
    let file = |home: &Home| {
        write(&home.beside("file"), "");
        home.beside("file")
    };
    type Make = Box<dyn Fn(&Home) -> PathBuf>;
    let mut others: Vec<Make> = vec![
        Box::new(move |home| make(home, "loose", 0o755)),
        Box::new(move |home| make(home, "open", 0o777)),
        Box::new(|home| home.beside("missing")),
        Box::new(file),
        Box::new(|_| "relative/path".into()),
        Box::new(|_| "/tmp".into()),
        Box::new(|_| "/proc/self".into()),
    ];
    if own_uid() == 0 {
        others.push(Box::new(move |home| {
            let path = make(home, "foreign", 0o700);
            std::os::unix::fs::chown(&path, Some(12345), Some(12345)).unwrap();
            path
        }));
    }
    for other in others {
        let home = Home::new();
        let value = other(&home);
        let launch = run(&home, &value);
        let base = home.path().join(".local/state/anyssh/run");
        assert!(launch.starts_with(base.to_str().unwrap()), "{}: {launch}", value.display());
        assert!(!value.join("anyssh").exists());
        assert!(home.files().is_empty());
    }
}

/// F1: a state directory that others can enter, or that is a link, is refused by name.
#[test]
fn a_state_directory_that_is_not_ours_alone_is_refused_by_name() {
    let refused = |home: &Home| {
        let ran = home.anyssh(&["--error-format=json", "mock", "certificate", "--", "true"]).run();
        let error = ran.exits(255).error();
        assert_eq!(error["code"], json!(11));
        let message = error["message"].as_str().unwrap().to_owned();
        assert!(message.contains(".local/state/anyssh"), "{message}");
        message
    };
    let home = Home::new();
    let state = home.path().join(".local/state/anyssh");
    for loose in [&state, &state.join("run")] {
        directory(loose, 0o755);
        assert!(refused(&home).contains("chmod 700"));
        directory(loose, 0o700);
    }
    let home = Home::new();
    let elsewhere = home.beside("elsewhere");
    directory(&elsewhere, 0o700);
    directory(&home.path().join(".local/state"), 0o700);
    std::os::unix::fs::symlink(&elsewhere, home.path().join(".local/state/anyssh")).unwrap();
    // As a parent a link of ours is followed; the directory that holds the files may be none.
    assert!(refused(&home).contains("symbolic link"));
    assert_eq!(std::fs::metadata(&elsewhere).unwrap().mode() & 0o777, 0o700);
    std::os::unix::fs::symlink("/nonexistent", home.beside("dangling")).unwrap();
    let ran =
        home.anyssh(&["mock", "certificate", "--", "true"]).env("ANYSSH_STATE_DIR", home.beside("dangling")).run();
    ran.exits(255);
    home.anyssh(&["mock", "certificate", "--", "true"]).env("ANYSSH_STATE_DIR", "relative").run().exits(2);
}

/// F7: nothing of the user's own SSH is read or written.
#[test]
fn the_users_own_ssh_directory_is_left_alone() {
    let home = Home::new();
    let ssh = home.path().join(".ssh");
    directory(&ssh, 0o700);
    write(
        &ssh.join("config"),
        "Host *\n  ProxyCommand false\n  RemoteCommand false\n  LocalForward 1 x:1\n  Include nothing\n",
    );
    write(&ssh.join("known_hosts"), "this is no line\n");
    let before = home.files();
    for target in ["certificate", "password"] {
        home.anyssh(&["mock", target, "--", "true"]).run().exits(0);
    }
    assert_eq!(home.files(), before);
    assert_eq!(std::fs::read_to_string(ssh.join("known_hosts")).unwrap(), "this is no line\n");
}

#[test]
fn a_home_that_is_unset_is_that_of_the_user_database_or_an_error() {
    let home = Home::new();
    let state = home.beside("state");
    let ran = home.anyssh(&["mock", "certificate", "--", "true"]).without("HOME").env("ANYSSH_STATE_DIR", &state).run();
    ran.exits(0);
    let ran = home.anyssh(&["mock", "certificate", "--", "true"]).env("HOME", "relative").run();
    assert!(ran.exits(255).stderr.contains("set HOME or ANYSSH_STATE_DIR"), "{}", ran.stderr);
}

/// As somebody who is not root. Tests that are not run by root show that already.
#[test]
fn another_user_has_the_same_command() {
    if own_uid() != 0 {
        return;
    }
    const NOBODY: u32 = 65534;
    let home = Home::new();
    home.give_to(NOBODY);
    let program = home.beside("anyssh");
    std::fs::copy(env!("CARGO_BIN_EXE_anyssh-under-test"), &program).unwrap();
    for target in ["certificate", "password"] {
        let run = home.anyssh(&["-q", "mock", target, "--", "id -u; umask"]).uid(NOBODY).program(&program);
        let ran = run.shell(r#"umask 000; exec "$0" "$@""#).run();
        assert!(ran.exits(0).text().starts_with("65534\n"), "{}", ran.text());
        assert!(home.files().is_empty());
    }
    // ssh itself refuses a user that no database knows; we say what it said, and leave nothing.
    let home = Home::new();
    const UNKNOWN: u32 = 54321;
    home.give_to(UNKNOWN);
    let ran = home
        .anyssh(&["--error-format=json", "mock", "certificate", "--", "id -u"])
        .uid(UNKNOWN)
        .program(&program)
        .run();
    drop(program);
    assert!(ran.exits(255).stderr.contains("No user exists for uid 54321"), "{}", ran.stderr);
    assert!(home.files().is_empty());
}

/// Nothing but a home: no `TERM`, no `SHELL`, no `USER`, no `TMPDIR`.
#[test]
fn an_almost_empty_environment_is_enough() {
    for directory in ["/", "/proc"] {
        let shell = format!(r#"cd {directory}; exec "$0" "$@""#);
        Home::new().anyssh(&["mock", "password", "--", "true"]).shell(&shell).run().exits(0);
    }
    // A hostile environment changes nothing.
    let home = Home::new();
    let run = home.anyssh(&["-q", "mock", "password", "--", "echo hello"]);
    let run = run.env("SSH_ASKPASS", "/bin/false").env("SSH_ASKPASS_REQUIRE", "never").env("SHELL", "/bin/false");
    let run = run.env("DISPLAY", ":99").env("SSH_AUTH_SOCK", "/nonexistent").env("TMPDIR", "/nonexistent");
    assert_eq!(run.run().exits(0).text(), "hello\n");
}
