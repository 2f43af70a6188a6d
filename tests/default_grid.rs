//! A grid that nobody gave leaves batches out: what it recommends beside what the grid of all batches does.

use std::fmt::Write as _;

use batchsim::document::Document;
use batchsim::outcome::Model;
use batchsim::planner::constraint::{Constraint, Scope};
use batchsim::planner::plan::{Answer, Check, Points, Request, Timeouts, grid, plan};
use batchsim::scenario::Scenario;
use batchsim::scenario::grid::Grid;
use batchsim::units::Span;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const WITHIN: f64 = 1.005;

/// Arrivals from a trickle to a flood; service times with kinks where they were measured.
fn scenario(draw: &mut Xoshiro256PlusPlus, largest: u32) -> Scenario {
    let mut between = |low: f64, high: f64| (low.ln() + draw.random::<f64>() * (high / low).ln()).exp();
    let rate = between(2.0, 2000.0);
    let arrivals = match between(1.0, 4.0) < 2.0 {
        true => format!("kind = \"poisson\"\nrate = {rate:?}"),
        false => {
            format!("kind = \"mmpp\"\nrates = [{:?}, {:?}]\nsojourns = [30, 10]", 0.5 * rate, 3.0 * rate)
        }
    };
    let columns = [1, 7, 23, largest];
    let mut service = vec![between(0.01, 0.5)];
    for pair in columns.windows(2) {
        let each = service[0] * between(0.02, 0.8);
        service.push(service[service.len() - 1] + f64::from(pair[1] - pair[0]) * each);
    }
    let mut text =
        format!("[workload]\n{arrivals}\nrequests = 100000\n[profile]\nmemory_mb = [512, 1024, 3008]\n");
    let rows: Vec<String> = [3.0, 1.7, 1.0]
        .map(|slower| format!("{:?}", service.iter().map(|s| s * slower).collect::<Vec<f64>>()))
        .into();
    writeln!(text, "batch = {columns:?}\nservice_s = [{}]", rows.join(", ")).unwrap();
    let slo = service[0] * between(2.0, 60.0);
    write!(
        text,
        "[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n[policy]\nkind = \"unbatched\"\n\
         [slo]\nlatency = \"{}ms\"\n",
        (slo * 1e3).ceil()
    )
    .unwrap();
    Scenario::from_document(&Document::parse("drawn.toml", &text).unwrap(), "drawn").unwrap()
}

/// The cost of what is recommended [$]; none where nothing meets the SLO.
fn cost(scenario: &Scenario) -> Option<f64> {
    let constraint = Constraint::new(&scenario.slo, Model::Exact, Scope::Mix).unwrap();
    let request =
        Request { constraint, timeouts: Timeouts::Refined, check: Check::Predicted, points: Points::Left };
    match plan(scenario, request).unwrap().answer {
        Answer::Recommended(evaluated) => Some(evaluated.candidate.cost),
        Answer::Infeasible(..) => None,
    }
}

/// Everything that a plan says but the points of its charts.
fn said(scenario: &Scenario, points: Points, timeouts: Timeouts) -> (String, f64, Vec<f64>, u32) {
    let constraint = Constraint::new(&scenario.slo, Model::Exact, Scope::Mix).unwrap();
    let plan = plan(scenario, Request { constraint, timeouts, check: Check::Predicted, points }).unwrap();
    let found = plan.evaluated();
    let alternatives = plan.alternatives.iter().map(|a| (a.reason, a.candidate.setting, a.candidate.meets));
    let alternatives: Vec<_> = alternatives.collect();
    let remedies = match &plan.answer {
        Answer::Recommended(_) => String::new(),
        Answer::Infeasible(_, causes, remedies) => format!("{causes:?} {remedies:?}"),
    };
    let said = format!("{:?} {alternatives:?} {remedies} {}", found.setting(), plan.evaluated);
    let percentiles = plan.alternatives.iter().filter_map(|a| a.candidate.percentile_s);
    let percentiles = [found.percentile_s()].into_iter().chain(percentiles).collect();
    (said, found.candidate.cost, percentiles, found.setting().batch)
}

#[test]
fn what_is_said_does_not_depend_on_whether_charts_are_drawn() {
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(17);
    let mut large = 0;
    for (number, largest) in [24, 32, 64, 64, 150, 150, 200, 200, 300, 300].into_iter().enumerate() {
        let mut scenario = scenario(&mut draw, largest);
        if number % 2 == 0 {
            // All batches within the SLO.
            let slowest = scenario.profile.service_s.iter().flatten().fold(0.0, |a: f64, b| a.max(*b));
            scenario.slo.latency = Span::from_secs_f64(slowest + 1.0);
        }
        for timeouts in [Timeouts::Refined, Timeouts::Grid] {
            let shown = said(&scenario, Points::Shown, timeouts);
            let left = said(&scenario, Points::Left, timeouts);
            assert_eq!((shown.0, shown.1), (left.0, left.1), "draw {number}");
            assert_eq!(shown.2.len(), left.2.len(), "draw {number}");
            for (shown, left) in shown.2.iter().zip(&left.2) {
                assert!((shown - left).abs() < 1e-8 * shown, "draw {number}: {shown} {left}");
            }
            large += usize::from(left.3 > 64);
        }
    }
    assert!(large >= 1, "no draw chooses large batches");
}

#[test]
fn what_is_recommended_is_as_good_as_with_every_batch() {
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(11);
    let mut batching = 0;
    // Beyond 64 the law's tables come in several sizes.
    for (number, largest) in [64, 64, 64, 64, 64, 64, 64, 64, 200, 200, 200].into_iter().enumerate() {
        let scenario = scenario(&mut draw, largest);
        let sparse = grid(&scenario).unwrap();
        assert!(sparse.batch.len() < largest as usize / 2, "{:?}", sparse.batch);
        let all = Grid { batch: (1..=largest).collect(), ..sparse };
        let dense = Scenario { sweep: Some(all), ..scenario.clone() };
        match (cost(&scenario), cost(&dense)) {
            (Some(found), Some(best)) => {
                println!("draw {number}: {:.4} of the best", found / best);
                assert!(found <= best * WITHIN, "draw {number}: {found} {best}");
                batching += 1;
            }
            (found, best) => assert_eq!(found.is_some(), best.is_some(), "draw {number}"),
        }
    }
    assert!(batching >= 4, "too few draws have an answer");
}
