//! Calls of one function with what its log says of each.

use std::collections::BTreeMap;

use crate::units::MemoryMb;

/// A request within a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    /// When it came \[s\], from the first request of the log.
    pub arrived: f64,
    /// How long its client waited \[s\].
    pub latency: f64,
}

/// One call of the function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its requests, in the order in which they came; at least one.
    pub members: Vec<Member>,
    /// When it was sent to the function \[s\].
    pub sent: f64,
    /// When its environment had done with it \[s\].
    pub ended: f64,
    /// Time in the handler \[s\].
    pub duration: f64,
    /// What was billed \[s\], where the log says so.
    pub billed: Option<f64>,
    /// Was its environment new? Where the log does not say so, nobody knows.
    pub cold: Option<bool>,
    /// Initialisation \[s\] of a new environment, where it is known.
    pub init: Option<f64>,
    /// Which environment served it.
    pub environment: Option<u32>,
    /// The memory size.
    pub memory: Option<MemoryMb>,
}

/// How a buffer gathered requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buffering {
    /// The largest batch.
    pub batch: u32,
    /// The longest wait of a batch's first request \[s\].
    pub timeout: f64,
}

/// A log, in the order in which its calls were sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Log {
    /// Its name.
    pub name: String,
    /// The calls.
    pub calls: Vec<Call>,
    /// How requests became batches; `None` where each is a call of its own.
    pub buffering: Option<Buffering>,
    /// Rows that were not used, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// Names of functions, where the log gives several.
    pub functions: BTreeMap<String, usize>,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
}

impl Call {
    /// Is it known to be the first of its environment?
    pub fn is_cold(&self) -> bool {
        self.cold == Some(true)
    }

    /// What its requests waited for beside the buffer, initialisation and service \[s\].
    pub fn overhead(&self) -> Option<f64> {
        let first = self.members[0];
        let known = self.sent - first.arrived + self.duration + self.init.unwrap_or(0.0);
        let is_known = !self.is_cold() || self.init.is_some();
        is_known.then_some(first.latency - known)
    }
}

impl Log {
    /// Sorts the calls by when they were sent, and counts time from the first request.
    pub fn ordered(mut self) -> Log {
        self.calls.sort_by(|a, b| a.sent.total_cmp(&b.sent));
        let first = self.calls.iter().map(|call| call.members[0].arrived).fold(f64::INFINITY, f64::min);
        for call in &mut self.calls {
            call.sent -= first;
            call.ended -= first;
            call.members.iter_mut().for_each(|member| member.arrived -= first);
        }
        self
    }

    /// The number of the first call that is sent at or after a time.
    pub fn first_from(&self, time: f64) -> usize {
        self.calls.partition_point(|call| call.sent < time)
    }

    /// When the last call was sent.
    pub fn span(&self) -> f64 {
        self.calls.last().map_or(0.0, |call| call.sent)
    }

    /// Does it tell new environments from others?
    pub fn knows_cold(&self) -> bool {
        self.calls.iter().any(|call| call.cold.is_some())
    }

    /// Does it name environments?
    pub fn knows_environments(&self) -> bool {
        self.calls.iter().any(|call| call.environment.is_some())
    }
}
