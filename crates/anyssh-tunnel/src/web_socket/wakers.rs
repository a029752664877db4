//! One waker for two tasks.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Who reads the stream and who writes it, when these are two tasks. A connection remembers one waker
/// for its write side; both of them may have polled it.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
}

impl Wakers {
    pub(crate) fn set_reader(&self, waker: &Waker) {
        set(&self.reader, waker);
    }

    pub(crate) fn set_writer(&self, waker: &Waker) {
        set(&self.writer, waker);
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for place in [&self.reader, &self.writer] {
            let waker = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

fn set(place: &Mutex<Option<Waker>>, waker: &Waker) {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *place {
        Some(known) => known.clone_from(waker),
        empty => *empty = Some(waker.clone()),
    }
}
