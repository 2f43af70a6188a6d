//! What a fit is made from: arrivals or counts, whichever the trace can bear.

use super::trace_stats::{Basis, Meter, TraceStats, measure_counts};
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::units::{Span, Time};

/// More arrivals than this are fitted as counts: 8 bytes each, and 32 more while EM runs.
pub const MOST_ARRIVALS: usize = 4_000_000;
/// More bins than this are merged to coarser ones.
const MOST_BINS: usize = 4_000_000;
/// The bins in which arrivals are counted, from fine to coarse [ms].
const BINS_MS: [u64; 8] = [10, 20, 100, 200, 1000, 2000, 10_000, 60_000];

/// A trace of counts: the arrivals in each of the consecutive bins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// The length of a bin.
    pub bin: Span,
    /// The arrivals by bin.
    pub counts: Vec<u32>,
}

/// The part of a trace that is fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// Arrival times in non-decreasing order.
    Arrivals(Vec<Time>),
    /// Counts.
    Counts(Counts),
}

impl Counts {
    /// The length of all bins.
    pub fn duration(&self) -> Span {
        Span(self.bin.0 * self.counts.len() as u64)
    }

    /// Counts arrivals since the first one in bins; the last bin is left out unless it is the only one.
    pub fn of(times: &[Time], bin: Span) -> Counts {
        let mut counts = Vec::new();
        let first = times.first().copied().unwrap_or(Time::ZERO);
        for time in times {
            let at = (time.since(first).0 / bin.0) as usize;
            counts.resize(counts.len().max(at + 1), 0);
            counts[at] += 1;
        }
        counts.truncate(counts.len().saturating_sub(1).max(1));
        Counts { bin, counts }
    }

    /// Counts all arrivals of `source` in bins from time 0 to the last arrival.
    ///
    /// # Errors
    /// What the source meets.
    pub fn read(source: &mut dyn Arrivals, bin: Span) -> Result<Counts, InputError> {
        let (mut counts, mut block) = (Vec::new(), Vec::new());
        loop {
            block.clear();
            source.fill(&mut block)?;
            let Some(last) = block.last() else { break };
            counts.resize(counts.len().max((last.0 / bin.0) as usize + 1), 0);
            block.iter().for_each(|time| counts[(time.0 / bin.0) as usize] += 1);
        }
        Ok(Counts { bin, counts })
    }

    /// The same counts in bins of `factor` bins each; a rest at the end is left out.
    pub fn merged(&self, factor: usize) -> Counts {
        let sums = self.counts.chunks_exact(factor).map(|bins| bins.iter().sum());
        Counts { bin: Span(self.bin.0 * factor as u64), counts: sums.collect() }
    }
}

impl Observed {
    /// Reads all of `source`: its statistics, and its arrivals if they are fine and few enough, else counts.
    ///
    /// Memory stays bounded. A source of counts is taken as these counts: the times within its bins say nothing.
    ///
    /// # Errors
    /// What the source meets.
    pub fn read(source: &mut dyn Arrivals) -> Result<(TraceStats, Observed), InputError> {
        if let Some(bin) = source.bin() {
            let counts = Counts::read(source, bin)?;
            return Ok((measure_counts(&counts), Observed::Counts(counts)));
        }
        let (mut meter, mut kept, mut binner) = (Meter::new(), Vec::new(), Binner::new());
        let (mut block, mut next) = (Vec::new(), Vec::new());
        fill_up(source, &mut block)?;
        while !block.is_empty() {
            // To measure takes about as long as all else together.
            let others = || {
                binner.add(&block);
                if kept.len() <= MOST_ARRIVALS {
                    kept.extend_from_slice(&block);
                }
                // One that is not full was the last.
                if block.len() < TOGETHER {
                    next.clear();
                    return Ok(());
                }
                fill_up(source, &mut next)
            };
            beside(|| meter.add(&block), others)?;
            std::mem::swap(&mut block, &mut next);
        }
        let stats = meter.finish();
        let observed = match stats.basis {
            Basis::Gaps if kept.len() <= MOST_ARRIVALS => Observed::Arrivals(kept),
            Basis::Gaps => Observed::Counts(binner.finish(Span::ZERO)),
            Basis::Counts { bin } => Observed::Counts(binner.finish(bin)),
        };
        Ok((stats, observed))
    }

    /// The statistics of what is held.
    pub fn measure(&self) -> TraceStats {
        match self {
            Observed::Counts(counts) => measure_counts(counts),
            Observed::Arrivals(times) => {
                let mut meter = Meter::new();
                meter.add(times);
                meter.finish()
            }
        }
    }
}

/// So many arrivals are looked at together that handing them over takes nothing of the time, and so few that they stay in
/// the cache.
const TOGETHER: usize = 8 * BLOCK;

/// Fills a block anew; it stays less than full only at the end.
fn fill_up(source: &mut dyn Arrivals, block: &mut Vec<Time>) -> Result<(), InputError> {
    block.clear();
    while block.len() < TOGETHER {
        let before = block.len();
        source.fill(block)?;
        if block.len() == before {
            break;
        }
    }
    Ok(())
}

/// Does both: at once where another thread has nothing to do, else one after the other.
fn beside<T: Send>(one: impl FnOnce() + Send, other: impl FnOnce() -> T + Send) -> T {
    // To hand work to the threads from outside takes longer than a block does.
    if rayon::current_thread_index().is_some() && rayon::current_num_threads() > 1 {
        return rayon::join(one, other).1;
    }
    one();
    other()
}

/// Counts in bins that become coarser as the trace becomes longer.
struct Binner {
    first: Option<Time>,
    level: usize,
    counts: Vec<u32>,
    /// Where the last bin ends, from the first arrival on [ns].
    end: u64,
}

impl Binner {
    fn new() -> Binner {
        Binner { first: None, level: 0, counts: Vec::new(), end: 0 }
    }

    fn add(&mut self, times: &[Time]) {
        for time in times {
            let since = time.since(*self.first.get_or_insert(*time)).0;
            if since >= self.end {
                self.open(since);
            }
            if let Some(last) = self.counts.last_mut() {
                *last += 1;
            }
        }
    }

    /// Adds bins up to the one that holds an arrival: times ascend, so it is the last.
    fn open(&mut self, since: u64) {
        let mut at = (since / self.bin().0) as usize;
        while at >= MOST_BINS && self.level + 1 < BINS_MS.len() {
            self.coarsen();
            at = (since / self.bin().0) as usize;
        }
        self.counts.resize(self.counts.len().max(at + 1), 0);
        self.end = (at as u64 + 1).saturating_mul(self.bin().0);
    }

    fn bin(&self) -> Span {
        Span::from_millis(BINS_MS[self.level])
    }

    fn coarsen(&mut self) {
        let factor = (BINS_MS[self.level + 1] / BINS_MS[self.level]) as usize;
        self.counts = self.counts.chunks(factor).map(|bins| bins.iter().sum()).collect();
        self.level += 1;
    }

    /// The counts without the last bin, which is not over, in bins of at least `bin`.
    fn finish(mut self, bin: Span) -> Counts {
        self.counts.truncate(self.counts.len().saturating_sub(1).max(1));
        let counts = Counts { bin: self.bin(), counts: self.counts };
        let factor = (bin.0 / counts.bin.0).max(1) as usize;
        if counts.counts.len() >= factor { counts.merged(factor) } else { counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::map::Map;
    use crate::arrivals::map_arrivals::MapArrivals;
    use crate::numeric::streams::Streams;

    #[test]
    fn a_fine_trace_is_kept_and_a_coarse_one_is_counted() {
        let end = Time::ZERO + Span::from_secs(500);
        let stream = Streams::new(3).stream("arrivals");
        let mut fine = MapArrivals::new(&Map::poisson(20.0), Time::ZERO, end, stream);
        let (stats, observed) = Observed::read(&mut fine).unwrap();
        let Observed::Arrivals(times) = observed else { panic!("counted") };
        assert_eq!(stats.arrivals, times.len() as u64);

        let rounded: Vec<Time> = times.iter().map(|t| Time(t.0 / 1_000_000_000 * 1_000_000_000)).collect();
        let (_, observed) = Observed::read(&mut Listed(rounded)).unwrap();
        let Observed::Counts(counts) = observed else { panic!("kept") };
        assert_eq!(counts.bin, Span::from_secs(1));
        assert!(counts.counts.len() >= 498 && counts.counts.iter().sum::<u32>() > 9500);
    }

    #[test]
    fn a_long_trace_is_counted_in_coarser_bins() {
        let times: Vec<Time> = (0..1000).map(|i| Time(i * 100_000_000_000)).collect();
        let mut binner = Binner::new();
        binner.add(&times);
        let counts = binner.finish(Span::ZERO);
        assert_eq!(counts.bin, Span::from_millis(100));
        assert_eq!(counts.counts.iter().sum::<u32>(), 999);
    }

    struct Listed(Vec<Time>);

    impl Arrivals for Listed {
        fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
            block.append(&mut self.0);
            Ok(())
        }
    }
}
