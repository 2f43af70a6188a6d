//! Calls that take long: the work is done on a thread of its own, while the interpreter goes on. Ctrl-C ends them, and a
//! callback is told how far they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use batchsim::arrivals::stop::Stop;
use batchsim::error::InputError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::raised;

/// How often signals are looked at, and the callback is told.
const LOOK: Duration = Duration::from_millis(50);
/// So long a call that was interrupted may take to end.
const PATIENCE: Duration = Duration::from_secs(2);
/// Rust's threads have less than a deep recursion of rayon's may take.
const STACK: usize = 16 << 20;

/// How far a call is.
#[derive(Debug, Default)]
pub struct Seen {
    done: AtomicU64,
    all: AtomicU64,
}

impl Seen {
    /// So many more are done.
    pub fn add(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
    }

    /// A new stage of so many; 0 if nobody knows.
    pub fn begin(&self, all: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.all.store(all, Ordering::Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.all.load(Ordering::Relaxed))
    }
}

/// Who calls.
pub struct Caller {
    progress: Option<Py<PyAny>>,
    stop: Stop,
}

impl Caller {
    /// `progress(done, all)` is called now and then; `all` is 0 where it is not known.
    pub fn new(progress: Option<Py<PyAny>>) -> Caller {
        Caller { progress, stop: Stop::new() }
    }

    /// How the call is ended.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

/// Does some work without the interpreter.
pub fn call<T: Send + 'static>(
    py: Python<'_>,
    caller: &Caller,
    work: impl FnOnce(&Seen) -> Result<T, InputError> + Send + 'static,
) -> PyResult<T> {
    let (send, receive) = channel();
    let seen = Arc::new(Seen::default());
    let theirs = Arc::clone(&seen);
    let begun = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let found = work(&theirs);
        // Nobody waits any more for what was interrupted.
        let _ = send.send(found);
    });
    begun.map_err(|e| PyRuntimeError::new_err(format!("no thread to spare: {e}")))?;
    let mut told = (0, 0);
    let receive = std::sync::Mutex::new(receive);
    let wait =
        |time| py.detach(|| receive.lock().map_err(|_| RecvTimeoutError::Disconnected)?.recv_timeout(time));
    loop {
        let found = wait(LOOK);
        let asked = tell(py, caller, &seen, &mut told).and_then(|()| py.check_signals());
        match (found, asked) {
            (Ok(found), Ok(())) => return found.map_err(|e| raised(py, e)),
            (Err(RecvTimeoutError::Timeout), Ok(())) => {}
            (Err(RecvTimeoutError::Disconnected), _) => {
                return Err(PyRuntimeError::new_err("the simulator failed: this is a bug in batchsim"));
            }
            (_, Err(raised)) => {
                caller.stop.stop();
                let _ = wait(PATIENCE);
                return Err(raised);
            }
        }
    }
}

fn tell(py: Python<'_>, caller: &Caller, seen: &Seen, told: &mut (u64, u64)) -> PyResult<()> {
    let Some(progress) = &caller.progress else { return Ok(()) };
    let now = seen.get();
    if now != *told {
        *told = now;
        progress.call1(py, now)?;
    }
    Ok(())
}
