//! Backtests of logs whose truth is known: what is learnt, what is predicted, and what is refused.

mod common_log {
    //! Logs as `sim run` would make them, in memory.

    use batchsim::backtest::call::{Call, Log, Member};
    use batchsim::backtest::log_of;
    use batchsim::document::Document;
    use batchsim::engine::observer::{Observer, StartedBatch};
    use batchsim::engine::simulate::simulate;
    use batchsim::scenario::Scenario;
    use batchsim::units::Time;

    pub struct Keep(Vec<Call>);

    impl Observer for Keep {
        fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
            let sent = batch.started.as_secs_f64();
            let member = |at: &Time| Member {
                arrived: at.as_secs_f64(),
                latency: batch.answered().since(*at).as_secs_f64(),
            };
            self.0.push(Call {
                members: arrivals.iter().map(member).collect(),
                sent,
                ended: batch.finish().as_secs_f64(),
                duration: batch.service.as_secs_f64(),
                billed: None,
                cold: Some(batch.cold),
                init: batch.cold.then(|| batch.init.as_secs_f64()),
                environment: batch.environment,
                memory: Some(batch.memory),
            });
        }

        fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {
            panic!("nothing is refused here");
        }
    }

    pub fn scenario(seed: u64, rate: f64, requests: u32, profile: &str, platform: &str) -> Scenario {
        let text = format!(
            "seed = {seed}\n[workload]\nkind = \"poisson\"\nrate = {rate}\nrequests = {requests}\n[profile]\nmemory_mb = [256]\n\
             batch = [1]\n{profile}\n[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 256\ncold_starts = true\n\
             {platform}\n[policy]\nkind = \"unbatched\"\n"
        );
        Scenario::from_document(&Document::parse("truth.toml", &text).unwrap(), "truth").unwrap()
    }

    pub fn log(scenario: &Scenario) -> Log {
        let mut keep = Keep(Vec::new());
        simulate(scenario, &mut keep).unwrap();
        log_of("truth", keep.0)
    }
}

use batchsim::backtest::keep_alive::Form;
use batchsim::backtest::learn::{Learnt, Told};
use batchsim::backtest::stats::Estimate;
use batchsim::backtest::verdict::Tolerance;
use batchsim::backtest::{Options, backtest};

use common_log::{log, scenario};

fn options() -> Options {
    Options {
        split: 0.5,
        told: Told::default(),
        profile: None,
        platform: None,
        overrides: Vec::new(),
        seeds: 10,
        seed: 1,
        tolerance: Tolerance::default(),
    }
}

const PROFILE: &str = "service_s = [[1.5]]\nservice_cv = 0.1\ninit_s = 0.8\ninit_cv = 0.5\nfirst_call_s = 0.3\n\
                       overhead_s = 0.1\noverhead_cv = 0.3";

/// Each truth is learnt 50 times, with other luck each time: an interval of 95 % holds it 190 times of 200.
#[test]
fn simulated_truth_is_learnt_back_within_its_intervals() {
    let truths = [
        "keep_alive = \"10min\"\nruntime_init = \"0s\"",
        "keep_alive = { half_every = \"380s\" }\nruntime_init = \"0s\"",
        "keep_alive = { last = \"640s\", spare = \"15min\" }\nruntime_init = \"0s\"",
        "keep_alive = \"5min\"\nmax_age = \"1h\"\nruntime_init = \"0s\"",
    ];
    let mut held = [(0, 0); 5];
    let mut count = |at: usize, holds: bool| {
        held[at].0 += usize::from(holds);
        held[at].1 += 1;
    };
    for (kind, platform) in truths.iter().enumerate() {
        for seed in 0..50 {
            let scenario = scenario(100 * kind as u64 + seed, 0.006, 1200, PROFILE, platform);
            let log = log(&scenario);
            let learnt = Learnt::of(&log, &log.calls, &Told::default()).unwrap();
            count(0, learnt.service.holds(1.5));
            count(1, learnt.init.is_some_and(|init| init.holds(0.8)));
            count(2, learnt.first_call.is_none_or(|first| first.holds(0.3)));
            count(3, learnt.overhead.is_some_and(|overhead| overhead.holds(0.1)));
            let (stays, within) = (&learnt.stays, |found: Estimate, truth: f64| found.holds(truth));
            let keeps = match (kind, stays.form) {
                (0, Some(Form::Fixed(keep))) => within(keep, 600.0),
                (1, Some(Form::Halving(every))) => within(every, 380.0),
                (2, Some(Form::LastAndSpare(last, spare))) => within(last, 640.0) && within(spare, 900.0),
                (3, Some(Form::Fixed(keep))) => {
                    within(keep, 300.0) && stays.max_age.is_none_or(|age| within(age, 3600.0))
                }
                // One time only was told apart: it must be that of the only environment, of which there is most.
                (2, Some(Form::Fixed(keep))) => within(keep, 640.0),
                _ => false,
            };
            count(4, keeps);
        }
    }
    println!("held of 200: service, initialisation, first call, overhead, keep-alive {held:?}");
    for (held, of) in held {
        assert!(of == 200 && held >= 190, "{held} of {of}");
    }
}

#[test]
fn what_comes_from_the_same_function_is_within_what_is_tolerated() {
    let platform = "keep_alive = \"10min\"\nruntime_init = \"0s\"";
    let log = log(&scenario(7, 0.02, 6000, PROFILE, platform));
    let found = backtest(&log, &options()).unwrap();
    assert!(found.verdict.is_good(), "{:?} {:?}", found.verdict, found.observed);
    let [hits, missed, alarms] = found.hits.unwrap();
    assert!(hits > 3.0 * (missed + alarms), "{hits} {missed} {alarms}");
    // The parts add up to the whole.
    let (seen, model) = (found.observed.named(), found.predicted.named());
    for at in 0..7 {
        let sum: f64 = found.attribution.unwrap().iter().map(|part| part[at]).sum();
        // The parts are means over the runs, as sums are; a percentile that is shown is the middle one of the runs.
        let within = if at < 4 { 1e-2 } else { 1e-6 };
        assert!(
            (sum - (model[at] / seen[at] - 1.0)).abs() < within,
            "{at}: {sum} {} {}",
            model[at],
            seen[at]
        );
    }
    assert_eq!(found.learnt.reuse.0, "most-recent");
}

#[test]
fn a_wrong_model_is_told_with_its_cause() {
    let platform = "keep_alive = \"10min\"\nruntime_init = \"0s\"";
    let log = log(&scenario(8, 0.006, 3000, PROFILE, platform));
    let spoiled = |overrides: &[&str]| {
        let overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
        backtest(&log, &Options { overrides, ..options() }).unwrap().verdict
    };
    let fast = spoiled(&["profile.service_s=[[1.2]]"]);
    assert!(!fast.is_good() && fast.outside.contains(&"p50") && fast.outside.contains(&"cost_usd"));
    assert!(
        fast.causes[0].contains("service times") && fast.causes[0].contains("too short"),
        "{:?}",
        fast.causes
    );
    let short = spoiled(&["platform.keep_alive=\"5min\""]);
    assert!(short.outside.contains(&"cold_starts"), "{short:?}");
    assert!(short.causes[0].contains("keep-alive too short"), "{:?}", short.causes);
    assert!(spoiled(&[]).is_good(), "{:?}", spoiled(&[]));
}

#[test]
fn another_function_s_calls_are_told() {
    let platform = "keep_alive = \"10min\"\nruntime_init = \"0s\"";
    let one = log(&scenario(9, 0.02, 3000, PROFILE, platform));
    let other = log(&scenario(10, 0.02, 3000, &PROFILE.replace("1.5", "2.5"), platform));
    // With numbers of their own, and with the same ones.
    for apart in [100_000, 0] {
        let moved = other.calls.iter().cloned().map(|mut call| {
            call.environment = call.environment.map(|number| number + apart);
            call
        });
        let both = batchsim::backtest::log_of("both", one.calls.iter().cloned().chain(moved).collect());
        let found = backtest(&both, &options()).unwrap();
        assert!(!found.verdict.is_good(), "{apart}");
        assert!(found.verdict.causes[0].contains("another function"), "{:?}", found.verdict.causes);
    }
}
