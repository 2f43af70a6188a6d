//! The adaptive policy with a planner whose answers are known: memory 1 MB a request per second, rounded up to tens.

use std::sync::{Arc, Mutex};

use batchsim::policy::adaptive::{
    Adaptive, Margin, Outlook, Planner, Proposal, Proposals, Reason, Settings, Target,
};
use batchsim::policy::batch::BatchPolicy;
use batchsim::policy::forecast::Forecast;
use batchsim::policy::{Buffer, Dispatch, Policy};
use batchsim::profile::ServiceTimes;
use batchsim::units::{MemoryMb, Span, Time};

const SECOND: u64 = 1_000_000_000;

fn settings(forecast: Forecast) -> Settings {
    Settings {
        window: Span::from_secs(600),
        period: Span::from_secs(600),
        forecast,
        margin: Margin::Fixed(0.0),
        hysteresis: 0.0,
        early: None,
    }
}

fn proposal(memory: u32, score: f64) -> Proposal {
    let times = ServiceTimes::fixed(MemoryMb(memory), vec![Span(1)]);
    let buffer = BatchPolicy { batch: memory, timeout: Span::from_millis(10) };
    Proposal { times, buffer, score, meets: true }
}

fn sized(rate: f64) -> u32 {
    (rate / 10.0).ceil() as u32 * 10
}

/// Staying costs `stay` times the best.
fn planner(stay: f64) -> Planner {
    Box::new(move |outlook: &Outlook<'_>| Proposals {
        best: proposal(sized(outlook.rate), 1.0),
        stay: Some(proposal(outlook.memory.0, stay)),
    })
}

/// Plays evenly spaced arrivals, `rates[k]` a second during the k-th 600 s; the memory sizes that were set.
fn play(policy: &mut Adaptive, rates: &[u64]) -> Vec<(u64, u32)> {
    let (mut set, mut leaves) = (Vec::new(), None);
    for (k, rate) in rates.iter().enumerate() {
        for second in 0..600 {
            for i in 0..*rate {
                let now = Time((k as u64 * 600 + second) * SECOND + i * SECOND / rate);
                while policy.next_review() <= now {
                    let at = policy.next_review();
                    if let Some(times) = policy.review(at) {
                        set.push((at.0 / SECOND, times.memory.0));
                    }
                    assert!(policy.next_review() > at);
                }
                // Alone in its batch, which leaves at its deadline if it has one.
                leaves.take().into_iter().for_each(|at| policy.left(at));
                match policy.joined(Buffer::of_one_class(1, now, now)) {
                    Dispatch::Now => policy.left(now),
                    Dispatch::At(deadline) => leaves = Some(deadline),
                }
            }
        }
    }
    set
}

fn adaptive(settings: Settings, future: Vec<u32>, stay: f64) -> Adaptive {
    Adaptive::new(settings, proposal(10, 1.0).times, BatchPolicy::UNBATCHED, None, future, planner(stay))
}

#[test]
fn the_last_window_is_followed_a_period_late_and_the_oracle_in_time() {
    let rates = [8, 8, 95, 95, 8, 8];
    let mut last = adaptive(settings(Forecast::Last), Vec::new(), 9.0);
    assert_eq!(play(&mut last, &rates), [(1800, 100), (3000, 10)]);
    let future: Vec<u32> = rates.iter().flat_map(|rate| vec![*rate as u32; 600]).collect();
    let mut oracle = adaptive(settings(Forecast::Oracle), future, 9.0);
    assert_eq!(play(&mut oracle, &rates), [(1200, 100), (2400, 10)]);
    assert_eq!(oracle.decisions().len(), 5);
    assert!((last.decisions()[2].forecast - 95.0).abs() < 1e-9);
}

#[test]
fn a_step_is_followed_within_minutes_where_early_plans_are_made() {
    let early = Settings { early: Some(1.5), ..settings(Forecast::Last) };
    let mut policy = adaptive(early, Vec::new(), 9.0);
    let set = play(&mut policy, &[8, 8, 95, 95]);
    // The plan of 1200 s is looked at again once five minutes have come since.
    assert_eq!(set, [(1500, 100)]);
    let first = policy.decisions().iter().find(|d| d.reason == Reason::RateChanged).unwrap();
    assert_eq!(first.time, Time(1500 * SECOND));
}

#[test]
fn a_saving_below_the_hysteresis_keeps_the_memory_size() {
    let hold = Settings { hysteresis: 0.05, ..settings(Forecast::Last) };
    let mut policy = adaptive(hold, Vec::new(), 1.04);
    assert_eq!(play(&mut policy, &[8, 95, 95]), []);
    assert!(policy.decisions().last().unwrap().held);
    let mut policy = adaptive(hold, Vec::new(), 1.06);
    assert_eq!(play(&mut policy, &[8, 95, 95]), [(1200, 100)]);
}

#[test]
fn the_margin_is_learnt_from_the_errors_of_the_forecasts() {
    let margins = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&margins);
    let planner: Planner = Box::new(move |outlook: &Outlook<'_>| {
        seen.lock().unwrap().push(outlook.highest / outlook.rate - 1.0);
        Proposals { best: proposal(10, 1.0), stay: None }
    });
    let learnt = Settings { margin: Margin::Learnt, ..settings(Forecast::Last) };
    let mut policy =
        Adaptive::new(learnt, proposal(10, 1.0).times, BatchPolicy::UNBATCHED, None, Vec::new(), planner);
    // Every forecast is off by a factor of two.
    play(&mut policy, &[10, 20, 10, 20, 10, 20, 10, 20, 10, 20]);
    let margins = margins.lock().unwrap();
    assert!(margins[..6].iter().all(|margin| (margin - 0.1).abs() < 1e-9), "{margins:?}");
    assert!(margins[6..].iter().all(|margin| (margin - 1.0).abs() < 1e-9), "{margins:?}");
}

#[test]
fn the_caution_is_learnt_from_late_requests() {
    let learnt = Settings { margin: Margin::Learnt, ..settings(Forecast::Last) };
    // Every request waits 10 ms and is late; half of them may be.
    let target = Some(Target { latency: Span::from_millis(10), allowed: 0.5 });
    let times = proposal(10, 1.0).times;
    let mut policy = Adaptive::new(learnt, times, BatchPolicy::UNBATCHED, target, Vec::new(), planner(9.0));
    play(&mut policy, &[8; 27]);
    let cautions: Vec<f64> = policy.decisions().iter().map(|d| d.caution).collect();
    assert!(cautions[..24].iter().all(|caution| *caution == 3.0), "{cautions:?}");
    assert_eq!(cautions[24..], [5.0, 5.0]);
}

#[test]
fn the_rate_as_it_is_belongs_to_what_is_planned_for() {
    let lowest = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lowest);
    let planner: Planner = Box::new(move |outlook: &Outlook<'_>| {
        seen.lock().unwrap().push(outlook.lowest);
        Proposals { best: proposal(10, 1.0), stay: None }
    });
    let margin =
        Settings { margin: Margin::Fixed(0.1), window: Span::from_secs(1200), ..settings(Forecast::Last) };
    let times = proposal(10, 1.0).times;
    let mut policy = Adaptive::new(margin, times, BatchPolicy::UNBATCHED, None, Vec::new(), planner);
    play(&mut policy, &[90, 30, 30]);
    // The last window has a mean of 60 and ends at 30.
    assert_eq!(lowest.lock().unwrap()[1], 30.0);
}

#[test]
fn nothing_at_all_is_planned_for_as_one_arrival_a_window() {
    let mut policy = adaptive(settings(Forecast::Smoothing), Vec::new(), 9.0);
    let at = policy.next_review();
    policy.review(at);
    let decision = policy.decisions()[0];
    assert_eq!((decision.measured, decision.forecast), (0.0, 1.0 / 600.0));
}
