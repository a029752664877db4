//! Signals, deadlines and the clean-up after them.

use std::time::Duration;

use anyssh_core::ErrorKind;
use anyssh_tests::guest::{Act, Scenario};
use rustix::process::Signal;
use serde_json::json;

use super::support::{Gateway, Home, processes, until};

const SIGNALS: [(Signal, i32); 4] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129), (Signal::QUIT, 131)];

/// Clean-up may take 5 s; what a busy machine adds is more than anybody likes and less than twice that.
const CLEAN_UP: Duration = Duration::from_secs(9);

fn with_create(create: Act) -> Scenario {
    Scenario { create, ..Scenario::default() }
}

/// C6: what a dropped creation made is found by its attempt.
#[test]
fn a_signal_while_creating_ends_it_and_revokes_by_the_attempt() {
    for (signal, status) in SIGNALS {
        for act in [Act::Hang, Act::Ignore] {
            let home = Home::new();
            let words = ["--error-format=json", "guest", "room", "--", "true"];
            let running = home.guest(&with_create(act), &words).start();
            until("create", || home.begun("create").len() == 1);
            running.signal(signal);
            let ran = running.finish();
            let error = ran.exits(status).error();
            assert_eq!((&error["kind"], &error["code"]), (&json!("interrupted"), &json!(status)));
            let (made, revoked) = (&home.begun("create")[0], &home.begun("revoke")[0]);
            assert_eq!((&revoked.attempt, &revoked.id), (&made.attempt, &None));
        }
    }
}

/// C6: as a terminal sends it, to ssh and to us.
#[test]
fn a_signal_during_the_remote_command_ends_both_and_revokes() {
    let gateway = Gateway::start(50, "pass word");
    for (signal, status) in SIGNALS {
        for whole_group in [false, true] {
            let home = Home::new();
            let running = home.guest(&gateway.pinned(), &["guest", "room", "--", "echo up; exec sleep 1000"]).start();
            running.says("up");
            let session = running.pid().as_raw_nonzero().get();
            if whole_group {
                running.signal_group(signal)
            } else {
                running.signal(signal)
            }
            running.finish().exits(status);
            assert_eq!(home.begun("revoke")[0].id.as_deref(), Some("guest-1"));
            assert!(home.launches().is_empty());
            until("no process is left", || processes().iter().all(|process| process.session != session));
        }
    }
}

/// What mock runs ends with it.
#[test]
fn nothing_that_mock_started_outlives_it() {
    let home = Home::new();
    let marker = format!("1000.{}", std::process::id());
    let running = home.anyssh(&["mock", "certificate", "--", &format!("echo up; exec sleep {marker}")]).start();
    running.says("up");
    let runs = || processes().iter().any(|process| String::from_utf8_lossy(&process.words).contains(&marker));
    assert!(runs());
    running.signal(Signal::TERM);
    running.finish().exits(143);
    until("no process is left", || !runs());
}

/// C6: an impatient user does not wait for the clean-up.
#[test]
fn a_second_ctrl_c_ends_at_once() {
    let scenario = Scenario { create: Act::Hang, revoke: Act::Ignore, ..Scenario::default() };
    let home = Home::new();
    let running = home.guest(&scenario, &["guest", "room"]).start();
    until("create", || home.begun("create").len() == 1);
    running.signal(Signal::INT);
    until("revoke", || home.begun("revoke").len() == 1);
    let before = std::time::Instant::now();
    running.signal(Signal::INT);
    running.finish().exits(130);
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());

    let gateway = Gateway::start(51, "pass word");
    let home = Home::new();
    let scenario = Scenario { revoke: Act::Ignore, ..gateway.pinned() };
    let running = home.guest(&scenario, &["guest", "room", "--", "echo up; exec sleep 1000"]).start();
    running.says("up");
    running.signal_group(Signal::INT);
    until("revoke", || home.begun("revoke").len() == 1);
    let before = std::time::Instant::now();
    running.signal_group(Signal::INT);
    running.finish().exits(130);
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
    assert!(home.launches().is_empty());
}

#[test]
fn a_deadline_ends_a_creation_that_hangs() {
    let home = Home::new();
    let words = ["--timeout", "300ms", "--error-format=json", "guest", "room"];
    let ran = home.guest(&with_create(Act::Hang), &words).run();
    let error = ran.exits(255).error();
    assert_eq!((&error["code"], &error["kind"]), (&json!(8), &json!("timeout")));
    assert!(error["hint"].as_str().unwrap().contains("--timeout"));
    assert!(ran.took < CLEAN_UP);
    assert!(home.begun("create")[0].time_left_ms <= 300);
}

/// C6: a provider that misses its deadline is cut off, and what it may have made is revoked.
#[test]
fn a_creation_that_ignores_its_deadline_is_cut_off_and_revoked_by_its_attempt() {
    let home = Home::new();
    let words = ["--timeout", "100ms", "--error-format=json", "guest", "room"];
    let ran = home.guest(&with_create(Act::Ignore), &words).run();
    let error = ran.exits(255).error();
    assert_eq!((&error["code"], &error["kind"]), (&json!(8), &json!("timeout")));
    assert!(ran.took < CLEAN_UP, "{:?}", ran.took);
    assert_eq!(home.begun("revoke")[0].attempt, home.begun("create")[0].attempt);
}

/// Clean-up has 5 s; what is not done by then is a warning, and the remote status stays.
#[test]
fn a_revoke_that_does_not_end_is_a_warning_after_5_seconds() {
    let gateway = Gateway::start(52, "pass word");
    let runs = [Act::Hang, Act::Ignore].map(|revoke| {
        let home = Home::new();
        let scenario = Scenario { revoke, ..gateway.pinned() };
        let words = ["--error-format=json", "guest", "room", "--", "exit 7"];
        let running = home.guest(&scenario, &words).start();
        (home, running)
    });
    for (home, running) in runs {
        let ran = running.finish();
        let warnings = ran.exits(7).warnings();
        assert_eq!(
            (warnings.len(), &warnings[0]["kind"], &warnings[0]["operation"]),
            (1, &json!("timeout"), &json!("revoke"))
        );
        assert!(ran.took < CLEAN_UP, "{:?}", ran.took);
        assert!((4_000..=5_000).contains(&home.begun("revoke")[0].time_left_ms));
    }
}

#[test]
fn a_failed_connect_and_a_failed_revoke_are_an_error_and_a_warning() {
    let mut scenario = Gateway::start(53, "pass word").pinned();
    scenario.session.port = 1;
    scenario.revoke = Act::fail(ErrorKind::Forbidden, "HTTP 403");
    let ran = Home::new().guest(&scenario, &["--error-format=json", "guest", "room", "--", "true"]).run();
    assert_eq!(ran.exits(255).error()["code"], json!(7));
    let warnings = ran.warnings();
    assert_eq!((warnings.len(), &warnings[0]["code"]), (1, &json!(4)));
    let ran = Home::new().guest(&scenario, &["guest", "room", "--", "true"]).run();
    assert!(ran.stderr.contains("warning: guest: room room: HTTP 403\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("error: guest: room room: no SSH connection"), "{}", ran.stderr);
}

#[test]
fn every_verb_that_waits_can_be_interrupted() {
    let hang = || Act::Ignore;
    let scenario =
        Scenario { validate: hang(), regenerate: hang(), revoke: hang(), targets: hang(), ..Scenario::default() };
    for words in [
        &["validate", "guest", "room", "--session-id", "s1"][..],
        &["regenerate", "guest", "room", "--session-id", "s1"],
        &["revoke", "guest", "room", "--session-id", "s1"],
        &["targets", "guest"],
    ] {
        let home = Home::new();
        let running = home.guest(&scenario, &[&["--error-format=json"], words].concat()).start();
        until(words[0], || home.begun(words[0]).len() == 1);
        running.signal(Signal::TERM);
        let ran = running.finish();
        assert_eq!(ran.exits(143).error()["kind"], json!("interrupted"), "{words:?}");
        assert_eq!(ran.text(), "");
    }
    let home = Home::new();
    let running = home.guest(&with_create(Act::Ignore), &["create", "guest", "room", "--show-secrets"]).start();
    until("create", || home.begun("create").len() == 1);
    running.signal(Signal::INT);
    running.finish().exits(130);
    assert!(home.begun("revoke")[0].attempt.is_some());
}

/// C6: the session is there already, its server says nothing.
#[test]
fn a_signal_while_the_host_key_is_read_ends_it_and_revokes() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for trust in [Gateway::start(54, "x").pinned().session.trust, Scenario::default().session.trust] {
        let mut scenario = Scenario::default();
        scenario.session.port = silent.local_addr().unwrap().port();
        scenario.session.trust = trust;
        let home = Home::new();
        let running = home.guest(&scenario, &["guest", "room", "--", "true"]).start();
        let _connection = silent.accept().unwrap();
        running.signal(Signal::INT);
        running.finish().exits(130);
        assert_eq!(home.begun("revoke")[0].id.as_deref(), Some("guest-1"));
        assert!(home.launches().is_empty());
    }
}

/// Everything until ssh is started is under one deadline, the reading of a host key too.
#[test]
fn a_server_that_says_nothing_is_a_timeout() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut scenario = Scenario::default();
    scenario.session.port = silent.local_addr().unwrap().port();
    let home = Home::new();
    let ran = home.guest(&scenario, &["--timeout=500ms", "--error-format=json", "guest", "room", "--", "true"]).run();
    assert_eq!(ran.exits(255).error()["kind"], json!("timeout"));
    assert!(ran.took < CLEAN_UP, "{:?}", ran.took);
    assert_eq!(home.begun("revoke").len(), 1);
}
