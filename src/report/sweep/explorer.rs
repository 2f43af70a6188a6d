//! What the page of a sweep lets one play with: its own rows.

use super::SweepReport;
use crate::report::explorer::{Entry, Question};
use crate::sweep::front::on_front;
use crate::sweep::row::{Counts, Figures, Row};
use crate::sweep::table::header;

impl SweepReport<'_> {
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.rows.iter().zip(on_front(self.rows)).map(|(row, on_front)| entry(row, on_front)).collect()
    }

    pub(super) fn question(&self) -> Question {
        let best = self.best.and_then(|best| self.rows.iter().position(|row| row.setting == best.setting));
        Question {
            percentile: self.percentile(),
            slo_s: self.about.slo_latency_s,
            budget_usd_per_million: self.about.budget_usd_per_million,
            of: self.rows.len(),
            best,
            file: "sweep.csv",
            columns: header(self.about.percentile).split(',').map(str::to_owned).collect(),
        }
    }
}

fn entry(row: &Row, on_front: bool) -> Entry {
    let pair = |figures: Option<Figures>| {
        figures.map_or([f64::NAN; 2], |Figures { latency_s, usd_per_million }| [latency_s, usd_per_million])
    };
    let counted = |of: fn(&Counts) -> f64| row.counts.as_ref().map_or(f64::NAN, of);
    Entry {
        setting: row.setting,
        predicted: pair(row.predicted),
        simulated: pair(row.simulated),
        p50_s: counted(|c| c.p50_s),
        p99_s: counted(|c| c.p99_s),
        late: counted(|c| c.late),
        mean_batch: counted(|c| c.mean_batch),
        cold_starts: counted(|c| c.cold_starts),
        usd_per_month: counted(|c| c.usd_per_month),
        meets: row.meets_slo,
        on_front,
    }
}
