//! The adaptive policy on the wall clock: it takes a minute, the shortest period there is.

#![cfg(all(unix, feature = "serve"))]

mod gateway;

use std::process::Command;
use std::time::{Duration, Instant};

use batchsim::arrivals::Arrivals;
use batchsim::engine::observer::{Observer, StartedBatch as Started};
use batchsim::engine::service::ServiceDraws;
use batchsim::engine::{Replay, Retry, replay};
use batchsim::error::InputError;
use batchsim::numeric::streams::Streams;
use batchsim::platform::warm::Warm;
use batchsim::policy::batch::BatchPolicy;
use batchsim::policy::scheduled::{Scheduled, Step};
use batchsim::profile::ServiceTimes;
use batchsim::units::{MemoryMb, Span, Time};

use gateway::{ADAPTIVE, Function, Gateway, rows};

/// The scenario on the log, whose policy has `plans` in place of settings of its own.
fn trace_of(workload: &impl Fn(&str) -> String, plans: &str) -> String {
    let trace = workload("kind = \"trace\"\nfile = \"log/requests.csv\"\ncolumn = \"arrived_s\"");
    trace.replace("window = \"1min\"\nperiod = \"1min\"\nforecast = \"last\"", plans)
}

struct Listed(std::vec::IntoIter<Time>);

impl Arrivals for Listed {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        block.extend(self.0.by_ref().take(1000));
        Ok(())
    }
}

#[derive(Default)]
struct Sizes(Vec<(Time, usize)>);

impl Observer for Sizes {
    fn started(&mut self, _batch: &Started, arrivals: &[Time]) {
        self.0.push((arrivals[0], arrivals.len()));
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
}

fn nanos(text: &str) -> u64 {
    let (whole, part) = text.split_once('.').unwrap();
    whole.parse::<u64>().unwrap() * 1_000_000_000 + part.parse::<u64>().unwrap()
}

/// The batches of a replay in which the settings change when they took effect.
fn replayed(arrivals: Vec<Time>, steps: Vec<Step>) -> Vec<(Time, usize)> {
    let policy = Scheduled::new(steps);
    let streams = Streams::new(1);
    let service = ServiceDraws::new(policy.first_times(), streams);
    let retry = Retry { attempts: 1, base: Span(1), cap: Span(1) };
    let all = Replay { policy, platform: Warm::default(), service, retry, backoff: streams.stream("b") };
    let mut sizes = Sizes::default();
    replay(&mut Listed(arrivals.into_iter()), all, &mut sizes).unwrap();
    sizes.0
}

#[test]
fn a_plan_takes_effect_with_the_next_batch_and_is_what_the_simulator_plans() {
    let function = Function::doubling(Duration::from_millis(1));
    let folder = tempfile::tempdir().unwrap();
    let workload = |lines: &str| ADAPTIVE.replace("WORKLOAD", lines);
    let poisson = workload("kind = \"poisson\"\nrate = 40\nrequests = 1");
    let gateway = Gateway::start_in(folder, &poisson, &function.url(), &[]);
    let start = Instant::now();
    std::thread::scope(|scope| {
        // Uneven, and going on for a while after the plan.
        for i in 0_u64.. {
            let at = Duration::from_millis(i * 25 + i * 7919 % 21);
            if at > Duration::from_secs(66) {
                break;
            }
            std::thread::sleep(at.saturating_sub(start.elapsed()));
            let gateway = &gateway;
            scope.spawn(move || {
                let answer = gateway.post("/m", &format!("{{\"instances\": [{i}]}}"));
                assert_eq!(answer.json(), serde_json::json!({ "predictions": [2 * i] }));
            });
        }
    });
    let batch_now = gateway.metric("batchsim_setting_batch");
    assert_eq!(gateway.metric("batchsim_decisions_total{reason=\"period\"}"), 1.0);
    let (ended, folder) = gateway.stop();
    let decisions = ended.rows("decisions.csv");
    assert_eq!(decisions.len(), 1);
    assert!(batch_now > 1.0 && decisions[0][6] == batch_now.to_string(), "{:?}", decisions[0]);
    assert_eq!(&decisions[0][0], "60.000000000");

    // The simulator, given the log, plans the same.
    let trace = workload("kind = \"trace\"\nfile = \"log/requests.csv\"\ncolumn = \"arrived_s\"");
    std::fs::write(folder.path().join("replay.toml"), trace).unwrap();
    let replay = Command::new(env!("CARGO_BIN_EXE_sim"))
        .current_dir(folder.path())
        .args(["run", "replay.toml", "--quiet", "--no-charts", "--out", "replay"])
        .output()
        .unwrap();
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    let planned = rows(&folder.path().join("replay/decisions.csv"));
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert_eq!(planned.len(), 1);
    for (real, simulated) in [(0, 0), (3, 2), (4, 3), (6, 7), (7, 8)] {
        assert_eq!(number(&decisions[0][real]), number(&planned[0][simulated]), "column {real}");
    }

    // Told the plans and when they took effect, the simulator makes the same batches.
    let told = trace_of(&workload, "decisions = \"log/decisions.csv\"");
    std::fs::write(folder.path().join("told.toml"), told).unwrap();
    let replay = Command::new(env!("CARGO_BIN_EXE_sim"))
        .current_dir(folder.path())
        .args(["run", "told.toml", "--quiet", "--no-charts", "--out", "told"])
        .output()
        .unwrap();
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    let simulated = rows(&folder.path().join("told/batches.csv"));
    let real = ended.rows("batches.csv");
    let shown: Vec<[&str; 3]> = simulated.iter().map(|row| [&row[0], &row[4], &row[5]]).collect();
    assert_eq!(shown, real.iter().map(|row| [&row[1], &row[4], &row[3]]).collect::<Vec<_>>());

    // With the moment at which the plan took effect, every batch is the simulator's.
    let times = |largest: u32| ServiceTimes::fixed(MemoryMb(1024), vec![Span(1_000_000); largest as usize]);
    let planned =
        BatchPolicy { batch: decisions[0][6].parse().unwrap(), timeout: Span(nanos(&decisions[0][7])) };
    let effective = Time(nanos(&decisions[0][1]));
    let steps = vec![
        Step { from: Time::ZERO, batch: BatchPolicy::UNBATCHED, times: times(8) },
        Step { from: effective, batch: planned, times: times(8) },
    ];
    let arrivals = ended.rows("requests.csv").iter().map(|row| Time(nanos(&row[0]))).collect();
    let real: Vec<(Time, usize)> =
        ended.rows("batches.csv").iter().map(|row| (Time(nanos(&row[1])), row[4].parse().unwrap())).collect();
    assert_eq!(replayed(arrivals, steps), real);
    assert!(real.iter().any(|(_, size)| *size > 1));
}
