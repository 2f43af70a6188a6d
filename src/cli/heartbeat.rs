//! What is told of work that takes long, where no bar shows it: how far it is, how long it may still take, how to end it.
//! On a terminal it is told at once, in a line that goes when there is something else to say.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Once, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::tell;
use crate::arrivals::Arrivals;
use crate::arrivals::map_arrivals::Portion;
use crate::error::InputError;
use crate::report::format;
use crate::units::{Span, Time};

/// The first word comes after this, the next after twice as long, and so on.
const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);
/// On a terminal, work that is done sooner than this needs no word.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often the line on a terminal moves.
const STEP: Duration = Duration::from_millis(120);

/// Requests or arrivals so far; 0 where they are not counted.
static SEEN: AtomicU64 = AtomicU64::new(0);
/// The share of the work that is done, in billionths; 0 where it is not known.
static DONE: AtomicU64 = AtomicU64::new(0);
/// A bar tells it.
static BAR: AtomicBool = AtomicBool::new(false);
/// The line on a terminal.
static LINE: OnceLock<ProgressBar> = OnceLock::new();

/// From now on, tells of long work.
pub(super) fn start() {
    static ONCE: Once = Once::new();
    let begin = Instant::now();
    let beat = move || match std::io::stderr().is_terminal() {
        true => line(begin),
        false => words(begin),
    };
    // Without a thread to spare, the work goes on untold.
    ONCE.call_once(|| drop(thread::Builder::new().stack_size(1 << 18).spawn(beat)));
}

fn words(begin: Instant) {
    let mut pause = FIRST;
    loop {
        thread::sleep(pause);
        pause = begin.elapsed().min(LONGEST);
        if !BAR.load(Ordering::Relaxed) {
            tell(&word(begin.elapsed(), SEEN.load(Ordering::Relaxed), DONE.load(Ordering::Relaxed)));
        }
    }
}

fn line(begin: Instant) {
    thread::sleep(PATIENCE);
    if BAR.load(Ordering::Relaxed) {
        return;
    }
    let bar = LINE.get_or_init(ProgressBar::new_spinner);
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("a fixed template"));
    while !BAR.load(Ordering::Relaxed) && !bar.is_finished() {
        bar.set_message(word(begin.elapsed(), SEEN.load(Ordering::Relaxed), DONE.load(Ordering::Relaxed)));
        bar.tick();
        thread::sleep(STEP);
    }
    bar.finish_and_clear();
}

/// Takes the line away, since something else is to be said. Work that goes on then is the writing of results.
pub(super) fn make_room() {
    BAR.store(true, Ordering::Relaxed);
    if let Some(bar) = LINE.get() {
        bar.finish_and_clear();
    }
}

/// Says something while the line is on the screen, or would be.
pub(super) fn beside(say: impl FnOnce()) {
    match LINE.get().filter(|bar| !bar.is_finished()) {
        Some(bar) => bar.suspend(say),
        None => say(),
    }
}

/// A bar is on the screen.
pub(super) fn bar_is_shown() {
    BAR.store(true, Ordering::Relaxed);
}

/// So many requests were seen, which is this share of all, if that is known.
pub(super) fn seen(requests: u64, share: Option<f64>) {
    SEEN.store(requests, Ordering::Relaxed);
    DONE.store(share.map_or(0, |share| (share * 1e9) as u64), Ordering::Relaxed);
}

fn word(elapsed: Duration, seen: u64, done: u64) -> String {
    let seconds = elapsed.as_secs_f64();
    let mut text = format!("still at work after {}", format::duration(seconds));
    if seen > 0 {
        let (count, rate) = (format::count(seen), format::count((seen as f64 / seconds) as u64));
        text.push_str(&format!(": {count} requests so far, {rate}/s"));
    }
    if done > 0 {
        let share = done as f64 / 1e9;
        let left = format::duration(seconds * (1.0 - share).max(0.0) / share);
        text.push_str(&format!(", {} done, about {left} left", format::percent(share)));
    }
    text + "; Ctrl-C ends it"
}

/// Arrivals that are counted as they come.
pub(super) struct Counted<A> {
    inner: A,
    count: u64,
}

impl<A: Arrivals> Counted<A> {
    pub fn new(inner: A) -> Counted<A> {
        Counted { inner, count: 0 }
    }
}

impl<A: Arrivals> Arrivals for Counted<A> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        self.inner.fill(block)?;
        self.count += (block.len() - before) as u64;
        seen(self.count, None);
        Ok(())
    }

    fn portion(&mut self) -> Option<Portion> {
        self.inner.portion()
    }

    fn wanted(&self) -> u64 {
        self.inner.wanted()
    }

    fn bin(&self) -> Option<Span> {
        self.inner.bin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_tells_what_is_known() {
        let minute = Duration::from_secs(60);
        assert_eq!(word(minute, 0, 0), "still at work after 60 s; Ctrl-C ends it");
        let counted = "still at work after 60 s: 600,000,000 requests so far, 10,000,000/s; Ctrl-C ends it";
        assert_eq!(word(minute, 600_000_000, 0), counted);
        let known = word(minute, 600_000_000, 200_000_000);
        // A fifth in a minute leaves four.
        assert!(known.ends_with("/s, 20 % done, about 4 min left; Ctrl-C ends it"), "{known}");
    }
}
