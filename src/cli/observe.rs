//! `sim observe`: sends a scenario's workload to a server and measures.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use indicatif::ProgressBar;

use super::Common;
use crate::engine::simulate::Unwatched;
use crate::error::InputError;
use crate::gateway::log::seconds;
use crate::gateway::observe::measured::Measured;
use crate::gateway::observe::payload::Payload;
use crate::gateway::observe::{Exchange, Plan, Sends, observe};
use crate::numeric::streams::Streams;
use crate::outcome::{Model, Simulation};
use crate::planner::predict::predict;
use crate::report::files::{CsvFile, write_atomically};
use crate::report::observe::ObserveReport;
use crate::scenario::Scenario;
use crate::systems;
use crate::units::{Span, Time};

/// Measure a server with the scenario's workload, and set that beside what is simulated and predicted.
#[derive(Debug, Args)]
pub(super) struct ObserveArgs {
    #[command(flatten)]
    common: Common,
    /// Where requests are sent to: http://host:port/path.
    #[arg(long, value_name = "URL")]
    target: String,
    /// The target is another machine, whose owner agrees.
    #[arg(long)]
    remote: bool,
    /// Stop after so many requests (500) or so long (60s); refuse a workload with more in any second than 100/s. May be
    /// repeated.
    #[arg(long, value_name = "LIMIT", value_parser = limit)]
    limit: Vec<Limit>,
    /// A file with the body to send, or with one a line (.jsonl); {{i}} stands for the request's number.
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    /// Without an answer for so long, a request has failed.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = Span::parse)]
    timeout: Span,
}

/// A bound on what is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Limit {
    Requests(usize),
    Time(Span),
    Rate(u64),
}

fn limit(text: &str) -> Result<Limit, String> {
    let mend = || format!("`{text}`: expected requests (500), a time (60s) or a rate (100/s)");
    if let Some(rate) = text.strip_suffix("/s") {
        return rate.parse().map(Limit::Rate).map_err(|_| mend());
    }
    match text.parse() {
        Ok(requests) => Ok(Limit::Requests(requests)),
        Err(_) => Span::parse(text).map(Limit::Time).map_err(|_| mend()),
    }
}

/// What is sent where no payload is given: a number.
const PAYLOAD: &str = "{\"instances\": [{{i}}]}";
/// More requests than these are not kept in memory.
const MOST: usize = 20_000_000;

pub(super) fn run(args: &ObserveArgs) -> Result<ExitCode, InputError> {
    let common = &args.common;
    let paper = common.paper.read()?;
    let mut scenario = common.read()?;
    let folder = common.folder(&scenario);
    check_target(&args.target, args.remote)?;
    scenario.one_class("sim observe")?;
    let sends = sends(&scenario, &args.limit)?;
    let (count, last) = match &sends {
        Sends::At(times) => (times.len() as u64, times.last().copied().unwrap_or_default()),
        Sends::Users { requests, end, .. } => (*requests, *end),
    };
    scenario.workload.requests = (count < u64::MAX).then_some(count);
    if let Sends::Users { end, .. } = sends {
        scenario.workload.duration = (end < Time::NEVER).then(|| end.since(Time::ZERO));
    }
    let prediction = match sends {
        Sends::At(_) => predict(&scenario, scenario.setting(), Model::Exact)?,
        Sends::Users { .. } => None,
    };
    let simulation = simulated(&scenario)?;
    let payload = payload(args.payload.as_deref())?;
    let threads = common.output.threads.unwrap_or(1);
    let plan = Plan { target: args.target.clone(), sends, payload, timeout: args.timeout, threads };
    let how_many = if count < u64::MAX { format!("{count} requests") } else { "requests".to_owned() };
    let how_long = match (&plan.sends, last) {
        (Sends::Users { closed, .. }, _) => format!(", {} at a time", closed.users),
        (Sends::At(_), last) => format!(" over {:.1} s", last.as_secs_f64()),
    };
    common.output.note(&format!("sending {how_many} to {}{how_long}", args.target));
    let bar = match common.output.quiet {
        true => ProgressBar::hidden(),
        false => ProgressBar::new(count),
    };
    let before = ticks();
    let exchanges = observe(&plan, |sent| bar.set_position(sent as u64))?;
    let busy = busy_share(before, ticks());
    bar.finish_and_clear();
    let held = common.output.hold(&folder)?;
    write_requests(&folder, &exchanges)?;
    let measured = Measured::of(&exchanges, scenario.slo.percentile, scenario.slo.latency, busy);
    let report = ObserveReport {
        scenario: &scenario,
        target: &args.target,
        exchanges: &exchanges,
        measured: &measured,
        simulation: &simulation,
        prediction: prediction.as_ref(),
    };
    let json = report.json();
    write_atomically(&folder.join("summary.json"), &json)?;
    if !common.output.no_charts {
        report.write_charts(paper.target(&folder))?;
    }
    drop(held);
    common.output.show(&json, &report.text())?;
    common.output.note(&format!("results in {}", folder.display()));
    common.output.index(&folder);
    Ok(ExitCode::SUCCESS)
}

fn simulated(scenario: &Scenario) -> Result<Simulation, InputError> {
    systems::run(scenario, &scenario.system().kind, &mut Unwatched).map(|run| run.simulation)
}

/// Only this machine is hurried without being told to.
fn check_target(target: &str, remote: bool) -> Result<(), InputError> {
    let uri: hyper::Uri =
        target.parse().map_err(|e| InputError::new(format!("--target {target}"), format!("{e}")))?;
    let host = uri.host().unwrap_or("").trim_matches(['[', ']']);
    let is_local = match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => (host, uri.port_u16().unwrap_or(80))
            .to_socket_addrs()
            .is_ok_and(|mut all| all.all(|address| address.ip().is_loopback())),
    };
    match is_local || remote {
        true => Ok(()),
        false => Err(InputError::new(format!("--target {target}"), "is not this machine").help(
            "if its owner agrees to the load, add --remote, and bound that with --limit 100/s --limit 60s",
        )),
    }
}

/// The times of the workload, as the simulator draws them, within the limits.
fn sends(scenario: &Scenario, limits: &[Limit]) -> Result<Sends, InputError> {
    let (mut most, mut until, mut rate) = (MOST, Time::NEVER, u64::MAX);
    for limit in limits {
        match *limit {
            Limit::Requests(requests) => most = most.min(requests),
            Limit::Time(time) => until = until.min(Time::ZERO + time),
            Limit::Rate(limit) => rate = rate.min(limit),
        }
    }
    if let Some(closed) = scenario.workload.closed() {
        if rate < u64::MAX {
            let message = "a limit of the rate cannot act: how often users send follows from the answers";
            return Err(InputError::new("--limit", message).help("lower `users`, or raise `think`"));
        }
        let requests = scenario.workload.requests.unwrap_or(u64::MAX).min(most as u64);
        let end = scenario.workload.duration.map_or(Time::NEVER, |duration| Time::ZERO + duration).min(until);
        let streams = Streams::new(scenario.seed).part(0);
        return Ok(Sends::Users { closed: *closed, requests, end, streams });
    }
    let mut source = scenario.workload.open(Streams::new(scenario.seed).part(0))?;
    let mut times = Vec::new();
    loop {
        let before = times.len();
        source.fill(&mut times)?;
        let is_over = times.last().is_none_or(|last| *last >= until);
        if times.len() == before || times.len() > most || is_over {
            break;
        }
    }
    times.truncate(times.partition_point(|time| *time < until).min(most));
    if times.is_empty() {
        return Err(InputError::new(&scenario.name, "no request is within the limits"));
    }
    check_rate(&times, rate).map_err(|message| {
        InputError::new(&scenario.name, message)
            .help("lower it with --set workload.scale=0.5, or raise the limit")
    })?;
    Ok(Sends::At(times))
}

/// No second, wherever it begins, may hold more requests.
fn check_rate(times: &[Time], rate: u64) -> Result<(), String> {
    let mut first = 0;
    for (i, time) in times.iter().enumerate() {
        while times[first] + Span::from_secs(1) <= *time {
            first += 1;
        }
        if (i - first + 1) as u64 > rate {
            return Err(format!(
                "the second from {:.3} s on has more than {rate} requests",
                times[first].as_secs_f64()
            ));
        }
    }
    Ok(())
}

fn payload(file: Option<&Path>) -> Result<Payload, InputError> {
    let Some(file) = file else {
        return Payload::new(&[PAYLOAD]).map_err(|reason| InputError::new("--payload", reason));
    };
    let text = std::fs::read_to_string(file).map_err(|e| InputError::io(file, &e))?;
    let texts: Vec<&str> = match file.extension().is_some_and(|extension| extension == "jsonl") {
        true => text.lines().filter(|line| !line.trim().is_empty()).collect(),
        false => vec![&text],
    };
    Payload::new(&texts).map_err(|reason| InputError::new(file.display().to_string(), reason))
}

/// A row a request; what is unknown stays empty.
fn write_requests(folder: &Path, exchanges: &[Exchange]) -> Result<(), InputError> {
    let mut file = CsvFile::create(&folder.join("requests.csv"))?;
    file.serialize([
        "intended_s",
        "sent_s",
        "answered_s",
        "status",
        "batch",
        "batch_size",
        "waited_s",
        "upstream_s",
    ])?;
    for exchange in exchanges {
        let Exchange { intended, sent, answered, status, batch } = exchange;
        let known = |value: Option<String>| value.unwrap_or_default();
        file.serialize([
            seconds(intended.0),
            seconds(sent.0),
            seconds(answered.0),
            status.to_string(),
            known(batch.map(|note| note.number.to_string())),
            known(batch.map(|note| note.size.to_string())),
            known(batch.map(|note| seconds(note.waited.0))),
            known(batch.map(|note| seconds(note.upstream.0))),
        ])?;
    }
    file.finish()
}

/// The ticks of all cores so far, and those of them that were idle; known on Linux only.
fn ticks() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let fields = text.lines().next()?.split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; what follows is counted in user already.
    Some((ticks.iter().take(8).sum(), ticks.get(3)? + ticks.get(4)?))
}

fn busy_share(before: Option<(u64, u64)>, after: Option<(u64, u64)>) -> Option<f64> {
    let ((all, idle), (all_now, idle_now)) = (before?, after?);
    let passed = all_now.checked_sub(all).filter(|passed| *passed > 0)?;
    Some(1.0 - idle_now.saturating_sub(idle) as f64 / passed as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_a_time_or_a_rate() {
        assert_eq!(limit("500"), Ok(Limit::Requests(500)));
        assert_eq!(limit("60s"), Ok(Limit::Time(Span::from_secs(60))));
        assert_eq!(limit("100/s"), Ok(Limit::Rate(100)));
        assert!(limit("fast").unwrap_err().contains("a rate (100/s)"));
    }

    #[test]
    fn the_rate_is_bounded_in_every_second() {
        let times: Vec<Time> = [0, 500, 999, 1000, 1400].map(|ms| Time(ms * 1_000_000)).to_vec();
        assert!(check_rate(&times, 3).unwrap_err().contains("from 0.500 s"));
        assert_eq!(check_rate(&times, 4), Ok(()));
        assert!(check_rate(&times, 2).unwrap_err().contains("from 0.000 s"));
    }

    #[test]
    fn only_this_machine_is_hurried_unasked() {
        for local in ["http://127.0.0.1:1/x", "http://[::1]:80", "http://localhost:9", "http://127.8.8.8"] {
            assert!(check_target(local, false).is_ok(), "{local}");
        }
        let refused = check_target("http://192.0.2.1/", false).unwrap_err();
        assert!(refused.help.unwrap().contains("--remote"));
        assert!(check_target("http://192.0.2.1/", true).is_ok());
    }
}
