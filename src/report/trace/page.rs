//! The tables of a measured trace.

use super::TraceReport;
use crate::fitting::Basis;
use crate::report::format;
use crate::report::table::text_table;
use crate::units::Span;

impl TraceReport<'_> {
    /// The figures as tables.
    pub fn text(&self) -> String {
        let scales = self.stats.scales.iter().map(|scale| {
            let bins = format::count(scale.bins);
            vec![scale.scale.to_string(), bins, format::number(scale.idc), format::number(scale.peak_to_mean)]
        });
        let scales: Vec<Vec<String>> = scales.collect();
        let doubt = match self.stats.arrivals > 1 && self.stats.duration == Span::ZERO {
            true => "All arrivals are at one instant: is this the column of their times?\n",
            false => "",
        };
        let notes: String = self.reading.notes().iter().map(|note| format!("{note}\n")).collect();
        let tables = [
            text_table(&["", "measured"], &self.rows()),
            text_table(&["bins of", "bins", "IDC", "peak / mean"], &scales),
        ];
        format!(
            "{}\n\n{}\n{}\nRead as {}: {}.\n{doubt}{notes}",
            self.name,
            tables[0],
            tables[1],
            self.reading.format,
            self.times()
        )
    }

    /// Where the times come from.
    fn times(&self) -> &str {
        if self.reading.times.is_empty() { "its times" } else { &self.reading.times }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let stats = self.stats;
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("arrivals", format::count(stats.arrivals)),
            row("length", format::duration(stats.duration.as_secs_f64())),
            row("rate", format!("{}/s", format::number(stats.rate))),
        ];
        if let Some(gaps) = &stats.gaps {
            rows.push(row("SCV of the gaps", format::number(gaps.scv)));
            rows.push(row("skewness of the gaps", format::number(gaps.skewness)));
            rows.push(row("lag-1 autocorrelation", format::number(gaps.autocorrelation[0])));
            rows.push(row("gaps of zero", format::percent(gaps.equal)));
            rows.push(row("resolution of the times", gaps.resolution.to_string()));
        }
        rows.push(row(
            "can be fitted by",
            match stats.basis {
                Basis::Gaps => "inter-arrival times".to_owned(),
                Basis::Counts { bin } => format!("counts of {bin}"),
            },
        ));
        let rates = || stats.hours.iter().map(|hour| hour.rate);
        if stats.hours.len() > 1 {
            let (low, high) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
            let range = format!("{}/s to {}/s", format::number(low), format::number(high));
            rows.push(row("hourly rates", range));
        }
        rows
    }
}
