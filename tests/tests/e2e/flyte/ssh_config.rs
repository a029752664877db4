//! The block that `SshDebug::connect` makes for `~/.ssh/config`, read by OpenSSH's own programs.

use std::path::{Path, PathBuf};

use anyssh_core::{Settings, Surroundings};
use anyssh_flyte::{ConnectOptions, Flyte, SshDebug};
use anyssh_testkit::emulator::{Attempt, Boot, FlyteEmulator, Link, Phase, Run, Snapshot};

use super::super::support::{Anyssh, Home, PATIENCE, Ran, directory, file, until};
use super::{RUN, anyssh, builder, home, with_keys};

/// A user whose block is in a file of its own.
pub(super) struct User {
    pub(super) home: Home,
    pub(super) emulator: FlyteEmulator,
    config: PathBuf,
}

impl User {
    /// With nothing special.
    pub(super) fn usual() -> Self {
        Self::connected(home(), builder().start_blocking().unwrap(), program())
    }

    /// After a `connect` whose block names the command by this path.
    fn connected(home: Home, emulator: FlyteEmulator, program: &Path) -> Self {
        let (yaml, config) = (home.beside("flyte.yaml"), home.beside("block"));
        file(&yaml, &emulator.config("POND_SECRET"), 0o600);
        let secret = emulator.client().1.to_owned();
        let surroundings = Surroundings::none()
            .with_home(home.path())
            .with_variables(move |name| (name == "POND_SECRET").then(|| secret.clone().into()));
        let settings = Settings::new().with_surroundings(surroundings);
        let settings = settings.with_setting("FLYTECTL_CONFIG", yaml.to_str().unwrap().into());
        let mut options = ConnectOptions::new(RUN);
        (options.timeout, options.anyssh) = (PATIENCE, program.to_owned());
        let debug = SshDebug::connect_blocking(&Flyte::new(&settings).unwrap(), options).unwrap();
        assert_eq!(debug.host_alias, "flyte-debug");
        file(&config, &debug.ssh_config, 0o600);
        Self { home, emulator, config }
    }

    /// OpenSSH's program with the block as its only configuration.
    pub(super) fn tool(&self, program: &str, words: &[&str]) -> Anyssh {
        let run = anyssh(&self.home, &self.emulator, &["-F"]).word(&self.config).program(program);
        words.iter().fold(run, |run, word| run.word(word))
    }

    fn known_hosts(&self) -> PathBuf {
        self.home.path().join(".flyte/ssh-debug/known_hosts")
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_anyssh-under-test"))
}

/// What comes back is what went, by every program.
#[track_caller]
fn files_go_both_ways(user: &User) {
    let content = "one line\n".repeat(200_000);
    let source = user.home.beside("source");
    file(&source, &content, 0o600);
    let source = source.to_str().unwrap();
    let arrived = |way: &str, remote: &Path, back: &Path| {
        assert!(std::fs::read(remote).unwrap() == content.as_bytes(), "{way}, up");
        assert!(std::fs::read(back).unwrap() == content.as_bytes(), "{way}, down");
        std::fs::remove_file(remote).unwrap();
    };
    // The old protocol has the remote shell read the name, SFTP has not.
    for (way, flags, name) in [("scp", vec![], "remote %&? copy"), ("scp -O", vec!["-O"], "remote")] {
        let (remote, back) = (user.home.beside(name), user.home.beside(&format!("back by {way}")));
        let place = format!("flyte-debug:{}", remote.display());
        user.tool("scp", &[&flags[..], &[source, &place]].concat()).run().exits(0);
        user.tool("scp", &[&flags[..], &[&place, back.to_str().unwrap()]].concat()).run().exits(0);
        arrived(way, &remote, &back);
    }
    let (remote, back) = (user.home.beside("remote %&? copy"), user.home.beside("back by sftp"));
    let there = remote.display();
    let batch = user.home.beside("batch");
    file(&batch, &format!("put {source} \"{there}\"\nget \"{there}\" \"{}\"\n", back.display()), 0o600);
    user.tool("sftp", &["-b", batch.to_str().unwrap(), "flyte-debug"]).run().exits(0);
    arrived("sftp", &remote, &back);
}

#[test]
fn plain_ssh_scp_and_sftp_read_the_block_and_reach_the_pod() {
    let user = User::usual();
    assert_eq!(user.tool("ssh", &["flyte-debug", "echo in; exit 7"]).run().exits(7).text(), "in\n");
    files_go_both_ways(&user);
    until("the end of all tunnels", || user.emulator.tunnels() == 0);
}

#[test]
fn the_block_works_over_tls_with_an_authority_of_ones_own() {
    let user = User::connected(home(), builder().with_tls().start_blocking().unwrap(), program());
    assert_eq!(user.tool("ssh", &["flyte-debug", "echo in; exit 7"]).run().exits(7).text(), "in\n");
}

#[test]
fn rsync_copies_a_tree_through_the_block() {
    let user = User::usual();
    let (tree, there, back) = (user.home.beside("tree"), user.home.beside("there"), user.home.beside("back"));
    directory(&tree.join("deeper"), 0o755);
    for (name, size) in [("a file", 100_000), ("deeper/%41&", 3)] {
        file(&tree.join(name), &"x".repeat(size), 0o640);
    }
    let shell = format!("ssh -F {}", user.config.display());
    let rsync = |from: String, to: String| {
        let run = anyssh(&user.home, &user.emulator, &["-a", "-e", &shell, &from, &to]);
        run.program("/usr/bin/rsync").run().exits(0);
    };
    rsync(format!("{}/", tree.display()), format!("flyte-debug:{}", there.display()));
    rsync(format!("flyte-debug:{}/", there.display()), back.display().to_string());
    for name in ["a file", "deeper/%41&"] {
        assert_eq!(std::fs::read(back.join(name)).unwrap(), std::fs::read(tree.join(name)).unwrap(), "{name}");
    }
}

/// F5, P4: whatever is in the paths and in the link, ssh and the shell that it starts read the same.
#[test]
fn a_block_with_blanks_percent_signs_and_signs_of_the_shell_still_works() {
    let odd = Link::ide().followed_by("/x%2Fy?a=b%20c&d=$HOME&e='`\"%h%n");
    let again = Snapshot::in_phase(Phase::Running).attempt(Attempt::in_phase(Phase::Running).link(odd));
    let run = Run::new(RUN).with_boot(Boot::with(again));
    let emulator = builder().with_run(run).start_blocking().unwrap();
    let home = with_keys(Home::called("my home 100% & co? %h #1"));
    let programs = home.beside("my tools %n 100%");
    directory(&programs, 0o700);
    let program = programs.join("any ssh");
    std::os::unix::fs::symlink(self::program(), &program).unwrap();
    let user = User::connected(home, emulator, &program);
    assert_eq!(user.tool("ssh", &["flyte-debug", "echo in; exit 7"]).run().exits(7).text(), "in\n");
    files_go_both_ways(&user);
    // The host key is where the block says, and nowhere else.
    assert!(user.known_hosts().is_file());
    let dials = user.emulator.requests().into_iter().filter(|request| request.status == Some(101));
    assert!(dials.map(|dial| dial.path).all(|path| path == "/pods/pond-dbg/a0/1/x%2Fy"));
}

/// K4: the block pins, too: the first key is kept, and another one is a stop, for each program.
#[test]
fn a_changed_host_key_stops_whoever_reads_the_block() {
    let user = User::usual();
    user.tool("ssh", &["flyte-debug", "true"]).run().exits(0);
    let known = std::fs::read_to_string(user.known_hosts()).unwrap();
    let key = user.emulator.host_key(RUN, "a0", 1).to_openssh().unwrap();
    assert!(known.lines().count() == 1 && known.contains(key.split(' ').nth(1).unwrap()), "{known}");

    user.emulator.change_host_keys();
    let (source, back) = (user.home.beside("source"), user.home.beside("back"));
    file(&source, "content", 0o600);
    let remote = user.home.beside("remote");
    let place = format!("flyte-debug:{}", remote.display());
    let stopped = |ran: Ran| {
        assert!(ran.status != 0 && ran.text().is_empty(), "{}", ran.text());
        assert!(ran.stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{}", ran.stderr);
    };
    stopped(user.tool("ssh", &["flyte-debug", "echo in"]).run());
    stopped(user.tool("scp", &[source.to_str().unwrap(), &place]).run());
    stopped(user.tool("sftp", &[&place, back.to_str().unwrap()]).run());
    assert!(!remote.exists() && !back.exists());
    assert_eq!(std::fs::read_to_string(user.known_hosts()).unwrap(), known);
}

/// N7: the block holds no token, so one that is revoked after it was made is nothing to it.
#[test]
fn a_block_outlives_the_token_that_it_was_made_with() {
    let user = User::usual();
    user.emulator.revoke_tokens();
    assert_eq!(user.tool("ssh", &["flyte-debug", "echo in"]).run().exits(0).text(), "in\n");
}

/// What `anyssh tunnel` says is what a user of plain ssh reads.
#[test]
fn a_run_that_is_over_is_named_to_whoever_reads_the_block() {
    let user = User::usual();
    user.emulator.show(RUN, "a0", Snapshot::in_phase(Phase::Failed).error("OOMKilled", "too big")).unwrap();
    let ran = user.tool("ssh", &["flyte-debug", "true"]).run();
    assert!(ran.exits(255).stderr.contains("it is over: failed"), "{}", ran.stderr);
}
