//! Figures as simulated, with their intervals, beside the same as predicted.

use super::format;
use crate::outcome::{Latency, LatencyIntervals, Predicted, Simulated};
use crate::scenario::slo::Slo;
use crate::units::Span;

/// One figure; what is not known is absent.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    name: String,
    simulated: Option<f64>,
    interval: Option<[f64; 2]>,
    predicted: Option<f64>,
    show: fn(f64) -> String,
}

impl Beside {
    /// Name, simulated, interval, predicted.
    pub fn cells(&self) -> Vec<String> {
        let show = self.show;
        let shown = |value: Option<f64>| value.map_or(String::new(), show);
        let interval =
            self.interval.map_or(String::new(), |[low, high]| format!("{} – {}", show(low), show(high)));
        vec![self.name.clone(), shown(self.simulated), interval, shown(self.predicted)]
    }

    /// The same, and by how much the prediction differs.
    pub fn cells_with_difference(&self) -> Vec<String> {
        let simulated = self.simulated.filter(|simulated| *simulated != 0.0);
        let both = simulated.zip(self.predicted).map(|(simulated, predicted)| predicted / simulated - 1.0);
        let difference = both.map_or(String::new(), |d| format!("{:+.2} %", d * 100.0));
        [self.cells(), vec![difference]].concat()
    }
}

/// A latency with its name, and where its value and its interval are found.
type Known = (&'static str, fn(&Latency) -> f64, fn(&LatencyIntervals) -> Option<[f64; 2]>);

const MEAN: Known = ("mean", |l| l.mean, |i| i.mean);
const PERCENTILES: [(f64, Known); 4] = [
    (0.5, ("p50", |l| l.p50, |i| i.p50)),
    (0.9, ("p90", |l| l.p90, |i| i.p90)),
    (0.95, ("p95", |l| l.p95, |i| i.p95)),
    (0.99, ("p99", |l| l.p99, |i| i.p99)),
];

/// What is known of one configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures<'a> {
    pub simulated: Option<&'a Simulated>,
    pub predicted: Option<&'a Predicted>,
}

impl Figures<'_> {
    /// The mean, every percentile, and that of the SLO.
    pub fn mean_and_percentiles(&self, slo: &Slo) -> Vec<Beside> {
        let known = PERCENTILES.map(|(percentile, _)| percentile);
        [vec![self.latency(MEAN)], self.percentiles(&known, slo)].concat()
    }

    /// The percentiles that are `wanted`, and that of the SLO where it is none of them.
    pub fn percentiles(&self, wanted: &[f64], slo: &Slo) -> Vec<Beside> {
        let shown = PERCENTILES.into_iter().filter(|(percentile, _)| wanted.contains(percentile));
        let mut rows: Vec<Beside> = shown.map(|(_, known)| self.latency(known)).collect();
        if !wanted.contains(&slo.percentile) {
            let interval = self.intervals().and_then(|all| all.percentile(slo.percentile));
            rows.push(Beside {
                simulated: self.simulated.map(|s| s.latency_s.slo),
                interval,
                predicted: self.predicted.map(|p| p.latency_s.slo),
                ..nothing_known(format!("{} latency", slo.name()), format::duration)
            });
        }
        rows
    }

    pub fn over(&self, slo: Span) -> Beside {
        Beside {
            simulated: self.simulated.map(|s| s.slo_violation_share),
            interval: self.simulated.and_then(|s| s.slo_violation_share_ci95),
            predicted: self.predicted.and_then(|p| p.slo_violation_share),
            ..nothing_known(format!("over {slo}"), format::percent)
        }
    }

    pub fn cost(&self) -> Beside {
        Beside {
            simulated: self.simulated.map(|s| s.cost_usd_per_million),
            interval: self.simulated.and_then(|s| s.cost_usd_per_million_ci95),
            predicted: self.predicted.map(|p| p.cost_usd_per_million),
            ..nothing_known("cost per million requests".to_owned(), format::money)
        }
    }

    pub fn cost_per_month(&self) -> Beside {
        let simulated = self.simulated.map(|s| s.cost_usd_per_month);
        Beside { simulated, ..nothing_known("cost per month".to_owned(), format::money) }
    }

    pub fn mean_batch(&self) -> Beside {
        Beside {
            simulated: self.simulated.map(|s| s.mean_batch),
            interval: self.simulated.and_then(|s| s.mean_batch_ci95),
            predicted: self.predicted.map(|p| p.mean_batch),
            ..nothing_known("mean batch".to_owned(), format::number)
        }
    }

    fn latency(&self, (name, value, interval): Known) -> Beside {
        Beside {
            simulated: self.simulated.map(|s| value(&s.latency_s)),
            interval: self.intervals().and_then(|all| interval(&all)),
            predicted: self.predicted.map(|p| value(&p.latency_s)),
            ..nothing_known(format!("{name} latency"), format::duration)
        }
    }

    fn intervals(&self) -> Option<LatencyIntervals> {
        self.simulated.and_then(|s| s.latency_ci95_s)
    }
}

fn nothing_known(name: String, show: fn(f64) -> String) -> Beside {
    Beside { name, simulated: None, interval: None, predicted: None, show }
}
