//! The words of a remote command, and the flags of ssh.

use anyssh_tests::guest::Scenario;
use serde_json::json;

use super::support::{Gateway, Home};

fn printed(words: &[&str]) -> String {
    let ran = Home::new().anyssh(&[&["-q", "mock", "certificate", "--"], words].concat()).run();
    ran.exits(0).text()
}

/// P6: one word is a line for the remote shell.
#[test]
fn one_word_is_read_by_the_remote_shell() {
    assert_eq!(printed(&["printf 'a\\nb\\n' | wc -l"]).trim(), "2");
    assert_eq!(printed(&["x='a  b'; echo $x"]), "a b\n");
}

/// P6: of two or more words each arrives as it was typed.
#[test]
fn two_or_more_words_arrive_as_they_are() {
    let odd = [
        "", "a  b", "'", "\"", "$HOME", "`id`", "\\", "\\n", "a\nb", "-n", "--", "*", "é", "#x", "!x", "~", "a;b", "",
        "&", "\t",
    ];
    let words = [&["printf", "<%s>"][..], &odd].concat();
    let expected: String = odd.iter().map(|word| format!("<{word}>")).collect();
    assert_eq!(printed(&words), expected);
    assert_eq!(printed(&["printf", "%s ", "-e", "--json", "-oProxyCommand=x"]), "-e --json -oProxyCommand=x ");
}

/// P6: bytes that are no UTF-8 are refused with the form in which they arrive.
#[test]
fn a_word_that_is_no_utf_8_is_refused_and_the_advised_form_arrives() {
    use std::os::unix::ffi::OsStrExt as _;
    let word = std::ffi::OsStr::from_bytes(b"\xff\xfe'");
    let ran = Home::new().anyssh(&["mock", "certificate", "--", "printf", "%s"]).word(word).run();
    assert!(ran.exits(2).stderr.contains(r"as in $'\xff'"), "{}", ran.stderr);
    let line = r#"bash -c "printf %s $'\xff\xfe'""#;
    let ran = Home::new().anyssh(&["mock", "certificate", "--", line]).run();
    assert_eq!(ran.exits(0).stdout, b"\xff\xfe");
}

/// P1: what would be an option of the local ssh is a word for the far end.
#[test]
fn a_first_word_that_looks_like_a_flag_goes_to_the_far_end() {
    let gateway = Gateway::start(41, "pass word");
    let home = Home::new();
    let planted = home.beside("planted");
    let word = format!("-oProxyCommand=touch {}", planted.display());
    for more in [&[][..], &["uptime"]] {
        let ran = home.guest(&gateway.pinned(), &[&["guest", "room", "--", &word], more].concat()).run();
        // The remote shell takes the line for options of its own, as it does behind sshd.
        assert!(![0, 255].contains(&ran.status) && !planted.exists(), "{ran:?}");
    }
    assert_eq!(gateway.attempts(), 2);
}

#[test]
fn a_word_after_the_target_shows_the_form_that_works() {
    let home = Home::new();
    let ran = home.guest(&Scenario::default(), &["--error-format=json", "guest", "room", "ls", "-l", "/tmp"]).run();
    let error = ran.exits(2).error();
    assert!(error["hint"].as_str().unwrap().contains("anyssh guest room -- ls -l /tmp"), "{error}");
    assert_eq!(home.calls(), []);
}

#[test]
fn flags_and_options_that_we_own_are_refused_with_a_reason() {
    for words in [
        &["-J", "jump"][..],
        &["-p", "22"],
        &["-i", "key"],
        &["-F", "file"],
        &["-o", "ProxyCommand=touch x"],
        &["-o", "proxycommand touch x"],
        &["-oStrictHostKeyChecking=no"],
        &["-oUserKnownHostsFile=/dev/null"],
        &["-oHostName=evil"],
        &["-oPermitLocalCommand=yes"],
        &["-oLocalCommand=x"],
        &["-oIdentityFile=x"],
        &["-oNoSuchOption=x"],
        &["-oServerAliveInterval"],
        &["-L", "nonsense"],
    ] {
        let home = Home::new();
        let ran = home.guest(&Scenario::default(), &[&["--error-format=json", "guest", "room"], words].concat()).run();
        let error = ran.exits(2).error();
        assert!(error["message"].as_str().unwrap().len() > 20, "{error}");
        assert_eq!((home.calls(), error["provider"].clone()), (vec![], json!("guest")), "{words:?}");
    }
    let ran = Home::new().anyssh(&["mock", "certificate", "-J", "jump"]).run();
    assert!(ran.stderr.contains("-J is not for anyssh: "), "{}", ran.stderr);
}

#[test]
fn options_of_the_list_reach_ssh() {
    let home = Home::new();
    let seen = home.beside("words");
    let ssh = home.script("ssh", &format!("printf '%s\\n' \"$@\" > '{}'; exec /usr/bin/ssh \"$@\"", seen.display()));
    let words = ["mock", "certificate", "-o", "ServerAliveInterval=7", "-oSetEnv=LC_X=1", "-T", "--", "echo $LC_X"];
    let ran = home.anyssh(&words).env("ANYSSH_SSH", &ssh).run();
    assert_eq!(ran.exits(0).text(), "1\n");
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("\nServerAliveInterval=7\n") || seen.contains("\nServerAliveInterval 7\n"), "{seen}");
}

#[test]
fn another_user_than_the_credentials_is_a_usage_error() {
    let gateway = Gateway::start(40, "pass word");
    let home = Home::new();
    let ran =
        home.guest(&gateway.pinned(), &["--error-format=json", "guest", "room", "-l", "root", "--", "true"]).run();
    assert_eq!(ran.exits(2).error()["kind"], json!("usage"));
    assert_eq!(gateway.attempts(), 0);
    assert_eq!(home.begun("create").len(), home.begun("revoke").len());
    home.guest(&gateway.pinned(), &["guest", "room", "-l", "guest", "--", "true"]).run().exits(0);
}

/// `-N` runs nothing and ends with the signal; a forwarding works meanwhile.
#[test]
fn a_forwarding_without_a_command_works_until_it_is_ended() {
    use std::io::{Read as _, Write as _};
    let home = Home::new();
    let socket = home.beside("forward");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let forward = format!("{}:127.0.0.1:{}", socket.display(), listener.local_addr().unwrap().port());
    let running = home.anyssh(&["mock", "certificate", "-N", "-L", &forward]).start();
    let mut stream = None;
    super::support::until("the forwarding", || {
        stream = std::os::unix::net::UnixStream::connect(&socket).ok();
        stream.is_some()
    });
    let (mut far, _) = listener.accept().unwrap();
    let mut near = stream.unwrap();
    near.write_all(b"ping").unwrap();
    let mut four = [0; 4];
    far.read_exact(&mut four).unwrap();
    assert_eq!(&four, b"ping");
    drop((near, far));
    running.signal(rustix::process::Signal::TERM);
    running.finish().exits(143);
    assert!(home.launches().is_empty());
}

#[test]
fn no_command_and_a_command_together_are_a_usage_error() {
    Home::new().anyssh(&["mock", "certificate", "-N", "--", "true"]).run().exits(2);
}

/// Without a command the far end runs a login shell that reads its input.
#[test]
fn without_a_command_a_shell_reads_the_input() {
    let ran = Home::new().anyssh(&["-q", "mock", "certificate"]).stdin("echo in-$((1 + 1)); exit 9\n").run();
    assert!(ran.exits(9).text().contains("in-2"), "{}", ran.text());
    let ran = Home::new().anyssh(&["-q", "mock", "password", "--"]).stdin("exit 8\n").run();
    ran.exits(8);
}
