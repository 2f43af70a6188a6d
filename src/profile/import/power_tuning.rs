//! Results of AWS Lambda Power Tuning, in every shape in which people have them: one a batch size.

use std::path::Path;

use serde_json::Value;

use super::text::{base64, read_text};
use super::{Observation, Observations, SECONDS};
use crate::error::InputError;

const EXPECTED: &str = "expected { \"power\": .., \"duration\": .., \"stats\": [{ \"value\": .., \"averageDuration\": .. }] }, \
    the execution's output, or its visualization link, https://lambda-power-tuning.show/#sizes;times;costs";
/// Wrappings within wrappings beyond this are left alone.
const DEEPEST: u32 = 8;

/// A memory size with its mean duration, as far as they are such.
type Point = (Option<f64>, Option<f64>);

/// Reads one result: a file, or the visualization link itself. `batch` is what the invocations' payload held.
///
/// # Errors
/// A file that cannot be read or holds no result, or more than one.
pub fn read(path: &Path, batch: u32) -> Result<Observations, InputError> {
    let name = path.to_string_lossy();
    if name.starts_with("https://") || name.starts_with("http://") {
        return parse(&name, "the link", batch);
    }
    parse(&read_text(path)?, &path.display().to_string(), batch)
}

fn parse(text: &str, file: &str, batch: u32) -> Result<Observations, InputError> {
    let found = match values(text) {
        Ok(values) if !values.is_empty() => {
            let mut found = Found::default();
            values.iter().for_each(|value| found.search(value, 0));
            found
        }
        failed => {
            let links = links(text);
            if let (true, Err(e)) = (links.is_empty(), failed) {
                let line = text.lines().nth(e.line().saturating_sub(1)).unwrap_or("");
                return Err(InputError::at_line(file, e.line(), line, format!("is no JSON: {e}"))
                    .help(format!("save the execution's output as it is; {EXPECTED}")));
            }
            Found { links, ..Found::default() }
        }
    };
    found.observations(file, batch)
}

/// The JSON documents of the text, also after lines that scripts print before them.
fn values(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    let all: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    all.or_else(|error| {
        let starts = text
            .match_indices(['{', '['])
            .filter(|(at, _)| text[..*at].trim_end_matches(' ').ends_with(['\n', ':']));
        let later = starts.take(16).find_map(|(at, _)| {
            serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>().next()?.ok()
        });
        later.map(|value| vec![value]).ok_or(error)
    })
}

/// What a text holds of results.
#[derive(Debug, Default)]
struct Found {
    /// Statistics by memory size, a list a result.
    lists: Vec<Vec<Point>>,
    links: Vec<String>,
    /// Recommended sizes.
    best: Vec<Point>,
}

impl Found {
    fn search(&mut self, value: &Value, depth: u32) {
        if depth > DEEPEST {
            return;
        }
        match value {
            Value::Object(object) => {
                if let Some(stats) = object.get("stats").and_then(Value::as_array) {
                    self.lists.push(stats.iter().map(point).collect());
                } else if let (Some(power), duration) = (object.get("power"), object.get("duration")) {
                    self.best.push((number(power), duration.and_then(number)));
                } else if object.contains_key("averageDuration") && object.contains_key("value") {
                    self.lists.push(vec![point(value)]);
                    return;
                }
                let inner = object.iter().filter(|(name, _)| *name != "stats" && *name != "input");
                inner.for_each(|(_, value)| self.search(value, depth + 1));
            }
            Value::Array(items) if !items.is_empty() && items.iter().all(is_statistic) => {
                self.lists.push(items.iter().map(point).collect());
            }
            Value::Array(items) => items.iter().for_each(|item| self.search(item, depth + 1)),
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                Ok(inner) if inner.is_object() || inner.is_array() => self.search(&inner, depth + 1),
                _ => self.links.extend(links(text)),
            },
            _ => {}
        }
    }

    fn observations(mut self, file: &str, batch: u32) -> Result<Observations, InputError> {
        self.links.sort_unstable();
        self.links.dedup();
        self.lists.dedup();
        self.best.dedup();
        let mut all = Observations::default();
        let count =
            if self.lists.is_empty() { self.links.len().max(self.best.len()) } else { self.lists.len() };
        let points = match (&self.lists[..], &self.links[..], &self.best[..]) {
            _ if count > 1 => {
                return Err(InputError::new(file, format!("holds {count} results")).help(
                    "save each in a file of its own, and give the batch size of each, as in --batch 1,4,8",
                ));
            }
            ([list], ..) => list.clone(),
            ([], [link], _) => decoded(link).map_err(|e| InputError::new(file, e).help(EXPECTED))?,
            ([], [], [best]) => {
                all.notes.push(format!(
                    "{file} holds the recommended memory size alone: run with \"includeOutputResults\": true, or give the \
                     visualization link, for all sizes"
                ));
                vec![*best]
            }
            _ => return Err(InputError::new(file, "is no result of AWS Lambda Power Tuning").help(EXPECTED)),
        };
        for (memory, duration) in points {
            let memory = memory.filter(|m| (1.0..=f64::from(u32::MAX)).contains(m) && m.fract() == 0.0);
            let duration = duration.filter(|ms| SECONDS.contains(&(ms / 1e3)));
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
        Ok(all)
    }
}

fn is_statistic(value: &Value) -> bool {
    value.get("averageDuration").is_some() && (value.get("value").is_some() || value.get("power").is_some())
}

fn point(value: &Value) -> Point {
    let get = |name: &str| value.get(name).and_then(number);
    (get("value").or_else(|| get("power")), get("averageDuration").or_else(|| get("duration")))
}

/// A number, also where it is written as a string (`"power": "128"`).
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|x| x.is_finite())
}

/// What follows the `#` of the links in a text: lists in base64, separated by `;`.
fn links(text: &str) -> Vec<String> {
    let parts = text.match_indices('#').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-;%".contains(c))).unwrap_or(rest.len());
        let data = unescaped(&rest[..end]);
        (text[..at].contains("://") && data.contains(';')).then_some(data)
    });
    parts.collect()
}

/// `%3D` and the like, as messengers write links.
fn unescaped(text: &str) -> String {
    let codes = [
        ("%3B", ";"),
        ("%3b", ";"),
        ("%3D", "="),
        ("%3d", "="),
        ("%2B", "+"),
        ("%2b", "+"),
        ("%2F", "/"),
        ("%2f", "/"),
    ];
    codes.iter().fold(text.to_owned(), |text, (code, letter)| text.replace(code, letter))
}

/// Memory sizes (little-endian 16 bit), durations in ms and costs (little-endian floats of 32 bit).
fn decoded(link: &str) -> Result<Vec<Point>, String> {
    let parts: Vec<Vec<u8>> = link
        .split(';')
        .map(|part| base64(part).ok_or("the link's data is no base64"))
        .collect::<Result<_, _>>()?;
    let [sizes, times, ..] = &parts[..] else { return Err("the link holds no sizes and times".into()) };
    if parts.len() > 3 {
        return Err("the link compares two results: give the link of each".into());
    }
    let sizes: Vec<i16> = sizes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let times: Vec<f32> =
        times.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if sizes.len() != times.len() || sizes.is_empty() {
        let (sizes, times) = (sizes.len(), times.len());
        return Err(format!("the link holds {sizes} memory sizes and {times} times: it was cut short"));
    }
    // A time is written with the digits that tell its 32 bits apart, so that 198.4 ms stays 198.4 ms.
    let ms = |time: &f32| time.to_string().parse().ok();
    Ok(sizes.iter().zip(&times).map(|(size, time)| (Some(f64::from(*size)), ms(time))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 128, 1024 and 3008 MB; 900.5, 110.25 and 40 ms; made by the test's own encoder.
    fn link() -> String {
        let encode = |bytes: Vec<u8>| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(bytes)
        };
        let sizes = [128_i16, 1024, 3008].iter().flat_map(|s| s.to_le_bytes()).collect();
        let times = [900.5_f32, 110.25, 40.0].iter().flat_map(|s| s.to_le_bytes()).collect();
        let costs = [2e-6_f32, 2e-6, 2e-6].iter().flat_map(|s| s.to_le_bytes()).collect();
        format!("https://lambda-power-tuning.show/#{};{};{}", encode(sizes), encode(times), encode(costs))
    }

    fn found(text: &str) -> Vec<(u32, f64)> {
        let all = parse(text, "t.json", 4).unwrap();
        assert!(all.found.iter().all(|o| o.batch == 4));
        all.found.iter().map(|o| (o.memory_mb, o.service_s)).collect()
    }

    #[test]
    fn every_wrapping_of_the_statistics() {
        let stats = serde_json::json!([
            { "averagePrice": 2e-7, "averageDuration": 160.5, "totalCost": 1e-5, "value": 128 },
            { "averagePrice": 2e-7, "averageDuration": 40.0, "totalCost": 1e-5, "value": "512" }
        ]);
        let result = serde_json::json!({ "power": "512", "cost": 2e-7, "duration": 40.0, "stats": stats,
            "stateMachine": { "executionCost": 1e-4, "visualization": link() } });
        let wanted = [(128, 0.1605), (512, 0.04)];
        let output = serde_json::json!({ "executionArn": "arn:x", "status": "SUCCEEDED", "input": "{\"num\":5}",
            "output": result.to_string() });
        for text in [
            result.to_string(),
            format!("{result:#}"),
            stats.to_string(),
            serde_json::json!({ "results": result }).to_string(),
            output.to_string(),
            serde_json::json!([result]).to_string(),
            format!("Execution output: \n{result:#}\n"),
            format!("SUCCEEDED\nExecution output:\n{result}\nbye\n"),
            serde_json::json!(result.to_string()).to_string(),
        ] {
            assert_eq!(found(&text), wanted, "{text}");
        }
    }

    #[test]
    fn the_link_has_all_sizes_wherever_it_stands() {
        let wanted = [(128, 0.9005), (1024, 0.11025), (3008, 0.04)];
        let short = serde_json::json!({ "power": 1024, "duration": 110.25,
            "stateMachine": { "visualization": link() } });
        for text in [
            link(),
            format!("{}\n", link()),
            format!("see [the curve]({}) of today", link()),
            link().replace('=', "%3D").replace(';', "%3B"),
            short.to_string(),
            link().replace("lambda-power-tuning.show", "tuning.example.org/ui"),
        ] {
            assert_eq!(found(&text), wanted, "{text}");
        }
        assert_eq!(read(Path::new(&link()), 1).unwrap().found.len(), 3);
        let cut = parse(&link()[..50], "l.txt", 1).unwrap_err().to_string();
        assert!(cut.contains("cut short"), "{cut}");
        let both = format!("{};{}", link(), link().split_once('#').unwrap().1);
        assert!(parse(&both, "l.txt", 1).unwrap_err().to_string().contains("compares two results"));
    }

    #[test]
    fn what_is_missing_is_said() {
        let alone =
            parse("{\"output\": \"{\\\"power\\\": 256, \\\"duration\\\": 80}\"}", "t.json", 1).unwrap();
        assert_eq!(alone.found[0].memory_mb, 256);
        assert!(alone.notes[0].contains("includeOutputResults"), "{:?}", alone.notes);
        let error = parse("{\"other\": 1}", "t.json", 1).unwrap_err().to_string();
        assert!(error.contains("t.json: is no result of AWS Lambda Power Tuning"), "{error}");
        let stats = "{\"stats\": [{\"value\": 128, \"averageDuration\": 1}]} {\"stats\": [{\"value\": 128, \"averageDuration\": 2}]}";
        assert!(parse(stats, "t.json", 1).unwrap_err().to_string().contains("holds 2 results"));
    }
}
