//! When the program ends: a signal, or the end of its standard input.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rustix::fs::{major, minor};
use tokio::signal::unix::{SignalKind, signal};

/// Watches for the end.
#[derive(Debug)]
pub(super) struct Watch {
    ended: Receiver<()>,
}

impl Watch {
    /// From now on HUP, INT and TERM, and the end of the standard input, end the program and not the process.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, ended) = channel();
        let (told, ready) = channel();
        let of_signals = sender.clone();
        thread::Builder::new().name("signals".into()).spawn(move || watch_signals(&of_signals, &told))?;
        ready.recv().map_err(io::Error::other)??;
        if !stdin_is_nothing() {
            thread::Builder::new().name("stdin".into()).spawn(move || {
                read_to_the_end();
                let _ = sender.send(());
            })?;
        }
        Ok(Self { ended })
    }

    /// Waits for it.
    pub(super) fn wait(self) {
        // Without anybody who could tell, this is the end too.
        let _ = self.ended.recv();
    }
}

fn watch_signals(sender: &Sender<()>, told: &Sender<io::Result<()>>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(told.send(Err(error))),
    };
    runtime.block_on(async {
        let kinds = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
        match kinds.map(signal) {
            [Ok(mut hangup), Ok(mut interrupt), Ok(mut terminate)] => {
                let _ = told.send(Ok(()));
                tokio::select! {
                    _ = hangup.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                let _ = sender.send(());
            }
            _ => drop(told.send(Err(io::Error::other("signals cannot be watched")))),
        }
    });
}

/// What is read is nobody's concern.
fn read_to_the_end() {
    let mut stdin = io::stdin().lock();
    let mut chunk = [0; 1024];
    loop {
        match stdin.read(&mut chunk) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// `/dev/null` is what a shell gives to a job in the background: it ends before it begins, and means that
/// nobody is there.
fn stdin_is_nothing() -> bool {
    let stdin = io::stdin();
    let is_null = |stat: rustix::fs::Stat| {
        let null = rustix::fs::stat("/dev/null").map(|null| null.st_rdev);
        null.is_ok_and(|null| (major(null), minor(null)) == (major(stat.st_rdev), minor(stat.st_rdev)))
    };
    rustix::fs::fstat(stdin.as_fd()).is_ok_and(is_null)
}
