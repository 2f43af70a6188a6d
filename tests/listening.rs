//! A policy that listens is told of each batch when it is answered, and not before.

use batchsim::document::Document;
use batchsim::engine::observer::{Observer, StartedBatch};
use batchsim::engine::simulate::simulate_with;
use batchsim::policy::{self, Buffer, Dispatch, Finished, Policy};
use batchsim::scenario::Scenario;
use batchsim::units::Time;

const SCENARIO: &str = r#"
[workload]
kind = "mmpp"
rates = [200, 5]
sojourns = ["2s", "10s"]
requests = 20_000
[profile]
memory_mb = [1024]
batch = [1, 8]
service_s = [[0.2, 0.9]]
service_cv = 0.5
init_s = 1.0
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
cold_starts = true
concurrency = 40
keep_alive = "5s"
[policy]
kind = "batch"
batch = 4
timeout = "50ms"
"#;

/// Does what a buffer does, and writes down what it is told, each with the number of requests that had joined.
struct Listening {
    buffer: policy::batch::BatchPolicy,
    joined: Vec<Time>,
    left: Vec<Time>,
    told: Vec<(Time, Finished, usize)>,
}

impl Policy for Listening {
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        self.joined.push(buffer.now);
        self.buffer.joined(buffer)
    }

    fn left(&mut self, now: Time) {
        self.left.push(now);
    }

    fn listens(&self) -> bool {
        true
    }

    fn finished(&mut self, now: Time, batch: Finished) {
        self.told.push((now, batch, self.joined.len()));
    }
}

/// The batches that started, as the policy should hear of them.
#[derive(Default)]
struct Started(Vec<(Time, Finished)>);

impl Observer for Started {
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        let finished = Finished { left: batch.left, opened: arrivals[0], size: arrivals.len() as u32 };
        self.0.push((batch.finish(), finished));
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
}

#[test]
fn a_policy_hears_of_each_batch_when_it_leaves_and_when_it_is_answered() {
    let scenario = Scenario::from_document(&Document::parse("s.toml", SCENARIO).unwrap(), "s").unwrap();
    let times = scenario.service(scenario.setting()).unwrap();
    let (buffer, mut started) = (scenario.policy.start(), Started::default());
    let listening = |_| Ok(Listening { buffer, joined: Vec::new(), left: Vec::new(), told: Vec::new() });
    let (simulation, policy) = simulate_with(&scenario, &times, &mut started, listening).unwrap();
    let simulated = &simulation.simulated;
    assert!(simulated.cold_starts > 100 && simulated.throttled > 100, "both happen");

    // In the order of the answers; batches that are answered at once, in that of their starts.
    started.0.sort_by_key(|(finish, _)| *finish);
    let told: Vec<_> = policy.told.iter().map(|(now, batch, _)| (*now, *batch)).collect();
    assert_eq!(told, started.0);
    // Batches that were refused in the end left too.
    assert!(policy.left.len() >= told.len());
    assert!(told.iter().all(|(_, batch)| policy.left.binary_search(&batch.left).is_ok()));
    for (now, _, joined) in &policy.told {
        // All that came before had joined, and nothing that came later.
        assert!(policy.joined[..*joined].iter().all(|came| came <= now));
        assert!(policy.joined[*joined..].iter().all(|came| came >= now));
    }
    // Listening changes nothing.
    let (plain, _) = simulate_with(&scenario, &times, &mut Started::default(), |_| Ok(buffer)).unwrap();
    assert_eq!(plain.simulated, simulation.simulated);
}
