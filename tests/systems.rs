//! A system is one thing wherever it is named: as `[platform]` with `[policy]`, or as a `[[system]]`.

use batchsim::document::Document;
use batchsim::engine::simulate::Unwatched;
use batchsim::outcome::Simulation;
use batchsim::scenario::Scenario;
use batchsim::systems::compare::{Compared, compare};
use batchsim::systems::{self, Run};

const PLATFORM: &str = "kind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\ncold_starts = true\n";

/// Traffic that comes in bursts, on functions that take long to start.
fn text(platform: &str, policy: &str, systems: &str) -> String {
    format!(
        r#"
seed = 5
[workload]
kind = "mmpp"
rates = [40, 1]
sojourns = ["20s", "60s"]
duration = "2h"
[profile]
memory_mb = [512, 1024, 2048]
batch = [1, 8]
service_s = [[0.4, 1.6], [0.2, 0.8], [0.1, 0.4]]
service_cv = 0.3
init_s = 2.0
[platform]
{platform}
[policy]
{policy}
[slo]
percentile = 95
latency = "1.5s"
[sweep]
memory_mb = [512, 1024, 2048]
batch = [1, 2, 4, 8]
timeout = ["20ms", "100ms", "500ms"]
{systems}"#
    )
}

fn read(text: &str) -> Scenario {
    Scenario::from_document(&Document::parse("s.toml", text).unwrap(), "s").unwrap()
}

fn own(text: &str) -> Simulation {
    let scenario = read(text);
    let Run { simulation, .. } = systems::run(&scenario, &scenario.system().kind, &mut Unwatched).unwrap();
    simulation
}

/// Two systems beside an unbatched scenario.
fn compared(systems: &str) -> Vec<Compared> {
    compare(&read(&text(PLATFORM, "kind = \"unbatched\"", systems))).unwrap()
}

#[test]
fn a_system_does_what_a_scenario_with_its_platform_and_policy_does() {
    let batch = "kind = \"batch\", batch = 4, timeout = \"100ms\"";
    let adaptive = "kind = \"adaptive\", window = \"10min\", period = \"10min\", forecast = \"last\"";
    let cases = [
        ("memory_mb = 2048", batch),
        ("provisioned = 3", batch),
        ("keep_alive = { mean = \"2min\", cv = 1.0 }", batch),
        ("reuse = \"random\"\nconcurrency = 2\nretry = { attempts = 2 }", batch),
        ("cold_starts = false", batch),
        ("book = \"aws-2020\"\nfree_tier = false", batch),
        ("", adaptive),
        ("provisioned = 2\nkeep_alive = \"1min\"", adaptive),
    ];
    for (platform, policy) in cases {
        let system =
            format!("[[system]]\nname = \"it\"\nkind = \"lambda\"\npolicy = {{ {policy} }}\n{platform}\n");
        let found = compared(&system);
        assert_eq!(found[0].name, "scenario");
        let cold = "cold_starts = true\n";
        let kept =
            if platform.contains("cold_starts") { PLATFORM.replace(cold, "") } else { PLATFORM.to_owned() };
        let kept = match platform.contains("memory_mb") {
            true => kept.replace("memory_mb = 1024\n", ""),
            false => kept,
        };
        let kept = match platform.contains("book") {
            true => kept.replace("book = \"aws-2026\"\n", ""),
            false => kept,
        };
        let scenario = text(&(kept + platform), &policy.replace(", ", "\n"), "");
        // A scenario whose environments are always warm refuses an initialisation; a system has the profile of another.
        let scenario = match platform.contains("cold_starts") {
            true => scenario.replace("init_s = 2.0\n", ""),
            false => scenario,
        };
        let alone = own(&scenario);
        let (a, b) = (&found[1].simulation, &alone);
        assert_eq!(format!("{:?}", a.simulated), format!("{:?}", b.simulated), "{platform} {policy}");
        assert_ne!(
            format!("{:?}", a.simulated),
            format!("{:?}", found[0].simulation.simulated),
            "{platform}"
        );
    }
}

#[test]
fn what_a_system_gives_is_checked_as_in_a_platform() {
    let cases = [
        ("cold_starts = false\nkeep_alive = \"1min\"", "cannot act"),
        ("concurrency = 0", "at least 1"),
        ("keepalive = \"1min\"", "unknown field `keepalive`"),
        ("provisioned = 2000", "only 1000 may be busy"),
        ("book = \"aws-1999\"", "aws-1999"),
    ];
    for (fields, message) in cases {
        let system = format!(
            "[[system]]\nname = \"it\"\nkind = \"lambda\"\npolicy = {{ kind = \"unbatched\" }}\n{fields}\n"
        );
        let text = text(PLATFORM, "kind = \"unbatched\"", &system);
        let error = Scenario::from_document(&Document::parse("s.toml", &text).unwrap(), "s").unwrap_err();
        assert!(error.to_string().contains(message), "{fields}: {error}");
    }
}

#[test]
fn the_scenario_is_not_repeated_where_it_leads_the_list() {
    let systems = "[[system]]\nname = \"a\"\nkind = \"lambda\"\npolicy = { kind = \"unbatched\" }\n\
        [[system]]\nname = \"b\"\nkind = \"lambda\"\nmemory_mb = \"largest\"\npolicy = { kind = \"unbatched\" }\n";
    let names = |found: Vec<Compared>| found.into_iter().map(|system| system.name).collect::<Vec<_>>();
    assert_eq!(names(compared(systems)), ["a", "b"]);
    let (first, second) = systems.split_at(systems.rfind("[[").unwrap());
    assert_eq!(names(compared(&(second.to_owned() + first))), ["scenario", "b", "a"]);
}

#[test]
fn a_planned_system_works_on_a_trace() {
    // Two hours: one request every 2 s, then twenty a second. At first batches cannot fill, then they pay.
    let mut times: Vec<f64> = (0..1800).map(|i| f64::from(i) * 2.0).collect();
    times.extend((0..72_000).map(|i| 3600.0 + f64::from(i) / 20.0));
    let folder = tempfile::tempdir().unwrap();
    let csv: String = times.iter().map(|time| format!("{time:.3}\n")).collect();
    std::fs::write(folder.path().join("t.csv"), format!("time_s\n{csv}")).unwrap();
    let planned = "[[system]]\nname = \"planned\"\nkind = \"lambda\"\npolicy = { kind = \"planned\" }\n";
    let fixed = |batch: u32| {
        format!(
            "[[system]]\nname = \"{batch}\"\nkind = \"lambda\"\nmemory_mb = 512\n\
             policy = {{ kind = \"batch\", batch = {batch}, timeout = \"500ms\" }}\n"
        )
    };
    let text = text("kind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024", "kind = \"unbatched\"", "");
    let (before, after) = (text.find("[workload]").unwrap(), text.find("[profile]").unwrap());
    let trace = "[workload]\nkind = \"trace\"\nfile = \"t.csv\"\nformat = \"timestamps\"\ncolumn = \"time_s\"\n\
        stamps = \"exact\"\n";
    let text = format!("{}{trace}{}{planned}{}{}", &text[..before], &text[after..], fixed(2), fixed(4));
    let text = text.replace("init_s = 2.0\n", "");
    std::fs::write(folder.path().join("s.toml"), text).unwrap();
    let found = compare(&Scenario::read(&folder.path().join("s.toml"), &[]).unwrap()).unwrap();
    assert_eq!(found[1].setting, "planned by the exact model in 2 parts");
    let simulated = |i: usize| &found[i].simulation.simulated;
    assert!(simulated(1).slo_violation_share <= 0.05, "{}", simulated(1).slo_violation_share);
    let within = found[2..].iter().filter(|system| system.simulation.simulated.slo_violation_share <= 0.05);
    let least = within.map(|system| system.simulation.simulated.cost_usd).fold(f64::INFINITY, f64::min);
    assert!(least.is_finite() && simulated(1).cost_usd <= least * 1.001, "{} {least}", simulated(1).cost_usd);
}

#[test]
fn a_plan_for_a_schedule_that_begins_in_silence_holds_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let segment = |rate| format!("[[segment]]\nduration = \"10min\"\nkind = \"poisson\"\nrate = {rate}\n");
    std::fs::write(folder.path().join("t.toml"), segment(0) + &segment(20)).unwrap();
    let planned = "[[system]]\nname = \"p\"\nkind = \"lambda\"\npolicy = { kind = \"planned\" }\n";
    let text = text(PLATFORM, "kind = \"unbatched\"", planned);
    let (before, after) = (text.find("[workload]").unwrap(), text.find("[profile]").unwrap());
    let workload = "[workload]\nkind = \"schedule\"\nfile = \"t.toml\"\n";
    let path = folder.path().join("s.toml");
    std::fs::write(&path, format!("{}{workload}{}", &text[..before], &text[after..])).unwrap();
    let found = compare(&Scenario::read(&path, &[]).unwrap()).unwrap();
    assert!(found[1].setting.starts_with("planned: "), "{}", found[1].setting);
}
