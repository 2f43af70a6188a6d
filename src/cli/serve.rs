//! `sim serve`: the scenario's batching buffer, for real.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hyper::header::HeaderName;

use super::tell;
use crate::error::InputError;
use crate::gateway::hold::Limits;
#[cfg(feature = "lambda")]
use crate::gateway::lambda::Lambda;
use crate::gateway::log::Rotation;
use crate::gateway::upstream::{Place, Upstream};
use crate::gateway::{NamedClasses, Settings, Totals, serve};
use crate::numeric::streams::Streams;
use crate::planner::adaptive;
use crate::policy::adaptive::Adaptive;
use crate::policy::classes::SharedBatch;
use crate::policy::forecast::Forecast;
use crate::report::format;
use crate::scenario::Scenario;
use crate::scenario::grid::Grid;
use crate::scenario::platform::Environments;
use crate::text::line;
use crate::units::Span;

/// Serve: gather requests into batches as the scenario's policy says, in front of a function.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The scenario file; its [policy] and [platform.retry] act here, with an adaptive policy also [slo] and [sweep].
    scenario: PathBuf,
    /// Override a field: key.path=value. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The function: it takes {"instances": [..]} and answers {"predictions": [..]}. A URL, to which a client's path is added;
    /// or lambda:NAME, a function of Lambda, with the region and the credentials that the provider's other tools would take (needs the
    /// feature lambda).
    #[arg(long, value_name = "URL|lambda:NAME")]
    upstream: String,
    /// Where Lambda's API is, if not at the service's own address: a private endpoint, or a stand-in.
    #[arg(long, value_name = "URL")]
    lambda_endpoint: Option<String>,
    /// Let an adaptive policy choose the memory size too, and give it to the function of Lambda.
    #[arg(long)]
    apply_memory: bool,
    /// Where to listen. TLS and authentication are the business of a proxy in front.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Write requests.csv, batches.csv, refused.csv and decisions.csv to this folder.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// A file of the log is renamed when it is as long: 500 kB, 100 MB.
    #[arg(long, value_name = "SIZE", default_value = "100 MB", value_parser = bytes)]
    log_size: u64,
    /// So many renamed files of each kind are kept.
    #[arg(long, value_name = "N", default_value = "9")]
    log_keep: u32,
    /// The longest a call may take.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = Span::parse)]
    upstream_timeout: Span,
    /// Pass this header of a request on; requests that differ in it go in calls of their own. May be repeated.
    #[arg(long, value_name = "NAME")]
    pass_header: Vec<HeaderName>,
    /// The longest body of a request; longer ones get 413.
    #[arg(long, value_name = "SIZE", default_value = "10 MB", value_parser = bytes)]
    max_body: u64,
    /// The bodies held together; more get 503.
    #[arg(long, value_name = "SIZE", default_value = "256 MB", value_parser = bytes)]
    max_bytes: u64,
    /// The requests held, waiting or under way; more get 503.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = positive)]
    max_requests: usize,
    /// The batches under way; while there are as many, requests get 429. [default: the scenario's concurrency, else 1000]
    #[arg(long, value_name = "N", value_parser = positive)]
    max_batches: Option<usize>,
    /// The connections open at a time; others wait.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = positive)]
    max_connections: usize,
    /// At the end (SIGTERM), requests under way get so long.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = Span::parse)]
    drain: Span,
    /// Threads that serve; one a core if not given.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// No notes.
    #[arg(long)]
    quiet: bool,
}

/// A number of bytes with its unit: B, kB, MB, GB (powers of ten).
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err("expected a size such as 500 kB, 10 MB or 1 GB".to_owned()),
    };
    let size = number.parse().ok().and_then(|number: u64| number.checked_mul(unit));
    size.filter(|size| *size > 0).ok_or_else(|| "expected a size such as 500 kB, 10 MB or 1 GB".to_owned())
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

pub(super) fn run(args: &ServeArgs) -> Result<ExitCode, InputError> {
    let mut scenario = Scenario::read(&args.scenario, &args.set)?;
    if args.apply_memory && (scenario.policy.adaptive().is_none() || !args.upstream.starts_with(LAMBDA)) {
        let message = "cannot act: it takes an adaptive policy and --upstream lambda:NAME";
        return Err(InputError::new("--apply-memory", message).help("leave it out"));
    }
    let adaptive = adaptive_policy(&mut scenario, args.apply_memory)?;
    let upstream = upstream(args, &scenario)?;
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let settings = Settings {
        listen: args.listen,
        upstream,
        buffer: scenario.policy.start(),
        memory: scenario.platform.memory,
        apply_memory: args.apply_memory,
        classes: classes(&scenario)?,
        limits: Limits {
            requests: args.max_requests,
            batches: args.max_batches.unwrap_or_else(|| concurrency(&scenario)),
        },
        longest_body: size(args.max_body),
        held_bytes: size(args.max_bytes),
        connections: args.max_connections,
        headers: args.pass_header.clone(),
        drain: args.drain,
        log: args.log.clone().map(|folder| (folder, Rotation { bytes: args.log_size, keep: args.log_keep })),
        threads: args.threads,
    };
    let buffer = settings.buffer;
    let totals = serve(settings, adaptive, |address| {
        if !args.quiet {
            let how = match (scenario.policy.adaptive(), buffer.batch) {
                _ if scenario.classes.is_some() => of_classes(&scenario),
                (Some(_), _) => format!("adaptive, at first {}, {}", buffer.batch, buffer.timeout),
                (None, 1) => "unbatched".to_owned(),
                (None, batch) => format!("batches of {batch}, {} at most", buffer.timeout),
            };
            tell(&format!(
                "serving {} on http://{address}: {how}; upstream {}",
                scenario.name, args.upstream
            ));
        }
    })?;
    if !args.quiet {
        tell(&summary(totals));
    }
    Ok(ExitCode::SUCCESS)
}

fn of_classes(scenario: &Scenario) -> String {
    let classes = scenario.classes.iter().flat_map(|classes| &classes.list);
    let waits: Vec<String> =
        classes.map(|class| format!("{} {}", line(&class.name), class.longest_wait)).collect();
    format!("batches of {}; at most {}", scenario.policy.start().batch, waits.join(", "))
}

/// The classes that share the buffer, where there are several.
fn classes(scenario: &Scenario) -> Result<Option<NamedClasses>, InputError> {
    scenario.without_sizes("sim serve")?;
    let Some(classes) = &scenario.classes else { return Ok(None) };
    if !classes.groups.is_empty() {
        let message = "[policy] kind = \"groups\" is several buffers, and a gateway is one";
        return Err(InputError::new(&scenario.name, message)
            .help("serve each group by itself: a scenario with its classes and kind = \"batch\""));
    }
    let names = classes.list.iter().map(|class| class.name.clone()).collect();
    let longest_wait = classes.list.iter().map(|class| class.longest_wait).collect();
    let shared = SharedBatch { batch: scenario.policy.start().batch, longest_wait };
    Ok(Some(NamedClasses { names, shared }))
}

fn concurrency(scenario: &Scenario) -> usize {
    match &scenario.platform.environments {
        Environments::AlwaysWarm => 1000,
        Environments::Pool(pool) => usize::try_from(pool.concurrency).unwrap_or(usize::MAX),
    }
}

/// How an upstream begins that is a function of Lambda.
const LAMBDA: &str = "lambda:";

fn upstream(args: &ServeArgs, scenario: &Scenario) -> Result<Upstream, InputError> {
    let refused = |reason: String| InputError::new(format!("--upstream {}", args.upstream), reason);
    let backoff = Streams::new(scenario.seed).stream("back-off");
    let (timeout, retry) = (args.upstream_timeout, scenario.platform.retry);
    let Some(function) = args.upstream.strip_prefix(LAMBDA) else {
        if args.lambda_endpoint.is_some() {
            let message = "cannot act: the upstream is a URL";
            return Err(
                InputError::new("--lambda-endpoint", message).help("name a function: --upstream lambda:NAME")
            );
        }
        return Upstream::new(&args.upstream, timeout, retry, backoff).map_err(refused);
    };
    if function.is_empty() {
        return Err(
            refused("names no function".to_owned()).help("lambda:NAME, lambda:NAME:ALIAS or lambda:ARN")
        );
    }
    let place = lambda(function, args.lambda_endpoint.as_deref())
        .map_err(|(reason, help)| refused(reason).help(help))?;
    Ok(Upstream::at(place, timeout, retry, backoff))
}

/// A function of Lambda; or why not, and what helps.
#[cfg(feature = "lambda")]
fn lambda(function: &str, endpoint: Option<&str>) -> Result<Place, (String, &'static str)> {
    let help = "set AWS_REGION and AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    let found = Lambda::find(function, endpoint).map_err(|reason| (reason, help))?;
    Ok(Place::Lambda(Box::new(found)))
}

#[cfg(not(feature = "lambda"))]
fn lambda(_: &str, _: Option<&str>) -> Result<Place, (String, &'static str)> {
    let help = "build it with it: cargo build --release --features lambda";
    Err(("this build lacks the feature `lambda`".to_owned(), help))
}

/// The policy if it is adaptive. Unless the gateway may change the function's memory size, the grid shrinks to that.
fn adaptive_policy(scenario: &mut Scenario, apply_memory: bool) -> Result<Option<Adaptive>, InputError> {
    let Some(settings) = scenario.policy.adaptive() else { return Ok(None) };
    if !scenario.decisions.is_empty() {
        return Err(InputError::new(
            &scenario.name,
            "`decisions` are of a run that is over: the gateway plans by itself",
        )
        .help("leave it out; `sim run` follows the plans"));
    }
    if settings.forecast == Forecast::Oracle {
        return Err(InputError::new(&scenario.name, "`forecast = \"oracle\"` needs to know the future")
            .help("serve with last, yesterday or smoothing"));
    }
    if let Some(Grid { memory, .. }) = scenario.sweep.as_mut().filter(|_| !apply_memory) {
        *memory = vec![scenario.platform.memory];
    }
    adaptive::policy(scenario, settings, Vec::new()).map(Some)
}

fn summary(totals: Totals) -> String {
    let count = format::count;
    let Totals { answered, refused, failed, left, batches, cut_off, rows_dropped } = totals;
    let all = count(answered + refused + failed + left);
    let mut text = format!(
        "{all} requests: {} answered in {} batches, {} refused, {} failed, {} left",
        count(answered),
        count(batches),
        count(refused),
        count(failed),
        count(left)
    );
    if cut_off > 0 {
        text.push_str(&format!("; {cut_off} batches were cut off"));
    }
    if rows_dropped > 0 {
        text.push_str(&format!("; {rows_dropped} rows of the log were dropped"));
    }
    text
}
