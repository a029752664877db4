//! Options from the command line, the environment and the file.

use std::path::PathBuf;

use anyssh_tests::guest::{Act, Scenario};
use serde_json::json;

use super::support::{Gateway, Home};

/// The seconds that the guest was given, as the options said.
fn request_timeout(home: &Home) -> u64 {
    home.begun("create").last().unwrap().request_timeout_ms
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let home = Home::new();
    let failing = Scenario { create: Act::fail(anyssh_core::ErrorKind::Failed, "no"), ..Scenario::default() };
    home.config("request_timeout = \"11s\"\ntimeout = \"1h\"\nerror_format = \"json\"\n", 0o644);
    let ran = home.guest(&failing, &["guest", "room"]).run();
    assert_eq!((ran.error()["code"].clone(), request_timeout(&home)), (json!(9), 11_000));
    assert!(home.begun("create")[0].time_left_ms > 3_500_000);

    let set = |words: &[&str]| {
        home.guest(&failing, words).env("ANYSSH_REQUEST_TIMEOUT", "12s").env("ANYSSH_ERROR_FORMAT", "human")
    };
    assert!(set(&["guest", "room"]).run().stderr.starts_with("error: "));
    assert_eq!(request_timeout(&home), 12_000);

    let ran = set(&["--request-timeout", "13s", "--error-format=json", "guest", "room"]).run();
    assert_eq!((ran.error()["code"].clone(), request_timeout(&home)), (json!(9), 13_000));
    // After the target too.
    set(&["guest", "room", "--request-timeout=250ms"]).run();
    assert_eq!(request_timeout(&home), 250);
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let home = Home::new();
    home.guest(
        &Scenario { create: Act::fail(anyssh_core::ErrorKind::Failed, "no"), ..Scenario::default() },
        &["guest", "room"],
    )
    .run();
    let call = &home.begun("create")[0];
    assert_eq!(call.request_timeout_ms, 30_000);
    assert!((290_000..=300_000).contains(&call.time_left_ms), "{}", call.time_left_ms);
    assert_eq!(call.options, [""; 0]);
}

#[test]
fn booleans_of_the_environment_are_read_in_any_case() {
    for (text, expected) in [
        ("1", true),
        ("TRUE", true),
        ("Yes", true),
        ("on", true),
        ("0", false),
        ("False", false),
        ("no", false),
        ("OFF", false),
        ("", false),
    ] {
        let ran = Home::new().anyssh(&["providers"]).env("ANYSSH_JSON", text).run();
        assert_eq!(ran.exits(0).text().starts_with('['), expected, "{text:?}");
    }
    // A flag wins over an environment that says no.
    let ran = Home::new().anyssh(&["providers", "--json"]).env("ANYSSH_JSON", "0").run();
    assert!(ran.text().starts_with('['));
}

#[test]
fn a_value_that_does_not_fit_names_where_it_came_from() {
    for (name, value) in [
        ("ANYSSH_JSON", "2"),
        ("ANYSSH_QUIET", "y"),
        ("ANYSSH_TIMEOUT", "5"),
        ("ANYSSH_REQUEST_TIMEOUT", "1.5s"),
        ("ANYSSH_LINGER", "never"),
        ("ANYSSH_ERROR_FORMAT", "xml"),
        ("ANYSSH_HOST_KEY", "MD5:aa"),
        ("ANYSSH_EPHEMERAL", "ja"),
    ] {
        let home = Home::new();
        let ran = home.guest(&Scenario::default(), &["guest", "room"]).env(name, value).run();
        assert!(ran.exits(2).stderr.contains(name), "{}", ran.stderr);
        assert_eq!(home.calls(), []);
    }
    for (option, value) in
        [("--timeout", "5"), ("--linger", "x"), ("--host-key", "SHA256:short"), ("--error-format", "xml")]
    {
        let ran = Home::new().anyssh(&[option, value, "mock", "certificate"]).run();
        assert!(ran.exits(2).stderr.contains(option), "{}", ran.stderr);
    }
    let home = Home::new();
    let file = home.config("timeout = \"soon\"\n", 0o600);
    let ran = home.anyssh(&["--error-format=json", "providers"]).run();
    let message = ran.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("timeout in") && message.contains(file.to_str().unwrap()), "{message}");
}

#[test]
fn durations_of_every_unit_are_taken_and_zero_ends_at_once() {
    let scenario = Scenario { create: Act::Hang, ..Scenario::default() };
    for zero in ["0", "0s", "0ms"] {
        let home = Home::new();
        let ran = home.guest(&scenario, &["--timeout", zero, "--error-format=json", "guest", "room"]).run();
        assert_eq!(ran.exits(255).error()["kind"], json!("timeout"), "{zero}");
    }
}

#[test]
fn a_file_with_a_secret_that_others_can_read_is_refused() {
    for (mode, status) in [(0o600, 0), (0o400, 0), (0o644, 3), (0o640, 3), (0o660, 3)] {
        let home = Home::new();
        let file = home.config("[guest]\nGUEST_API_KEY = \"hunter2\"\n", mode);
        let ran = home.anyssh(&["targets", "guest"]).run();
        ran.exits(status);
        assert!(!ran.stderr.contains("hunter2"));
        if status == 3 {
            assert!(ran.stderr.contains("GUEST_API_KEY") && ran.stderr.contains("chmod 600"), "{}", ran.stderr);
            assert!(ran.stderr.contains(file.to_str().unwrap()), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_missing_setting_is_named_with_where_to_get_it_before_anything_happens() {
    for (words, status) in [
        (&["guest", "room", "--", "true"][..], 255),
        (&["create", "guest", "room", "--show-secrets"], 3),
        (&["validate", "guest", "room", "--session-id", "s"], 3),
        (&["targets", "guest"], 3),
    ] {
        let home = Home::new();
        let with_json = [&["--error-format=json"], words].concat();
        for run in [
            home.guest(&Scenario::default(), &with_json).without("GUEST_API_KEY"),
            home.guest(&Scenario::default(), &with_json).env("GUEST_API_KEY", ""),
        ] {
            let ran = run.run();
            let error = ran.exits(status).error();
            assert_eq!(
                (&error["code"], &error["kind"], &error["field"]),
                (&json!(3), &json!("config"), &json!("GUEST_API_KEY"))
            );
            assert!(error["message"].as_str().unwrap().contains("any word"), "{error}");
        }
        assert_eq!((home.calls(), home.files()), (vec![], Vec::<PathBuf>::new()));
    }
}

#[test]
fn keys_of_the_file_that_nobody_knows_are_refused_by_name() {
    for (text, named) in [
        ("tiemout = \"1s\"\n", "tiemout"),
        ("[guest]\ncolor = \"red\"\n", "guest.color"),
        ("[nobody]\nx = 1\n", "nobody"),
        ("timeout = 5\n", "timeout"),
        ("[guest]\nflag = \"yes\"\n", "flag"),
        ("guest = 1\n", "guest"),
        ("x = = 1\n", "line 1"),
    ] {
        let home = Home::new();
        home.config(text, 0o600);
        let ran = home.guest(&Scenario::default(), &["targets", "guest"]).run();
        assert!(ran.exits(3).stderr.contains(named), "{text}: {}", ran.stderr);
        assert_eq!(home.calls(), []);
    }
}

#[test]
fn provider_options_come_from_the_command_line_or_the_file() {
    let gateway = Gateway::start(30, "pass word");
    let home = Home::new();
    let told = |words: &[&str]| {
        home.guest(&gateway.pinned(), words).run().exits(0);
        home.begun("create").last().unwrap().options.clone()
    };
    assert_eq!(told(&["guest", "room", "--colour", "red", "--flag", "--", "true"]), ["colour=red", "flag"]);
    assert_eq!(told(&["--no-wake", "guest", "room", "--", "true"]), ["no-wake"]);
    home.config("[guest]\ncolour = \"blue\"\nflag = true\n", 0o644);
    assert_eq!(told(&["guest", "room", "--", "true"]), ["colour=blue", "flag"]);
    assert_eq!(told(&["guest", "--colour=red", "room", "--", "true"]), ["colour=red", "flag"]);
    // They belong to their provider alone.
    home.anyssh(&["mock", "certificate", "--colour", "red"]).run().exits(2);
    home.guest(&gateway.pinned(), &["--colour", "red", "guest", "room"]).run().exits(2);
}

#[test]
fn another_file_can_be_named_and_has_to_be_there() {
    let home = Home::new();
    let other = home.beside("other.toml");
    super::support::write(&other, "json = true\n");
    for run in
        [home.anyssh(&["providers", "--config"]).word(&other), home.anyssh(&["providers"]).env("ANYSSH_CONFIG", &other)]
    {
        assert!(run.run().exits(0).text().starts_with('['));
    }
    home.anyssh(&["--config", "/nonexistent/x", "providers"]).run().exits(3);
    let elsewhere = home.beside("xdg");
    super::support::directory(&elsewhere.join("anyssh"), 0o700);
    super::support::write(&elsewhere.join("anyssh/config.toml"), "json = true\n");
    assert!(home.anyssh(&["providers"]).env("XDG_CONFIG_HOME", &elsewhere).run().exits(0).text().starts_with('['));
}

/// Until sessions outlive a command every session is ephemeral, and the words for it are taken.
#[test]
fn ephemeral_and_linger_are_taken() {
    for words in [&["--ephemeral"][..], &["--linger", "expiry"], &["--linger", "0"], &["--linger=2h", "--ephemeral"]] {
        Home::new().anyssh(&[words, &["mock", "certificate", "--", "true"]].concat()).run().exits(0);
    }
}
