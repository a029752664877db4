//! Many sessions at once: the emulator, the provider and the real `ssh` keep them apart and leave nothing.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyssh_core::{Revocation, SessionRef, Settings, SshProvider, Target};
use anyssh_testkit::conformance::{Login, fresh_request, log_in, within};
use anyssh_testkit::emulator::{DedalusEmulator, Emulator, Machine};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

const SESSIONS: usize = 200;

/// So many connections and processes at a time: descriptors are few on some machines.
const AT_A_TIME: usize = 24;

const PATIENCE: Duration = Duration::from_secs(300);

fn provider(emulator: &DedalusEmulator) -> Arc<dyn SshProvider> {
    let settings = Settings::new()
        .with_setting("DEDALUS_BASE_URL", emulator.base_url().into())
        .with_setting("DEDALUS_API_KEY", emulator.api_key().into());
    anyssh_sdk::BUILTIN.iter().find(|info| info.name == "dedalus").unwrap().build(&settings).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_sessions_live_at_once_and_nothing_is_left() {
    let machine = Machine::default();
    let emulator = Emulator::dedalus().with_machine(machine.clone()).start().await.unwrap();
    let target = Target::parse("target", machine.id()).unwrap();
    let (provider, places) = (provider(&emulator), Arc::new(Semaphore::new(AT_A_TIME)));
    let all_live = Arc::new(Barrier::new(SESSIONS));
    let mut tasks = JoinSet::new();
    for number in 0..SESSIONS {
        let (provider, places, all_live) = (Arc::clone(&provider), Arc::clone(&places), Arc::clone(&all_live));
        let target = target.clone();
        tasks.spawn(async move {
            let session = {
                let _place = places.acquire().await.unwrap();
                let request = fresh_request(target, within(PATIENCE)).unwrap();
                let session = provider.create(&request).await.unwrap();
                assert_eq!(log_in(&session).await.unwrap(), Login::LetIn);
                session
            };
            all_live.wait().await;
            let _place = places.acquire().await.unwrap();
            let revoked = provider.revoke(&SessionRef::from(&session), within(PATIENCE)).await.unwrap();
            assert_eq!(revoked, Revocation::Revoked);
            if number % 20 == 0 {
                assert_eq!(log_in(&session).await.unwrap(), Login::Refused);
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let ids: Vec<String> = emulator.sessions().into_iter().map(|session| session.id).collect();
    assert_eq!((ids.len(), emulator.alive().len()), (SESSIONS, 0));

    let control_plane = emulator.base_url().rsplit_once(':').unwrap().1.parse().unwrap();
    let ports: [u16; 2] = [control_plane, emulator.gateway().unwrap().port()];
    drop(emulator);
    assert!(ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()), "{ports:?}");
    let left: Vec<String> = titles().into_iter().filter(|title| ids.iter().any(|id| title.contains(id))).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The titles of all processes; `sshd` writes the login name into its own.
fn titles() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let titles = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    titles.map(|title| String::from_utf8_lossy(&title).into_owned()).collect()
}
