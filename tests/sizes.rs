//! Requests of different sizes in one buffer: the law against closed forms and against the engine, and what is refused.

use batchsim::analytic::exact::{LatencyLaw, SharedLaw, SharedSizes, SizedBatches, SizedLaw, Variation};
use batchsim::arrivals::map::Map;
use batchsim::arrivals::marked::MarkedMap;
use batchsim::document::Document;
use batchsim::engine::classes::simulate::simulate_group;
use batchsim::engine::simulate::Unwatched;
use batchsim::error::InputError;
use batchsim::planner::class_compare::{compare_classes, run_groups};
use batchsim::planner::groups::{Check, Planner, plan_groups};
use batchsim::planner::shared::predict_group;
use batchsim::scenario::Scenario;
use batchsim::scenario::class::Group;
use batchsim::units::Span;

/// The time [s] of a batch of n at 1,024 MB whose largest request is of a size.
fn service(n: u32, size: f64) -> f64 {
    0.02 + 0.0004 * size * (1.0 + 0.6 * f64::from(n - 1))
}

const SIZES: [f64; 3] = [10.0, 40.0, 100.0];

/// Straight in the batch and in the size, so that a table of the corners says all.
fn profile() -> String {
    let row = |n: u32| format!("[{:?}, {:?}]", service(n, 10.0), service(n, 100.0));
    format!(
        "[profile]\nmemory_mb = [1024]\nbatch = [1, 8]\nsize = [10, 100]\nservice_s = [[{}, {}]]\n\
         [platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n",
        row(1),
        row(8)
    )
}

fn read(text: &str) -> Result<Scenario, InputError> {
    Scenario::from_document(&Document::parse("s.toml", text)?, "s")
}

/// Two classes in bursts, of different sizes, with different longest waits.
fn two_classes(policy: &str, platform: &str) -> String {
    format!(
        "seed = 5\n[workload]\nkind = \"classes\"\nrequests = 400000\n{}{platform}\n\
         [policy]\nkind = \"batch\"\nbatch = {policy}\n\
         [[class]]\nname = \"small\"\nlongest_wait = \"80ms\"\nslo = {{ percentile = 95, latency = \"200ms\" }}\n\
         workload = {{ kind = \"poisson\", rate = 30 }}\n\
         size = {{ kind = \"values\", values = [10, 40], shares = [0.7, 0.3] }}\n\
         [[class]]\nname = \"large\"\nlongest_wait = \"250ms\"\nslo = {{ percentile = 95, latency = \"350ms\" }}\n\
         workload = {{ kind = \"mmpp\", rates = [5, 60], sojourns = [\"2s\", \"0.4s\"] }}\n\
         size = {{ kind = \"values\", values = [40, 100], shares = [0.5, 0.5] }}\n",
        profile()
    )
}

#[test]
fn the_law_of_sizes_is_that_of_the_largest_where_they_are_alike_in_all_classes() {
    // F^n: the sizes of n requests are independent of their number.
    let map = Map::mmpp(&[10.0, 100.0], &[2.0, 0.3]).unwrap();
    let marked = MarkedMap::shared(&map, &[0.3, 0.7]);
    let waits = [Span::from_millis(60), Span::from_millis(220)];
    let up_to = [0.5, 0.8, 1.0];
    let batch = 8;
    let rows: Vec<Vec<f64>> = up_to.iter().map(|share| vec![*share; 2]).collect();
    let law = SizedLaw::new(&marked, &waits, batch, &rows);
    let sizes = SharedSizes::new(&marked, &waits, batch);
    let share = |at: usize, n: i32| up_to[at].powi(n) - if at > 0 { up_to[at - 1].powi(n) } else { 0.0 };
    for (at, joint) in SizedBatches::new(&marked, &waits, batch, &rows).joint().iter().enumerate() {
        for ((found, p), n) in joint.iter().zip(sizes.batch_size()).zip(1..) {
            assert!((found - p * share(at, n)).abs() < 1e-12, "{at} {n}: {found}");
        }
    }
    // The latency at which a class is answered is a mixture over both, too.
    let times: Vec<Vec<f64>> =
        SIZES.iter().map(|size| (1..=batch).map(|n| service(n, *size)).collect()).collect();
    let fixed = vec![Variation::default(); 3];
    let plain = SharedLaw::new(&marked, &waits, batch);
    for class in 0..2 {
        let latency = law.latency(class, &times, &fixed);
        for x in [0.03, 0.08, 0.12, 0.2, 0.31, 0.45] {
            let mut within = 0.0;
            for (at, times) in times.iter().enumerate() {
                // Only batches of n have a time at all: by the plain law with all others far off.
                for n in 1..=batch {
                    let mut alone = vec![1e3; batch as usize];
                    alone[n as usize - 1] = times[n as usize - 1];
                    let of_n = LatencyLaw::new(plain.class(class), &alone, 0.0).cdf(x);
                    within += share(at, n as i32) * of_n;
                }
            }
            assert!((latency.cdf(x) - within).abs() < 1e-9, "{class} {x}: {} {within}", latency.cdf(x));
        }
    }
}

#[test]
fn one_size_is_none() {
    let with = two_classes("8", "")
        .replace("kind = \"values\", values = [10, 40], shares = [0.7, 0.3]", "kind = \"fixed\", value = 40");
    let with = with.replace(
        "kind = \"values\", values = [40, 100], shares = [0.5, 0.5]",
        "kind = \"fixed\", value = 40",
    );
    let without: String =
        with.lines().filter(|line| !line.starts_with("size")).map(|line| format!("{line}\n")).collect();
    let table = format!("service_s = [[{:?}, {:?}]]", service(1, 40.0), service(8, 40.0));
    let without: String = without
        .lines()
        .map(|line| if line.starts_with("service_s") { format!("{table}\n") } else { format!("{line}\n") })
        .collect();
    let run = |text: &str| {
        let scenario = read(text).unwrap();
        let classes = scenario.classes.as_ref().unwrap();
        let group = classes.together(scenario.setting().memory, 8);
        let simulated = simulate_group(&scenario, classes, &group, &mut Unwatched).unwrap();
        (simulated, predict_group(&scenario, classes, &group).unwrap().unwrap())
    };
    let (sized, plain) = (run(&with), run(&without));
    for (a, b) in sized.0.classes.iter().zip(&plain.0.classes) {
        assert_eq!((&a.latency_s, a.cost_usd_per_million), (&b.latency_s, b.cost_usd_per_million));
        assert_eq!((a.padding, b.padding), (Some(0.0), None));
    }
    for (a, b) in sized.1.classes.iter().zip(&plain.1.classes) {
        assert!((a.latency_s.mean - b.latency_s.mean).abs() < 1e-10, "{a:?} {b:?}");
        assert!((a.latency_s.p95 - b.latency_s.p95).abs() < 1e-8, "{a:?} {b:?}");
        assert!((a.cost_usd_per_million / b.cost_usd_per_million - 1.0).abs() < 1e-9);
        assert!(a.padding.unwrap().abs() < 1e-9);
    }
}

#[test]
fn the_law_predicts_what_is_simulated() {
    for policy in ["8", "3", "1"] {
        let text = two_classes(policy, "");
        let text = if policy == "1" {
            text.replace("longest_wait = \"80ms\"\n", "longest_wait = \"0s\"\n")
        } else {
            text
        };
        let scenario = read(&text).unwrap();
        let classes = scenario.classes.as_ref().unwrap();
        let group = classes.together(scenario.setting().memory, policy.parse().unwrap());
        let simulated = simulate_group(&scenario, classes, &group, &mut Unwatched).unwrap();
        let predicted = predict_group(&scenario, classes, &group).unwrap().unwrap();
        for (s, p) in simulated.classes.iter().zip(&predicted.classes) {
            let interval = s.latency_ci95_s.and_then(|intervals| intervals.mean).unwrap();
            let slack = 1.25 * (interval[1] - interval[0]) + 1e-4;
            assert!((s.latency_s.mean - p.latency_s.mean).abs() < slack, "{s:?} {p:?}");
            assert!((s.latency_s.p95 / p.latency_s.p95 - 1.0).abs() < 0.02, "{s:?} {p:?}");
            let over = [s, p].map(|figures| figures.slo_violation_share.unwrap());
            assert!((over[0] - over[1]).abs() < 0.01, "{over:?}");
            assert!((s.cost_usd_per_million / p.cost_usd_per_million - 1.0).abs() < 0.01, "{s:?} {p:?}");
            let padding = [s, p].map(|figures| figures.padding.unwrap());
            assert!((padding[0] - padding[1]).abs() < 0.01 * padding[1] + 1e-9, "{padding:?}");
            assert!((padding[1] > 1.0) == (policy != "1"), "{padding:?}");
        }
    }
}

#[test]
fn groups_are_run_with_sizes_and_see_the_same_requests() {
    let text = two_classes("8", "");
    let start = text.find("[policy]").unwrap();
    let classes = text.find("[[class]]").unwrap();
    let text = format!(
        "{}[policy]\nkind = \"groups\"\n[[policy.group]]\nclasses = [\"small\"]\nmemory_mb = 1024\nbatch = 4\nlongest_wait = [\"80ms\"]\n\
         [[policy.group]]\nclasses = [\"large\"]\nmemory_mb = 1024\nbatch = 8\nlongest_wait = [\"250ms\"]\n{}",
        &text[..start],
        text[classes..].replace("longest_wait = \"80ms\"\n", "").replace("longest_wait = \"250ms\"\n", "")
    );
    let scenario = read(&text).unwrap();
    let found = run_groups(&scenario, scenario.classes.as_ref().unwrap()).unwrap();
    for (group, mean) in found.groups.iter().zip([19.0, 70.0]) {
        let (s, p) = (&group.simulation.classes[0], &group.prediction.classes[0]);
        assert!((s.latency_s.mean / p.latency_s.mean - 1.0).abs() < 0.02, "{s:?} {p:?}");
        assert!((s.padding.unwrap() / p.padding.unwrap() - 1.0).abs() < 0.02, "{s:?} {p:?}");
        // A batch is padded to at most the largest size.
        assert!(p.padding.unwrap() < [40.0, 100.0][usize::from(mean > 40.0)] - mean);
    }
}

#[test]
fn cold_starts_and_random_times_take_sizes_too() {
    let text = two_classes("8", "cold_starts = true\nconcurrency = 500\n")
        .replace("[platform]", "service_cv = 0.2\ninit_s = 1.0\n[platform]");
    let scenario = read(&text.replace("400000", "40000")).unwrap();
    let classes = scenario.classes.as_ref().unwrap();
    let group = classes.together(scenario.setting().memory, 8);
    let simulated = simulate_group(&scenario, classes, &group, &mut Unwatched).unwrap();
    assert!(simulated.simulation.simulated.cold_starts > 0);
    assert!(simulated.classes.iter().all(|class| class.padding.unwrap() > 1.0));
}

#[test]
fn what_cannot_act_is_refused() {
    let text = two_classes("8", "");
    let refused = |text: &str, reason: &str| {
        let error = read(text).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    let without = |start: &str| -> String {
        text.lines().filter(|line| !line.starts_with(start)).map(|line| format!("{line}\n")).collect()
    };
    refused(&without("size = {"), "this class has no `size`");
    refused(
        &without("size = [10").replace(
            &text[text.find("service_s").unwrap()..text.find("[platform]").unwrap()],
            "service_s = [[0.1, 0.3]]\n",
        ),
        "the profile has no times by size",
    );
    refused(
        &text.replace("values = [40, 100]", "values = [40, 101]"),
        "outside the profile, which covers 10 to 100",
    );
    refused(&text.replace("shares = [0.5, 0.5]", "shares = [0.5, 0.4]"), "sum to 0.9");
    refused(&text.replace("values = [40, 100]", "values = [100, 40]"), "ascending order");
    refused(&text.replace("size = [10, 100]", "size = [10, 50, 100]"), "another shape");
    let one_class = format!(
        "[workload]\nkind = \"poisson\"\nrate = 5\nrequests = 10\n{}[policy]\nkind = \"unbatched\"\n",
        profile()
    );
    refused(&one_class, "times by the size of requests");
    // A command that knows none says so.
    let scenario = read(&format!("{text}[sweep]\nmemory_mb = [1024]\nbatch = [1, 8]\n")).unwrap();
    let error = scenario.without_sizes("sim serve").unwrap_err().to_string();
    assert!(error.contains("sim serve knows no sizes of requests"), "{error}");
}

/// The two classes with something to choose from.
fn planned() -> Scenario {
    read(&format!("{}[sweep]\nmemory_mb = [1024]\nbatch = [1, 2, 3, 5, 8]\n", {
        let text = two_classes("8", "").replace("400000", "200000");
        text.replace("longest_wait = \"80ms\"\n", "")
            .replace("longest_wait = \"250ms\"\n", "")
            .replace("batch = 8\n[[", "batch = 8\ntimeout = \"100ms\"\n[[")
    }))
    .unwrap()
}

#[test]
fn a_group_with_sizes_has_the_cheapest_configuration_of_a_grid() {
    let scenario = planned();
    let classes = scenario.classes.as_ref().unwrap();
    let planner = Planner::new(&scenario, classes).unwrap();
    for members in [vec![0], vec![1], vec![0, 1]] {
        let choice = planner.best(&members).unwrap();
        let mut least = f64::INFINITY;
        for batch in [1, 2, 3, 5, 8] {
            for left in (2..40).map(|step| f64::from(step) * 0.01) {
                for share in [1.0, 0.6, 0.3, 0.0] {
                    let wait = |member: &usize| {
                        let latency = classes.list[*member].slo.unwrap().latency.as_secs_f64();
                        Span::from_secs_f64((latency - left).max(0.0) * share).unwrap()
                    };
                    let longest_wait = members.iter().map(wait).collect();
                    let memory = scenario.setting().memory;
                    let group = Group { members: members.clone(), memory, batch, longest_wait };
                    let found = predict_group(&scenario, classes, &group).unwrap().unwrap();
                    if found.classes.iter().all(|class| class.slo_violation_share.unwrap() <= 0.05) {
                        least = least.min(found.prediction.predicted.cost_usd_per_million);
                    }
                }
            }
        }
        let found = choice.usd_per_s / planner.rate_of(&members) * 1e6;
        assert!(found <= least * (1.0 + 1e-9), "{members:?}: {found} {least}");
        assert!(found > 0.97 * least, "{members:?}: {found} {least}");
        let (bound, _) = planner.bound(&members);
        assert!(bound <= choice.usd_per_s, "{bound} {choice:?}");
    }
    // The partition is the best of both, and runs as it was predicted.
    let plan = plan_groups(&scenario, classes, Check::Simulated).unwrap();
    let cost = |members: &[usize]| planner.best(members).unwrap().usd_per_s;
    let best = cost(&[0, 1]).min(cost(&[0]) + cost(&[1])) / plan.rate * 1e6;
    assert!((plan.best_usd_per_million().unwrap() / best - 1.0).abs() < 1e-9);
    for planned in plan.best.unwrap() {
        assert_eq!(planned.verified(classes), Some(true));
        let [s, p] = [
            planned.simulation.as_ref().unwrap().simulation.simulated.cost_usd_per_million,
            planned.prediction.prediction.predicted.cost_usd_per_million,
        ];
        assert!((s / p - 1.0).abs() < 0.01, "{s} {p}");
    }
}

#[test]
fn more_buffers_for_ranges_of_sizes_pad_less() {
    let mut text = format!(
        "seed = 2\n[workload]\nkind = \"poisson\"\nrate = 60\nrequests = 100000\n{}[policy]\nkind = \"unbatched\"\n\
         [sweep]\nmemory_mb = [1024]\nbatch = [1, 2, 4, 8]\n",
        profile()
    );
    for (size, share) in [(10, 0.4), (25, 0.3), (60, 0.2), (100, 0.1)] {
        text += &format!(
            "[[class]]\nname = \"{size}\"\nshare = {share}\nsize = {{ kind = \"fixed\", value = {size} }}\n\
             slo = {{ percentile = 95, latency = \"{}ms\" }}\n",
            200 + 6 * size
        );
    }
    for buffers in [1, 2, 4] {
        text += &format!(
            "[[system]]\nname = \"{buffers}\"\nkind = \"classes\"\ngrouping = \"mbs\"\nbuffers = {buffers}\n"
        );
    }
    let scenario = read(&text).unwrap();
    let found = compare_classes(&scenario, scenario.classes.as_ref().unwrap()).unwrap();
    let groups: Vec<Vec<Vec<usize>>> = found
        .iter()
        .map(|system| system.groups.iter().map(|group| group.listed.members.clone()).collect())
        .collect();
    // Cut where each has as many requests: with four, where each quarter's middle is.
    assert_eq!(groups[0], [[0, 1, 2, 3]]);
    assert_eq!(groups[1], [vec![0], vec![1, 2, 3]]);
    assert_eq!(groups[2], [vec![0], vec![1], vec![2, 3]]);
    let padding = found.iter().map(|system| {
        let figures = system.groups.iter().flat_map(|group| {
            group.prediction.classes.iter().map(|class| class.share * group.rate * class.padding.unwrap())
        });
        figures.sum::<f64>() / 60.0
    });
    let padding: Vec<f64> = padding.collect();
    assert!(padding[0] > 1.2 * padding[1] && padding[1] > padding[2], "{padding:?}");
    for system in &found {
        let costs = system.costs();
        assert!((costs.simulated / costs.exact - 1.0).abs() < 0.01, "{costs:?}");
        assert!(
            system
                .groups
                .iter()
                .flat_map(|group| &group.prediction.classes)
                .all(|class| class.slo_violation_share.unwrap() <= 0.05 + 1e-9)
        );
    }
}
