//! What another keep-alive would change: cold starts against keep-alive.

use super::crossing::gaps;
use super::grid::{Counted, Pair, Wanted, evaluate};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::outcome::{KeepAlivePoint, KeepAliveSource};
use crate::platform::lambda::idle::Reuse;
use crate::platform::lambda::{KeepAlive, PoolSettings};
use crate::policy::batch::BatchPolicy;
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;
use crate::units::{Span, Time};

/// Keep-alives that are looked at, besides the scenario's own: about even steps on a logarithmic axis.
const SECONDS: [u64; 12] = [1, 3, 10, 30, 60, 120, 300, 600, 1_200, 2_700, 7_200, 21_600];

/// Cold starts of the scenario's own configuration by keep-alive, in the order of those; empty where environments are
/// always warm, or their keep-alive is drawn. The arrivals are those of the first replication.
///
/// # Errors
/// The profile does not cover the setting; a trace cannot be read.
pub fn curve(scenario: &Scenario) -> Result<Vec<KeepAlivePoint>, InputError> {
    let Environments::Pool(pool) = &scenario.platform.environments else { return Ok(Vec::new()) };
    let KeepAlive::Fixed(own) = pool.keep_alive else { return Ok(Vec::new()) };
    let mut spans: Vec<Span> = SECONDS.into_iter().map(Span::from_secs).chain([own]).collect();
    spans.sort_unstable();
    spans.dedup();
    let setting = scenario.setting();
    let times = scenario.service(setting)?;
    let buffer = BatchPolicy { batch: setting.batch, timeout: setting.timeout };
    let streams = Streams::new(scenario.seed).part(0);
    let simulated = |spans: &[Span]| -> Result<Vec<Counted>, InputError> {
        let wanted = |span: &Span| Wanted { keep_alive: Some(*span), ..Wanted::new(scenario, &times) };
        let pair = Pair { buffer, wanted: spans.iter().map(wanted).collect() };
        let mut arrivals = scenario.workload.open(streams)?;
        Ok(evaluate(scenario, streams, &mut *arrivals, &[pair])?.swap_remove(0))
    };
    let point = |span: &Span, cold_starts, source| KeepAlivePoint {
        keep_alive_s: span.as_secs_f64(),
        cold_starts,
        source,
    };
    let is_lawful = obeys_the_law(&pool.serving(&times, pool.provisioned));
    // A longer keep-alive asks for fewer new environments, each of them one that the shortest asks for as well: where
    // nothing is refused with that, nothing is with the others.
    let is_open = scenario.workload.closed().is_none();
    if is_open && is_lawful && simulated(&spans[..1])?[0].tally.throttled == 0 {
        let mut arrivals = scenario.workload.open(streams)?;
        let when = (Time::ZERO + scenario.warmup, spans[0]);
        let gaps = gaps(&mut arrivals, buffer, &times, streams, when)?;
        let crossing = |span: &Span| point(span, gaps.cold_starts(*span), KeepAliveSource::Crossing);
        return Ok(spans.iter().map(crossing).collect());
    }
    let counted = simulated(&spans)?;
    let simulated = |(span, counted): (&Span, &Counted)| {
        point(span, counted.tally.cold_starts, KeepAliveSource::Simulated)
    };
    Ok(spans.iter().zip(&counted).map(simulated).collect())
}

/// Does one path hold for every keep-alive, as long as nothing is refused?
fn obeys_the_law(pool: &PoolSettings) -> bool {
    pool.constants().is_some_and(|(_, init)| init == Span::ZERO)
        && pool.reuse == Reuse::MostRecent
        && pool.provisioned == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::engine::simulate::simulate_at;

    fn scenario(platform: &str) -> Scenario {
        let text = format!(
            "[workload]\nkind = \"mmpp\"\nrates = [0.05, 20]\nsojourns = [200, 20]\nrequests = 3000\n[profile]\n\
             memory_mb = [1024]\nbatch = [1, 4]\nservice_s = [[0.5, 0.9]]\n[platform]\nkind = \"lambda\"\n\
             book = \"aws-2026\"\nmemory_mb = 1024\ncold_starts = true\n{platform}\n[policy]\nkind = \"batch\"\n\
             batch = 4\ntimeout = \"80ms\"\n"
        );
        Scenario::from_document(&Document::parse("curve.toml", &text).unwrap(), "curve").unwrap()
    }

    #[test]
    fn every_point_is_what_a_run_with_that_keep_alive_has() {
        let cases = [
            ("runtime_init = \"0s\"", KeepAliveSource::Crossing),
            ("runtime_init = \"0s\"\nscaling_per_10s = 1", KeepAliveSource::Simulated),
            ("runtime_init = \"1s\"", KeepAliveSource::Simulated),
            ("runtime_init = \"0s\"\nmax_age = \"20min\"", KeepAliveSource::Simulated),
            ("runtime_init = \"0s\"\nreuse = \"least-recent\"", KeepAliveSource::Simulated),
        ];
        for (platform, source) in cases {
            let scenario = scenario(platform);
            let curve = curve(&scenario).unwrap();
            assert!(
                curve.len() > SECONDS.len() - 1 && curve[0].cold_starts > curve.last().unwrap().cold_starts
            );
            for point in curve {
                assert_eq!(point.source, source, "{platform}");
                let mut other = scenario.clone();
                let Environments::Pool(pool) = &mut other.platform.environments else { unreachable!() };
                pool.keep_alive = KeepAlive::Fixed(Span::from_secs_f64(point.keep_alive_s).unwrap());
                let direct = simulate_at(&other, other.setting()).unwrap().simulated.cold_starts;
                assert_eq!(point.cold_starts, direct, "{platform}, {} s", point.keep_alive_s);
            }
        }
    }

    #[test]
    fn without_cold_starts_or_a_fixed_keep_alive_there_is_no_curve() {
        assert!(curve(&scenario("keep_alive = { mean = \"5min\", cv = 1.0 }")).unwrap().is_empty());
    }
}
