//! The charts of a run.

use super::RunReport;
use crate::outcome::SliceRow;
use crate::platform::lambda::{KeepAlive, PoolSettings};
use crate::policy::adaptive::Decision;
use crate::report::chart::{Axis, BarChart, LineChart, Panel, Series, Unit};
use crate::report::html::Figure;
use crate::report::{curves, format};
use crate::scenario::platform::Environments;

impl RunReport<'_> {
    pub(super) fn figures(&self) -> Vec<Figure> {
        let mut figures = vec![
            Figure::new("latency-cdf", self.latency_chart(), "Share of requests answered within a time."),
            Figure::new("batch-size", self.batch_chart(), "How many requests the batches held."),
            Figure::new("over-time", self.time_chart(), "The load, and what it did to the latency."),
            Figure::new("concurrency", self.concurrency_chart(), "Environments that serve or initialise."),
            Figure::new("cost", self.cost_chart(), "What the run cost, by component."),
        ];
        if !self.keep_alive.is_empty() {
            let caption = "What another keep-alive would change, on the same arrivals.";
            figures.push(Figure::new("cold-starts", self.keep_alive_chart(), caption));
        }
        if !self.decisions.is_empty() {
            let caption = "The rate that was expected, and the configuration that was chosen for it.";
            figures.push(Figure::new("decisions", self.decision_chart(), caption));
        }
        figures
    }

    fn latency_chart(&self) -> LineChart {
        let predicted = self.prediction.map(|prediction| {
            let label = format!("predicted ({})", prediction.predicted.model);
            Series::new(label, prediction.cdf.clone()).dashed()
        });
        let simulated = Series::new("simulated", self.simulation.cdf.clone()).steps();
        curves::latency([Some(simulated), predicted].into_iter().flatten(), &self.scenario.slo)
            .subtitle(self.headline())
    }

    fn batch_chart(&self) -> BarChart {
        let simulated = &self.simulation.simulated;
        let mut sizes = vec![("simulated", simulated.batch_size.as_slice())];
        sizes.extend(self.prediction.map(|p| ("predicted", p.predicted.batch_size.as_slice())));
        curves::batch_sizes(&sizes).subtitle(format!("mean {}", format::number(simulated.mean_batch)))
    }

    fn over_time(&self, value: impl Fn(&SliceRow) -> Option<f64>) -> Vec<(f64, f64)> {
        curves::over_time(&self.simulation.slices, value)
    }

    fn time_chart(&self) -> LineChart {
        let rate = Series::new("arrival rate", self.over_time(|row| Some(row.rate_per_s))).filled();
        let p95 = Series::new("p95 latency", self.over_time(|row| row.p95_s));
        let mut lower = Panel::new(Axis::new("p95 latency", Unit::Seconds).from_zero()).series(p95);
        if let Some(slo) = self.scenario.slo.latency {
            lower = lower.mark_y(slo.as_secs_f64(), format!("SLO {slo}"));
        }
        LineChart::new("Load and latency over time", Axis::new("time", Unit::Elapsed).tight())
            .panel(Panel::new(Axis::new("requests", Unit::Number("1/s".into())).from_zero()).series(rate))
            .panel(lower)
    }

    fn concurrency_chart(&self) -> LineChart {
        let peak = self.over_time(|row| Some(row.peak_concurrency as f64));
        let mean = self.over_time(|row| Some(row.mean_concurrency));
        let environments = Panel::new(Axis::new("environments", Unit::Number(String::new())).from_zero())
            .series(Series::new("peak", peak).steps())
            .series(Series::new("mean", mean).filled());
        let chart = LineChart::new("Concurrency over time", Axis::new("time", Unit::Elapsed).tight())
            .panel(environments);
        if self.simulation.simulated.cold_starts == 0 {
            return chart;
        }
        let cold = Series::new("cold starts", self.over_time(|row| Some(row.cold_starts as f64))).steps();
        chart
            .panel(Panel::new(Axis::new("cold starts", Unit::Number(String::new())).from_zero()).series(cold))
    }

    fn keep_alive_chart(&self) -> LineChart {
        let points = self.keep_alive.iter().map(|point| (point.keep_alive_s, point.cold_starts as f64));
        let panel = Panel::new(Axis::new("cold starts", Unit::Number(String::new())).from_zero())
            .series(Series::new("", points.collect()));
        let chart =
            LineChart::new("Cold starts against keep-alive", Axis::new("keep-alive", Unit::Seconds).log())
                .subtitle(self.headline());
        match &self.scenario.platform.environments {
            Environments::Pool(PoolSettings { keep_alive: KeepAlive::Fixed(own), .. }) => {
                chart.mark_x(own.as_secs_f64(), format!("here {own}"))
            }
            _ => chart,
        }
        .panel(panel)
    }

    /// Rates and the settings that were chosen for them.
    fn decision_chart(&self) -> LineChart {
        let over = |value: fn(&Decision) -> f64| -> Vec<(f64, f64)> {
            self.decisions.iter().map(|d| (d.time.as_secs_f64(), value(d))).collect()
        };
        let number = |title: &str, unit: &str| Axis::new(title, Unit::Number(unit.to_owned())).from_zero();
        let line = |name: &str, value: fn(&Decision) -> f64| Series::new(name, over(value)).steps();
        let served = Series::new("arrival rate", self.over_time(|row| Some(row.rate_per_s)));
        LineChart::new("What was planned", Axis::new("time", Unit::Elapsed).tight())
            .panel(
                Panel::new(number("requests", "1/s")).series(served).series(line("forecast", |d| d.forecast)),
            )
            .panel(Panel::new(number("memory", "MB")).series(line("memory", |d| f64::from(d.memory.0))))
            .panel(
                Panel::new(number("batch", "")).series(line("largest batch", |d| f64::from(d.buffer.batch))),
            )
            .panel(
                Panel::new(Axis::new("timeout", Unit::Seconds).from_zero())
                    .series(line("timeout", |d| d.buffer.timeout.as_secs_f64())),
            )
    }

    fn cost_chart(&self) -> BarChart {
        let bill = self.simulation.simulated.cost_components_usd;
        let parts = [
            ("serving", bill.compute),
            ("initialisation", bill.initialisation),
            ("requests", bill.requests),
            ("provisioned", bill.provisioned),
            ("instances", bill.instances),
        ];
        let shown: Vec<_> = parts.into_iter().filter(|(_, usd)| *usd > 0.0).collect();
        let categories = shown.iter().map(|(name, _)| (*name).to_owned()).collect();
        BarChart::new(
            "Cost by component",
            "component",
            categories,
            Axis::new("cost", Unit::Usd),
            format::money,
        )
        .subtitle(format!("{} in all", format::money(self.simulation.simulated.cost_usd)))
        .series("", shown.iter().map(|(_, usd)| *usd).collect())
        .lying()
    }
}
