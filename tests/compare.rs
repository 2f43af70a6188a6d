//! `sim compare` as a whole: the same arrivals for every system, bills that add up, the surge.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use batchsim::scenario::Scenario;
use batchsim::systems::compare::{Compared, compare};

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

/// scenarios/compare-twitter.toml with something changed and something added, in a folder of its own.
fn changed(from: &str, to: &str, more: &str) -> tempfile::TempDir {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(project.join("scenarios/compare-twitter.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    let text = text.replace(from, to).replace("\"../", &format!("\"{}/", project.display())) + more;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), text).unwrap();
    folder
}

fn sim_compare(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.current_dir(folder).args(["compare", "s.toml", "--out", "out", "--no-charts"]);
    command.args(["--set", "workload.duration=10min", "--set", "sweep.batch=[1, 4]"]);
    command
}

#[test]
fn published_figures_stand_beside_the_columns_they_name() {
    let published = r#"
[[published]]
figure = "Fig. 14"
system = "best memory"
metric = "relative_cost"
value = 0.5
why = "half of it"

[[published]]
figure = "Fig. 16"
system = "hybrid"
metric = "cost_usd_per_million"
over = "best memory"
value = 1.25
"#;
    let folder = changed("seed = 7", "seed = 7", published);
    let output = sim_compare(folder.path()).assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(output).unwrap().contains("Published and ours"));
    let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let table = read("compare.csv");
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let headers = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.collect();
    // The settings hold commas, so columns count from the end.
    let figure = |system: &str, column: &str| {
        let from_end = headers.len() - headers.iter().position(|name| *name == column).unwrap();
        let row = rows.iter().find(|row| row[0] == system).unwrap();
        row[row.len() - from_end].parse::<f64>().unwrap()
    };
    let page = read("published.md");
    let cells = |line: usize| {
        let line = page.lines().nth(line).unwrap().trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let ours = |line: usize| cells(line)[5].parse::<f64>().unwrap();
    let relative = figure("best memory", "relative_cost");
    let ratio = figure("hybrid", "cost_usd_per_million") / figure("best memory", "cost_usd_per_million");
    assert!((ours(0) / relative - 1.0).abs() < 0.01 && (ours(1) / ratio - 1.0).abs() < 0.01, "{page}");
    assert_eq!(cells(0)[..3], ["compare-twitter", "Fig. 14", "best memory"]);
    assert_eq!((cells(0)[4].as_str(), cells(0)[7].as_str()), ("0.5", "half of it"));
    assert_eq!((cells(1)[2].as_str(), cells(1)[4].as_str()), ("hybrid / best memory", "1.25"));
}

#[test]
fn what_is_wrong_in_a_system_is_named_with_its_line() {
    let published = "[[published]]\nfigure = \"1\"\nsystem = \"BATCHH\"\nmetric = \"p95_s\"\nvalue = 1\n";
    let metric = published.replace("BATCHH", "BATCH").replace("p95_s", "p95");
    let spot = "price_share = 0.53, interruptions_per_hour = 0.05";
    let cases = [
        ("seed = 7", "seed = 7", published, "no system `BATCHH`"),
        ("seed = 7", "seed = 7", &metric, "`p95`"),
        (
            spot,
            "price_share = 1.53, interruptions_per_hour = 0.05",
            "",
            "a share of the list price, at most 1",
        ),
        (spot, "interruptions_per_hour = 0.05", "", "no spot price for `c5.4xlarge`"),
        (spot, "price_share = 0.53, interruptions_per_hour = -1", "", "interruptions_per_hour"),
        (spot, "price_share = 0.53", "", "lacks `interruptions_per_hour`"),
        ("\"c5.4xlarge\"", "\"c5.nano\"", "", "`c5.nano`"),
        ("kind = \"hybrid\"", "kind = \"hybrit\"", "", "`hybrid`"),
    ];
    for (from, to, more, said) in cases {
        let folder = changed(from, to, more);
        let error = sim_compare(folder.path()).assert().code(1).get_output().stderr.clone();
        let error = String::from_utf8(error).unwrap();
        assert!(error.contains("s.toml:") && error.contains(said), "{to} {more}: {error}");
    }
}
