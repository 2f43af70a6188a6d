//! What calls take beside their service, and service times by quantiles: the law against the simulation, and settings
//! that act wherever they may stand.

use batchsim::document::Document;
use batchsim::engine::simulate::simulate_at;
use batchsim::outcome::Model;
use batchsim::planner::predict::predict;
use batchsim::scenario::Scenario;

fn scenario(profile: &str, platform: &str, batch: u32) -> Scenario {
    let text = format!(
        "seed = 3\n[workload]\nkind = \"poisson\"\nrate = 20\nrequests = 300000\n[profile]\nmemory_mb = [1024]\n\
         batch = [1, 8]\nservice_s = [[0.1, 0.3]]\n{profile}\n[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\n\
         memory_mb = 1024\n{platform}\n[policy]\nkind = \"batch\"\nbatch = {batch}\ntimeout = \"150ms\"\n"
    );
    Scenario::from_document(&Document::parse("s.toml", &text).unwrap(), "s").unwrap()
}

const QUANTILES: &str = "service_quantiles = { shares = [0, 0.5, 0.9, 1], service_s = [[0.05, 0.08, 0.2, 0.3], \
                         [0.2, 0.29, 0.4, 0.5]] }";

#[test]
fn the_law_is_what_is_simulated_whatever_varies() {
    let overhead = "overhead_s = 0.05";
    let random = "overhead_s = 0.05\noverhead_cv = 0.6";
    let cases = [
        QUANTILES.to_owned(),
        overhead.to_owned(),
        random.to_owned(),
        format!("{QUANTILES}\n{overhead}"),
        format!("{QUANTILES}\n{random}"),
        format!("service_cv = 0.3\n{overhead}"),
        format!("service_cv = 0.3\n{random}"),
    ];
    for (profile, batch) in cases.iter().flat_map(|profile| [(profile, 1), (profile, 6)]) {
        let scenario = scenario(profile, "", batch);
        let setting = scenario.setting();
        let simulated = simulate_at(&scenario, setting).unwrap().simulated;
        let predicted = predict(&scenario, setting, Model::Exact).unwrap().unwrap().predicted;
        let (a, b) = (&simulated.latency_s, &predicted.latency_s);
        // 300,000 requests: a percentile is known to some parts in a thousand, p99 to less than one in a hundred.
        for (simulated, predicted, within) in
            [(a.mean, b.mean, 0.004), (a.p50, b.p50, 0.006), (a.p95, b.p95, 0.012), (a.p99, b.p99, 0.016)]
        {
            assert!(
                (predicted / simulated - 1.0).abs() < within,
                "{profile}, batch {batch}: {predicted} for {simulated} ({within})"
            );
        }
        let cost = predicted.cost_usd_per_million / simulated.cost_usd_per_million;
        assert!((cost - 1.0).abs() < 0.004, "{profile}, batch {batch}: {cost}");
    }
}

#[test]
fn an_overhead_is_in_the_latency_and_not_in_the_bill() {
    let [without, with] = ["", "overhead_s = 0.05"].map(|profile| {
        let scenario = scenario(profile, "", 6);
        simulate_at(&scenario, scenario.setting()).unwrap().simulated
    });
    assert!((with.latency_s.mean - without.latency_s.mean - 0.05).abs() < 1e-9);
    assert_eq!(with.cost_usd, without.cost_usd);
}

#[test]
fn loading_in_the_handler_is_billed_where_initialisation_is_not() {
    let simulated = |place: &str| {
        let profile = format!("init_s = 2.0\ninit_in = \"{place}\"");
        let scenario = scenario_with_book(&profile, "aws-2020");
        let simulated = simulate_at(&scenario, scenario.setting()).unwrap().simulated;
        (simulated.cold_starts, simulated.cost_usd)
    };
    let (cold, free) = simulated("init");
    let (_, within) = simulated("handler");
    // In the handler 2 s are those with a whole processor; the 100 ms of the runtime stay free. Rounded to 100 ms.
    let load = 2.0 * 1769.0 / 1024.0;
    let more = cold as f64 * load * 1.66667e-5;
    assert!(cold > 10 && ((within - free) / more - 1.0).abs() < 0.02, "{cold} {within} {free} {more}");
}

fn scenario_with_book(profile: &str, book: &str) -> Scenario {
    let text = format!(
        "seed = 3\n[workload]\nkind = \"poisson\"\nrate = 0.5\nrequests = 3000\n[profile]\nmemory_mb = [1024]\n\
         batch = [1]\nservice_s = [[0.1]]\n{profile}\n[platform]\nkind = \"lambda\"\nbook = \"{book}\"\n\
         memory_mb = 1024\ncold_starts = true\nkeep_alive = \"1s\"\nruntime_init = \"100ms\"\n[policy]\nkind = \"unbatched\"\n"
    );
    Scenario::from_document(&Document::parse("s.toml", &text).unwrap(), "s").unwrap()
}
