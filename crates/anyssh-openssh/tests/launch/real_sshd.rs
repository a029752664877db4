//! Against OpenSSH's own server.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyssh_core::Deadline;
use anyssh_openssh::{ExitStatus, LaunchError, LaunchOptions, Launcher, Outcome, Reason};

use crate::runner::tests;
use crate::support::{Scratch, Sshd, block_on, command, eventually, output, real_ssh, session, soon};

tests![
    the_remote_status_and_output_come_back_and_nothing_is_left,
    another_host_key_ends_before_login,
    a_key_that_is_not_let_in_is_a_refusal,
    a_closed_connection_is_tried_again_until_it_is_let_in,
    a_port_that_refuses_is_tried_again_and_then_reported,
    nothing_runs_twice_once_it_was_let_in,
    ssh_is_not_started_after_the_deadline,
    a_dropped_future_leaves_no_process_and_no_file,
    output_beyond_the_cap_is_read_and_dropped,
    many_launches_at_once_do_not_disturb_each_other,
    futures_can_move_between_threads,
];

fn ran(status: u8) -> Outcome {
    Outcome::Ran { status: ExitStatus::Exited(status), interrupted_by: None, gateway_said: None }
}

fn reason(outcome: Outcome) -> (Reason, String) {
    match outcome {
        Outcome::NotAuthenticated(ended) => (ended.reason, ended.message),
        other => panic!("{other:?}"),
    }
}

/// P9, K7
fn the_remote_status_and_output_come_back_and_nothing_is_left() {
    let (scratch, sshd) = (Scratch::new(), Sshd::start());
    let launcher = scratch.launcher(&real_ssh());
    for status in [0, 7, 254, 255] {
        let output = output(&launcher, &sshd.session(), &command(&format!("echo out; echo err >&2; exit {status}")));
        assert_eq!(output.outcome, ran(status), "{:?}", output.log);
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
        scratch.assert_nothing_left();
    }
}

fn another_host_key_ends_before_login() {
    let (scratch, sshd) = (Scratch::new(), Sshd::start());
    let output = output(&scratch.launcher(&real_ssh()), &sshd.session_with(77, 2), &command("true"));
    let (reason, message) = reason(output.outcome);
    assert_eq!(reason, Reason::HostKey);
    assert!(message.contains("Host key verification failed"), "{message}");
    assert_eq!(sshd.connections(), 1, "a wrong host key is not tried again");
    scratch.assert_nothing_left();
}

fn a_key_that_is_not_let_in_is_a_refusal() {
    let (scratch, sshd) = (Scratch::new(), Sshd::start());
    let output = output(&scratch.launcher(&real_ssh()), &sshd.session_with(1, 78), &command("true"));
    let (reason, message) = reason(output.outcome);
    assert_eq!(reason, Reason::Refused);
    assert!(message.contains("Permission denied"), "{message}");
    assert_eq!(sshd.connections(), 1);
    scratch.assert_nothing_left();
}

fn a_closed_connection_is_tried_again_until_it_is_let_in() {
    let (scratch, sshd) = (Scratch::new(), Sshd::start());
    sshd.closes.store(3, Ordering::SeqCst);
    let output = output(&scratch.launcher(&real_ssh()), &sshd.session(), &command("exit 4"));
    assert_eq!((output.outcome, sshd.connections()), (ran(4), 4));
}

fn a_port_that_refuses_is_tried_again_and_then_reported() {
    let scratch = Scratch::new();
    // Bound and never listening: refused, and nobody else gets the port meanwhile.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let template = crate::support::password_session();
    let session = session(port, "me", template.endpoint.host_trust, template.login.credential);
    let output = output(&scratch.launcher(&real_ssh()), &session, &LaunchOptions::new());
    let (reason, message) = reason(output.outcome);
    assert_eq!(reason, Reason::Connection);
    assert!(message.contains("Connection refused"), "{message}");
    scratch.assert_nothing_left();
}

/// The point of no return.
fn nothing_runs_twice_once_it_was_let_in() {
    let scratch = Scratch::new();
    // One address refused and the next one let us in: the log holds a reason to try again, too.
    let script = "echo run >>\"$HERE/runs\"\n\
                  printf 'ssh: connect to host h port 22: Connection refused\\r\\n' >\"$LOG\"\n\
                  printf 'Authenticated to h ([::1]:22) using \"publickey\".\\r\\nConnection reset by ::1 port 22\\r\\n' >>\"$LOG\"\n\
                  exit 255";
    let launcher = scratch.launcher(&scratch.fake_ssh("OpenSSH_9.9", script));
    assert_eq!(output(&launcher, &crate::support::password_session(), &LaunchOptions::new()).outcome, ran(255));
    assert_eq!(scratch.read("runs"), "run\n");
}

fn ssh_is_not_started_after_the_deadline() {
    let (scratch, sshd) = (Scratch::new(), Sshd::start());
    let launcher = scratch.launcher(&real_ssh());
    let result = block_on(launcher.output(&sshd.session(), &command("true"), Deadline::at(Instant::now())));
    assert!(matches!(result, Err(LaunchError::TimedOut)), "{result:?}");
    assert_eq!(sshd.connections(), 0);
}

/// C6, P7: no process and no file outlives a future that its owner gave up.
fn a_dropped_future_leaves_no_process_and_no_file() {
    let (scratch, sshd) = (Scratch::new(), Sshd::start());
    let started = scratch.path("started");
    let launcher = scratch.launcher(&real_ssh());
    let line = format!("touch '{}'; exec sleep 600", started.display());
    block_on(async {
        let (session, options) = (sshd.session(), command(&line));
        let waiting = async {
            while !started.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            output = launcher.output(&session, &options, soon()) => panic!("{output:?}"),
            () = waiting => {}
        }
    });
    scratch.assert_nothing_left();
    let ours = scratch.base().display().to_string();
    eventually("no ssh is left", || {
        let all = std::process::Command::new("ps").args(["-eo", "args"]).output().unwrap().stdout;
        !String::from_utf8_lossy(&all).contains(&ours)
    });
}

fn output_beyond_the_cap_is_read_and_dropped() {
    let (scratch, sshd) = (Scratch::new(), Sshd::start());
    let line = format!("head -c {} /dev/zero; exit 5", Launcher::OUTPUT_CAP + 100_000);
    let output = output(&scratch.launcher(&real_ssh()), &sshd.session(), &command(&line));
    assert_eq!((output.outcome, output.stdout.len(), output.truncated), (ran(5), Launcher::OUTPUT_CAP, true));
}

/// C7: each launch sweeps, and none sweeps another's directory.
fn many_launches_at_once_do_not_disturb_each_other() {
    let scratch = Scratch::new();
    let script = "ls -d \"$(dirname \"$LOG\")\"/known_hosts >/dev/null || exit 9\n\
                  [ -n \"$(\"$SSH_ASKPASS\" \"$PROMPT\")\" ] || exit 8\nexit 0";
    let launcher = scratch.launcher(&scratch.fake_ssh("OpenSSH_9.9", script));
    let (launcher, session) = (&launcher, &crate::support::password_session());
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..50).map(|_| scope.spawn(move || output(launcher, session, &LaunchOptions::new()).outcome)).collect();
        runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap(), ran(0)));
    });
    scratch.assert_nothing_left();
}

/// Library users run on many threads.
fn futures_can_move_between_threads() {
    fn is_send(_: impl Send) {}
    let (scratch, sshd) = (Scratch::new(), Sshd::start());
    let launcher = scratch.launcher(&real_ssh());
    let (session, options) = (sshd.session(), command("true"));
    is_send(launcher.output(&session, &options, soon()));
    is_send(launcher.run(&session, &options, soon(), &mut |_| {}));
    is_send(launcher.read_host_key(&session, &options, soon()));
}
