//! The law beside the engine, and the command that shows both.

use batchsim::document::Document;
use batchsim::engine::classes::simulate::simulate_group;
use batchsim::engine::simulate::{Unwatched, simulate};
use batchsim::numeric::matrix::Matrix;
use batchsim::planner::shared::predict_group;
use batchsim::scenario::Scenario;
use proptest::prelude::*;
use serde_json::Value;

use super::common::Folder;
use super::random_process;

/// The rows of a matrix in TOML.
fn toml(matrix: &Matrix) -> String {
    format!("{:?}", matrix.rows())
}

fn scenario(text: &str) -> Scenario {
    Scenario::from_document(&Document::parse("s.toml", text).unwrap(), "s").unwrap()
}

const FUNCTION: &str = "[profile]\nmemory_mb = [1024]\nbatch = [1, 16]\nservice_s = [[0.026, 0.116]]\n\
    [platform]\nkind = \"lambda\"\nbook = \"aws-2020\"\nmemory_mb = 1024\ncold_starts = false\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    /// The law beside the engine, which knows nothing of it.
    #[test]
    fn the_law_predicts_what_is_simulated(
        order in 1..=3_usize,
        classes in 1..=5_usize,
        exponents in prop::collection::vec(0.3..2.0_f64, 60),
        batch in 1..=12_u32,
        waits in prop::collection::vec(1..600_u64, 5),
    ) {
        let process = random_process(order, classes, &exponents);
        let d1: Vec<String> = (0..classes).map(|class| toml(process.d1(class))).collect();
        let mut text = format!(
            "seed = 11\n[workload]\nkind = \"map\"\nd0 = {}\nd1_by_class = [{}]\nrequests = 300000\n{FUNCTION}\
             [policy]\nkind = \"batch\"\nbatch = {batch}\n",
            toml(process.d0()),
            d1.join(", "),
        );
        for (class, wait) in waits[..classes].iter().enumerate() {
            text += &format!(
                "[[class]]\nname = \"{class}\"\nlongest_wait = \"{wait}ms\"\nslo = {{ latency = \"{}ms\" }}\n",
                wait / 2 + 40,
            );
        }
        let scenario = scenario(&text);
        let list = scenario.classes.as_ref().unwrap();
        let group = list.together(scenario.setting().memory, batch);
        let simulated = simulate_group(&scenario, list, &group, &mut Unwatched).unwrap();
        let predicted = predict_group(&scenario, list, &group).unwrap().unwrap();
        let [a, b] = [simulated.simulation.simulated.mean_batch, predicted.prediction.predicted.mean_batch];
        prop_assert!((a / b - 1.0).abs() < 0.02, "mean batch {} {}", a, b);
        for (s, p) in simulated.classes.iter().zip(&predicted.classes) {
            // Five standard deviations of a figure are 2.5 half widths of its interval.
            let near = |found: f64, exact: f64, [low, high]: [f64; 2], least: f64| {
                (found - exact).abs() < 1.25 * (high - low) + least
            };
            // A run of too few bursts has no intervals, and its figures are not held to any.
            if let Some(interval) = s.latency_ci95_s.and_then(|intervals| intervals.mean) {
                prop_assert!(near(s.latency_s.mean, p.latency_s.mean, interval, 1e-4), "{:?} {:?}", s, p);
            }
            let over = [s, p].map(|figures| figures.slo_violation_share.unwrap());
            if let Some(interval) = s.slo_violation_share_ci95 {
                prop_assert!(near(over[0], over[1], interval, 1e-3), "{:?} {:?}", s, p);
            }
            prop_assert!((s.share - p.share).abs() < 0.02 && (s.cost_usd_per_million / p.cost_usd_per_million - 1.0).abs() < 0.02);
        }
    }
}

#[test]
fn classes_that_wait_alike_are_replayed_as_one_to_the_last_bit() {
    // Throttling, retries, cold starts, random service times: everything that the two loops share.
    let text = "seed = 5\n[workload]\nkind = \"mmpp\"\nrates = [20, 300]\nsojourns = [5, 1]\nrequests = 40000\n\
        [profile]\nmemory_mb = [1024]\nbatch = [1, 16]\nservice_s = [[0.1, 0.4]]\nservice_cv = 0.3\ninit_s = 1.5\n\
        [platform]\nkind = \"lambda\"\nbook = \"aws-2020\"\nmemory_mb = 1024\ncold_starts = true\nconcurrency = 12\n\
        keep_alive = \"20s\"\n[policy]\nkind = \"batch\"\nbatch = 6\ntimeout = \"150ms\"\n";
    let one = simulate(&scenario(text), &mut Unwatched).unwrap();
    let two = scenario(&format!(
        "{text}[[class]]\nname = \"a\"\nshare = 0.4\n[[class]]\nname = \"b\"\nshare = 0.6\nlongest_wait = \"150ms\"\n"
    ));
    let list = two.classes.as_ref().unwrap();
    let group = list.together(two.setting().memory, 6);
    let mut found = simulate_group(&two, list, &group, &mut Unwatched).unwrap();
    assert!(one.simulated.throttled > 0 && one.simulated.rejected > 0 && one.simulated.cold_starts > 12);
    // Several objectives have no one interval.
    found.simulation.simulated.slo_violation_share_ci95 = one.simulated.slo_violation_share_ci95;
    assert_eq!(found.simulation, one);
    let pays: f64 = found.classes.iter().map(|class| class.share * class.cost_usd_per_million).sum();
    assert!((pays / one.simulated.cost_usd_per_million - 1.0).abs() < 1e-12);
}

const RUN: &str = "seed = 2\n[workload]\nkind = \"poisson\"\nrate = 40\nrequests = 200000\n\
    [policy]\nkind = \"batch\"\nbatch = 8\ntimeout = \"200ms\"\n[slo]\npercentile = 99\nlatency = \"250ms\"\n\
    [[class]]\nname = \"chat\"\nshare = 0.5\nlongest_wait = \"100ms\"\nslo = { latency = \"150ms\" }\n\
    [[class]]\nname = \"search\"\nshare = 0.5\n";

#[test]
fn a_run_reports_each_class_simulated_and_predicted() {
    let folder = Folder::new();
    folder.write("s.toml", &format!("{RUN}{FUNCTION}"));
    let out = folder.said(&["run", "s.toml", "--json", "--quiet"]);
    let summary: Value = serde_json::from_str(&out).unwrap();
    // Case 2 of the reference table: its law at other service times has the same E[N].
    for block in ["simulated", "predicted"] {
        assert!((summary[block]["mean_batch"].as_f64().unwrap() - 5.608387).abs() < 0.03);
        let classes = summary[block]["classes"].as_array().unwrap();
        let names: Vec<&str> = classes.iter().map(|class| class["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["chat", "search"]);
        let mut paid = 0.0;
        for (class, wait) in classes.iter().zip([0.1, 0.2]) {
            assert_eq!(class["longest_wait_s"], wait);
            assert!((class["share"].as_f64().unwrap() - 0.5).abs() < 0.01);
            paid += class["share"].as_f64().unwrap() * class["cost_usd_per_million"].as_f64().unwrap();
        }
        assert!((paid / summary[block]["cost_usd_per_million"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    }
    for (simulated, predicted) in summary["simulated"]["classes"]
        .as_array()
        .unwrap()
        .iter()
        .zip(summary["predicted"]["classes"].as_array().unwrap())
    {
        for figure in ["mean", "p50", "p95", "p99"] {
            let [s, p] = [simulated, predicted].map(|class| class["latency_s"][figure].as_f64().unwrap());
            assert!((s / p - 1.0).abs() < 0.02, "{figure}: {s} {p}");
        }
        let [s, p] = [simulated, predicted].map(|class| class["slo_violation_share"].as_f64().unwrap());
        assert!((s - p).abs() < 0.005, "{s} {p}");
    }
    let text = folder.said(&["run", "s.toml", "--quiet", "--no-charts"]);
    assert!(text.contains("By class") && text.contains("p99 within 250 ms"), "{text}");
    // The same bytes at any number of threads.
    assert_eq!(out, folder.said(&["run", "s.toml", "--json", "--quiet", "--threads", "2"]));
    for (from, to, said) in [
        ("share = 0.5\nlongest", "share = 0.4\nlongest", "sum to 0.9"),
        ("share = 0.5\nlongest", "longest", "neither a `share` nor a `workload`"),
        ("timeout = \"200ms\"\n", "", "lacks `timeout`"),
        (
            "kind = \"batch\"",
            "kind = \"adaptive\"",
            "with [[class]] the policy is batch, unbatched or groups",
        ),
        ("latency = \"250ms\"", "budget_usd_per_million = 3", "leave out the budget"),
        (
            "name = \"search\"\nshare = 0.5",
            "name = \"search\"\nworkload = { kind = \"poisson\", rate = 2 }",
            "`chat` none",
        ),
    ] {
        folder.refused(&format!("{RUN}{FUNCTION}").replacen(from, to, 1), &[said]);
    }
}
