//! The result of AWS Lambda Power Tuning (the state machine's JSON output): one file a batch size.

use std::path::Path;

use serde_json::Value;

use super::{Observation, Observations, SECONDS, read_text};
use crate::error::InputError;

/// Reads one result; `batch` is what the invocations' payload held.
///
/// With `stats` (the parameter `includeOutputResults`) every memory size is found, else the recommended one only.
pub fn read(path: &Path, batch: u32) -> Result<Observations, InputError> {
    let file = path.display().to_string();
    let text = read_text(path)?;
    let json: Value = serde_json::from_str(&text).map_err(|e| {
        let line = text.lines().nth(e.line().saturating_sub(1)).unwrap_or("");
        InputError::at_line(&file, e.line(), line, format!("is no JSON: {e}"))
            .help("save the execution's output as it is")
    })?;
    parse(&json, batch).ok_or_else(|| {
        InputError::new(&file, "is no result of AWS Lambda Power Tuning")
            .help("expected { \"power\": .., \"duration\": .., \"stats\": [{ \"value\": .., \"averageDuration\": .. }] }")
    })
}

fn parse(json: &Value, batch: u32) -> Option<Observations> {
    // The console's and the command line's export wrap the output, once as JSON and once as a string.
    if let Some(inner) = json.get("output") {
        let unwrapped = inner.as_str().and_then(|text| serde_json::from_str(text).ok());
        return parse(unwrapped.as_ref().unwrap_or(inner), batch);
    }
    let mut all = Observations::default();
    let results = match json.get("stats").and_then(Value::as_array) {
        Some(stats) => stats.iter().map(|s| (s.get("value"), s.get("averageDuration"))).collect(),
        None => vec![(Some(json.get("power")?), json.get("duration"))],
    };
    for (memory, duration) in results {
        let memory =
            memory.and_then(number).filter(|m| (1.0..=f64::from(u32::MAX)).contains(m) && m.fract() == 0.0);
        let duration = duration.and_then(number).filter(|ms| SECONDS.contains(&(ms / 1e3)));
        match (memory, duration) {
            (Some(memory), Some(ms)) => all.found.push(Observation {
                memory_mb: memory as u32,
                batch,
                service_s: ms / 1e3,
                init_s: None,
            }),
            _ => all.skip("without a memory size and a duration above 0"),
        }
    }
    Some(all)
}

/// A number, also where it is written as a string (`"power": "128"`).
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|x| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_the_statistics() {
        let full = serde_json::json!({
            "power": "512", "cost": 2e-7, "duration": 40.0, "stateMachine": { "executionCost": 1e-4 },
            "stats": [
                { "averagePrice": 2e-7, "averageDuration": 160.5, "totalCost": 1e-5, "value": 128 },
                { "averagePrice": 2e-7, "averageDuration": 40.0, "totalCost": 1e-5, "value": "512" },
                { "averagePrice": 2e-7, "totalCost": 1e-5, "value": 1024 }
            ]
        });
        let all = parse(&full, 4).unwrap();
        let found: Vec<(u32, f64)> = all.found.iter().map(|o| (o.memory_mb, o.service_s)).collect();
        assert_eq!(found, [(128, 0.1605), (512, 0.04)]);
        assert!(all.summary().ends_with("1 without a memory size and a duration above 0"));
        let short = serde_json::json!({ "output": "{\"power\": 256, \"duration\": 80}" });
        assert_eq!(parse(&short, 1).unwrap().found[0].memory_mb, 256);
        assert!(parse(&serde_json::json!({ "other": 1 }), 1).is_none());
    }
}
