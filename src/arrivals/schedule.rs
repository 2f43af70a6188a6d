//! Schedules: arrival processes one after the other.

use super::Arrivals;
use super::map::Map;
use super::map_arrivals::{MapArrivals, Portion};
use super::renewal::{Renewal, RenewalArrivals};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::units::{Span, Time};

/// One process after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// In the order of time, at least one.
    pub segments: Vec<Segment>,
}

/// A process for some time.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// How long it lasts; above zero.
    pub duration: Span,
    /// What arrives meanwhile.
    pub process: Process,
}

/// What arrives for some time.
#[derive(Debug, Clone, PartialEq)]
pub enum Process {
    /// Nothing.
    Silent,
    /// A Markovian process.
    Map(Map),
    /// A renewal process that is none.
    Renewal(Renewal),
}

/// The most phases of a process that is read: computing with it takes the cube of their number.
pub const MOST_PHASES: usize = 100;
/// Changes of phase that may go by for each arrival: each takes some 10 ns.
const MOST_CHANGES: f64 = 1e6;
/// Rates [1/s] that can be simulated.
pub const SLOWEST: f64 = 1e-12;
/// As [`SLOWEST`], the other end.
pub const FASTEST: f64 = 1e9;

impl Process {
    /// Arrivals a second.
    pub fn rate(&self) -> f64 {
        match self {
            Process::Silent => 0.0,
            Process::Map(map) => map.rate(),
            Process::Renewal(renewal) => renewal.rate(),
        }
    }

    /// The process at `factor` times its rate.
    pub fn scaled(&self, factor: f64) -> Process {
        match self {
            Process::Silent => Process::Silent,
            Process::Map(map) => Process::Map(map.scaled(factor)),
            Process::Renewal(renewal) => Process::Renewal(renewal.scaled(factor)),
        }
    }

    /// The process of which each arrival is kept with probability `keep`.
    pub fn thinned(&self, keep: f64) -> Process {
        match self {
            Process::Silent => Process::Silent,
            Process::Map(map) => Process::Map(map.thinned(keep)),
            Process::Renewal(renewal) => Process::Renewal(renewal.thinned(keep)),
        }
    }
}

impl Schedule {
    /// How long it lasts.
    pub fn total(&self) -> Span {
        self.segments.iter().fold(Span::ZERO, |sum, segment| sum + segment.duration)
    }
}

/// Can the process be drawn from and computed with? Else the reason.
///
/// The clock counts nanoseconds, so nothing is faster than 1e9 a second; what is slower than 1e-12 a second
/// would not happen within the clock's range, and such a spread of rates is beyond double precision.
pub fn plausible(map: &Map) -> Result<(), String> {
    let leaving = (0..map.order()).map(|phase| -map.d0()[(phase, phase)]);
    if let Some(rate) = leaving.into_iter().find(|rate| !(SLOWEST..=FASTEST).contains(rate)) {
        return Err(format!("has a phase with {rate} changes a second, not {SLOWEST} to {FASTEST}"));
    }
    let (rate, law) = (map.rate(), map.phase_law());
    let finite = map.embedded().cells().iter().chain(&law).all(|p| p.is_finite());
    let leave = |phase: usize| -map.d0()[(phase, phase)] - map.d1()[(phase, phase)];
    let changes: f64 = law.iter().enumerate().map(|(phase, share)| share * leave(phase)).sum();
    if finite && changes > MOST_CHANGES * rate {
        let each = changes / rate;
        return Err(format!(
            "changes its phase {each:.1e} times for each arrival, more than {MOST_CHANGES:.0e}: a simulation would not end"
        ));
    }
    match finite && (SLOWEST..=FASTEST).contains(&rate) {
        true => Ok(()),
        false => Err(format!("has {rate} arrivals a second, not {SLOWEST} to {FASTEST}")),
    }
}

/// Draws the arrivals of a schedule, again and again until the end.
///
/// Each segment draws from a part of the streams of its own, so that a change of one leaves the others.
#[derive(Debug)]
pub struct ScheduleArrivals {
    schedule: Schedule,
    streams: Streams,
    end: Time,
    /// The segments begun so far, repetitions counted.
    begun: usize,
    segment_end: Time,
    current: Option<Current>,
}

/// The segment that is under way.
#[derive(Debug)]
enum Current {
    Map(MapArrivals),
    Renewal(RenewalArrivals),
}

impl ScheduleArrivals {
    /// The arrivals in `[0, end)`.
    pub fn new(schedule: &Schedule, streams: Streams, end: Time) -> Self {
        let schedule = schedule.clone();
        Self { schedule, streams, end, begun: 0, segment_end: Time::ZERO, current: None }
    }

    /// Begins the next segment; false at the end.
    fn begin(&mut self) -> bool {
        if self.segment_end >= self.end {
            return false;
        }
        let segment = &self.schedule.segments[self.begun % self.schedule.segments.len()];
        let start = self.segment_end;
        self.segment_end = start + segment.duration;
        let stream = self.streams.part(self.begun as u64).stream("arrivals");
        let end = self.segment_end.min(self.end);
        self.current = match &segment.process {
            Process::Silent => None,
            Process::Map(map) => Some(Current::Map(MapArrivals::new(map, start, end, stream))),
            Process::Renewal(process) => {
                Some(Current::Renewal(RenewalArrivals::new(process, start, end, stream)))
            }
        };
        self.begun += 1;
        true
    }
}

impl Arrivals for ScheduleArrivals {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        loop {
            match &mut self.current {
                Some(Current::Map(current)) => current.fill(block)?,
                Some(Current::Renewal(current)) => current.fill(block)?,
                None => (),
            }
            if block.len() > before || !self.begin() {
                return Ok(());
            }
        }
    }

    fn portion(&mut self) -> Option<Portion> {
        // Renewal processes only hand over in turn, and then so does all that follows.
        if self.schedule.segments.iter().any(|segment| matches!(segment.process, Process::Renewal(_))) {
            return None;
        }
        loop {
            let portion = match &mut self.current {
                Some(Current::Map(current)) => current.portion(),
                Some(Current::Renewal(_)) | None => None,
            };
            if portion.is_some() || !self.begin() {
                return portion;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::tests::drawn;

    fn draw(schedule: &Schedule, seconds: u64) -> Vec<Time> {
        let end = Time::ZERO + Span::from_secs(seconds);
        drawn(ScheduleArrivals::new(schedule, Streams::new(1), end))
    }

    /// 100 s of a Poisson process, 100 s of an MMPP.
    fn two(rate: f64) -> Schedule {
        let segment = |map| Segment { duration: Span::from_secs(100), process: Process::Map(map) };
        let mmpp = Map::mmpp(&[0.0, 20.0], &[1.0, 1.0]).unwrap();
        Schedule { segments: vec![segment(Map::poisson(rate)), segment(mmpp)] }
    }

    #[test]
    fn segments_follow_each_other_and_repeat() {
        let schedule = two(50.0);
        assert_eq!(schedule.total(), Span::from_secs(200));
        let all = draw(&schedule, 300);
        assert!(all.windows(2).all(|w| w[0] <= w[1]));
        let within = |from: u64, to: u64| {
            let (from, to) = (Span::from_secs(from), Span::from_secs(to));
            all.iter().filter(|t| **t >= Time::ZERO + from && **t < Time::ZERO + to).count() as f64
        };
        // Poisson(5000): five standard deviations are 354. MMPP: mean 1000, IDC near 11.
        assert!((within(0, 100) - 5000.0).abs() < 354.0);
        assert!((within(200, 300) - 5000.0).abs() < 354.0);
        assert!((within(100, 200) - 1000.0).abs() < 530.0);
        assert_eq!(within(300, 1000), 0.0);
    }

    #[test]
    fn a_changed_segment_leaves_the_others_as_they_were() {
        let changed = two(10.0);
        let later = |schedule: &Schedule| -> Vec<Time> {
            let all = draw(schedule, 200);
            all.into_iter().filter(|t| *t >= Time::ZERO + Span::from_secs(100)).collect()
        };
        assert_eq!(later(&two(50.0)), later(&changed));
    }

    #[test]
    fn a_process_that_changes_phase_for_ever_is_refused() {
        let map = Map::mmpp(&[0.0, 1e-6], &[1e-6, 1e-6]).unwrap();
        assert!(plausible(&map).unwrap_err().contains("times for each arrival"));
        assert_eq!(plausible(&Map::mmpp(&[0.0, 1.0], &[1e-3, 1e-3]).unwrap()), Ok(()));
    }
}
