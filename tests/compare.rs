//! `sim compare` as a whole: the same arrivals for every system, bills that add up, the surge.

use std::path::Path;

use batchsim::planner::compare::{Compared, compare};
use batchsim::scenario::Scenario;

fn run(file: &str, overrides: &[&str]) -> Vec<Compared> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    compare(&Scenario::read(&path, &overrides).unwrap()).unwrap()
}

#[test]
fn every_system_sees_the_same_requests_and_pays_for_them() {
    let systems = run("scenarios/compare-twitter.toml", &["workload.duration=40min", "sweep.batch=[1, 4]"]);
    let requests = systems[0].simulation.requests;
    assert!(requests > 10_000);
    for system in &systems {
        assert_eq!(system.simulation.requests, requests, "{}", system.name);
        let simulated = &system.simulation.simulated;
        let bill = simulated.cost_components_usd;
        let functions = bill.compute + bill.initialisation + bill.requests + bill.provisioned;
        let parts = functions + bill.instances + bill.spot;
        assert!((parts / simulated.cost_usd - 1.0).abs() < 1e-9, "{}", system.name);
        // The slices hold the whole bill.
        let slices: f64 = system.simulation.slices.iter().map(|slice| slice.cost_usd).sum();
        assert!((slices / simulated.cost_usd - 1.0).abs() < 1e-6, "{}: {slices}", system.name);
    }
    let bill = |name: &str| {
        let system = systems.iter().find(|system| system.name == name).unwrap();
        system.simulation.simulated.cost_components_usd
    };
    assert!(bill("MArk").spot == 0.0 && bill("MArk").instances > 0.0);
    assert!(bill("MArk spot").instances == 0.0);
    // The same instances at 0.53 of the price, but for interruptions.
    let share = bill("MArk spot").spot / bill("MArk").instances;
    assert!((share - 0.53).abs() < 0.05, "{share}");
    let hybrid = systems.iter().find(|system| system.name == "hybrid").unwrap();
    // Nine c5.4xlarge at 0.68 $/h from the start to the last answer, a few seconds after 40 min.
    let instances = hybrid.simulation.simulated.cost_components_usd.instances;
    let least = 9.0 * 0.68 * 40.0 / 60.0;
    assert!(instances > least * 0.999 && instances < least * 1.01, "{instances} {least}");
}

#[test]
fn a_surge_leaves_functions_as_they_are_and_overwhelms_a_full_endpoint() {
    let systems = run("scenarios/paper/fig3-surge.toml", &[]);
    let worst = |name: &str| {
        let system = systems.iter().find(|system| system.name == name).unwrap();
        system.simulation.slices.iter().filter_map(|slice| slice.p95_s).fold(0.0, f64::max)
    };
    assert!(worst("largest memory") < 1.02);
    assert!(worst("SageMaker 0.8") > 50.0);
    // Mean service times are exact here, so what MArk keeps it answers in time.
    assert!(worst("MArk") < 3.01, "{}", worst("MArk"));
}
