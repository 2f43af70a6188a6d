//! What a batch takes, and what that makes for each of its requests.

use std::path::{Path, PathBuf};

use crate::error::InputError;
use crate::profile::Profile;
use crate::report::chart::{Axis, Chart as _, Colour, LineChart, Panel, Series, Unit};
use crate::report::files::write_atomically;
use crate::units::MemoryMb;

/// Draws a profile next to its file, `mlp.toml` as `mlp.svg`; returns the chart's path.
pub fn write_chart(profile: &Profile, file: &Path) -> Result<PathBuf, InputError> {
    let path = file.with_extension("svg");
    write_atomically(&path, chart(profile).svg())?;
    Ok(path)
}

fn chart(profile: &Profile) -> LineChart {
    let mut of_batch = Panel::new(Axis::new("a batch takes", Unit::Seconds).log());
    let mut of_request = Panel::new(Axis::new("a request's share", Unit::Seconds).log());
    for (index, (memory, row)) in profile.memory_mb.iter().zip(&profile.service_s).enumerate() {
        let colour = Colour::Category(index);
        let points = |of: fn(f64, f64) -> f64| {
            let cells = profile.batch.iter().zip(row);
            cells.map(|(n, time)| (f64::from(*n), of(*time, f64::from(*n)))).collect()
        };
        of_batch = of_batch
            .series(Series::new(MemoryMb(*memory).to_string(), points(|time, _| time)).colour(colour));
        of_request = of_request.series(Series::new("", points(|time, n| time / n)).colour(colour));
    }
    LineChart::new(format!("Service time of {}", profile.model), Axis::new("batch size", Unit::Count).tight())
        .panel(of_batch)
        .panel(of_request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::beside::Beside;

    #[test]
    fn every_memory_size_is_a_line_beside_the_file() {
        let profile = Profile {
            model: "m".into(),
            source: "a test".into(),
            memory_mb: vec![512, 1024],
            batch: vec![1, 4],
            service_s: vec![vec![0.08, 0.2], vec![0.04, 0.1]],
            service_cv: 0.0,
            service_quantiles: None,
            init_s: vec![1.0, 0.5],
            beside: Beside::default(),
            mb_per_vcpu: None,
            by_size: None,
            image_mb: None,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = write_chart(&profile, &folder.path().join("m.toml")).unwrap();
        assert_eq!(path, folder.path().join("m.svg"));
        let svg = std::fs::read_to_string(path).unwrap();
        assert!(svg.contains("512 MB") && svg.contains("1,024 MB") && svg.contains("Service time of m"));
    }
}
