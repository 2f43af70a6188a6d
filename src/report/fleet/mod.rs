//! What `sim fleet` shows: what a month of all functions costs and saves, the functions that matter, who should not batch
//! and why, the page.

#[cfg(feature = "charts")]
mod page;

use serde_json::{Value, json};

use super::format;
use crate::fleet_plan::row::{Reason, Row};
use crate::fleet_plan::table::About;

/// So many functions are told of by name.
const NAMED: usize = 40;
/// A fleet to be shown.
#[derive(Debug)]
pub struct FleetReport<'a> {
    about: &'a About,
    /// In the order of what they save.
    rows: &'a [Row],
}

/// What functions have in common.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    functions: u64,
    requests: u64,
    usd: f64,
    alone_usd: f64,
    saving_usd: f64,
}

impl<'a> FleetReport<'a> {
    /// A report of all functions, in the order of what they save.
    pub fn new(about: &'a About, rows: &'a [Row]) -> FleetReport<'a> {
        FleetReport { about, rows }
    }

    fn sum(&self, of: impl Fn(&Row) -> bool) -> Sum {
        self.rows.iter().filter(|row| of(row)).fold(Sum::default(), |sum, row| Sum {
            functions: sum.functions + 1,
            requests: sum.requests + row.requests,
            usd: sum.usd + row.planned.map_or(0.0, |planned| planned.usd_per_month),
            alone_usd: sum.alone_usd + row.planned.and_then(|p| p.unbatched_usd_per_month).unwrap_or(0.0),
            saving_usd: sum.saving_usd + row.saving(),
        })
    }

    fn reasons(&self) -> Vec<(Reason, Sum)> {
        let sums = Reason::ALL.map(|reason| (reason, self.sum(|row| row.reason == reason)));
        sums.into_iter().filter(|(_, sum)| sum.functions > 0).collect()
    }

    /// Of the functions that keep what is asked.
    fn kept(&self) -> Sum {
        self.sum(|row| row.reason.is_kept())
    }

    fn named(&self, most: usize) -> Vec<&'a Row> {
        self.rows.iter().filter(|row| row.planned.is_some()).take(most).collect()
    }

    /// The text of fleet.json.
    pub fn json(&self) -> String {
        let (all, kept) = (self.sum(|_| true), self.kept());
        let reasons: Vec<Value> = self
            .reasons()
            .into_iter()
            .map(|(reason, sum)| {
                json!({
                    "note": reason.words(),
                    "functions": sum.functions,
                    "requests": sum.requests,
                    "cost_usd_per_month": sum.usd,
                    "saving_usd_per_month": sum.saving_usd,
                })
            })
            .collect();
        let value = json!({
            "scenario": self.about.scenario,
            "seed": self.about.seed,
            "objective": self.about.objective,
            "percentile": self.about.percentile,
            "length_s": self.about.length_s,
            "functions": all.functions,
            "requests": all.requests,
            "within_slo": {
                "functions": kept.functions,
                "cost_usd_per_month": kept.usd,
                "unbatched_usd_per_month": kept.alone_usd,
                "saving_usd_per_month": kept.saving_usd,
            },
            "reasons": reasons,
            "top": self.named(NAMED).into_iter().map(row_json).collect::<Vec<_>>(),
            "notes": self.notes(),
        });
        serde_json::to_string_pretty(&value).expect("plain data") + "\n"
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            format!(
                "A month is 730 hours at the rate of the {} that were watched.",
                format::duration(self.about.length_s)
            ),
            "Savings are against the best configuration that does not batch; each is simulated on the function's own \
             arrivals."
                .to_owned(),
        ];
        notes.push(match self.about.cold_starts {
            true => "Each function has the account's limits for itself.".to_owned(),
            false => "Environments are always warm (cold_starts = false).".to_owned(),
        });
        let missed = self.sum(|row| !row.reason.is_kept());
        if missed.functions > 0 {
            notes.push(format!(
                "{} functions keep the SLO in no configuration; the nearest is given, and they are in no sum above.",
                format::count(missed.functions)
            ));
        }
        notes.extend(self.about.notes.iter().cloned());
        notes
    }
}

fn row_json(row: &Row) -> Value {
    let planned = row.planned.as_ref();
    json!({
        "function": row.function,
        "requests": row.requests,
        "rate_per_s": row.rate_per_s,
        "memory_mb": planned.map(|p| p.setting.memory.0),
        "batch": planned.map(|p| p.setting.batch),
        "timeout_s": planned.map(|p| p.setting.timeout.as_secs_f64()),
        "p_slo_s": planned.map(|p| p.p_slo_s),
        "violation_share": planned.map(|p| p.violation_share),
        "cost_usd_per_month": planned.map(|p| p.usd_per_month),
        "unbatched_usd_per_month": planned.and_then(|p| p.unbatched_usd_per_month),
        "saving_usd_per_month": row.saving(),
        "cold_start_share": planned.map(|p| p.cold_start_share),
        "note": row.reason.words(),
    })
}
