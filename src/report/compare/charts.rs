//! The charts of a comparison.

use super::{CompareReport, peak};
use crate::numeric::histogram::Histogram;
use crate::outcome::SliceRow;
use crate::price::BillUsd;
use crate::report::chart::{Axis, BarChart, Colour, Group, LineChart, Panel, Point, Scatter, Series, Unit};
use crate::report::html::Figure;
use crate::report::{curves, format};
use crate::systems::compare::Compared;

/// One part of a bill.
type Component = fn(&BillUsd) -> f64;

impl CompareReport<'_> {
    pub(super) fn figures(&self) -> Vec<Figure> {
        let allowed = "Cheap and in time is at the lower left; the line is the share that the SLO allows.";
        let over = "Share of requests that took longer than a time.";
        let mut figures = vec![
            Figure::new("cost-violations", self.trade_off(), allowed),
            Figure::new("cost", self.cost(), "What the run cost, by component."),
            Figure::new("latency-ccdf", self.ccdf(), over),
            Figure::new("p95-over-time", self.over_time(), "The load, and the latency of each system."),
        ];
        if self.rents() {
            let caption = "What the ready instances could serve, and what came.";
            figures.push(Figure::new("capacity", self.capacity(), caption));
        }
        figures
    }

    fn cost(&self) -> BarChart {
        let components: [(&str, Component); 6] = [
            ("serving", |bill| bill.compute),
            ("requests", |bill| bill.requests),
            ("initialisation", |bill| bill.initialisation),
            ("provisioned", |bill| bill.provisioned),
            ("instances on demand", |bill| bill.instances),
            ("spot instances", |bill| bill.spot),
        ];
        let names = self.systems.iter().map(|system| system.name.clone()).collect();
        let axis = Axis::new("cost", Unit::Usd);
        let mut chart = BarChart::new("Cost", "system", names, axis, format::money)
            .subtitle(self.headline())
            .stacked()
            .lying();
        for (name, part) in components {
            let bill = |system: &Compared| part(&system.simulation.simulated.cost_components_usd);
            let values: Vec<f64> = self.systems.iter().map(bill).collect();
            if values.iter().any(|usd| *usd > 0.0) {
                chart = chart.series(name, values);
            }
        }
        chart
    }

    fn ccdf(&self) -> LineChart {
        let mut panel = Panel::new(Axis::new("share of requests over it", Unit::Share).log());
        for (number, system) in self.systems.iter().enumerate() {
            let cdf = &system.simulation.cdf;
            // From all requests at the least latency down to one at the largest: a constant latency is a
            // vertical line. The share 0 has no place on a log axis.
            let one = 1.0 / system.simulation.requests as f64;
            let begin = cdf.first().map(|(x, _)| (*x, 1.0));
            let points = cdf.iter().map(|(x, share)| (*x, (1.0 - share).max(one)));
            let over: Vec<(f64, f64)> = begin.into_iter().chain(points).collect();
            panel = panel.series(Series::new(&system.name, over).steps().pattern(number));
        }
        panel = panel.mark_y(1.0 - self.scenario.slo.percentile, self.scenario.slo.name());
        let chart =
            LineChart::new("Latency", Axis::new("latency", Unit::Seconds).log()).subtitle(self.headline());
        curves::with_slo(chart, &self.scenario.slo).panel(panel)
    }

    fn over_time(&self) -> LineChart {
        let rate = curves::over_time(&self.systems[0].simulation.slices, |row| Some(row.rate_per_s));
        let percentile = self.scenario.slo.name();
        let mut latency = Panel::new(Axis::new(format!("{percentile} latency"), Unit::Seconds).log());
        for (number, system) in self.systems.iter().enumerate() {
            let simulation = &system.simulation;
            let both = simulation.slices.iter().zip(&simulation.slice_latencies);
            let point = |(row, latencies): (&SliceRow, &Histogram)| {
                latencies.quantile(self.scenario.slo.percentile).map(|ns| (row.start_s, ns / 1e9))
            };
            latency =
                latency.series(Series::new(&system.name, both.filter_map(point).collect()).pattern(number));
        }
        if let Some(slo) = self.scenario.slo.latency {
            latency = latency.mark_y(slo.as_secs_f64(), format!("SLO {slo}"));
        }
        LineChart::new(format!("{percentile} latency over time"), Axis::new("time", Unit::Elapsed).tight())
            .panel(latency)
            .panel(
                Panel::new(Axis::new("requests", Unit::Number("1/s".into())).from_zero())
                    .series(Series::new("load", rate).filled().colour(Colour::Muted)),
            )
    }

    fn capacity(&self) -> LineChart {
        let rate = curves::over_time(&self.systems[0].simulation.slices, |row| Some(row.rate_per_s));
        let rate_axis = Axis::new("requests", Unit::Number("1/s".into())).from_zero();
        let mut capacity =
            Panel::new(rate_axis).series(Series::new("load", rate).filled().colour(Colour::Muted));
        let mut instances = Panel::new(Axis::new("instances", Unit::Count).from_zero());
        for (index, system) in self.systems.iter().enumerate() {
            if peak(system, |row| row.instances) == 0.0 {
                continue;
            }
            let colour = Colour::Category(index);
            let points = |value: fn(&SliceRow) -> f64| {
                curves::over_time(&system.simulation.slices, move |row| Some(value(row)))
            };
            let served = Series::new(&system.name, points(|row| row.capacity_per_s));
            capacity = capacity.series(served.colour(colour).pattern(index));
            let ready = Series::new(&system.name, points(|row| row.instances));
            instances = instances.series(ready.colour(colour).pattern(index));
        }
        LineChart::new("Capacity and load", Axis::new("time", Unit::Elapsed).tight())
            .subtitle("capacity: every worker busy on full batches")
            .panel(capacity)
            .panel(instances)
    }

    fn trade_off(&self) -> Scatter {
        let x = Axis::new("share over the SLO", Unit::Share).from_zero();
        let y = Axis::new("cost per million requests", Unit::Usd).from_zero();
        let mut chart = Scatter::new("Cost and lateness", x, y).subtitle(self.headline()).named_beside();
        for system in self.systems {
            let s = &system.simulation.simulated;
            let told = format!(
                "{}\nover the SLO: {}\ncost per million: {}\np95: {}",
                system.name,
                format::percent(s.slo_violation_share),
                format::money(s.cost_usd_per_million),
                format::duration(s.latency_s.p95)
            );
            let point = Point::new(s.slo_violation_share, s.cost_usd_per_million, told);
            chart = chart.group(Group::new(&system.name, vec![point]));
        }
        let allowed = self.scenario.slo.allowed();
        chart.mark_x(allowed, format!("allowed: {}", format::percent(allowed)))
    }
}
