//! Which classes share a buffer: against figures computed elsewhere, against exhaustion, and on the command line.

use assert_cmd::Command;
use batchsim::document::Document;
use batchsim::planner::groups::{Check, GroupChoice, GroupPlan, Planner, plan_groups};
use batchsim::profile::device::Size;
use batchsim::scenario::Scenario;
use batchsim::units::Span;
use serde_json::Value;

const MEMORY_MB: [u32; 6] = [512, 768, 1024, 1769, 2560, 3538];

/// The time of a batch of n: a part that does not scale, and one that scales with the memory.
fn service(memory_mb: u32, n: u32) -> f64 {
    0.015 + (0.045 + 0.030 * f64::from(n)) * 1769.0 / f64::from(memory_mb)
}

/// Poisson classes with rates [1/s] and latencies [s] at one percentile.
fn text(classes: &[(f64, f64)], percentile: f64) -> String {
    let rows: Vec<String> =
        MEMORY_MB.iter().map(|mb| format!("[{:?}, {:?}]", service(*mb, 1), service(*mb, 16))).collect();
    let mut text = format!(
        "seed = 3\n[workload]\nkind = \"classes\"\nrequests = 60000\n[profile]\nmemory_mb = {MEMORY_MB:?}\nbatch = [1, 16]\n\
         service_s = [{}]\n[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 2560\ncold_starts = false\n\
         [policy]\nkind = \"batch\"\nbatch = 8\ntimeout = \"100ms\"\n\
         [sweep]\nmemory_mb = {MEMORY_MB:?}\nbatch = {{ from = 1, to = 16, step = 1 }}\n",
        rows.join(", "),
    );
    for (number, (rate, latency)) in classes.iter().enumerate() {
        text += &format!(
            "[[class]]\nname = \"c{number}\"\nworkload = {{ kind = \"poisson\", rate = {rate:?} }}\n\
             slo = {{ percentile = {percentile}, latency = \"{latency:?}s\" }}\n",
        );
    }
    text
}

fn scenario(text: &str) -> Scenario {
    Scenario::from_document(&Document::parse("s.toml", text).unwrap(), "s").unwrap()
}

fn planned(classes: &[(f64, f64)], percentile: f64) -> GroupPlan {
    let scenario = scenario(&text(classes, percentile));
    plan_groups(&scenario, scenario.classes.as_ref().unwrap(), Check::Predicted).unwrap()
}

/// All groups with their best configurations at one time left for the service.
fn groups(classes: &[(f64, f64)], percentile: f64) -> Vec<Option<GroupChoice>> {
    let scenario = scenario(&text(classes, percentile));
    let planner = Planner::new(&scenario, scenario.classes.as_ref().unwrap()).unwrap();
    let members = |set: usize| (0..classes.len()).filter(|class| set >> class & 1 == 1).collect::<Vec<_>>();
    (1..1_usize << classes.len()).map(|set| planner.best(&members(set))).collect()
}

/// The least cost of a partition of `left`, one after another, with its groups.
fn exhausted(left: usize, cost: &dyn Fn(usize) -> f64) -> (f64, Vec<usize>) {
    if left == 0 {
        return (0.0, Vec::new());
    }
    let first = left & left.wrapping_neg();
    let mut best = (f64::INFINITY, Vec::new());
    for group in (1..=left).filter(|group| group & left == *group && group & first != 0) {
        let (rest, mut sets) = exhausted(left ^ group, cost);
        if cost(group) + rest < best.0 {
            sets.push(group);
            best = (cost(group) + rest, sets);
        }
    }
    best
}

fn near(found: f64, figure: f64) {
    assert!((found - figure).abs() < 0.6e-4, "{found} {figure}");
}

/// The three examples: classes, and $ per million alone, together and at best, never over and at p95.
type Example = (&'static [(f64, f64)], [f64; 3], [f64; 3]);
const EXAMPLES: [Example; 3] = [
    (&[(1.0, 0.4), (2.0, 0.6), (3.0, 0.8), (4.0, 1.0)], [1.6330, 1.2644, 1.2644], [1.5973, 1.2496, 1.2496]),
    (&[(40.0, 0.13), (40.0, 2.0)], [1.4108, 1.5510, 1.4108], [1.3778, 1.5229, 1.3778]),
    (
        &[(40.0, 0.13), (2.0, 0.5), (3.0, 0.8), (20.0, 2.0)],
        [1.5742, 1.6177, 1.5414],
        [1.5300, 1.5756, 1.4955],
    ),
];

#[test]
fn the_three_examples_have_their_figures() {
    for (classes, never, p95) in EXAMPLES {
        let plan = planned(classes, 100.0);
        near(plan.alone_usd_per_million().unwrap(), never[0]);
        near(plan.together_usd_per_million().unwrap(), never[1]);
        near(plan.best_usd_per_million().unwrap(), never[2]);
        let found = groups(classes, 95.0);
        let cost = |set: usize| found[set - 1].as_ref().unwrap().usd_per_s / plan.rate * 1e6;
        let all = (1 << classes.len()) - 1;
        // These figures were found on a coarser grid of the time left for the service: never below ours.
        let no_dearer = |found: f64, figure: f64| {
            assert!(found < figure + 0.6e-4 && found > figure * 0.9997, "{found} {figure}");
        };
        no_dearer((0..classes.len()).map(|class| cost(1 << class)).sum(), p95[0]);
        no_dearer(cost(all), p95[1]);
        no_dearer(exhausted(all, &cost).0, p95[2]);
        // Raising the longest waits one by one saves a little more.
        let raised = planned(classes, 95.0).best_usd_per_million().unwrap();
        assert!(raised <= exhausted(all, &cost).0 + 1e-12 && raised > 0.97 * p95[2], "{raised}");
    }
}

#[test]
fn the_examples_run_as_they_were_found_to() {
    let memory = |choice: &GroupChoice| match choice.size {
        Size::Memory(memory) => memory.0,
        other => panic!("planned on {other}"),
    };
    let of = |plan: &GroupPlan| -> Vec<(Vec<usize>, u32, u32)> {
        let choices = plan.best.as_ref().unwrap().iter().map(|planned| &planned.choice);
        choices.map(|choice| (choice.members.clone(), memory(choice), choice.batch)).collect()
    };
    let first = planned(EXAMPLES[0].0, 100.0);
    assert_eq!(of(&first), [(vec![0, 1, 2, 3], 2560, 8)]);
    let mean_batch = first.best.as_ref().unwrap()[0].prediction.prediction.predicted.mean_batch;
    assert!((mean_batch - 5.345).abs() < 0.5e-3, "{mean_batch}");
    assert_eq!(of(&planned(EXAMPLES[1].0, 100.0)), [(vec![0], 3538, 3), (vec![1], 768, 16)]);
    assert_eq!(of(&planned(EXAMPLES[2].0, 100.0)), [(vec![0, 1], 3538, 3), (vec![2, 3], 2560, 16)]);
    let raised = planned(EXAMPLES[0].0, 95.0);
    let (group, usd) = (&raised.best.as_ref().unwrap()[0], raised.best_usd_per_million().unwrap());
    // The share over is met with hardly anything left, by every class that was raised to it.
    assert!(usd < 1.2460, "{usd}");
    for class in &group.prediction.classes {
        assert!(class.slo_violation_share.unwrap() <= 0.05 + 1e-9);
    }
}

#[test]
fn the_partition_is_the_best_of_all_and_the_groups_of_their_configurations() {
    let mut draw = 12345_u64;
    let mut random = move || {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 11) as f64 / (1_u64 << 53) as f64
    };
    for case in 0..12 {
        let count = 2 + case % 3;
        let classes: Vec<(f64, f64)> = (0..count)
            .map(|_| {
                (
                    (10_f64.powf(2.0 * random()) * 100.0).round() / 100.0,
                    ((0.15 + 1.5 * random()) * 1000.0).round() / 1000.0,
                )
            })
            .collect();
        let found = groups(&classes, 100.0);
        let cost = |set: usize| found[set - 1].as_ref().map_or(f64::INFINITY, |choice| choice.usd_per_s);
        let plan = planned(&classes, 100.0);
        let (exact, _) = exhausted((1 << count) - 1, &cost);
        assert!((plan.best_usd_per_million().unwrap() / (exact / plan.rate * 1e6) - 1.0).abs() < 1e-12);
        // A group's configuration against every other one, by the law itself.
        let set = (1 << count) - 1;
        if let Some(choice) = &found[set - 1] {
            let least = every_configuration(&classes);
            assert!((choice.usd_per_s / least - 1.0).abs() < 1e-9, "{} {least}", choice.usd_per_s);
        }
    }
}

/// Bounds spare most groups the search for their longest waits; the partition is the best of all all the same.
#[test]
fn at_a_percentile_the_partition_is_the_best_of_all_though_not_every_group_is_searched() {
    let mut stream = batchsim::numeric::streams::Streams::new(6).stream("classes");
    let mut random = |count: usize| -> Vec<(f64, f64)> {
        use rand::RngExt as _;
        let mut draw = |low: f64, high: f64| {
            let share: f64 = stream.random();
            ((low + share * (high - low)) * 1000.0).round() / 1000.0
        };
        (0..count).map(|_| (draw(1.0, 40.0), draw(0.3, 2.5))).collect()
    };
    for count in [2, 3, 4] {
        let classes = random(count);
        let found = groups(&classes, 95.0);
        let cost = |set: usize| found[set - 1].as_ref().map_or(f64::INFINITY, |choice| choice.usd_per_s);
        let (least, _) = exhausted((1 << count) - 1, &cost);
        let plan = planned(&classes, 95.0);
        let sets = plan.best.as_ref().unwrap().iter();
        let sets = sets.map(|group| group.choice.members.iter().fold(0, |set, class| set | 1 << class));
        let chosen: f64 = sets.map(cost).sum();
        assert!((chosen / least - 1.0).abs() < 1e-12, "{classes:?}: {chosen} {least}");
    }
    let six = planned(&random(6), 95.0);
    assert!(six.groups == 63 && six.searched < six.groups, "{}", six.searched);
}

/// Floors and bounds leave few configurations to look at; the cheapest is found all the same, by the whole law.
#[test]
fn at_a_percentile_a_group_has_the_cheapest_of_all_its_configurations() {
    use batchsim::analytic::exact::{LatencyLaw, SharedLaw, SharedSizes};
    use batchsim::arrivals::map::Map;
    use batchsim::arrivals::marked::MarkedMap;
    for classes in [&[(6.0, 0.31), (20.0, 0.55)][..], &[(30.0, 0.2), (3.0, 0.26), (9.0, 1.1)], &[(12.0, 0.4)]]
    {
        let process =
            MarkedMap::merged(&classes.iter().map(|(rate, _)| Map::poisson(*rate)).collect::<Vec<_>>());
        let rate: f64 = classes.iter().map(|(rate, _)| rate).sum();
        let mut least = f64::INFINITY;
        for memory in MEMORY_MB {
            for batch in 1..=16 {
                let times: Vec<f64> = (1..=batch).map(|n| service(memory, n)).collect();
                let waits = |left: f64| -> Vec<Span> {
                    let wait =
                        |(_, latency): &(f64, f64)| Span::from_secs_f64((latency - left).max(0.0)).unwrap();
                    classes.iter().map(wait).collect()
                };
                let keeps = |left: f64| {
                    let law = SharedLaw::new(&process, &waits(left), batch);
                    classes.iter().enumerate().all(|(class, (_, latency))| {
                        LatencyLaw::new(law.class(class), &times, 0.0).share_over(*latency) <= 0.05 + 1e-12
                    })
                };
                let (mut low, mut high) = (times[0], times[batch as usize - 1]);
                if classes.iter().any(|(_, latency)| *latency < low) || !keeps(high) {
                    continue;
                }
                while high - low > 1e-5 {
                    let middle = f64::midpoint(low, high);
                    if keeps(middle) { high = middle } else { low = middle }
                }
                let price = |n: u32| {
                    let ms = (service(memory, n) * 1000.0 - 1e-6).ceil();
                    ms / 1000.0 * f64::from(memory) / 1024.0 * 1.66667e-5 + 2e-7
                };
                least = least.min(rate * SharedSizes::new(&process, &waits(high), batch).per_request(price));
            }
        }
        let found = groups(classes, 95.0).pop().unwrap().unwrap().usd_per_s;
        // The time that is left is found to 10 microseconds.
        assert!((found / least - 1.0).abs() < 1e-4, "{classes:?}: {found} {least}");
    }
}

/// The least cost of a second [$] of all classes in one buffer of any configuration where no request can be late.
fn every_configuration(classes: &[(f64, f64)]) -> f64 {
    use batchsim::analytic::exact::SharedSizes;
    use batchsim::arrivals::map::Map;
    use batchsim::arrivals::marked::MarkedMap;
    let process = MarkedMap::merged(&classes.iter().map(|(rate, _)| Map::poisson(*rate)).collect::<Vec<_>>());
    let rate: f64 = classes.iter().map(|(rate, _)| rate).sum();
    let mut least = f64::INFINITY;
    for memory in MEMORY_MB {
        for batch in 1..=16 {
            let waits: Option<Vec<Span>> = classes
                .iter()
                .map(|(_, latency)| Span::from_secs_f64(latency - service(memory, batch)))
                .collect();
            let Some(waits) = waits else { continue };
            let price = |n| {
                let ms = (service(memory, n) * 1000.0 - 1e-6).ceil();
                ms / 1000.0 * f64::from(memory) / 1024.0 * 1.66667e-5 + 2e-7
            };
            least = least.min(rate * SharedSizes::new(&process, &waits, batch).per_request(price));
        }
    }
    least
}

/// Where no law covers the scenario, groups race by simulation: against every configuration of every group, simulated.
#[test]
fn the_race_finds_what_exhaustive_simulation_of_all_partitions_finds() {
    use batchsim::engine::classes::simulate::simulate_group;
    use batchsim::engine::simulate::Unwatched;
    let classes = [(20.0, 0.5), (4.0, 0.9), (9.0, 2.5)];
    let text = text(&classes, 90.0)
        .replace("cold_starts = false", "cold_starts = true\nkeep_alive = \"20s\"")
        .replace("batch = { from = 1, to = 16, step = 1 }", "batch = [1, 3, 8]")
        .replace(&format!("[sweep]\nmemory_mb = {MEMORY_MB:?}"), "[sweep]\nmemory_mb = [1024, 3538]")
        .replace("service_s = ", "init_s = 0.6\nservice_s = ")
        .replace("requests = 60000", "requests = 20000");
    let scenario = scenario(&text);
    let list = scenario.classes.as_ref().unwrap();
    let planner = Planner::new(&scenario, list).unwrap();
    let plan = plan_groups(&scenario, list, Check::Simulated).unwrap();
    assert!(plan.trials.is_some_and(|trials| trials > 7), "{:?}", plan.trials);
    let mut least = [f64::INFINITY; 8];
    for (set, least) in least.iter_mut().enumerate().skip(1) {
        let members: Vec<usize> = (0..3).filter(|class| set >> class & 1 == 1).collect();
        // Every memory size and largest batch at the waits of the law, and at shorter ones.
        for choice in planner.near(&members, usize::MAX) {
            for share in [1.0, 0.7, 0.4, 0.1] {
                let shorter = |wait: &Span| Span((wait.0 as f64 * share) as u64);
                let longest_wait = choice.longest_wait.iter().map(shorter).collect();
                let Size::Memory(memory) = choice.size else { panic!() };
                let group = GroupChoice { longest_wait, ..choice.clone() }.group(memory);
                let run = simulate_group(&scenario, list, &group, &mut Unwatched).unwrap();
                let keeps = run.classes.iter().all(|class| {
                    let share = class.slo_violation_share.unwrap();
                    class.slo_violation_share_ci95.map_or(share, |[_, upper]| upper.max(share)) <= 0.1
                });
                if keeps {
                    let usd = run.simulation.simulated.cost_usd_per_million / 1e6;
                    *least = least.min(usd * planner.rate_of(&members));
                }
            }
        }
    }
    let (best, _) = exhausted(7, &|set| least[set]);
    let found = plan.best_usd_per_million().unwrap() / 1e6 * plan.rate;
    // The race tries six configurations of a group, and one with raised waits, which exhaustion does not know.
    assert!(found < 1.01 * best && found > 0.9 * best, "{found} {best}");
}

#[test]
fn over_twelve_classes_neighbours_are_grouped_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let classes: Vec<(f64, f64)> =
        (0..13).map(|class| (1.0 + f64::from(class), 0.3 + 0.1 * f64::from(class))).collect();
    let file = folder.path().join("many.toml");
    std::fs::write(&file, text(&classes, 100.0)).unwrap();
    let run = Command::cargo_bin("sim")
        .unwrap()
        .current_dir(&folder)
        .args(["plan", "many.toml", "--json", "--quiet"])
        .assert();
    let plan: Value = serde_json::from_slice(&run.success().get_output().stdout).unwrap();
    assert_eq!(plan["partitions"], "contiguous");
    assert_eq!(plan["groups_evaluated"], 13 * 14 / 2);
    let groups = plan["groups"].as_array().unwrap();
    assert_eq!(groups.iter().map(|group| group["classes"].as_array().unwrap().len()).sum::<usize>(), 13);
    for group in groups {
        assert_eq!(group["verified"], true);
        for class in group["simulated"]["classes"].as_array().unwrap() {
            assert_eq!(class["slo_violation_share"], 0.0, "{class}");
        }
        let [simulated, predicted] =
            ["simulated", "predicted"].map(|what| group[what]["cost_usd_per_million"].as_f64().unwrap());
        assert!((simulated / predicted - 1.0).abs() < 0.02, "{simulated} {predicted}");
    }
    // The file holds no times of the machine.
    let written: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("output/many/plan.json")).unwrap())
            .unwrap();
    assert!(plan["elapsed_s"].is_f64() && written["elapsed_s"].is_null());
    assert!(folder.path().join("output/many/charts/grouping.svg").exists());
}

#[test]
fn objectives_that_cannot_be_kept_are_said_and_what_cannot_act_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = |text: &str, arguments: &[&str]| {
        std::fs::write(folder.path().join("s.toml"), text).unwrap();
        Command::cargo_bin("sim").unwrap().current_dir(&folder).args(arguments).assert()
    };
    let plan = ["plan", "s.toml", "--predict-only", "--quiet"];
    let hurried = text(&[(5.0, 0.05), (5.0, 1.0)], 99.0);
    let out = run(&hurried, &plan).code(3);
    assert!(
        String::from_utf8_lossy(&out.get_output().stdout).contains("c0 cannot keep its objective even alone")
    );
    let good = text(&[(5.0, 0.5), (5.0, 1.0)], 99.0);
    run(&good, &plan).success();
    for (changed, arguments, said) in [
        (good.clone(), vec!["plan", "s.toml", "--robust"], "--robust"),
        (good.clone(), vec!["plan", "s.toml", "--model", "published"], "--model published"),
        (good.clone(), vec!["sweep", "s.toml"], "sim sweep knows no [[class]]"),
        (good.clone(), vec!["compare", "s.toml"], "there is nothing to compare"),
        (
            good.replace("step = 1 }\n", "step = 1 }\ntimeout = [\"1ms\"]\n"),
            plan.to_vec(),
            "longest waits follow",
        ),
        (
            good.replace("kind = \"classes\"", "kind = \"poisson\"\nrate = 3.0"),
            plan.to_vec(),
            "kind = \"classes\"",
        ),
        (good.replace("name = \"c1\"", "name = \"c0\""), plan.to_vec(), "two classes `c0`"),
        (
            good.replace("[policy]", "[slo]\nlatency = \"1s\"\n[policy]"),
            plan.to_vec(),
            "every class has an `slo`",
        ),
        (
            good.replace("slo = {", "longest_wait = \"1s\"\nslo = {"),
            plan.to_vec(),
            "every class has a `longest_wait`",
        ),
        (good.replacen("percentile = 99", "percentile = 101", 1), plan.to_vec(), "at most 100"),
        (
            good.replacen("workload = {", "share = 0.5\nworkload = {", 1),
            plan.to_vec(),
            "a class has one of the two",
        ),
    ] {
        let out = run(&changed, &arguments).code(1);
        let error = String::from_utf8_lossy(&out.get_output().stderr).into_owned();
        assert!(error.contains(said), "{said}: {error}");
    }
}
