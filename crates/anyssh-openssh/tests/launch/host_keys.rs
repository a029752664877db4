//! From a server whose key nobody told us to a pinned one (requirement K4).

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyssh_core::{Deadline, FirstUse, HostAlias, HostTrust, Progress, Readiness, Session};
use anyssh_openssh::{
    Answer, AskUser, HostKeyError, HostKeyPolicy, LaunchOptions, NewKey, Outcome, PinError, PinStore, TrustError,
    TrustResolver,
};

use crate::runner::tests;
use crate::support::{HOST_SEED, Scratch, Sshd, USER_SEED, block_on, command, host_key, output, real_ssh, soon, write};

tests![
    the_host_key_is_read_and_nothing_is_left,
    a_port_that_opens_late_is_waited_for,
    a_port_that_refuses_is_waited_for_as_long_as_the_session_says,
    a_server_that_says_nothing_ends_at_the_deadline,
    what_is_not_written_is_an_error,
    without_anybody_to_ask_the_fingerprint_is_named_and_nothing_is_pinned,
    a_yes_pins_the_key_and_is_asked_for_once,
    a_no_pins_nothing,
    an_expected_fingerprint_is_compared_and_pinned,
    a_changed_key_is_a_hard_stop_even_if_new_keys_are_accepted,
    a_key_of_the_same_group_is_accepted_with_a_note,
    a_transport_that_is_authenticated_needs_no_question,
    a_pin_that_cannot_be_written_means_no_session,
    a_pinned_key_is_compared_with_the_fingerprint,
    of_many_at_once_one_pin_wins,
];

struct World {
    scratch: Scratch,
    sshd: Sshd,
    pins: PinStore,
}

impl World {
    fn new() -> Self {
        let scratch = Scratch::new();
        let pins = PinStore::open(&scratch.path("state")).unwrap();
        Self { scratch, sshd: Sshd::start(), pins }
    }

    fn session(&self, name: &str, group: Option<&str>) -> Session {
        let first_use = FirstUse::new(alias(name));
        self.session_trusting(match group {
            Some(group) => first_use.in_group(group),
            None => first_use,
        })
    }

    fn session_trusting(&self, first_use: FirstUse) -> Session {
        let mut session = self.sshd.session();
        session.endpoint.host_trust = HostTrust::FirstUse(first_use);
        session
    }

    fn resolve(
        &self,
        session: &Session,
        policy: &HostKeyPolicy,
        ask: Option<AskUser<'_>>,
        progress: &Progress,
    ) -> Result<Session, TrustError> {
        let launcher = &self.scratch.launcher(&real_ssh());
        let resolver = TrustResolver { launcher, pins: &self.pins, policy, ask, progress };
        let resolved = block_on(resolver.resolve(session, &LaunchOptions::new(), soon()));
        if self.scratch.base().exists() {
            self.scratch.assert_nothing_left();
        }
        resolved
    }
}

fn alias(name: &str) -> HostAlias {
    HostAlias::parse("alias", name).unwrap()
}

fn expecting(seed: u8) -> HostKeyPolicy {
    HostKeyPolicy { fingerprint: Some(host_key(seed).fingerprint().parse().unwrap()), new_key: NewKey::Ask }
}

fn accepting() -> HostKeyPolicy {
    HostKeyPolicy { fingerprint: None, new_key: NewKey::Accept }
}

fn is_pinned_to(session: &Session, seed: u8) -> bool {
    matches!(&session.endpoint.host_trust, HostTrust::Pinned(keys) if *keys == [host_key(seed)])
}

fn the_host_key_is_read_and_nothing_is_left() {
    let world = World::new();
    let launcher = world.scratch.launcher(&real_ssh());
    let read = block_on(launcher.read_host_key(&world.sshd.session(), &LaunchOptions::new(), soon())).unwrap();
    assert_eq!(read, host_key(HOST_SEED));
    world.scratch.assert_nothing_left();
}

fn a_port_that_opens_late_is_waited_for() {
    let world = World::new();
    world.sshd.closes.store(4, Ordering::SeqCst);
    let launcher = world.scratch.launcher(&real_ssh());
    let read = block_on(launcher.read_host_key(&world.sshd.session(), &LaunchOptions::new(), soon())).unwrap();
    assert_eq!((read, world.sshd.connections()), (host_key(HOST_SEED), 5));
}

/// The key is read, and the login made, however often ssh was refused before somebody listens.
fn a_port_that_refuses_is_waited_for_as_long_as_the_session_says() {
    let world = World::new();
    let scratch = Scratch::new();
    // The ninth and later runs of ssh find the real port; those before, one that nobody listens at.
    let refused = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let closed = refused.local_addr().unwrap().port();
    drop(refused);
    let real = real_ssh();
    let script = format!(
        "echo x >>\"$HERE/runs\"\nif [ \"$(wc -l <\"$HERE/runs\")\" -lt 9 ]; then exec {real} -o Port={closed} \"$@\"; fi\nexec {real} \"$@\"",
        real = real.path().display(),
    );
    let launcher = scratch.launcher(&scratch.fake_ssh("OpenSSH_9.9", &script));
    let sure = world.sshd.session();
    let late = sure.clone().with_readiness(Readiness::Unknown);
    let runs = || scratch.read("runs").lines().count();
    let forget = || fs::remove_file(scratch.path("runs")).unwrap();

    let read = block_on(launcher.read_host_key(&late, &LaunchOptions::new(), soon())).unwrap();
    assert_eq!((read, runs()), (host_key(HOST_SEED), 9));
    forget();
    let outcome = output(&launcher, &late, &command("exit 6")).outcome;
    assert!(matches!(outcome, Outcome::Ran { .. }), "{outcome:?}");
    assert_eq!(runs(), 9);
    forget();
    let outcome = output(&launcher, &sure, &command("exit 6")).outcome;
    assert!(matches!(outcome, Outcome::NotAuthenticated(_)), "{outcome:?}");
    assert_eq!(runs(), 4, "one that is said to listen is not waited for");
    forget();
    let deadline = Deadline::at(Instant::now() + Duration::from_millis(700));
    let error = block_on(launcher.read_host_key(&late, &LaunchOptions::new(), deadline)).unwrap_err();
    assert!(matches!(error, HostKeyError::TimedOut { .. }), "the deadline wins: {error}");
    assert!(error.to_string().ends_with("Connection refused"), "and says why: {error}");
    scratch.assert_nothing_left();
}

/// N8: before its banner.
fn a_server_that_says_nothing_ends_at_the_deadline() {
    let scratch = Scratch::new();
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut session = crate::support::password_session();
    let port = i64::from(silent.local_addr().unwrap().port());
    session.endpoint.transport = anyssh_core::Transport::Tcp {
        host: anyssh_core::Host::parse("host", "127.0.0.1").unwrap(),
        port: anyssh_core::Port::from_number("port", port).unwrap(),
    };
    let deadline = Deadline::at(Instant::now() + Duration::from_millis(400));
    let launcher = scratch.launcher(&real_ssh());
    let error = block_on(launcher.read_host_key(&session, &LaunchOptions::new(), deadline)).unwrap_err();
    assert!(matches!(error, HostKeyError::TimedOut { .. }), "{error}");
    scratch.assert_nothing_left();
}

/// K4: an ssh on a full disk goes on and exits with 0; that is no key.
fn what_is_not_written_is_an_error() {
    let scratch = Scratch::new();
    for script in ["exit 0", "printf '[127.0.0.1]:9 ssh-ed' >\"$(dirname \"$LOG\")/known_hosts\"; exit 0"] {
        let launcher = scratch.launcher(&scratch.fake_ssh("OpenSSH_9.9", script));
        let session = crate::support::password_session();
        let error = block_on(launcher.read_host_key(&session, &LaunchOptions::new(), soon())).unwrap_err();
        assert!(matches!(error, HostKeyError::NotRead { .. }), "{error}");
    }
    let line = host_key(1).to_line();
    for written in [format!("other {line}\n"), format!("[127.0.0.1]:9 {line}\nx {line}\n"), "x\n".to_owned()] {
        let script = format!("printf '{written}' >\"$(dirname \"$LOG\")/known_hosts\"; exit 0");
        let launcher = scratch.launcher(&scratch.fake_ssh("OpenSSH_9.9", &script));
        let session = crate::support::password_session();
        let error = block_on(launcher.read_host_key(&session, &LaunchOptions::new(), soon())).unwrap_err();
        assert!(matches!(error, HostKeyError::Malformed(_)), "{error}");
    }
}

fn without_anybody_to_ask_the_fingerprint_is_named_and_nothing_is_pinned() {
    let world = World::new();
    let session = world.session("sbx-1", None);
    let error = world.resolve(&session, &HostKeyPolicy::default(), None, &Progress::silent()).unwrap_err();
    assert!(matches!(error, TrustError::NeedsYes(_)));
    assert!(error.to_string().contains(&host_key(HOST_SEED).fingerprint()), "{error}");
    assert_eq!(world.pins.get(&alias("sbx-1")).unwrap(), None);
}

/// A user who answers without thinking.
fn at_once(answer: Answer) -> std::pin::Pin<Box<dyn Future<Output = Answer> + Send>> {
    Box::pin(std::future::ready(answer))
}

fn a_yes_pins_the_key_and_is_asked_for_once() {
    let world = World::new();
    let session = world.session("sbx-1", None);
    let asked = AtomicUsize::new(0);
    let ask = |question: anyssh_openssh::HostKeyQuestion| {
        assert_eq!((question.key_type.as_str(), question.port), ("ssh-ed25519", world.sshd.port()));
        asked.fetch_add(1, Ordering::SeqCst);
        at_once(Answer::Yes)
    };
    for _ in 0..2 {
        let resolved = world.resolve(&session, &HostKeyPolicy::default(), Some(&ask), &Progress::silent()).unwrap();
        assert!(is_pinned_to(&resolved, HOST_SEED));
        let outcome = output(&world.scratch.launcher(&real_ssh()), &resolved, &command("exit 6")).outcome;
        assert!(matches!(outcome, Outcome::Ran { .. }), "{outcome:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(world.sshd.connections(), 3, "a pinned key is not read again");
}

fn a_no_pins_nothing() {
    let world = World::new();
    let session = world.session("sbx-1", None);
    let no: AskUser<'_> = &|_| at_once(Answer::No);
    let error = world.resolve(&session, &HostKeyPolicy::default(), Some(no), &Progress::silent()).unwrap_err();
    assert!(matches!(error, TrustError::SaidNo(_)), "{error}");
    assert_eq!(world.pins.get(&alias("sbx-1")).unwrap(), None);
}

fn an_expected_fingerprint_is_compared_and_pinned() {
    let world = World::new();
    let session = world.session("sbx-1", None);
    let error = world.resolve(&session, &expecting(9), None, &Progress::silent()).unwrap_err();
    assert!(matches!(error, TrustError::NotTheExpected { .. }), "{error}");
    assert_eq!(world.pins.get(&alias("sbx-1")).unwrap(), None);
    let resolved = world.resolve(&session, &expecting(HOST_SEED), None, &Progress::silent()).unwrap();
    assert!(is_pinned_to(&resolved, HOST_SEED));
    let error = world.resolve(&session, &expecting(9), None, &Progress::silent()).unwrap_err();
    assert!(matches!(error, TrustError::NotTheExpected { .. }), "a pin does not overrule --host-key: {error}");
}

fn a_changed_key_is_a_hard_stop_even_if_new_keys_are_accepted() {
    let world = World::new();
    world.pins.put(&alias("sbx-1"), &host_key(9), None).unwrap();
    let session = world.session("sbx-1", None);
    let yes: AskUser<'_> = &|_| at_once(Answer::Yes);
    let resolved = world.resolve(&session, &accepting(), Some(yes), &Progress::silent()).unwrap();
    assert!(is_pinned_to(&resolved, 9));
    let launcher = world.scratch.launcher(&real_ssh());
    let Outcome::NotAuthenticated(ended) = output(&launcher, &resolved, &command("true")).outcome else { panic!() };
    let (policy, progress) = (accepting(), Progress::silent());
    let resolver =
        TrustResolver { launcher: &launcher, pins: &world.pins, policy: &policy, ask: None, progress: &progress };
    let error = resolver.explain(&session, &ended).unwrap();
    assert!(matches!(error, TrustError::Changed { .. }), "{error}");
    assert_eq!(world.pins.get(&alias("sbx-1")).unwrap().unwrap().key, host_key(9), "the pin stays");
}

fn a_key_of_the_same_group_is_accepted_with_a_note() {
    let world = World::new();
    world.resolve(&world.session("sbx-1", Some("gate.example me")), &accepting(), None, &Progress::silent()).unwrap();
    let notes = std::sync::Arc::new(Mutex::new(Vec::new()));
    let sink = std::sync::Arc::clone(&notes);
    let progress = Progress::new(move |note| sink.lock().unwrap().push(note.to_owned()));
    let ask = HostKeyPolicy::default();
    let resolved = world.resolve(&world.session("sbx-2", Some("gate.example me")), &ask, None, &progress).unwrap();
    assert!(is_pinned_to(&resolved, HOST_SEED));
    let notes = notes.lock().unwrap().join("\n");
    assert!(notes.contains("sbx-2") && notes.contains("sbx-1"), "{notes}");
    for group in [Some("gate.example you"), None] {
        let error = world.resolve(&world.session("sbx-3", group), &ask, None, &progress).unwrap_err();
        assert!(matches!(error, TrustError::NeedsYes(_)), "{group:?}: {error}");
    }
}

fn a_transport_that_is_authenticated_needs_no_question() {
    let world = World::new();
    let session = world.session_trusting(FirstUse::new(alias("run-1")).accepted());
    let resolved = world.resolve(&session, &HostKeyPolicy::default(), None, &Progress::silent()).unwrap();
    assert!(is_pinned_to(&resolved, HOST_SEED));
    assert_eq!(world.pins.get(&alias("run-1")).unwrap().unwrap().key, host_key(HOST_SEED));
}

/// K4: no pin on disk, no launch. F4: what is not a pin is neither trusted nor replaced.
fn a_pin_that_cannot_be_written_means_no_session() {
    let world = World::new();
    let path = world.pins.path_of(&alias("sbx-1"));
    for contents in ["", "anyssh-pin 2\n", "anyssh-pin 1\nalias sbx-2\nkey x\n", "* ssh-ed25519 AAAA\n"] {
        write(&path, contents, 0o600);
        let session = world.session("sbx-1", None);
        let error = world.resolve(&session, &accepting(), None, &Progress::silent()).unwrap_err();
        assert!(matches!(error, TrustError::Pins(PinError::Corrupt { .. })), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), contents);
    }
    assert_eq!(world.sshd.connections(), 0);
    let mode = fs::metadata(world.scratch.path("state")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

fn a_pinned_key_is_compared_with_the_fingerprint() {
    let world = World::new();
    let session = world.sshd.session_with(HOST_SEED, USER_SEED);
    assert!(world.resolve(&session, &expecting(HOST_SEED), None, &Progress::silent()).is_ok());
    let error = world.resolve(&session, &expecting(9), None, &Progress::silent()).unwrap_err();
    assert!(matches!(error, TrustError::NotTheExpected { .. }), "{error}");
    let mut session = session;
    session.endpoint.host_trust = HostTrust::CertAuthority { key: host_key(HOST_SEED) };
    let error = world.resolve(&session, &expecting(HOST_SEED), None, &Progress::silent()).unwrap_err();
    assert!(matches!(error, TrustError::FingerprintForAuthority), "{error}");
}

fn of_many_at_once_one_pin_wins() {
    let scratch = Scratch::new();
    let won = Mutex::new(RefCell::new(Vec::new()));
    std::thread::scope(|scope| {
        for seed in 1..=20 {
            let (scratch, won) = (&scratch, &won);
            scope.spawn(move || {
                let pins = PinStore::open(&scratch.path("state")).unwrap();
                match pins.put(&alias("sbx-1"), &host_key(seed), None) {
                    Ok(()) => won.lock().unwrap().borrow_mut().push(seed),
                    Err(error) => assert!(matches!(error, PinError::Taken { .. }), "{error}"),
                }
            });
        }
    });
    let won = won.into_inner().unwrap().into_inner();
    let pins = PinStore::open(&scratch.path("state")).unwrap();
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(pins.get(&alias("sbx-1")).unwrap().unwrap().key, host_key(won[0]));
    assert_eq!(fs::read_dir(scratch.path("state/pins")).unwrap().count(), 1, "no half-written file is left");
}
