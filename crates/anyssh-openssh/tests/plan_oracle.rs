//! What the plans mean to ssh itself: `ssh -G` reads the words and prints what it would do.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like tests")]

mod plan_common;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyssh_core::{Credential, HostTrust};
use anyssh_openssh::{FlagError, Forward, LaunchOptions, SshFlags, SshOption, Terminal, X11, known_hosts, plan};
use plan_common::*;
use proptest::prelude::*;

/// The lines in which the plan differs from an `ssh` without any option, so that what a newer version
/// adds or orders differently does not show up here.
fn difference(credential: Credential, options: &LaunchOptions) -> String {
    let plan = planned(&session(credential), options);
    let plain = resolve(&["-F", "none", "-E", "/dev/null", "-l", "me", "-p", "2222", "--", "gate.example.org"]);
    let plain: BTreeSet<&str> = plain.lines().collect();
    let planned = resolve(&plan.arguments);
    let mut lines: Vec<&str> = planned.lines().filter(|line| !plain.contains(line)).collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn words(credential: Credential) -> String {
    let plan = planned(&session(credential), &LaunchOptions::new());
    plan.arguments.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join("\n").replace("\n-o\n", "\n-o ")
}

fn key_file() -> Credential {
    Credential::KeyFile(PathBuf::from("/home/me/.flyte/id_ed25519"))
}

/// P1, P3, K3: the words for each credential, all of them.
#[test]
fn golden_words() {
    insta::assert_snapshot!("words_certificate", words(certificate()));
    insta::assert_snapshot!("words_password", words(password()));
    insta::assert_snapshot!("words_key_file", words(key_file()));
}

/// P3, K3: what ssh makes of them.
#[test]
fn golden_configuration() {
    insta::assert_snapshot!("configuration_certificate", difference(certificate(), &LaunchOptions::new()));
    insta::assert_snapshot!("configuration_password", difference(password(), &LaunchOptions::new()));
    insta::assert_snapshot!("configuration_key_file", difference(key_file(), &LaunchOptions::new()));
}

/// A value that would undo the lock, for each key that is locked in some plan.
const HOSTILE: &[(&str, &str)] = &[
    ("UserKnownHostsFile", "/evil"),
    ("GlobalKnownHostsFile", "/evil"),
    ("StrictHostKeyChecking", "no"),
    ("UpdateHostKeys", "yes"),
    ("VerifyHostKeyDNS", "yes"),
    ("CheckHostIP", "yes"),
    ("CanonicalizeHostname", "always"),
    ("IdentitiesOnly", "no"),
    ("AddKeysToAgent", "yes"),
    ("GSSAPIAuthentication", "yes"),
    ("HostbasedAuthentication", "yes"),
    ("NumberOfPasswordPrompts", "9"),
    ("ControlMaster", "yes"),
    ("ControlPath", "/evil"),
    ("PermitLocalCommand", "yes"),
    ("Tunnel", "yes"),
    ("ProxyCommand", "evil"),
    ("ProxyJump", "evil"),
    ("PubkeyAcceptedKeyTypes", "ssh-rsa"),
    ("BatchMode", "no"),
    ("PreferredAuthentications", "hostbased"),
    ("PubkeyAuthentication", "no"),
    ("PasswordAuthentication", "yes"),
    ("KbdInteractiveAuthentication", "yes"),
    ("IdentityAgent", "/evil"),
    ("ForwardAgent", "yes"),
    ("LogLevel", "QUIET"),
    ("ForwardX11", "yes"),
    ("ForwardX11Trusted", "yes"),
    ("ClearAllForwardings", "no"),
    ("RequestTTY", "force"),
];

/// ssh adds these up instead of taking the first; no user option reaches them (see the next tests).
const ADDED_UP: &[&str] = &["IdentityFile", "CertificateFile"];

/// P3: whatever came after our locked options would change nothing, key by key.
#[test]
fn no_later_option_overrides_a_locked_one() {
    let plan = planned(&session(certificate()), &LaunchOptions::new());
    let defaults =
        plan.arguments.iter().position(|word| word.to_string_lossy().starts_with("ConnectTimeout=")).unwrap();
    let locked: BTreeSet<String> = plan.arguments[4..defaults - 1]
        .iter()
        .filter_map(|word| word.to_str().unwrap().split_once('=').map(|(key, _)| key.to_owned()))
        .collect();
    let known: BTreeSet<String> =
        HOSTILE.iter().map(|(key, _)| *key).chain(["IdentityFile"]).map(String::from).collect();
    assert_eq!(locked, known, "each locked key has a hostile value here");
    let expected = resolve(&plan.arguments);
    for (key, value) in HOSTILE {
        let mut words = plan.arguments.clone();
        let hostile = [OsString::from("-o"), format!("{key}={value}").into()];
        words.splice(defaults - 1..defaults - 1, hostile);
        assert_eq!(resolve(&words), expected, "{key}={value} after ours changes nothing");
        assert!(ADDED_UP.iter().all(|added| added != key));
    }
}

/// P3: and the list is such that each hostile value does change something where it comes first.
#[test]
fn each_hostile_value_would_matter_if_it_came_first() {
    let plan = planned(&session(certificate()), &LaunchOptions::new());
    let expected = resolve(&plan.arguments);
    for (key, value) in HOSTILE {
        let mut words = plan.arguments.clone();
        words.splice(4..4, [OsString::from("-o"), format!("{key}={value}").into()]);
        let unchanged = resolve(&words) == expected;
        // ClearAllForwardings undoes this one already.
        assert_eq!(unchanged, *key == "Tunnel", "{key}={value}");
    }
}

/// One value for each option that a user may give, and what `ssh -G` says then.
const ACCEPTED: &[(&str, &str)] = &[
    ("AddressFamily=inet6", "addressfamily inet6"),
    ("BindAddress=127.0.0.1", "bindaddress 127.0.0.1"),
    ("BindInterface=eth0.5", "bindinterface eth0.5"),
    ("Ciphers=aes128-ctr,aes256-ctr", "ciphers aes128-ctr,aes256-ctr"),
    ("Compression=yes", "compression yes"),
    ("ConnectTimeout=1m5", "connecttimeout 65"),
    ("ConnectionAttempts=3", "connectionattempts 3"),
    ("DynamicForward=1080", "dynamicforward 1080"),
    ("EscapeChar=\"#\"", "escapechar #"),
    ("ExitOnForwardFailure yes", "exitonforwardfailure yes"),
    ("ForwardAgent=yes", "forwardagent yes"),
    ("ForwardX11=yes", "forwardx11 yes"),
    ("ForwardX11Timeout=20", "forwardx11timeout 20"),
    ("ForwardX11Trusted=no", "forwardx11trusted no"),
    ("GatewayPorts=yes", "gatewayports yes"),
    ("IPQoS=af21 cs1", "ipqos af21 cs1"),
    ("KexAlgorithms=curve25519-sha256", "kexalgorithms curve25519-sha256"),
    ("LocalForward=8080 db:80", "localforward 8080 [db]:80"),
    ("LogLevel=DEBUG2", "loglevel DEBUG2"),
    ("MACs=hmac-sha2-256", "macs hmac-sha2-256"),
    ("PermitRemoteOpen=db:80 [::1]:*", "permitremoteopen db:80 [::1]:*"),
    ("RekeyLimit=1G 1h", "rekeylimit 1073741824 3600"),
    ("RemoteForward=9000", "remoteforward 9000 [socks]:0"),
    ("RequestTTY=force", "requesttty force"),
    ("SendEnv=LANG LC_*", "sendenv LC_*"),
    ("ServerAliveCountMax=7", "serveralivecountmax 7"),
    ("ServerAliveInterval=1m", "serveraliveinterval 60"),
    ("SetEnv=\"GREETING=hello world\" B=2", "setenv GREETING=hello world"),
    ("StreamLocalBindMask=0117", "streamlocalbindmask 0117"),
    ("StreamLocalBindUnlink=yes", "streamlocalbindunlink yes"),
    ("TCPKeepAlive=no", "tcpkeepalive no"),
];

#[test]
fn every_option_of_the_list_reaches_ssh() {
    let keys: Vec<&str> = ACCEPTED.iter().map(|(word, _)| word.split(['=', ' ']).next().unwrap()).collect();
    assert_eq!(keys, SshOption::keys().collect::<Vec<_>>(), "one value for each");
    for (word, expected) in ACCEPTED {
        for spelling in [(*word).to_owned(), word.replacen(['=', ' '], " = ", 1)] {
            let plan = planned(&session(certificate()), &options_with(&[&spelling]));
            let resolved = resolve(&plan.arguments);
            assert!(resolved.lines().any(|line| line == *expected), "{spelling}: {expected} not in\n{resolved}");
        }
        let (key, value) = word.split_at(keys.iter().find(|key| word.starts_with(**key)).unwrap().len());
        assert!(SshOption::parse(&format!("{}{value}", key.to_ascii_lowercase())).is_ok(), "{key} in any case");
    }
}

/// Every keyword of ssh_config(5) (OpenSSH 9.2 with Debian's GSSAPI patch, and those added up to 10.x).
const KEYWORDS: &str = "AddKeysToAgent AddressFamily BatchMode BindAddress BindInterface CASignatureAlgorithms \
    CanonicalDomains CanonicalizeFallbackLocal CanonicalizeHostname CanonicalizeMaxDots CanonicalizePermittedCNAMEs \
    CertificateFile ChannelTimeout CheckHostIP Ciphers ClearAllForwardings Compression ConnectTimeout \
    ConnectionAttempts ControlMaster ControlPath ControlPersist DynamicForward EnableEscapeCommandline \
    EnableSSHKeysign EscapeChar ExitOnForwardFailure FingerprintHash ForkAfterAuthentication ForwardAgent ForwardX11 \
    ForwardX11Timeout ForwardX11Trusted GSSAPIAuthentication GSSAPIClientIdentity GSSAPIDelegateCredentials \
    GSSAPIKexAlgorithms GSSAPIKeyExchange GSSAPIRenewalForcesRekey GSSAPIServerIdentity GSSAPITrustDns GatewayPorts \
    GlobalKnownHostsFile HashKnownHosts Host HostKeyAlgorithms HostKeyAlias HostbasedAcceptedAlgorithms \
    HostbasedAuthentication Hostname IPQoS IdentitiesOnly IdentityAgent IdentityFile IgnoreUnknown Include \
    KbdInteractiveAuthentication KbdInteractiveDevices KexAlgorithms KnownHostsCommand LocalCommand LocalForward \
    LogLevel LogVerbose MACs Match NoHostAuthenticationForLocalhost NumberOfPasswordPrompts ObscureKeystrokeTiming \
    PKCS11Provider PasswordAuthentication PermitLocalCommand PermitRemoteOpen Port PreferredAuthentications \
    ProxyCommand ProxyJump ProxyUseFdpass PubkeyAcceptedAlgorithms PubkeyAuthentication RefuseConnection RekeyLimit \
    RemoteCommand RemoteForward RequestTTY RequiredRSASize RevokedHostKeys SecurityKeyProvider SendEnv \
    ServerAliveCountMax ServerAliveInterval SessionType SetEnv StdinNull StreamLocalBindMask StreamLocalBindUnlink \
    StrictHostKeyChecking SyslogFacility TCPKeepAlive Tag Tunnel TunnelDevice UpdateHostKeys User UserKnownHostsFile \
    VerifyHostKeyDNS VersionAddendum VisualHostKey WarnWeakCrypto XAuthLocation";

/// P3: every other key that ssh knows is refused, by its name and with what anyssh owns there.
#[test]
fn every_other_option_of_ssh_is_refused_with_the_reason() {
    let allowed: BTreeSet<&str> = SshOption::keys().collect();
    for key in KEYWORDS.split_whitespace().filter(|key| !allowed.contains(key)) {
        for spelling in [key.to_owned(), key.to_ascii_lowercase(), key.to_ascii_uppercase()] {
            let error = SshOption::parse(&format!("{spelling}=yes")).unwrap_err();
            assert!(matches!(&error, FlagError::Owned { key: named, .. } if *named == key), "{spelling}: {error}");
        }
    }
    let known: BTreeSet<&str> = KEYWORDS.split_whitespace().collect();
    assert!(allowed.is_subset(&known));
    let error = SshOption::parse("ProxyCommand=evil %h").unwrap_err().to_string();
    assert_eq!(error, "-o ProxyCommand: anyssh owns the transport: the session says where to connect and how");
    let error = SshOption::parse("Frobnicate\u{1b}=1").unwrap_err().to_string();
    assert!(error.starts_with(r"-o Frobnicate\x1b: anyssh owns"), "{error}");
    assert!(error.contains(" AddressFamily ") && error.contains(" TCPKeepAlive"), "{error}");
}

#[test]
fn values_that_do_not_fit_are_refused_and_name_their_option() {
    for word in [
        "Compression=maybe",
        "Compression=",
        "Compression",
        "Compression=yes no",
        "Compression=yes\nProxyCommand=x",
        "Compression=yes\r",
        "Compression=yes\0",
        "Compression=\"yes",
        "ForwardAgent=/tmp/sock",
        "ForwardAgent=$SOCK",
        "SetEnv=A",
        "SetEnv=A=${HOME}",
        "SetEnv=A=%h",
        "SetEnv==x",
        "SetEnv=A=b\nProxyCommand=x",
        "SetEnv=A=b\tc",
        "SendEnv=*",
        "SendEnv=A*",
        "SendEnv=?NYSSH_X",
        "SendEnv=ANYSSH_NONCE",
        "SendEnv=a b;c",
        "EscapeChar=ab",
        "ConnectTimeout=-1",
        "ConnectTimeout=1x",
        "ConnectTimeout=99999999999",
        "ServerAliveCountMax=0",
        "BindAddress=a b",
        "BindInterface=-x",
        "Ciphers=a b",
        "LogLevel=LOUD",
        "LogLevel=DEBUG4",
        "RequestTTY=maybe",
        "LocalForward=8080",
        "LocalForward=8080 /tmp/${HOME}/s",
        "LocalForward=/tmp/%h 8080",
        "RemoteForward=x",
        "DynamicForward=0",
        "StreamLocalBindMask=999",
        "IPQoS=a b c",
        "PermitRemoteOpen=-x",
    ] {
        let error = SshOption::parse(word).unwrap_err();
        let key = word.split('=').next().unwrap();
        assert!(error.to_string().starts_with(&format!("-o {key}: expected ")), "{word:?}: {error}");
        assert!(!error.to_string().contains(|c: char| c.is_control()), "{error:?}");
    }
}

#[test]
fn flags_count_more_than_options_and_of_two_options_the_first() {
    let flags = |words: &[&str]| flags_with(words);
    assert_eq!(flags(&["ForwardX11=yes"]).effective_x11(), X11::Untrusted);
    assert_eq!(flags(&["ForwardX11Trusted=yes"]).effective_x11(), X11::No);
    assert_eq!(flags(&["ForwardX11Trusted=yes", "ForwardX11=yes"]).effective_x11(), X11::Trusted);
    assert_eq!(SshFlags { x11: X11::Untrusted, ..flags(&["ForwardX11=no"]) }.effective_x11(), X11::Untrusted);
    assert!(!flags(&["ForwardAgent=no", "ForwardAgent=yes"]).forwards_agent());
    assert_eq!(flags(&["RequestTTY=yes", "RequestTTY=no"]).effective_terminal(), Terminal::Request);
    let never = SshFlags { terminal: Terminal::Never, ..flags(&["RequestTTY=yes"]) };
    assert_eq!(never.effective_terminal(), Terminal::Never);
}

/// The user's own value comes before our default.
#[test]
fn user_options_win_over_defaults() {
    let plan = planned(&session(certificate()), &options_with(&["ServerAliveInterval=0", "ConnectTimeout=7"]));
    let resolved = resolve(&plan.arguments);
    assert_eq!(values(&resolved, "ServerAliveInterval"), ["0"]);
    assert_eq!(values(&resolved, "ConnectTimeout"), ["7"]);
    assert_eq!(values(&resolved, "ServerAliveCountMax"), ["3"]);
}

/// P3: `-A` hands the agent on without offering its keys for the login.
#[test]
fn a_forwarded_agent_does_not_log_in() {
    for credential in [certificate(), password()] {
        let options = LaunchOptions::new().with_flags(SshFlags { forward_agent: true, ..SshFlags::default() });
        let resolved = resolve(&planned(&session(credential.clone()), &options).arguments);
        assert_eq!(values(&resolved, "ForwardAgent"), ["yes"]);
        assert_eq!(values(&resolved, "IdentityAgent"), ["SSH_AUTH_SOCK"]);
        assert_eq!(values(&resolved, "IdentitiesOnly"), ["yes"]);
        let offers = if matches!(credential, Credential::Password(_)) { "false" } else { "true" };
        assert_eq!(values(&resolved, "PubkeyAuthentication"), [offers]);
        let plain = resolve(&planned(&session(credential), &LaunchOptions::new()).arguments);
        assert_eq!(values(&plain, "ForwardAgent"), ["no"]);
        assert_eq!(values(&plain, "IdentityAgent"), ["none"]);
    }
}

/// Each form of ssh(1), what it becomes, and how ssh reads that.
const FORWARDS: &[(char, &str, &str, &str)] = &[
    ('L', "8080:db:80", "8080:db:80", "localforward 8080 [db]:80"),
    ('L', ":8080:db:80", "*:8080:db:80", "localforward [*]:8080 [db]:80"),
    ('L', "*:08080:my_db.internal:80", "*:8080:my_db.internal:80", "localforward [*]:8080 [my_db.internal]:80"),
    ('L', "[::1]:8080:[2001:DB8::0:1]:80", "[::1]:8080:[2001:db8::1]:80", "localforward [::1]:8080 [2001:db8::1]:80"),
    ('L', "[127.0.0.1]:8080:db:80", "127.0.0.1:8080:db:80", "localforward [127.0.0.1]:8080 [db]:80"),
    ('L', "8080:/run/my db.sock", "8080:/run/my db.sock", "localforward 8080 /run/my db.sock"),
    ('L', "localhost:8080:/run/s", "localhost:8080:/run/s", "localforward [localhost]:8080 /run/s"),
    ('L', "/run/s:db:80", "/run/s:db:80", "localforward /run/s [db]:80"),
    ('L', "./s:/run/t", "./s:/run/t", "localforward ./s /run/t"),
    ('R', "0:db:80", "0:db:80", "remoteforward 0 [db]:80"),
    ('R', "9000", "9000", "remoteforward 9000 [socks]:0"),
    ('R', "*:9000", "*:9000", "remoteforward [*]:9000 [socks]:0"),
    ('R', "[::]:9000:[::1]:22", "[::]:9000:[::1]:22", "remoteforward [::]:9000 [::1]:22"),
    ('R', "9000:/run/s", "9000:/run/s", "remoteforward 9000 /run/s"),
    ('R', "/run/s:/run/t", "/run/s:/run/t", "remoteforward /run/s /run/t"),
    ('R', "/run/s:db:80", "/run/s:db:80", "remoteforward /run/s [db]:80"),
    ('D', "1080", "1080", "dynamicforward 1080"),
    ('D', "[::1]:1080", "[::1]:1080", "dynamicforward [::1]:1080"),
    ('D', ":1080", "*:1080", "dynamicforward [*]:1080"),
];

fn forward(flag: char, text: &str) -> Result<Forward, FlagError> {
    match flag {
        'L' => Forward::parse_local(text),
        'R' => Forward::parse_remote(text),
        _ => Forward::parse_dynamic(text),
    }
}

#[test]
fn forwards_reach_ssh_in_their_canonical_spelling() {
    for &(flag, text, canonical, expected) in FORWARDS {
        let given = forward(flag, text).unwrap();
        assert_eq!((given.flag(), given.to_string().as_str()), (format!("-{flag}").as_str(), canonical));
        assert_eq!(forward(flag, canonical).unwrap(), given);
        let options = LaunchOptions::new().with_flags(SshFlags { forwards: vec![given], ..SshFlags::default() });
        let resolved = resolve(&planned(&session(certificate()), &options).arguments);
        assert!(resolved.lines().any(|line| line == expected), "{text}: {expected} not in\n{resolved}");
        assert_eq!(values(&resolved, "ClearAllForwardings"), ["no"]);
    }
    let plain = resolve(&planned(&session(certificate()), &LaunchOptions::new()).arguments);
    assert_eq!(values(&plain, "ClearAllForwardings"), ["yes"]);
}

#[test]
fn forwards_that_ssh_would_expand_or_misread_are_refused() {
    for (flag, text) in [
        ('L', ""),
        ('L', "8080"),
        ('L', "8080:db"),
        ('L', "a:8080:db:80:x"),
        ('L', "0:db:80"),
        ('L', "8080:db:0"),
        ('L', "70000:db:80"),
        ('L', "8080:db:http"),
        ('L', "-8080:db:80"),
        ('L', "8080:-db:80"),
        ('L', "8080:db:80\n"),
        ('L', "8080:/run/%h"),
        ('L', "8080:/run/${HOME}"),
        ('L', "8080:/run/a\\:b"),
        ('L', "8080:/run/a\tb"),
        ('L', "-x/s:db:80"),
        ('L', "::1:8080:db:80"),
        ('L', "[::1:8080:db:80"),
        ('L', "[db]:8080:db:80"),
        ('L', "8080:[db]:80"),
        ('L', " 8080:db:80"),
        ('L', "8080:/run/s "),
        ('L', "[/run]/s:db:80"),
        ('L', "/run/s"),
        ('R', "x"),
        ('R', "/run/s"),
        ('R', "a b:80"),
        ('D', "0"),
        ('D', "1080:db:80"),
        ('D', "/run/s"),
        ('D', "a:/run/s"),
    ] {
        let error = forward(flag, text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("-{flag}: expected ")), "{text:?}: {error}");
    }
    assert!(Forward::parse_local(&format!("8080:/{}", "x".repeat(107))).is_err(), "longer than any socket's path");
}

/// P2: ssh opens neither the user's configuration nor the system's. The second half shows that the
/// trace would have seen it.
#[cfg(target_os = "linux")]
#[test]
fn no_configuration_file_is_opened() {
    let opened = |words: &[OsString]| {
        let trace = Command::new("strace").args(["-f", "-e", "trace=/^open", "ssh", "-G"]).args(words).output();
        let trace = String::from_utf8_lossy(&trace.unwrap().stderr).into_owned();
        assert!(trace.contains("openat("), "strace works: {trace}");
        trace.lines().filter(|line| line.contains("ssh_config") || line.contains(".ssh/config")).count()
    };
    let mut words = planned(&session(certificate()), &LaunchOptions::new()).arguments;
    words.drain(2..4); // the log, whose directory does not exist
    assert_eq!(opened(&words), 0);
    words.drain(..2); // `-F none`
    assert!(opened(&words) > 0);
}

/// S2: the line is found for exactly this host and port by OpenSSH's own search.
#[test]
fn ssh_keygen_finds_the_line_for_exactly_the_endpoint() {
    for (host, port, name, others) in [
        ("127.0.0.1", 2222, "[127.0.0.1]:2222", &["127.0.0.1", "[127.0.0.1]:2223", "[127.0.0.2]:2222"][..]),
        ("gate.example.org", 22, "gate.example.org", &["[gate.example.org]:2222", "x.gate.example.org"]),
        ("2001:DB8::1", 22, "2001:db8::1", &["[2001:db8::1]:2222", "2001:db8::2"]),
        ("::1", 2222, "[::1]:2222", &["::1", "[::1]:22"]),
    ] {
        for trust in [HostTrust::Pinned(vec![host_key()]), HostTrust::CertAuthority { key: host_key() }] {
            let session = session_at(tcp(host, port), trust.clone(), certificate());
            let anyssh_core::Transport::Tcp { host, port } = &session.endpoint.transport else { panic!("TCP") };
            let file = tempfile::NamedTempFile::new().unwrap();
            std::io::Write::write_all(&mut file.as_file(), known_hosts(host, *port, &trust).unwrap().as_bytes())
                .unwrap();
            let finds = |name: &str| {
                let search = Command::new("ssh-keygen").args(["-F", name, "-f"]).arg(file.path()).output().unwrap();
                !search.stdout.is_empty()
            };
            assert!(finds(name), "{name}");
            for other in others {
                assert!(!finds(other), "{other} in the line for {name}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    /// F5: whatever the directory is called, ssh reads exactly the files in it.
    #[test]
    fn every_directory_name_that_is_accepted_comes_back_as_it_is(
        name in r#"([ \t%h'"\\#$~{}=,;*?\[\]!éß東a-z-]|%h|\$\{x|\\\\|""){1,16}"#,
    ) {
        let directory = Path::new("/run").join(&name);
        let file = directory.join("key");
        let Ok(plan) = plan(&session(Credential::KeyFile(file.clone())), &LaunchOptions::new(), &directory, None) else {
            let refused_rightly = name.contains("${");
            prop_assert!(refused_rightly);
            return Ok(());
        };
        let resolved = resolve(&plan.arguments);
        let hosts = directory.join("known_hosts");
        prop_assert_eq!(values(&resolved, "UserKnownHostsFile"), [hosts.to_str().unwrap()]);
        // `ssh -G` prints this one before it expands the tokens.
        let key = file.to_str().unwrap().replace('%', "%%");
        prop_assert_eq!(values(&resolved, "IdentityFile"), [key.as_str()]);
    }

    /// P3: an accepted option changes its own key and nothing else, whatever its value.
    #[test]
    fn an_accepted_option_touches_no_other_key(
        index in 0..ACCEPTED.len(),
        value in prop_oneof![
            r#"[ -~]{0,12}"#, r#"["'\\ #=%a-z0-9]{0,10}"#, r#"[0-9]{1,5}[smhdw:GK/ ]?[0-9a-z]{0,4}"#, "[A-Z_]{1,8}=[ -~]{0,12}",
        ],
    ) {
        let key = SshOption::keys().nth(index).unwrap();
        let word = format!("{key}={value}");
        let Ok(option) = SshOption::parse(&word) else { return Ok(()) };
        let flags = SshFlags { options: vec![option], ..SshFlags::default() };
        let plan = planned(&session(certificate()), &LaunchOptions::new().with_flags(flags));
        let Some(resolved) = try_resolve(&plan.arguments) else { return Ok(()) };
        let plain = resolve(&planned(&session(certificate()), &LaunchOptions::new()).arguments);
        let plain: BTreeSet<&str> = plain.lines().collect();
        let related: &[&str] = match key {
            "ForwardAgent" => &["identityagent"],
            // A forwarded socket also shows up as `dynamicforward` in the output of `ssh -G`.
            "LocalForward" | "RemoteForward" | "DynamicForward" => &["clearallforwardings", "dynamicforward"],
            _ => &[],
        };
        let own = key.to_ascii_lowercase();
        for line in resolved.lines().filter(|line| !plain.contains(line)) {
            let changed = line.split(' ').next().unwrap();
            prop_assert!(own == changed || related.contains(&changed), "{} changed {}", word, line);
        }
    }

    /// A forwarding that is accepted is one that ssh accepts, and its spelling is stable.
    #[test]
    fn ssh_accepts_every_forwarding_that_is_accepted(
        flag in prop::sample::select(vec!['L', 'R', 'D']),
        fields in proptest::collection::vec(
            prop_oneof!["[0-9]{1,5}", "[a-z.*_-]{0,5}", "\\[[0-9a-f:.]{2,8}\\]", "/[ -~é]{0,8}", "[ -~]{0,4}"], 1..5,
        ),
    ) {
        let text = fields.join(":");
        let Ok(given) = forward(flag, &text) else { return Ok(()) };
        prop_assert_eq!(&forward(flag, &given.to_string()).unwrap(), &given);
        let options = LaunchOptions::new().with_flags(SshFlags { forwards: vec![given], ..SshFlags::default() });
        let plain = resolve(&planned(&session(certificate()), &LaunchOptions::new()).arguments);
        let plain: BTreeSet<&str> = plain.lines().collect();
        let resolved = resolve(&planned(&session(certificate()), &options).arguments);
        for line in resolved.lines().filter(|line| !plain.contains(line)) {
            prop_assert!(line.contains("forward"), "{} gives {}", text, line);
        }
    }
}
