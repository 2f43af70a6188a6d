//! All kinds of chart on plausible and on degenerate data.

use super::*;
use crate::report::format;

/// A pseudo-random sequence in 0..1 that needs no seed.
fn noise(index: usize) -> f64 {
    ((index as f64 * 12.9898).sin() * 43_758.545).rem_euclid(1.0)
}

fn cdf() -> LineChart {
    let curve = |scale: f64| -> Vec<(f64, f64)> {
        (0..2_000).map(|i| i as f64 / 2_000.0).map(|q| (scale * (0.03 - 0.1 * (1.0 - q).ln()), q)).collect()
    };
    let band = curve(1.0).into_iter().step_by(50).map(|(x, q)| (x, (q - 0.03).max(0.0), (q + 0.03).min(1.0)));
    LineChart::new("Latency of requests", Axis::new("latency", Unit::Seconds).log())
        .subtitle(
            "Twitter hour 1, ResNet-v2, 1,792 MB, B = 8, T = 200 ms; band: 95 % interval of the simulation",
        )
        .mark_x(0.5, "SLO 500 ms")
        .mark_x(0.33, "p95 329 ms")
        .panel(
            Panel::new(Axis::new("share of requests", Unit::Share).from_zero())
                .series(Series::new("simulated", curve(1.0)).steps().band(band.collect()))
                .series(Series::new("predicted, exact", curve(1.04)).dashed())
                .series(Series::new("predicted, as published", curve(1.4)).dashed()),
        )
}

fn ccdf() -> LineChart {
    let curve = |scale: f64| -> Vec<(f64, f64)> {
        (0..400).map(|i| i as f64 / 200.0).map(|x| (x, (-x * 6.0 / scale).exp())).collect()
    };
    let series = |panel: Panel, (name, scale): (&str, f64)| panel.series(Series::new(name, curve(scale)));
    let systems = [("BATCH", 1.0), ("Lambda, unbatched", 0.7), ("SageMaker", 1.9), ("MArk", 1.3)];
    let panel = Panel::new(Axis::new("share of requests slower", Unit::Share).log());
    LineChart::new("Share of requests slower than", Axis::new("latency", Unit::Seconds))
        .mark_x(0.5, "SLO 500 ms")
        .panel(systems.into_iter().fold(panel, series))
}

fn over_time() -> LineChart {
    let hours = |f: fn(f64) -> f64| -> Vec<(f64, f64)> {
        (0..=288).map(|i| (i as f64 * 300.0, f(i as f64 / 12.0) * (0.9 + 0.2 * noise(i)))).collect()
    };
    let rate = hours(|h| 52.0 + 30.0 * ((h - 9.0) / 24.0 * std::f64::consts::TAU).sin());
    let p95 = hours(|h| 0.31 + 0.1 * ((h - 15.0) / 24.0 * std::f64::consts::TAU).sin());
    LineChart::new("A day of Twitter traffic", Axis::new("time", Unit::Elapsed).tight())
        .subtitle("Rate above, p95 latency below, by five minutes")
        .panel(
            Panel::new(Axis::new("arrival rate", Unit::Number("requests/s".into())).from_zero())
                .series(Series::new("arrivals", rate).filled()),
        )
        .panel(
            Panel::new(Axis::new("p95 latency", Unit::Seconds).from_zero())
                .series(Series::new("simulated", p95.clone()))
                .series(Series::new("predicted", p95.iter().map(|(t, v)| (*t, v * 1.03)).collect()).dashed())
                .mark_y(0.5, "SLO 500 ms"),
        )
}

fn batch_sizes() -> BarChart {
    let shares = vec![0.18, 0.09, 0.08, 0.06, 0.05, 0.05, 0.06, 0.43];
    let predicted = shares.iter().map(|s| s * 1.03).collect();
    let sizes = (1..=8).map(|b| b.to_string()).collect();
    BarChart::new(
        "Batch sizes",
        "requests in the batch",
        sizes,
        Axis::new("share of batches", Unit::Share),
        format::percent,
    )
    .subtitle("Mean 5.2; 57 % left by timeout")
    .series("simulated", shares)
    .series("predicted", predicted)
}

fn costs() -> BarChart {
    let names = ["BATCH", "Lambda, unbatched, 3,008 MB", "SageMaker ml.c5.xlarge", "MArk"];
    let value = Axis::new("cost of the day", Unit::Usd);
    BarChart::new("Cost by component", "system", names.map(String::from).to_vec(), value, format::money)
        .subtitle("Twitter, 24 hours, 4,512,330 requests")
        .series("compute", vec![3.1, 9.8, 0.0, 1.1])
        .series("requests", vec![0.18, 0.9, 0.0, 0.1])
        .series("instances", vec![0.0, 0.0, 14.9, 5.6])
        .stacked()
        .lying()
}

fn cost_by_hour() -> BarChart {
    let hours = (0..24).map(|h| h.to_string()).collect();
    let value = Axis::new("cost", Unit::Usd);
    BarChart::new("Cost by hour", "hour of the day", hours, value, format::money)
        .series("compute", (0..24).map(|h| 0.1 + 0.05 * noise(h)).collect())
        .series("requests", (0..24).map(|h| 0.02 + 0.01 * noise(h + 24)).collect())
        .stacked()
}

fn pareto() -> Scatter {
    let mut all = Vec::new();
    let memories = [512, 1_024, 1_769, 3_008];
    let groups = memories.iter().enumerate().map(|(m, memory)| {
        let points = (0..60).map(|i| {
            let batch = 1.0 + (noise(i + 100 * m) * 12.0).floor();
            let p95 = 0.03 * (4.0 - m as f64 * 0.8) * batch.powf(0.7) * (1.0 + noise(i * 3 + m));
            let cost = 2.4 / batch.powf(0.6) * (1.0 + 0.25 * noise(i * 7 + m)) * (0.85 + 0.05 * m as f64);
            all.push((p95, cost));
            let title =
                format!("{memory} MB, B = {batch}\np95 {}\n{}", format::duration(p95), format::money(cost));
            Point::new(p95, cost, title)
        });
        Group::new(format!("{memory} MB"), points.collect())
    });
    let groups: Vec<Group> = groups.collect();
    let beaten = |p: &(f64, f64)| all.iter().any(|q| q != p && q.0 <= p.0 && q.1 <= p.1);
    let front = all.iter().copied().filter(|p| !beaten(p)).collect();
    let axes = (
        Axis::new("p95 latency", Unit::Seconds).log(),
        Axis::new("cost per million requests", Unit::Usd).log(),
    );
    let scatter = Scatter::new("Cost against p95 latency", axes.0, axes.1)
        .subtitle("Every (memory, B, T) configuration; less is better on both axes")
        .front("Pareto front", front)
        .mark_x(0.2, "SLO 200 ms");
    groups.into_iter().fold(scatter, Scatter::group)
}

fn agreement() -> Scatter {
    let points = (0..40).map(|i| {
        let predicted = 0.05 * 10f64.powf(1.4 * noise(i));
        let simulated = predicted * (0.97 + 0.06 * noise(i + 50));
        Point::new(predicted, simulated, format!("hour {i}")).interval_y(simulated * 0.96, simulated * 1.05)
    });
    let published = (0..40).map(|i| {
        let predicted = 0.05 * 10f64.powf(1.4 * noise(i));
        Point::new(predicted * 1.3, predicted, format!("hour {i}"))
    });
    let seconds = |title| Axis::new(title, Unit::Seconds).log();
    Scatter::new("Predicted against simulated p95", seconds("predicted"), seconds("simulated"))
        .equality("equal")
        .group(Group::new("exact", points.collect()))
        .group(Group::new("published", published.collect()))
}

fn heat(rows: usize, columns: usize) -> HeatMap {
    let cell = |r: usize, c: usize| {
        let cost = 2.0 / (1.0 + c as f64).powf(0.6) * (1.0 + 0.03 * (r as f64 - 3.0).powi(2));
        if c > 4 * columns / 5 && r < rows / 2 { Cell::Infeasible(cost) } else { Cell::Value(cost) }
    };
    let memory = |r: usize| (1_280 + 1_728 * r / rows.max(2)).to_string();
    let row = |r: usize| (memory(r), (0..columns).map(|c| cell(r, c)).collect());
    HeatMap::new(
        "Cost by memory and batch size",
        Axis::new("cost per million requests", Unit::Usd).log(),
        format::money,
    )
    .subtitle("T = 200 ms")
    .columns("batch size", (1..=columns).map(|b| b.to_string()).collect())
    .rows("memory (MB)", (0..rows).map(row).collect())
    .best(rows.saturating_sub(3), columns.saturating_sub(1), "cheapest within the SLO")
    .infeasible("p95 above 500 ms")
}

fn gallery() -> Vec<(&'static str, Box<dyn Chart>)> {
    vec![
        ("cdf", Box::new(cdf())),
        ("ccdf", Box::new(ccdf())),
        ("over_time", Box::new(over_time())),
        ("batch_sizes", Box::new(batch_sizes())),
        ("costs", Box::new(costs())),
        ("cost_by_hour", Box::new(cost_by_hour())),
        ("pareto", Box::new(pareto())),
        ("agreement", Box::new(agreement())),
        ("heat_small", Box::new(heat(7, 10))),
        ("heat_large", Box::new(heat(28, 49))),
        (
            "no_data",
            Box::new(LineChart::new("Nothing", Axis::new("time", Unit::Elapsed)).panel(empty_panel())),
        ),
    ]
}

fn empty_panel() -> Panel {
    Panel::new(Axis::new("rate", Unit::Number("1/s".into()))).series(Series::new("arrivals", Vec::new()))
}

/// Numbers of all `attribute="..."` in the text.
fn numbers(svg: &str, attribute: &str) -> Vec<f64> {
    let opening = format!(" {attribute}=\"");
    let values = svg.split(&opening).skip(1).filter_map(|rest| rest.split('"').next());
    values.flat_map(|value| value.split([',', ' '])).filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn every_chart_is_the_same_twice_and_lies_within_its_picture() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tmp/charts");
    for (name, chart) in gallery() {
        for medium in [Medium::File, Medium::Desktop, Medium::Phone] {
            let svg = chart.draw(medium);
            assert_eq!(svg, chart.draw(medium), "{name}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
            let size = numbers(&svg, "viewBox");
            for attribute in ["x", "x1", "x2", "cx"] {
                assert!(
                    numbers(&svg, attribute).iter().all(|x| (0.0..=size[2]).contains(x)),
                    "{name} {attribute}"
                );
            }
            for attribute in ["y", "y1", "y2", "cy"] {
                assert!(
                    numbers(&svg, attribute).iter().all(|y| (0.0..=size[3]).contains(y)),
                    "{name} {attribute}"
                );
            }
            let file = folder.join(format!("{name}-{medium:?}.svg"));
            crate::report::files::write_atomically(&file, svg).unwrap();
        }
    }
}

#[test]
fn a_page_with_all_charts_stands_alone() {
    use crate::report::html::{Card, Page};
    let cards = [
        Card::new("p95 latency", "329 ms").note("SLO 500 ms: met").good(),
        Card::new("cost per million", "$0.246").note("predicted $0.251, +2.0 %"),
        Card::new("mean batch", "5.2").note("of 8"),
        Card::new("cold starts", "1,204").note("0.03 % of batches").bad(),
    ];
    let rows = vec![
        vec!["BATCH", "138 ms", "329 ms", "512 ms", "$0.246", "5.2", "0.8 %", "1,204", "36"],
        vec!["Lambda, unbatched", "92 ms", "181 ms", "305 ms", "$1.10", "1", "0.1 %", "3,310", "112"],
    ];
    let headers =
        ["system", "p50", "p95", "p99", "cost per million", "mean batch", "over SLO", "cold starts", "peak"];
    let page = Page::new("twitter")
        .subtitle("24 hours, 4,512,330 requests, ResNet-v2 on Lambda at 1,792 MB, B = 8, T = 200 ms, seed 7")
        .cards(&cards)
        .heading("Systems side by side")
        .table("Simulated over the same arrivals", &headers, &rows)
        .note("Predictions assume an unlimited warm pool; cold starts are in the simulated figures only.");
    let page = gallery().iter().fold(page, |page, (name, chart)| page.chart(chart.as_ref(), name)).render();
    assert_eq!(page.matches("<figure>").count(), gallery().len());
    for external in ["<script ", "<link", " src=", "url(", "@import", "https://", "import("] {
        assert!(!page.contains(external), "{external}");
    }
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").find("http").is_none());
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tmp/charts/index.html");
    crate::report::files::write_atomically(&file, page).unwrap();
}

#[test]
fn labels_titles_and_values_are_in_the_chart() {
    let svg = batch_sizes().svg();
    for text in
        ["Batch sizes", "requests in the batch", "share of batches", "18 %", "43 %", "simulated", ">\n8\n<"]
    {
        assert!(svg.contains(text), "{text}");
    }
    let svg = pareto().svg();
    for text in ["Pareto front", "1769 MB", "\n100 ms\n", "\n$1\n", "p95 latency (log scale)", "SLO 200 ms"] {
        assert!(svg.contains(text), "{text}");
    }
    let svg = over_time().svg();
    for text in ["\n24\n", "time (h)", "arrival rate (requests/s)", "p95 latency (ms)", "SLO 500 ms"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn text_in_charts_is_escaped() {
    let axis = || Axis::new("<x> & \"y\"", Unit::Usd);
    let point = Point::new(1.0, 1.0, "<script>");
    let svg = Scatter::new("<t> & 'q'", axis(), axis()).group(Group::new("<g>", vec![point])).svg();
    for raw in ["<t>", "<x>", "<g> ", "<script>", "& "] {
        assert!(!svg.contains(raw), "{raw}");
    }
    assert!(svg.contains("&lt;script&gt;"));
}

#[test]
fn empty_charts_say_so() {
    let axis = || Axis::new("x", Unit::Seconds).log();
    let bars = |values| BarChart::new("b", "", vec!["a".into()], axis(), format::money).series("s", values);
    let charts: Vec<Box<dyn Chart>> = vec![
        Box::new(LineChart::new("l", axis()).panel(empty_panel())),
        Box::new(LineChart::new("l", axis()).mark_x(1.0, "SLO").panel(empty_panel())),
        Box::new(Scatter::new("s", axis(), axis())),
        Box::new(bars(Vec::new())),
        Box::new(bars(vec![f64::NAN]).lying()),
        Box::new(BarChart::new("b", "", Vec::new(), axis(), format::money)),
        Box::new(HeatMap::new("h", axis(), format::money)),
    ];
    for chart in charts {
        assert!(chart.svg().contains("no data"), "{}", chart.title());
        assert!(chart.draw(Medium::Phone).contains("no data"), "{}", chart.title());
    }
}

#[test]
fn single_constant_and_strange_values_are_drawn() {
    for values in
        [vec![0.0], vec![5.0], vec![-3.0; 4], vec![f64::MAX, 1.0], vec![1e-300, 1.0], vec![f64::NAN, 2.0]]
    {
        for axis in [
            Axis::new("a", Unit::Seconds),
            Axis::new("a", Unit::Elapsed).tight(),
            Axis::new("a", Unit::Usd).log(),
        ] {
            let points: Vec<(f64, f64)> = values.iter().map(|v| (*v, *v)).collect();
            let line = Series::new("s", points.clone()).steps().filled();
            let svg = LineChart::new("l", axis.clone()).panel(Panel::new(axis.clone()).series(line)).svg();
            assert!(!svg.contains("NaN"), "{values:?} {axis:?}");
            let dots = points.iter().map(|(x, y)| Point::new(*x, *y, "")).collect();
            let svg = Scatter::new("s", axis.clone(), axis.clone()).group(Group::new("", dots)).svg();
            assert!(!svg.contains("NaN"), "{values:?} {axis:?}");
        }
    }
}

#[test]
fn what_a_log_axis_cannot_show_is_counted() {
    let points = vec![(1.0, 0.0), (2.0, 3.0), (3.0, f64::NAN), (4.0, 5.0)];
    let panel = Panel::new(Axis::new("y", Unit::Usd).log()).series(Series::new("s", points));
    let svg = LineChart::new("l", Axis::new("x", Unit::Usd)).panel(panel).svg();
    assert!(svg.contains("2 values of zero (on a log scale) or without a number are not shown."), "{svg}");
}

#[test]
fn a_short_legend_is_never_cut() {
    for (name, chart) in gallery() {
        assert!(!chart.svg().contains('…'), "{name}");
    }
}

#[test]
fn points_carry_their_values_for_the_pointer() {
    let svg = agreement().svg();
    assert_eq!(svg.matches("<g><title>hour ").count(), 80);
}

#[test]
fn lines_are_told_on_pages_and_files_stay_plain() {
    let (page, file) = (ccdf().draw(Medium::Phone), ccdf().svg());
    assert!(!file.contains("data-"), "{file}");
    assert_eq!(page.matches("data-readings=\"").count(), 4);
    assert!(
        page.contains("data-name=\"MArk\" data-x=\"latency\" data-y=\"share of requests slower\""),
        "{page}"
    );
    assert!(page.contains(";0 s;100 %|"), "{page}");
}

#[test]
fn a_crowded_front_has_rings_that_stand_apart() {
    let all: Vec<(f64, f64)> = (1..=1_000).map(|i| (f64::from(i), 1e4 / f64::from(i))).collect();
    let points = all.iter().map(|(x, y)| Point::new(*x, *y, "")).collect();
    let axis = || Axis::new("", Unit::Seconds).log();
    let svg = Scatter::new("s", axis(), axis()).group(Group::new("g", points)).front("front", all).svg();
    let rings = svg.matches("r=\"60\"").count();
    assert!((10..100).contains(&rings), "{rings}");
}

#[test]
fn names_beside_points_do_not_touch() {
    let axis = || Axis::new("", Unit::Usd).from_zero();
    let group = |(name, y)| Group::new(name, vec![Point::new(9.0, y, name)]);
    let close = [("first", 50.0), ("second", 50.5), ("third", 51.0)];
    let chart =
        close.into_iter().map(group).fold(Scatter::new("", axis(), axis()).named_beside(), Scatter::group);
    let svg = chart.svg();
    let height = |name: &str| {
        let element = svg.split("<text").find(|text| text.contains(&format!(">\n{name}\n"))).unwrap();
        numbers(element, "y")[0]
    };
    let [first, second, third] = ["first", "second", "third"].map(height);
    assert!(third + 130.0 <= second && second + 130.0 <= first, "{first} {second} {third}");
}
