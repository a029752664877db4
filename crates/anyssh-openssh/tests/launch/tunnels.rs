//! A session over a WebSocket with a helper that can only answer for passwords, as this binary is one.

use std::sync::Arc;

use anyssh_core::{Credential, ErrorKind, HostTrust, Session, Transport, WebSocketUrl};
use anyssh_openssh::{Launcher, NotAuthenticated, Outcome, Reason};

use crate::runner::tests;
use crate::support::{
    HOST_SEED, Scratch, USER, USER_SEED, block_on, command, host_key, key, output, real_ssh, session, soon,
};

tests![a_helper_that_cannot_dial_says_so_and_is_not_asked_again, without_a_helper_nothing_is_started];

/// Nobody listens there; the token is nobody's.
fn over_a_web_socket() -> Session {
    let trust = HostTrust::Pinned(vec![host_key(HOST_SEED)]);
    let mut session = session(9, USER, trust, Credential::Key(Arc::new(key(USER_SEED))));
    let headers = vec![("Authorization".to_owned(), "Bearer s3cret".into())];
    let url = WebSocketUrl::parse("url", "ws://127.0.0.1:9/").unwrap();
    session.endpoint.transport = Transport::WebSocket { url, headers, ca_file: None };
    session
}

/// N7: a typed error that names what to change, once, and no token in it.
fn a_helper_that_cannot_dial_says_so_and_is_not_asked_again() {
    let scratch = Scratch::new();
    let output = output(&scratch.launcher(&real_ssh()), &over_a_web_socket(), &command("true"));
    let Outcome::NotAuthenticated(NotAuthenticated { reason: Reason::Tunnel(failure), .. }) = &output.outcome else {
        panic!("{output:?}");
    };
    assert_eq!((failure.kind, failure.retryable), (ErrorKind::Local, false));
    assert!(failure.message.contains("its main has to begin with anyssh_sdk::helper::run_if_asked"), "{failure}");
    assert!(!format!("{output:?}").contains("s3cret"));
    scratch.assert_nothing_left();
}

/// A launcher that knows no helper says so before it writes anything.
fn without_a_helper_nothing_is_started() {
    let scratch = Scratch::new();
    let launcher = Launcher::new(real_ssh(), scratch.base());
    let error = block_on(launcher.output(&over_a_web_socket(), &command("true"), soon())).unwrap_err();
    assert!(error.to_string().contains("helper"), "{error}");
    assert!(!scratch.exists("run"));
}
