//! A trace hour by hour.

use serde::Serialize;

use super::scales::Cascade;
use crate::units::Span;

const HOUR: Span = Span::from_secs(3600);

/// One hour of a trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hour {
    /// 1 for the first.
    pub hour: u64,
    /// The number of arrivals.
    pub arrivals: u64,
    /// Arrivals a second over the hour or what there is of it.
    pub rate: f64,
    /// Squared coefficient of variation of the gaps that end in the hour; none for counts.
    pub scv: Option<f64>,
    /// IDC at 1 s, if the bins allow.
    pub idc_1s: Option<f64>,
    /// IDC at 60 s, if the bins allow.
    pub idc_60s: Option<f64>,
    /// Largest count over mean count in the finest bin of at least 1 s.
    pub peak_to_mean: Option<f64>,
}

/// The rows of the hours, and the sums of the one that is open.
#[derive(Debug, Clone)]
pub(super) struct Hours {
    rows: Vec<Hour>,
    /// The length of the bins that come in, and of those that the row counts.
    bin: Span,
    scales: Cascade,
    /// The next finest bin, counted from the start of the trace.
    next: u64,
    arrivals: u64,
    gaps: GapSums,
}

impl Hours {
    pub fn new(bin: Span) -> Hours {
        let scales = hour_scales(bin);
        Hours { rows: Vec::new(), bin, scales, next: 0, arrivals: 0, gaps: GapSums::default() }
    }

    /// Adds the count of the bin that starts at `start_ns`; bins in between were empty.
    #[inline]
    pub fn count(&mut self, start_ns: u64, count: u64) {
        self.roll(start_ns);
        let bin = start_ns / self.bin.0;
        self.scales.push_empty(bin.saturating_sub(self.next));
        self.scales.push(count);
        self.next = bin + 1;
        self.arrivals += count;
    }

    /// Adds a gap that ends at `end_ns`; the bins before the one that holds its end are counted.
    #[inline]
    pub fn gap(&mut self, end_ns: u64, gap: f64) {
        self.roll(end_ns);
        self.gaps.add(gap);
    }

    /// Closes the hours that end at or before `to_ns`.
    #[inline]
    fn roll(&mut self, to_ns: u64) {
        while to_ns / HOUR.0 > self.rows.len() as u64 {
            let end = (self.rows.len() as u64 + 1) * HOUR.0 / self.bin.0;
            self.scales.push_empty(end.saturating_sub(self.next));
            self.next = self.next.max(end);
            self.close(HOUR);
        }
    }

    fn close(&mut self, length: Span) {
        let scales = std::mem::replace(&mut self.scales, hour_scales(self.bin)).scales();
        let at = |seconds| scales.iter().find(|s| s.scale == Span::from_secs(seconds)).map(|s| s.idc);
        let gaps = std::mem::take(&mut self.gaps);
        let [m1, m2, _] = gaps.moments();
        let arrivals = std::mem::take(&mut self.arrivals);
        self.rows.push(Hour {
            hour: self.rows.len() as u64 + 1,
            arrivals,
            rate: arrivals as f64 / length.as_secs_f64().max(1e-9),
            // Below 0 there is only rounding.
            scv: (gaps.count >= 2.0 && m1 > 0.0).then(|| (m2 / (m1 * m1) - 1.0).max(0.0)),
            idc_1s: at(1),
            idc_60s: at(60),
            peak_to_mean: scales.iter().find(|s| s.scale >= Span::from_secs(1)).map(|s| s.peak_to_mean),
        });
    }

    pub fn finish(mut self, duration_ns: u64) -> Vec<Hour> {
        let rest = duration_ns.saturating_sub(self.rows.len() as u64 * HOUR.0);
        if rest > 0 || self.arrivals > 0 {
            self.close(Span(rest));
        }
        self.rows
    }
}

fn hour_scales(bin: Span) -> Cascade {
    let wanted = [1, 60].map(Span::from_secs);
    Cascade::of(bin, wanted.into_iter().filter(|s| s.0 > bin.0 && s.0.is_multiple_of(bin.0)))
}

/// Sums of the first three powers of gaps [s].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GapSums {
    pub count: f64,
    sums: [f64; 3],
}

impl GapSums {
    #[inline]
    pub fn add(&mut self, gap: f64) {
        self.count += 1.0;
        self.sums[0] += gap;
        self.sums[1] += gap * gap;
        self.sums[2] += gap * gap * gap;
    }

    pub fn moments(&self) -> [f64; 3] {
        self.sums.map(|sum| sum / self.count)
    }
}
