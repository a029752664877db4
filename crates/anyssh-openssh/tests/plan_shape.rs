//! The command line's shape, the files, the environment: what does not need ssh's opinion.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like tests")]

mod plan_common;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyssh_core::secrecy::ExposeSecret as _;
use anyssh_core::{CallerKey, Credential, HostAlias, HostTrust, UserName};
use anyssh_openssh::{
    Forward, Helper, HelperUse, LaunchOptions, LogLevel, PlanError, RemoteCommand, SshFlags, known_hosts, needs_helper,
    plan,
};
use plan_common::*;
use proptest::prelude::*;

fn words(plan: &anyssh_openssh::Plan) -> Vec<&str> {
    plan.arguments.iter().map(|word| word.to_str().unwrap()).collect()
}

fn contents(plan: &anyssh_openssh::Plan, name: &str) -> String {
    let file = plan.files.iter().find(|file| file.name == name).unwrap();
    String::from_utf8(file.contents.expose_secret().to_vec()).unwrap()
}

/// P1: no `user@host` word, `--` before the host, the command as one word after it.
#[test]
fn the_command_line_ends_with_user_port_dashes_host_and_one_command_word() {
    let options = LaunchOptions::new()
        .with_remote_command(RemoteCommand::from_words(&["-oProxyCommand=touch /tmp/x", "a b"]).unwrap());
    let plan = planned(&session(certificate()), &options);
    let words = words(&plan);
    assert_eq!(words[..4], ["-F", "none", "-E", "/run/user/1000/anyssh/launch/log"]);
    let tail = &words[words.len() - 7..];
    assert_eq!(tail, ["-l", "me", "-p", "2222", "--", "gate.example.org", "'-oProxyCommand=touch /tmp/x' 'a b'"]);
    assert!(!words.iter().any(|word| word.contains("me@")));
}

/// S2, S3: the golden bytes of known_hosts.
#[test]
fn known_hosts_holds_one_line_for_exactly_the_endpoint() {
    let authority = HostTrust::CertAuthority { key: host_key() };
    let session = session_at(tcp("Gate.Example.org", 2222), authority, certificate());
    let plan = planned(&session, &LaunchOptions::new());
    assert_eq!(contents(&plan, "known_hosts"), format!("@cert-authority [gate.example.org]:2222 {HOST_KEY}\n"));
    let pinned = session_at(tcp("::1", 22), HostTrust::Pinned(vec![host_key(), host_key()]), certificate());
    let plan = planned(&pinned, &LaunchOptions::new());
    assert_eq!(contents(&plan, "known_hosts"), format!("::1 {HOST_KEY}\n::1 {HOST_KEY}\n"));
}

/// S4: without a key to trust there is no plan.
#[test]
fn first_use_and_an_empty_list_of_keys_are_errors() {
    let alias = HostAlias::parse("alias", "sbx-1").unwrap();
    let first_use = HostTrust::FirstUse(anyssh_core::FirstUse::new(alias));
    for (trust, expected) in [(first_use, "sbx-1"), (HostTrust::Pinned(vec![]), "no host key")] {
        let session = session_at(tcp("h.example", 22), trust.clone(), certificate());
        let error = plan(&session, &LaunchOptions::new(), Path::new(DIRECTORY), Some(&helper())).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        let error = known_hosts(&host(), port(), &trust).unwrap_err();
        assert!(matches!(error, PlanError::HostNotPinned { .. } | PlanError::NoHostKey));
    }
}

fn host() -> anyssh_core::Host {
    anyssh_core::Host::parse("host", "h.example").unwrap()
}

fn port() -> anyssh_core::Port {
    anyssh_core::Port::SSH
}

#[test]
fn key_and_certificate_files_are_in_the_format_of_openssh() {
    let plan = planned(&session(certificate()), &LaunchOptions::new());
    assert_eq!(plan.files.iter().map(|file| file.name).collect::<Vec<_>>(), ["known_hosts", "id", "id-cert.pub"]);
    let private = contents(&plan, "id");
    assert!(private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n") && private.ends_with("KEY-----\n"));
    assert!(!private.contains('\r'));
    assert_eq!(contents(&plan, "id-cert.pub"), format!("{}\n", user_certificate(1).to_line()));
    let agent = Credential::CertificateOnly { certificate: user_certificate(1), key: CallerKey::Agent };
    let plan = planned(&session(agent), &LaunchOptions::new());
    assert!(contents(&plan, "id.pub").starts_with("ssh-ed25519 AAAA"));
}

/// K2: the two prompts, and nothing else; only a password is handed out at all.
#[test]
fn askpass_has_the_exact_prompts_of_this_user_and_host() {
    let plan = planned(&session(password()), &LaunchOptions::new());
    let askpass = plan.askpass.unwrap();
    assert_eq!(askpass.prompts, ["me@gate.example.org's password: ", "(me@gate.example.org) Password: "]);
    assert_eq!(askpass.password.secret().expose_secret(), PASSWORD);
    assert!(planned(&session(certificate()), &LaunchOptions::new()).askpass.is_none());
}

fn variable<'a>(plan: &'a anyssh_openssh::Plan, name: &str) -> Option<&'a str> {
    plan.set_environment.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.to_str())
}

fn removes(plan: &anyssh_openssh::Plan, name: &str) -> bool {
    plan.remove_environment.contains(&OsString::from(name))
}

/// K1, K2, P4: askpass is ours or nobody's, the shell is /bin/sh, credentials of providers stay here.
#[test]
fn the_environment_has_our_askpass_or_none_and_no_agent_unless_asked() {
    let options = LaunchOptions::new().with_hidden_environment(["LEAP0_API_KEY"]);
    let with_password = planned(&session(password()), &options);
    assert_eq!(variable(&with_password, "SSH_ASKPASS"), Some(HELPER));
    assert_eq!(variable(&with_password, "SSH_ASKPASS_REQUIRE"), Some("force"));
    assert!(removes(&with_password, "SSH_ASKPASS_PROMPT") && !removes(&with_password, "SSH_ASKPASS"));
    let with_key = planned(&session(certificate()), &options);
    assert!(removes(&with_key, "SSH_ASKPASS") && removes(&with_key, "SSH_ASKPASS_REQUIRE"));
    for plan in [&with_password, &with_key] {
        assert_eq!(variable(plan, "SHELL"), Some("/bin/sh"));
        assert!(removes(plan, "LEAP0_API_KEY") && removes(plan, "SSH_AUTH_SOCK"));
    }
    let agent = LaunchOptions::new().with_flags(SshFlags { forward_agent: true, ..SshFlags::default() });
    assert!(!removes(&planned(&session(certificate()), &agent), "SSH_AUTH_SOCK"));
    assert!(!removes(&planned(&session(certificate()), &options_with(&["ForwardAgent=yes"])), "SSH_AUTH_SOCK"));
}

#[test]
fn what_needs_a_helper_is_refused_without_one_before_anything_is_made() {
    let socket = session_at(web_socket("wss://h.example/"), HostTrust::Pinned(vec![host_key()]), certificate());
    for (session, expected) in [(session(password()), HelperUse::Password), (socket, HelperUse::WebSocket)] {
        assert_eq!(needs_helper(&session), Some(expected));
        let error = plan(&session, &LaunchOptions::new(), Path::new(DIRECTORY), None).unwrap_err();
        assert!(matches!(error, PlanError::HelperMissing(needed) if needed == expected));
    }
    assert_eq!(needs_helper(&session(certificate())), None);
    assert!(plan(&session(certificate()), &LaunchOptions::new(), Path::new(DIRECTORY), None).is_ok());
}

#[test]
fn another_user_is_refused_where_the_credential_fixes_it_and_taken_for_a_plain_key() {
    let user = |name| Some(UserName::parse("user", name).unwrap());
    let options = |name| LaunchOptions::new().with_flags(SshFlags { user: user(name), ..SshFlags::default() });
    let only = Credential::CertificateOnly { certificate: user_certificate(1), key: CallerKey::Agent };
    for credential in [certificate(), only, password()] {
        let session = session(credential);
        let error = plan(&session, &options("root"), Path::new(DIRECTORY), Some(&helper())).unwrap_err();
        assert!(error.to_string().starts_with("-l root: the session's "), "{error}");
        assert!(plan(&session, &options("me"), Path::new(DIRECTORY), Some(&helper())).is_ok());
    }
    let file = session(Credential::KeyFile(PathBuf::from("/home/me/.ssh/id")));
    assert!(words(&planned(&file, &options("root"))).windows(2).any(|pair| pair == ["-l", "root"]));
}

/// F5: a directory or key file that ssh cannot be told is refused, with its name and what to do.
#[test]
fn paths_that_cannot_be_quoted_are_refused_by_name() {
    for directory in ["/run/${x}", "/run/a\nb", "/run/a\rb", "relative"] {
        let error = plan(&session(certificate()), &LaunchOptions::new(), Path::new(directory), None).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("XDG_RUNTIME_DIR") && text.contains("ANYSSH_STATE_DIR"), "{text}");
        assert!(!text.contains('\n') && !text.contains('\r'), "{text}");
    }
    for file in ["id_ed25519", "/home/${USER}/id"] {
        let session = session(Credential::KeyFile(PathBuf::from(file)));
        let error = plan(&session, &LaunchOptions::new(), Path::new(DIRECTORY), None).unwrap_err();
        assert!(error.to_string().contains(file), "{error}");
    }
}

/// P4: a helper whose path ssh's own quote check could trip over is refused.
#[test]
fn helper_paths_with_quotes_backslashes_or_lines_are_refused() {
    for path in ["anyssh", "./anyssh", "", "/a'b", "/a\"b", "/a\\b", "/a\nb", "/a\tb", "/a${b}", "/a\0b"] {
        assert!(Helper::new(path).is_err(), "{path:?}");
    }
    assert!(Helper::new("/opt/My Tools (x86) 100%/grüße $5 `x` #1/anyssh").is_ok());
}

#[test]
fn a_command_together_with_no_command_is_refused() {
    let options = LaunchOptions::new()
        .with_flags(SshFlags { no_command: true, ..SshFlags::default() })
        .with_remote_command(RemoteCommand::Line("ls".into()));
    let error = plan(&session(certificate()), &options, Path::new(DIRECTORY), None).unwrap_err();
    assert!(matches!(error, PlanError::CommandWithoutSession));
}

#[test]
fn the_connect_timeout_is_whole_seconds_and_at_least_one() {
    for (timeout, expected) in
        [(0, "ConnectTimeout=1"), (1001, "ConnectTimeout=2"), (u64::MAX, "ConnectTimeout=2147483647")]
    {
        let options = LaunchOptions::new().with_connect_timeout(Duration::from_millis(timeout));
        assert!(words(&planned(&session(certificate()), &options)).contains(&expected), "{timeout}");
    }
}

#[test]
fn the_log_file_holds_verbose_or_more_whatever_is_shown() {
    for (words_given, shown, file) in [
        ("LogLevel=QUIET", LogLevel::Quiet, "LogLevel=VERBOSE"),
        ("LogLevel=ERROR", LogLevel::Info, "LogLevel=VERBOSE"),
        ("LogLevel=VERBOSE", LogLevel::Debug1, "LogLevel=DEBUG1"),
        ("loglevel DEBUG3", LogLevel::Debug3, "LogLevel=DEBUG3"),
    ] {
        let plan = planned(&session(certificate()), &options_with(&[words_given]));
        assert_eq!(plan.log_level, shown);
        assert_eq!(words(&plan).iter().filter(|word| word.starts_with("LogLevel")).collect::<Vec<_>>(), [&file]);
    }
}

/// K6: neither the password, nor the key, nor the tunnel's token is in `Debug`.
#[test]
fn debug_of_a_plan_shows_no_secret() {
    let socket =
        session_at(web_socket("wss://h.example/?token=q-t0ken"), HostTrust::Pinned(vec![host_key()]), password());
    let with_key = planned(&session(certificate()), &LaunchOptions::new());
    let private = contents(&with_key, "id");
    let shown = format!(
        "{:?} {:#?} {with_key:?}",
        planned(&socket, &LaunchOptions::new()),
        planned(&socket, &LaunchOptions::new())
    );
    for secret in [PASSWORD, "s3cret-token", "q-t0ken", private.lines().nth(2).unwrap()] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

/// K1: nothing secret is in the words or the environment, for any credential.
#[test]
fn no_word_and_no_variable_holds_a_secret() {
    let socket =
        session_at(web_socket("wss://h.example/?token=q-t0ken"), HostTrust::Pinned(vec![host_key()]), password());
    for session in [session(password()), session(certificate()), socket] {
        let plan = planned(&session, &LaunchOptions::new());
        let all = format!("{:?} {:?}", plan.arguments, plan.set_environment);
        for secret in [PASSWORD, "s3cret-token", "q-t0ken", "OPENSSH PRIVATE KEY"] {
            assert!(!all.contains(secret), "{secret}");
        }
    }
}

proptest! {
    /// P1: whatever the command and the forwardings, the shape holds.
    #[test]
    fn every_command_is_one_word_after_the_host(
        command in proptest::collection::vec("[^\\x00]{0,20}", 0..4), port in 1i64..65536, forwards in 0usize..3,
    ) {
        let given = vec![Forward::parse_local("8080:db:80").unwrap(); forwards];
        let remote_command = RemoteCommand::from_words(&command).unwrap();
        let options = LaunchOptions::new()
            .with_flags(SshFlags { forwards: given, ..SshFlags::default() })
            .with_remote_command(remote_command.clone());
        let session = session_at(tcp("h.example", port), HostTrust::Pinned(vec![host_key()]), password());
        let plan = planned(&session, &options);
        let words = words(&plan);
        let dashes = words.iter().position(|word| *word == "--").unwrap();
        prop_assert_eq!(&words[..2], &["-F", "none"]);
        let port = port.to_string();
        prop_assert_eq!(&words[dashes - 4..dashes + 2], &["-l", "me", "-p", port.as_str(), "--", "h.example"]);
        prop_assert_eq!(words.len() - dashes - 2, usize::from(remote_command != RemoteCommand::None));
        prop_assert!(!words[..dashes + 2].iter().any(|word| word.contains('@') && !word.starts_with("Pubkey")));
        // Everything before is `-o VALUE`, or one of the flags that stand alone or take one word.
        let mut rest = &words[4..dashes - 4];
        while let [flag, value, tail @ ..] = rest {
            prop_assert!(["-o", "-L"].contains(flag) && !value.starts_with('-'), "{} {}", flag, value);
            rest = tail;
        }
        prop_assert!(rest.is_empty());
    }
}
