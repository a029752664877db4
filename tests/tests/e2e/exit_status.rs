//! How the command exits: the table of docs/cli.md.

use anyssh_core::ErrorKind;
use anyssh_tests::guest::{Act, KINDS, Left, Scenario};
use serde_json::{Value, json};

use super::support::{Gateway, Home, until};

/// The number and the word of each kind.
const TABLE: [(ErrorKind, i32, &str); 12] = [
    (ErrorKind::Usage, 2, "usage"),
    (ErrorKind::Config, 3, "config"),
    (ErrorKind::Unauthenticated, 4, "auth"),
    (ErrorKind::Forbidden, 4, "auth"),
    (ErrorKind::NotFound, 5, "not_found"),
    (ErrorKind::Conflict, 6, "conflict"),
    (ErrorKind::Unavailable, 7, "unavailable"),
    (ErrorKind::TimedOut, 8, "timeout"),
    (ErrorKind::Failed, 9, "failed"),
    (ErrorKind::Protocol, 10, "protocol"),
    (ErrorKind::Unsupported, 2, "usage"),
    (ErrorKind::Local, 11, "local"),
];

/// P9: the remote command's own status, untouched.
#[test]
fn a_connect_exits_as_the_remote_command_does() {
    for status in [0, 1, 2, 126, 127, 130, 255] {
        let home = Home::new();
        let ran = home.anyssh(&["mock", "certificate", "--", &format!("exit {status}")]).run();
        ran.exits(status);
        assert_eq!(ran.text(), "");
    }
}

/// P9: OpenSSH reports no more of a remote signal than 255, and neither do we.
#[test]
fn a_remote_command_that_a_signal_killed_is_255_and_no_error_of_ours() {
    let ran = Home::new().anyssh(&["--error-format", "json", "mock", "certificate", "--", "kill -9 $$"]).run();
    ran.exits(255);
    assert!(!ran.stderr.contains("\"error\""), "{}", ran.stderr);
}

#[test]
fn commands_that_are_not_there_or_not_executable_are_127_and_126() {
    Home::new().anyssh(&["mock", "password", "--", "/nonexistent/x"]).run().exits(127);
    Home::new().anyssh(&["mock", "password", "--", "/etc/passwd"]).run().exits(126);
}

/// P9: 128 and the number of the signal that ended the local ssh, before and after it was let in.
#[test]
fn a_local_ssh_that_a_signal_ends_is_128_and_its_number() {
    for (signal, status) in [("KILL", 137), ("TERM", 143), ("USR1", 138)] {
        let home = Home::new();
        let ssh = home.script("ssh", &format!("kill -{signal} $$"));
        home.anyssh(&["mock", "certificate", "--", "true"]).env("ANYSSH_SSH", &ssh).run().exits(status);
    }
    let home = Home::new();
    let pid = home.beside("pid");
    let ssh = home.script("ssh", &format!("echo $$ > '{}'; exec /usr/bin/ssh \"$@\"", pid.display()));
    let line = format!("kill -KILL $(cat '{}')", pid.display());
    let ran = home.anyssh(&["mock", "certificate", "--", &line]).env("ANYSSH_SSH", &ssh).run();
    ran.exits(137);
    assert_eq!(home.launches(), Vec::<std::path::PathBuf>::new(), "nothing is left behind");
}

#[test]
fn without_an_ssh_a_connect_is_255_of_kind_local_and_nothing_is_created() {
    let home = Home::new();
    let nowhere = home.beside("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    for (name, value) in [("PATH", nowhere), ("ANYSSH_SSH", nowhere)] {
        let words = ["--error-format", "json", "guest", "room", "--", "true"];
        let ran = home.guest(&Scenario::default(), &words).env(name, value).run();
        ran.exits(255);
        let error = ran.error();
        assert_eq!((&error["code"], &error["kind"], &error["field"]), (&json!(11), &json!("local"), &json!("ssh")));
        assert!(error["hint"].as_str().unwrap().contains("--ssh"), "{error}");
    }
    assert_eq!(home.calls(), []);
}

#[test]
fn wrong_words_are_2_whatever_the_verb() {
    for words in [
        &[][..],
        &["nobody", "room"],
        &["guest"],
        &["guest", "-x", "room"],
        &["guest", "room", "ls"],
        &["guest", "a b"],
        &["--timeout", "soon", "guest", "room"],
        &["create"],
        &["create", "guest"],
        &["create", "guest", "room"],
        &["validate", "guest", "room"],
        &["revoke", "guest", "room", "--session-id", "a b"],
        &["providers", "x"],
        &["targets"],
        &["providers", "--", "x"],
    ] {
        let home = Home::new();
        let ran = home.guest(&Scenario::default(), words).run();
        ran.exits(2);
        assert_eq!((ran.text(), home.calls()), (String::new(), vec![]), "{words:?}");
        assert!(!ran.stderr.is_empty(), "{words:?}");
        let ran = home.guest(&Scenario::default(), &[&["--error-format=json"], words].concat()).run();
        assert_eq!((ran.exits(2).error()["code"].clone(), ran.error()["kind"].clone()), (json!(2), json!("usage")));
        assert_eq!(ran.stderr.lines().count(), 1, "{words:?}: {}", ran.stderr);
    }
}

#[test]
fn a_provider_that_fails_is_255_when_connecting_and_the_table_tells_why() {
    assert_eq!(TABLE.map(|(kind, ..)| kind), KINDS);
    for (kind, code, word) in TABLE {
        let home = Home::new();
        let scenario = Scenario { create: Act::fail(kind, "the door is shut"), ..Scenario::default() };
        let words = ["--error-format", "json", "guest", "room", "--", "true"];
        let ran = home.guest(&scenario, &words).run();
        ran.exits(if code == 2 { 2 } else { 255 });
        let error = ran.error();
        let retryable = kind == ErrorKind::Unavailable;
        let told = ["code", "kind", "provider", "operation", "target", "field", "message", "retryable"];
        let expected: [Value; 8] = [
            json!(code),
            json!(word),
            json!("guest"),
            json!("create"),
            json!("room"),
            Value::Null,
            json!("the door is shut"),
            json!(retryable),
        ];
        assert_eq!(told.map(|key| error[key].clone()), expected);
        assert_eq!(ran.stderr.lines().count(), 1, "one line: {}", ran.stderr);
    }
}

#[test]
fn every_other_verb_exits_with_the_number_of_its_kind() {
    for (kind, code, word) in TABLE {
        let fail = Act::fail(kind, "no");
        let scenario = Scenario {
            create: fail.clone(),
            validate: fail.clone(),
            regenerate: fail.clone(),
            revoke: fail.clone(),
            targets: fail,
            ..Scenario::default()
        };
        for words in [
            &["create", "guest", "room", "--show-secrets"][..],
            &["validate", "guest", "room", "--session-id", "s1"],
            &["regenerate", "guest", "room", "--session-id", "s1"],
            &["revoke", "guest", "room", "--session-id", "s1"],
            &["targets", "guest"],
        ] {
            let ran = Home::new().guest(&scenario, &[&["--error-format=json"], words].concat()).run();
            ran.exits(code);
            let error = ran.error();
            assert_eq!((&error["kind"], &error["operation"]), (&json!(word), &json!(words[0])), "{words:?}");
            assert_eq!(ran.text(), "");
        }
    }
}

#[test]
fn validate_answers_with_0_and_1() {
    let words = ["validate", "guest", "room", "--session-id", "s1"];
    let valid = Scenario { valid: true, ..Scenario::default() };
    assert_eq!(Home::new().guest(&valid, &words).run().exits(0).text(), "valid\n");
    assert_eq!(Home::new().guest(&Scenario::default(), &words).run().exits(1).text(), "not valid: checked out\n");
    Home::new().anyssh(&["validate", "mock", "certificate", "--session-id", "s1"]).run().exits(1);
}

#[test]
fn mock_says_that_what_it_does_not_know_is_not_there_or_gone() {
    let error = Home::new().anyssh(&["--error-format=json", "mock", "nothing", "--", "true"]).run();
    assert_eq!(error.exits(255).error()["code"], json!(5));
    Home::new().anyssh(&["create", "--show-secrets", "mock", "nothing"]).run().exits(2);
    Home::new().anyssh(&["create", "mock", "nothing", "--show-secrets"]).run().exits(5);
    Home::new().anyssh(&["regenerate", "mock", "password", "--session-id", "s1"]).run().exits(5);
    let revoked = Home::new().anyssh(&["revoke", "mock", "password", "--session-id", "s1"]).run();
    assert_eq!(revoked.exits(0).text(), "s1 was gone already\n");
}

/// S8: a session that does not fit the request is not used, and it is revoked.
#[test]
fn a_session_that_does_not_fit_is_refused_by_field_and_revoked() {
    let gateway = Gateway::start(1, "pass word");
    let with = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = gateway.pinned();
        change(&mut scenario);
        scenario
    };
    for (scenario, field) in [
        (with(&|scenario| scenario.session.target = Some("other".into())), "target"),
        (with(&|scenario| scenario.session.expires_in = Some(-60)), "expires_at"),
        (with(&|scenario| scenario.session.trust = anyssh_tests::guest::Trust::Pinned(vec![])), "host_trust"),
    ] {
        let home = Home::new();
        let ran = home.guest(&scenario, &["--error-format=json", "guest", "room", "--", "true"]).run();
        let error = ran.exits(255).error();
        assert_eq!((&error["code"], &error["field"]), (&json!(10), &json!(field)));
        assert_eq!(home.begun("revoke").len(), 1, "{field}");
        assert_eq!(home.begun("revoke")[0].id.as_deref(), Some("guest-1"));
    }
    assert_eq!(gateway.attempts(), 0);
}

#[test]
fn what_may_still_live_is_named_with_the_command_that_ends_it() {
    let left = Left { session: Some("s-7".into()), until: "it ends by itself in an hour".into() };
    let scenario = Scenario { create: Act::Leave(left), ..Scenario::default() };
    let ran = Home::new().guest(&scenario, &["guest", "room", "--", "true"]).run();
    ran.exits(255);
    assert!(ran.stderr.contains("s-7") && ran.stderr.contains("it ends by itself in an hour"), "{}", ran.stderr);
    assert!(ran.stderr.contains("  hint: anyssh revoke guest room --session-id s-7\n"), "{}", ran.stderr);
}

/// A server that takes no connection, a wrong password and a wrong host key.
#[test]
fn an_ssh_that_was_not_let_in_is_255_with_the_kind_of_reason() {
    let gateway = Gateway::start(2, "pass word");
    let mut closed = gateway.pinned();
    closed.session.port = free_port();
    let mut refused = gateway.pinned();
    refused.session.password = "another".into();
    let mut stranger = gateway.pinned();
    stranger.session.trust = anyssh_tests::guest::Trust::Pinned(vec![Gateway::start(3, "x").key_line()]);
    for (scenario, code, kind) in [(closed, 7, "unavailable"), (refused, 4, "auth"), (stranger, 10, "protocol")] {
        let home = Home::new();
        let ran = home.guest(&scenario, &["--error-format=json", "guest", "room", "--", "true"]).run();
        let error = ran.exits(255).error();
        assert_eq!(
            (&error["code"], &error["kind"], &error["operation"]),
            (&json!(code), &json!(kind), &json!("connect"))
        );
        assert_eq!(home.begun("revoke").len(), 1, "{kind}");
    }
    assert_eq!(gateway.attempts(), 1, "only the wrong password was sent, once");
}

/// Never 101, 134 or 139, also when somebody else's provider panics.
#[test]
fn a_provider_that_panics_is_no_101() {
    let scenario = Scenario { create: Act::Panic, ..Scenario::default() };
    for (words, status) in [(&["guest", "room"][..], 255), (&["create", "guest", "room", "--show-secrets"], 11)] {
        let home = Home::new();
        let ran = home.guest(&scenario, words).run();
        ran.exits(status);
        assert!(ran.stderr.contains("error: the program panicked"), "{}", ran.stderr);
        assert!(home.begun("revoke")[0].attempt.is_some(), "what it may have made is revoked");
    }
}

#[test]
fn help_and_version_are_0_on_stdout() {
    for words in [&["--help"][..], &["-h"], &["--version"], &["guest", "--help"], &["create", "guest", "--help"]] {
        let ran = Home::new().anyssh(words).run();
        assert!(!ran.exits(0).text().is_empty() && ran.stderr.is_empty(), "{words:?}");
    }
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The remote status counts, whatever becomes of the session afterwards.
#[test]
fn a_revoke_that_fails_is_a_warning_and_changes_no_status() {
    let gateway = Gateway::start(4, "pass word");
    let mut scenario = gateway.pinned();
    scenario.revoke = Act::fail(ErrorKind::Unavailable, "HTTP 503");
    let home = Home::new();
    let ran = home.guest(&scenario, &["guest", "room", "--", "exit 7"]).run();
    ran.exits(7);
    assert!(ran.stderr.starts_with("warning: guest: room room: HTTP 503\n"), "{}", ran.stderr);
    let ran = home.guest(&scenario, &["--error-format=json", "guest", "room", "--", "exit 7"]).run();
    let warnings = ran.exits(7).warnings();
    assert_eq!(warnings.len(), 1);
    assert_eq!((&warnings[0]["operation"], &warnings[0]["code"]), (&json!("revoke"), &json!(7)));
    until("the record", || home.begun("revoke").len() == 2);
}
