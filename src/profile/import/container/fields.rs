//! A row of a query's result: cells by name.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::time::instant;

/// The cells of a row with their names.
#[derive(Debug, Clone, PartialEq)]
pub struct Fields<'a> {
    cells: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Fields<'a> {
    /// Cells in the order of their names.
    pub fn new(cells: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Fields<'a> {
        Fields { cells }
    }

    /// A row of `get-query-results`: a list of `{ "field": .., "value": .. }`.
    pub fn of_pairs(items: &'a [Value]) -> Option<Fields<'a>> {
        let pair = |item: &'a Value| {
            let name = item.get("field")?.as_str()?;
            Some((Cow::from(name), text_of(item.get("value")?)))
        };
        let cells: Option<Vec<_>> = items.iter().map(pair).collect();
        cells.filter(|cells| !cells.is_empty()).map(Fields::new)
    }

    /// A row of a query's result that was saved as JSON.
    pub fn of_object(object: &'a Map<String, Value>) -> Fields<'a> {
        Fields::new(object.iter().map(|(name, value)| (Cow::from(name.as_str()), text_of(value))).collect())
    }

    /// The cell of one of these names, as [`plain`] writes them; none if it is empty.
    pub fn get(&self, names: &[&str]) -> Option<&str> {
        let named = |name: &&str| self.cells.iter().find(|(own, _)| plain(own) == **name);
        let (_, text) =
            names.iter().find_map(|name| named(name).filter(|(_, text)| !text.trim().is_empty()))?;
        Some(text.trim())
    }

    /// The cell of exactly this name.
    pub fn exact(&self, name: &str) -> Option<&str> {
        let cell = self.cells.iter().find(|(own, _)| own == name || own.trim_start_matches('@') == name)?;
        Some(cell.1.trim()).filter(|text| !text.is_empty())
    }

    /// The log message.
    pub fn message(&self) -> Option<&str> {
        self.get(&["message"])
    }

    /// The log stream.
    pub fn stream(&self) -> Option<&str> {
        self.get(&["logstream", "logstreamname"])
    }

    /// When it was logged [ns since 1970].
    pub fn instant(&self) -> Option<i64> {
        instant(self.get(&["time", "timestamp"])?)
    }

    /// Whether it has a call's duration.
    pub fn is_report(&self) -> bool {
        self.duration_ms().is_some()
    }

    /// The call's duration [ms]. The service's own column is in ms.
    pub fn duration_ms(&self) -> Option<f64> {
        self.ms(&["duration", "durationms"], &["durations", "durationsec", "durationseconds"])
    }

    /// What the first call took to initialise or to restore [ms]; 0 is none.
    pub fn init_ms(&self) -> Option<f64> {
        let init = self.ms(&["initduration", "initdurationms"], &["initdurations"]).filter(|ms| *ms != 0.0);
        init.or_else(|| {
            self.ms(&["restoreduration", "restoredurationms"], &["restoredurations"]).filter(|ms| *ms != 0.0)
        })
    }

    fn ms(&self, in_ms: &[&str], in_s: &[&str]) -> Option<f64> {
        let ms = self.get(in_ms).and_then(leading_number);
        ms.or_else(|| Some(1e3 * leading_number(self.get(in_s)?)?))
    }

    /// The memory size [MB]. The service's own column is in bytes of 1e6 a MB, as its numbers divide by.
    pub fn memory_mb(&self) -> Option<f64> {
        let names =
            ["memorysize", "memorysizemb", "memory", "memorymb", "provisionedmemorymb", "memorysizeinmb"];
        let value = leading_number(self.get(&names)?)?;
        const MEBIBYTE: f64 = 1_048_576.0;
        Some(match value {
            bytes if bytes >= 1e6 && bytes % MEBIBYTE == 0.0 => bytes / MEBIBYTE,
            bytes if bytes >= 1e6 => bytes / 1e6,
            mb => mb,
        })
    }
}

/// A column's name without what queries put around it: `@initDuration`, `record.metrics.initDurationMs` and
/// `init_duration` are the same.
pub fn plain(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The number that a cell starts with: `345.58`, `1.769E9`, `345.58 ms`.
pub fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(text.len());
    text[..end].parse().ok().filter(|x: &f64| x.is_finite())
}

fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::from(text.as_str()),
        Value::Null => Cow::from(""),
        other => Cow::from(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_by_any_of_their_names_in_their_units() {
        let row = |cells: &[(&'static str, &'static str)]| {
            Fields::new(cells.iter().map(|(name, text)| (Cow::from(*name), Cow::from(*text))).collect())
        };
        let own = row(&[("@duration", "345.58"), ("@memorySize", "1.769E9"), ("@initDuration", "0")]);
        assert_eq!((own.duration_ms(), own.memory_mb(), own.init_ms()), (Some(345.58), Some(1769.0), None));
        let json = row(&[("record.metrics.durationMs", "12"), ("record.metrics.memorySizeMB", "512")]);
        assert_eq!((json.duration_ms(), json.memory_mb()), (Some(12.0), Some(512.0)));
        let named = row(&[("duration_s", "1.5"), ("memory_mb", "1024 MB"), ("restoreDuration", "7 ms")]);
        assert_eq!(
            (named.duration_ms(), named.memory_mb(), named.init_ms()),
            (Some(1500.0), Some(1024.0), Some(7.0))
        );
        assert_eq!(row(&[("memorySize", "134217728")]).memory_mb(), Some(128.0));
    }
}
