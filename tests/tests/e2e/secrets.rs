//! Where secrets are not: arguments, environments, files, logs, errors, core dumps.

use anyssh_testkit::ProcScan;
use anyssh_tests::guest::API_KEY;

use super::support::{Gateway, Home, processes};

/// As long as nothing else on the machine holds these words, a hit is ours.
fn secret(what: &str) -> String {
    format!("hunter2-{what}-{}-{:?}", std::process::id(), std::thread::current().id()).replace(['(', ')'], "-")
}

/// K1: the password is in no argument and no environment of any process, while ssh asks for it and after.
#[test]
fn the_password_is_in_no_argument_and_no_environment() {
    let password = secret("password");
    let gateway = Gateway::start(90, &password);
    let home = Home::new();
    let scan = ProcScan::start(&password);
    let go_on = home.beside("go-on");
    let line = format!("echo up; until [ -e '{}' ]; do sleep 0.02; done", go_on.display());
    let running = home.guest(&gateway.pinned(), &["guest", "room", "--", &line]).start();
    running.says("up");
    scan.wait_for_a_pass();
    // K2, F2: nor in a file, while the session runs.
    for file in home.files() {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()), "{}", file.display());
    }
    super::support::write(&go_on, "");
    running.finish().exits(0);
    assert_eq!(scan.stop(), []);
    assert_eq!(gateway.attempts(), 1);
}

/// K1: a key of a provider is in our own environment, where the user put it, and goes no further: not to
/// ssh, not to the helper, not to what mock runs.
#[test]
fn a_key_of_a_provider_goes_to_no_child() {
    let key = secret("key");
    let gateway = Gateway::start(91, "pass word");
    for target in [["guest", "room"], ["mock", "password"]] {
        let home = Home::new();
        let (go_on, given) = (home.beside("go-on"), home.beside("given"));
        // What ssh was given is what its helper gets too.
        let ssh = home.script("ssh", &format!("env >> '{}'; exec /usr/bin/ssh \"$@\"", given.display()));
        let line = format!("echo up; env; until [ -e '{}' ]; do sleep 0.02; done", go_on.display());
        let run = home.guest(&gateway.pinned(), &[&target[..], &["--", &line]].concat());
        let running = run.env(API_KEY, &key).env("ANYSSH_SSH", &ssh).start();
        running.says("up");
        let holds = |bytes: &[u8]| bytes.windows(key.len()).any(|window| window == key.as_bytes());
        let holders: Vec<_> = processes().into_iter().filter(|process| holds(&process.environment)).collect();
        let own = running.pid().as_raw_nonzero().get();
        assert!(holders.iter().all(|process| process.pid == own), "{target:?}: {holders:?}");
        assert_eq!(holders.len(), 1, "the environment of the command itself can be seen");
        super::support::write(&go_on, "");
        let ran = running.finish();
        assert!(!ran.exits(0).text().contains(&key), "the far end does not see it");
        let given = std::fs::read_to_string(given).unwrap();
        assert!(given.contains("SSH_ASKPASS_REQUIRE=force") && !given.contains(&key), "{given}");
    }
}

/// K6: no log at any level and no error holds a secret.
#[test]
fn no_log_and_no_error_holds_a_secret() {
    let (password, key) = (secret("password"), secret("key"));
    let gateway = Gateway::start(92, &password);
    let mut wrong = gateway.pinned();
    wrong.session.password = secret("wrong");
    let mut hopeless = gateway.pinned();
    hopeless.session.password = format!("{}\n", secret("line"));
    for (scenario, status) in [(gateway.pinned(), 0), (gateway.first_use(), 0), (wrong, 255), (hopeless, 255)] {
        for format in ["human", "json"] {
            let home = Home::new();
            let first = ["--debug", "--accept-new-host-key", "--error-format", format];
            let words = [&first, &["guest", "room", "-vvv", "--", "true"][..]].concat();
            let ran = home.guest(&scenario, &words).env(API_KEY, &key).run();
            ran.exits(status);
            assert!(ran.stderr.contains("debug: "), "{}", ran.stderr);
            assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
            for file in home.files() {
                let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
                assert!(!text.contains("hunter2"), "{}", file.display());
            }
        }
    }
}

/// K6: the command and what it starts leave no core file.
#[test]
fn core_files_are_forbidden() {
    let home = Home::new();
    let seen = home.beside("limit");
    let ssh = home.script("ssh", &format!("ulimit -Hc >> '{}'; exec /usr/bin/ssh \"$@\"", seen.display()));
    home.anyssh(&["mock", "certificate", "--", "true"]).env("ANYSSH_SSH", &ssh).run().exits(0);
    let limits = std::fs::read_to_string(seen).unwrap();
    assert!(limits.lines().all(|limit| limit == "0") && !limits.is_empty(), "{limits}");
}

/// K2: a password that is given for `validate` comes through a descriptor, and arrives without its newline.
#[test]
fn a_password_comes_through_a_descriptor() {
    let home = Home::new();
    let words = ["validate", "guest", "room", "--session-id", "s1", "--password-fd"];
    let scenario = anyssh_tests::guest::Scenario { valid: true, ..Default::default() };
    home.guest(&scenario, &[&words[..], &["-"]].concat()).stdin("hunter2\n").run().exits(0);
    let shell = r#"exec 7<<'X'
hunter2
X
exec "$0" "$@""#;
    home.guest(&scenario, &[&words[..], &["7"]].concat()).shell(shell).run().exits(0);
    home.guest(&scenario, &words[..5]).run().exits(0);
    let lengths: Vec<_> = home.begun("validate").iter().map(|call| call.password_length).collect();
    assert_eq!(lengths, [Some(7), Some(7), None]);
    for (input, descriptor) in
        [("", "-"), ("two\nlines\n", "-"), ("x", "9"), ("x", "1"), ("x", "-1"), ("x", "99999999999")]
    {
        let ran = home.guest(&scenario, &[&words[..], &[descriptor]].concat()).stdin(input).run();
        assert!(ran.exits(2).stderr.contains("--password-fd"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("lines"), "{}", ran.stderr);
    }
}

/// A helper that ssh did not start is no helper: without the nonce's socket it answers nothing.
#[test]
fn a_stale_nonce_in_the_environment_is_no_way_in() {
    let home = Home::new();
    let run = home.anyssh(&["me@host's password: "]).env("ANYSSH_HELPER", home.beside("no-socket"));
    let ran = run.env("ANYSSH_HELPER_NONCE", "0").run();
    assert!(ran.status != 0 && ran.stdout.is_empty(), "{ran:?}");
}
