//! The statistics of a trace, in one pass and bounded memory.

use serde::Serialize;

use super::Counts;
use super::exact_stats::skewness;
use super::hours::{GapSums, Hour, Hours};
use super::scales::{Cascade, Scale};
use crate::arrivals::Arrivals;
use crate::error::InputError;
use crate::units::{Span, Time};

/// The number of lags of the autocorrelation.
pub const LAGS: usize = 16;

/// The finest bin that arrivals are counted in.
const FINEST: Span = Span::from_millis(10);

/// Time stamps are too coarse for gaps if a mean gap holds fewer steps of their resolution than this.
const STEPS_A_GAP: f64 = 20.0;
/// Or if more than this share of the gaps is zero.
const MOST_EQUAL: f64 = 0.05;

/// A squared coefficient of variation below this is that of sums of doubles: gaps of a nanosecond's resolution and a
/// second's length vary by at least 1e-18, but their moments are known to 1e-13 or so.
const ROUNDING: f64 = 1e-12;

/// What was measured of a trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceStats {
    /// The number of arrivals.
    pub arrivals: u64,
    /// From the first arrival to the last; for counts, all bins.
    #[serde(rename = "duration_s")]
    pub duration: Span,
    /// Arrivals a second.
    pub rate: f64,
    /// Of the gaps between arrivals; none for counts and for fewer than three arrivals.
    pub gaps: Option<GapStats>,
    /// What the trace can be fitted on.
    pub basis: Basis,
    /// IDC and peak to mean, from the finest scale up.
    pub scales: Vec<Scale>,
    /// One row an hour since the first arrival or bin; the last may be shorter.
    pub hours: Vec<Hour>,
}

/// Statistics of the gaps between arrivals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GapStats {
    /// Raw moments of the gaps [s, s^2, s^3].
    #[serde(skip)]
    pub moments: [f64; 3],
    /// Squared coefficient of variation.
    pub scv: f64,
    /// Skewness; NaN (null in JSON) where all gaps are the same.
    pub skewness: f64,
    /// Autocorrelation at lags 1, 2, ... [`LAGS`]; NaN (null in JSON) where all gaps are the same.
    pub autocorrelation: Vec<f64>,
    /// The share of gaps that are zero.
    pub equal: f64,
    /// The largest span that all time stamps are multiples of, after the first.
    #[serde(rename = "resolution_s")]
    pub resolution: Span,
}

/// What can be trusted of a trace: each gap, or counts of bins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The time stamps are fine enough.
    Gaps,
    /// The trace is counts, or its time stamps are so coarse that many are equal.
    Counts {
        /// The finest bin that makes sense.
        #[serde(rename = "bin_s")]
        bin: Span,
    },
}

impl TraceStats {
    /// The squared coefficient of variation of the gaps.
    pub fn scv(&self) -> Option<f64> {
        self.gaps.as_ref().map(|gaps| gaps.scv)
    }

    /// The autocorrelation of neighbouring gaps.
    pub fn lag1(&self) -> Option<f64> {
        self.gaps.as_ref().map(|gaps| gaps.autocorrelation[0])
    }

    /// The index of dispersion at a scale of [`super::SCALES_S`], if it was measured.
    pub fn idc(&self, seconds: f64) -> Option<f64> {
        let wanted = Span::from_secs_f64(seconds)?;
        self.scales.iter().find(|scale| scale.scale == wanted).map(|scale| scale.idc)
    }
}

/// Measures all of `source`. Errors: what the source meets.
pub fn measure(source: &mut dyn Arrivals) -> Result<TraceStats, InputError> {
    let mut meter = Meter::new();
    let mut block = Vec::new();
    loop {
        block.clear();
        source.fill(&mut block)?;
        if block.is_empty() {
            return Ok(meter.finish());
        }
        meter.add(&block);
    }
}

/// Measures a trace of counts.
pub fn measure_counts(counts: &Counts) -> TraceStats {
    let mut scales = Cascade::new(counts.bin);
    let mut hours = Hours::new(counts.bin);
    for (i, count) in counts.counts.iter().enumerate() {
        scales.push(u64::from(*count));
        hours.count(i as u64 * counts.bin.0, u64::from(*count));
    }
    let arrivals: u64 = counts.counts.iter().map(|c| u64::from(*c)).sum();
    let duration = counts.duration();
    TraceStats {
        arrivals,
        duration,
        rate: arrivals as f64 / duration.as_secs_f64(),
        gaps: None,
        basis: Basis::Counts { bin: counts.bin },
        scales: scales.scales(),
        hours: hours.finish(duration.0),
    }
}

/// The running sums of [`measure`], for callers who already hold the arrivals.
#[derive(Debug, Clone)]
pub struct Meter {
    first: Option<Time>,
    last: Time,
    gaps: GapSums,
    equal: u64,
    /// Greatest common divisor of the times since the first arrival [ns].
    divisor: u64,
    /// The first [`LAGS`] gaps.
    oldest: [f64; LAGS],
    /// The last [`LAGS`] gaps, oldest first, and the sums of their products with the next.
    recent: [f64; LAGS],
    products: [f64; LAGS],
    scales: Cascade,
    bin: u64,
    in_bin: u64,
    hours: Hours,
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

impl Meter {
    /// Nothing measured yet.
    pub fn new() -> Meter {
        Meter {
            first: None,
            last: Time::ZERO,
            gaps: GapSums::default(),
            equal: 0,
            divisor: 0,
            oldest: [0.0; LAGS],
            recent: [0.0; LAGS],
            products: [0.0; LAGS],
            scales: Cascade::new(FINEST),
            bin: 0,
            in_bin: 0,
            hours: Hours::new(FINEST),
        }
    }

    /// Adds arrivals in non-decreasing order.
    pub fn add(&mut self, times: &[Time]) {
        for time in times {
            let Some(first) = self.first else {
                self.first = Some(*time);
                self.last = *time;
                self.in_bin = 1;
                continue;
            };
            let since = time.since(first).0;
            let gap_ns = time.since(self.last).0;
            self.last = *time;
            self.equal += u64::from(gap_ns == 0);
            if self.divisor != 1 {
                self.divisor = greatest_common_divisor(since, self.divisor);
            }
            self.bin_until(since / FINEST.0);
            self.in_bin += 1;
            self.add_gap(gap_ns as f64 * 1e-9, since);
        }
    }

    fn add_gap(&mut self, gap: f64, since: u64) {
        if let Some(oldest) = self.oldest.get_mut(self.gaps.count as usize) {
            *oldest = gap;
        }
        self.gaps.add(gap);
        self.hours.gap(since, gap);
        for (product, past) in self.products.iter_mut().zip(&self.recent) {
            *product += past * gap;
        }
        self.recent.copy_within(1.., 0);
        self.recent[LAGS - 1] = gap;
    }

    fn bin_until(&mut self, bin: u64) {
        if bin > self.bin {
            let count = std::mem::take(&mut self.in_bin);
            self.scales.push(count);
            self.hours.count(self.bin * FINEST.0, count);
            self.scales.push_empty(bin - self.bin - 1);
            self.bin = bin;
        }
    }

    /// What was measured.
    pub fn finish(mut self) -> TraceStats {
        let duration = self.last.since(self.first.unwrap_or(self.last));
        self.hours.count(self.bin * FINEST.0, self.in_bin);
        let gaps = (self.gaps.count >= 2.0 && duration.0 > 0).then(|| self.gap_stats());
        let basis = gaps.as_ref().map_or(Basis::Gaps, Basis::of);
        let finest = if let Basis::Counts { bin } = basis { bin } else { Span::ZERO };
        TraceStats {
            arrivals: self.first.map_or(0, |_| 1 + self.gaps.count as u64),
            duration,
            rate: gaps.as_ref().map_or(0.0, |gaps| 1.0 / gaps.moments[0]),
            gaps,
            basis,
            scales: self.scales.scales().into_iter().filter(|scale| scale.scale >= finest).collect(),
            hours: self.hours.finish(duration.0),
        }
    }

    fn gap_stats(&self) -> GapStats {
        let moments = self.gaps.moments();
        let [m1, m2, _] = moments;
        // What is left of the variance of equal gaps is rounding; nothing correlates with it.
        let is_steady = m2 - m1 * m1 <= ROUNDING * m1 * m1;
        let variance = if is_steady { 0.0 } else { m2 - m1 * m1 };
        let lag = |k: usize| {
            if is_steady {
                return f64::NAN;
            }
            // The means of the pairs' earlier and later gaps, which the ends of a nearly steady beat tell apart.
            let pairs = (self.gaps.count - k as f64).max(1.0);
            let all = m1 * self.gaps.count;
            let earlier = (all - self.recent[LAGS - k..].iter().sum::<f64>()) / pairs;
            let later = (all - self.oldest[..k].iter().sum::<f64>()) / pairs;
            (self.products[LAGS - k] / pairs - earlier * later) / variance
        };
        GapStats {
            moments,
            scv: variance / (m1 * m1),
            skewness: if is_steady { f64::NAN } else { skewness(moments) },
            autocorrelation: (1..=LAGS).map(lag).collect(),
            equal: self.equal as f64 / self.gaps.count,
            resolution: Span(self.divisor),
        }
    }
}

impl Basis {
    fn of(gaps: &GapStats) -> Basis {
        let coarse = gaps.resolution.as_secs_f64() * STEPS_A_GAP > gaps.moments[0];
        if !coarse && gaps.equal <= MOST_EQUAL {
            return Basis::Gaps;
        }
        let step = gaps.resolution.0.max(FINEST.0);
        Basis::Counts { bin: Span(step.div_ceil(FINEST.0) * FINEST.0) }
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::map::Map;
    use crate::arrivals::map_arrivals::MapArrivals;
    use crate::fitting::exact_stats::MapStats;
    use crate::numeric::streams::Streams;

    fn source(map: &Map, seconds: u64) -> MapArrivals {
        let end = Time::ZERO + Span::from_secs(seconds);
        MapArrivals::new(map, Time::ZERO, end, Streams::new(5).stream("arrivals"))
    }

    #[test]
    fn a_drawn_process_has_its_exact_statistics() {
        let map = Map::mmpp(&[20.0, 200.0], &[3.0, 1.0]).unwrap();
        let exact = MapStats::new(&map);
        let trace = measure(&mut source(&map, 40_000)).unwrap();
        let gaps = trace.gaps.as_ref().unwrap();
        let near = |what, measured: f64, exact: f64, share: f64| {
            assert!((measured / exact - 1.0).abs() < share, "{what}: {measured} {exact}");
        };
        near("rate", trace.rate, exact.rate(), 0.02);
        near("scv", gaps.scv, exact.scv(), 0.03);
        near("skewness", gaps.skewness, exact.skewness(), 0.03);
        for lag in [1, 2, LAGS] {
            near("autocorrelation", gaps.autocorrelation[lag - 1], exact.autocorrelation(lag), 0.05);
        }
        for t in [0.01, 0.1, 1.0, 10.0] {
            near("IDC", trace.idc(t).unwrap(), exact.idc(t), 0.06);
        }
        assert_eq!(trace.basis, Basis::Gaps);
    }

    #[test]
    fn hours_add_up_and_hold_their_own_statistics() {
        let trace = measure(&mut source(&Map::poisson(10.0), 9000)).unwrap();
        assert_eq!(trace.hours.len(), 3);
        assert_eq!(trace.hours.iter().map(|h| h.arrivals).sum::<u64>(), trace.arrivals);
        for hour in &trace.hours {
            assert!((hour.rate / 10.0 - 1.0).abs() < 0.03, "{hour:?}");
            assert!((hour.scv.unwrap() - 1.0).abs() < 0.06, "{hour:?}");
            assert!((hour.idc_1s.unwrap() - 1.0).abs() < 0.15, "{hour:?}");
        }
    }

    #[test]
    fn coarse_time_stamps_are_noticed_and_counted() {
        let mut times = Vec::new();
        source(&Map::poisson(10.0), 1000).fill(&mut times).unwrap();
        let rounded: Vec<Time> = times.iter().map(|t| Time(t.0 / 1_000_000_000 * 1_000_000_000)).collect();
        let mut meter = Meter::new();
        meter.add(&rounded);
        let trace = meter.finish();
        assert_eq!(trace.basis, Basis::Counts { bin: Span::from_secs(1) });
        assert_eq!(trace.gaps.as_ref().unwrap().resolution, Span::from_secs(1));
        assert!(trace.gaps.unwrap().equal > 0.8);
        assert_eq!(trace.scales[0].scale, Span::from_secs(1));
    }

    #[test]
    fn counts_and_the_arrivals_they_stand_for_agree() {
        let counts: Vec<u32> = (0..8000_u32).map(|i| (i * i + 3) % 7).collect();
        let measured = measure_counts(&Counts { bin: Span::from_secs(1), counts: counts.clone() });
        let mut meter = Meter::new();
        for (second, count) in counts.iter().enumerate() {
            let at = |i: u32| Time(second as u64 * 1_000_000_000 + u64::from(i) * 1000);
            (0..*count).for_each(|i| meter.add(&[at(i)]));
        }
        let drawn = meter.finish();
        assert_eq!(drawn.arrivals, measured.arrivals);
        // The last bin is not over when its last arrival comes.
        assert!((drawn.idc(10.0).unwrap() / measured.idc(10.0).unwrap() - 1.0).abs() < 0.01);
        assert_eq!(drawn.hours[0].arrivals, measured.hours[0].arrivals);
        assert_eq!(drawn.hours[1].idc_60s, measured.hours[1].idc_60s);
    }

    #[test]
    fn a_steady_beat_varies_by_nothing_and_correlates_with_nothing() {
        let mut meter = Meter::new();
        meter.add(&(0..5000).map(|i| Time(i * 100_000_000)).collect::<Vec<_>>());
        let gaps = meter.finish().gaps.unwrap();
        assert_eq!(gaps.scv, 0.0);
        assert!(gaps.skewness.is_nan() && gaps.autocorrelation.iter().all(|lag| lag.is_nan()));
        assert!(serde_json::to_string(&gaps).unwrap().contains("\"autocorrelation\":[null,null"));
        // A beat with a jitter of a thousandth still does.
        let mut meter = Meter::new();
        meter.add(&(0..5000).map(|i| Time(i * 100_000_000 + i % 2 * 100_000)).collect::<Vec<_>>());
        let gaps = meter.finish().gaps.unwrap();
        assert!((gaps.scv - 1e-6).abs() < 1e-8 && (gaps.autocorrelation[0] + 1.0).abs() < 1e-3, "{gaps:?}");
    }

    #[test]
    fn nothing_and_next_to_nothing_can_be_measured() {
        assert_eq!(Meter::new().finish().arrivals, 0);
        let mut meter = Meter::new();
        meter.add(&[Time(5)]);
        let trace = meter.finish();
        assert_eq!((trace.arrivals, trace.rate, trace.gaps), (1, 0.0, None));
    }
}
