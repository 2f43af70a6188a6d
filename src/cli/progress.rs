//! Progress of a long replay: a bar on a terminal, nothing elsewhere.

use std::fmt::Write;
use std::io::IsTerminal;

use indicatif::{FormattedDuration, ProgressBar, ProgressState, ProgressStyle};

use super::heartbeat;
use crate::engine::observer::{Detail, Observer, StartedBatch};
use crate::units::{Span, Time};

/// How far a replay is, by simulated time where its length is known.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    length: Option<Span>,
    requests: u64,
    next: u64,
}

/// The bar moves once in so many requests.
const STEP: u64 = 1 << 17;

impl Progress {
    /// A bar for a replay of `length`; hidden unless `shown` and standard error is a terminal.
    pub fn new(length: Option<Span>, shown: bool) -> Progress {
        let bar = match (shown && std::io::stderr().is_terminal(), length) {
            (false, _) => ProgressBar::hidden(),
            (true, None) => ProgressBar::new_spinner(),
            (true, Some(_)) => ProgressBar::new(1000),
        };
        if !bar.is_hidden() {
            heartbeat::bar_is_shown();
        }
        bar.set_style(match length {
            Some(_) => style("{bar:30} {percent}% {msg} ({left})"),
            None => style("{spinner} {msg}"),
        });
        Progress { bar, length, requests: 0, next: STEP }
    }

    #[inline]
    fn count(&mut self, now: Time, requests: u64) {
        self.requests += requests;
        if self.requests >= self.next {
            self.show(now);
        }
    }

    #[cold]
    fn show(&mut self, now: Time) {
        self.next = self.requests + STEP;
        let share = self.length.map(|length| now.as_secs_f64() / length.as_secs_f64());
        if let Some(share) = share {
            self.bar.set_position((share * 1000.0) as u64);
        }
        heartbeat::seen(self.requests, share);
        let rate = self.requests as f64 / self.bar.elapsed().as_secs_f64().max(1e-9);
        self.bar.set_message(format!("{} requests, {:.1} M/s", self.requests, rate / 1e6));
        self.bar.tick();
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A style with a key of its own, `left`: the time that is left if the rest goes as what was done so far. indicatif's
/// `eta` weighs the last seconds most and is far off where a stage takes seconds.
pub fn style(template: &str) -> ProgressStyle {
    let left = |state: &ProgressState, out: &mut dyn Write| {
        let share = f64::from(state.fraction());
        let text = match share > 0.0 {
            true => {
                let left = state.elapsed().mul_f64((1.0 - share).max(0.0) / share);
                format!("{} left", FormattedDuration(left))
            }
            false => "just begun".to_owned(),
        };
        // Nothing can be done about a terminal that takes no more.
        let _ = out.write_str(&text);
    };
    ProgressStyle::with_template(template).expect("a fixed template").with_key("left", left)
}

impl Observer for Progress {
    fn detail(&self) -> Detail {
        Detail::Progress
    }

    fn passed(&mut self, now: Time, requests: u64) {
        self.count(now, requests);
    }

    #[inline]
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        self.count(batch.started, arrivals.len() as u64);
    }

    fn rejected(&mut self, now: Time, _attempts: u32, arrivals: &[Time]) {
        self.count(now, arrivals.len() as u64);
    }
}
