//! The search finds what the SC20 paper's optimizer chose, and what a plain loop finds.

use std::path::Path;

use batchsim::arrivals::map::Map;
use batchsim::arrivals::schedule::{Process, Schedule, Segment};
use batchsim::outcome::Model;
use batchsim::planner::constraint::{Constraint, Scope};
use batchsim::planner::predict::Part;
use batchsim::planner::search::{SearchOutcome, Space, evaluate, order, search};
use batchsim::profile::Profile;
use batchsim::scenario::grid::Grid;
use batchsim::scenario::slo::Slo;
use batchsim::units::{MemoryMb, Span};

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn hours(name: &str) -> Vec<Map> {
    let segments = Schedule::read(&file(name)).unwrap().segments.into_iter();
    let map = |segment: Segment| match segment.process {
        Process::Map(map) => map,
        other => panic!("{other:?}"),
    };
    segments.map(map).collect()
}

/// The paper's grid, and its price: not rounded to any granule.
fn paper(batch: Vec<u32>) -> Space {
    let grid = Grid {
        memory: (1280..=3008).step_by(64).map(MemoryMb).collect(),
        batch,
        timeout: (1..50).map(|t| Span::from_millis(10 * t)).collect(),
        provisioned: vec![0],
    };
    let profile = Profile::read(&file("profiles/resnet-v2.toml")).unwrap();
    let price = |times: &batchsim::profile::ServiceTimes, _: u32, seconds: f64| {
        seconds * f64::from(times.memory.0) / 1024.0 * 1.66667e-5 + 2e-7
    };
    Space::priced(&grid, &profile, price).unwrap()
}

fn constraint(model: Model, slo: Slo) -> Constraint {
    Constraint::new(&slo, model, Scope::Mix).unwrap()
}

fn five_seconds() -> Slo {
    Slo { latency: Some(Span::from_secs(5)), ..Slo::default() }
}

#[test]
fn the_published_model_chooses_figure_15() {
    let timeouts = [12, 18, 21, 19, 9, 4, 2, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 3, 4, 5, 7];
    let memories = [
        2496, 2560, 2560, 2560, 2112, 2112, 2432, 2112, 2112, 2880, 2432, 2432, 2432, 2880, 2880, 2112, 2432,
        2432, 2880, 2432, 2432, 2432, 2496, 2496,
    ];
    let space = paper(vec![20]);
    let chosen: Vec<(u64, u32)> = hours("traces/nys.toml")
        .into_iter()
        .map(|process| {
            let parts = [Part::known(1.0, process)];
            match search(&parts, &space, &constraint(Model::Published, five_seconds())).unwrap() {
                SearchOutcome::Meets(choice) => {
                    (choice.setting.timeout.0 / 10_000_000, choice.setting.memory.0)
                }
                SearchOutcome::Nearest(choice) => panic!("{choice:?}"),
            }
        })
        .collect();
    assert_eq!(chosen.iter().map(|(timeout, _)| *timeout).collect::<Vec<_>>(), timeouts);
    let same = chosen.iter().zip(memories).filter(|((_, found), paper)| found == paper).count();
    assert_eq!(same, 24, "{chosen:?}");
}

#[test]
fn the_search_finds_the_best_of_all_candidates() {
    let space = paper(vec![1, 4, 8, 20]);
    let hours = hours("traces/twitter.toml");
    let part = |process: &Map| Part::known(process.rate(), process.clone());
    let mixed: Vec<Part> = hours[..3].iter().map(part).collect();
    let budget = Slo { budget_usd_per_million: Some(40.0), ..Slo::default() };
    let both = Slo { latency: Some(Span::from_secs(5)), ..budget };
    for slo in [five_seconds(), budget, both] {
        for parts in [&mixed[..1], &mixed] {
            for scope in [Scope::Mix, Scope::EveryPart] {
                let constraint = Constraint::new(&slo, Model::Exact, scope).unwrap();
                let all = evaluate(parts, &space, &constraint, 100).unwrap();
                assert_eq!(all.len(), space.len());
                let best = all.iter().filter(|c| c.meets).min_by(|a, b| order(a, b)).unwrap();
                let SearchOutcome::Meets(choice) = search(parts, &space, &constraint).unwrap() else {
                    panic!("{slo:?}");
                };
                assert_eq!(choice.setting, best.setting, "{slo:?} {scope:?}");
                assert!(choice.latency <= 5.0 + 1e-9 || slo.latency.is_none());
            }
        }
    }
}

#[test]
fn without_a_configuration_the_nearest_is_the_fastest() {
    let space = paper(vec![1, 20]);
    let parts = [Part::known(1.0, Map::poisson(30.0))];
    let slo = Slo { latency: Some(Span::from_millis(100)), ..Slo::default() };
    let SearchOutcome::Nearest(nearest) = search(&parts, &space, &constraint(Model::Exact, slo)).unwrap()
    else {
        panic!("100 ms is less than any service time");
    };
    assert_eq!((nearest.setting.memory, nearest.setting.batch), (MemoryMb(3008), 1));
    let profile = Profile::read(&file("profiles/resnet-v2.toml")).unwrap();
    let alone = profile.service_s(MemoryMb(3008), 1).unwrap();
    assert!((nearest.latency - alone).abs() < 1e-8, "{nearest:?} {alone}");
}

#[test]
fn every_part_asks_more_than_the_mix() {
    let space = paper(vec![8]);
    let part = |rate| Part::known(rate, Map::poisson(rate));
    let parts = [part(2.0), part(200.0)];
    let slo = Slo { latency: Some(Span::from_secs(6)), ..Slo::default() };
    let cost = |scope| {
        let constraint = Constraint::new(&slo, Model::Exact, scope).unwrap();
        match search(&parts, &space, &constraint).unwrap() {
            SearchOutcome::Meets(choice) => choice.cost,
            SearchOutcome::Nearest(_) => f64::INFINITY,
        }
    };
    assert!(cost(Scope::EveryPart) >= cost(Scope::Mix));
    // Each part alone keeps what both together must keep by part.
    let constraint = Constraint::new(&slo, Model::Exact, Scope::EveryPart).unwrap();
    let SearchOutcome::Meets(choice) = search(&parts, &space, &constraint).unwrap() else { panic!() };
    assert!(choice.latency <= 6.0 + 1e-9);
}

#[test]
fn the_best_at_a_memory_size_is_the_best_of_that_size_alone() {
    use batchsim::planner::best::{best, best_and_at};

    let space = paper((1..=8).collect());
    for (hour, map) in hours("traces/twitter.toml").into_iter().take(3).enumerate() {
        let parts = [Part::known(1.0, map)];
        for seconds in [1, 3, 5] {
            let slo = Slo { latency: Some(Span::from_secs(seconds)), ..Slo::default() };
            let constraint = constraint(Model::Exact, slo);
            for memory in [MemoryMb(1280), MemoryMb(2112), MemoryMb(3008)] {
                let mut here = space.clone();
                here.functions.retain(|function| function.memory == memory);
                let found = best_and_at(&parts, &space, &constraint, memory).unwrap();
                let alone = [&space, &here].map(|space| best(&parts, space, &constraint).unwrap());
                assert_eq!(found, alone, "hour {hour}, {seconds} s, {memory}");
            }
        }
    }
}
