//! Charts, pages and figures of a result.

use std::path::Path;

use batchsim::error::InputError;
use batchsim::report::figures::{Figures, Format, Length};
use batchsim::report::fleet::FleetReport;
use batchsim::report::groups::GroupReport;
use batchsim::report::html::Target;
use batchsim::report::sweep::SweepReport;

use super::{Outcome, Shown, one_of, plan_report};

/// How a figure is wanted: as the options of the command line.
pub struct PaperAsked {
    pub format: String,
    pub width: String,
    pub text: String,
}

/// Charts by name, and the page.
pub struct Drawn {
    pub charts: Vec<(String, String)>,
    pub page: String,
}

impl Outcome {
    /// A chart as a figure of a paper; `None` if there is none of this name.
    pub fn figure(&self, name: &str, paper: &PaperAsked) -> Result<Option<Vec<u8>>, InputError> {
        let format = one_of("format", &paper.format, &Format::ALL)?;
        let length = |what: &str, text: &str| Length::parse(text).map_err(|e| InputError::new(what, e));
        let (width, text) = (length("width", &paper.width)?, length("text", &paper.text)?);
        let figures = Figures::new(vec![format], width, text).map_err(|e| InputError::new("width", e))?;
        let folder = tempfile::tempdir().map_err(|e| InputError::new("charts", e.to_string()))?;
        self.write(Target::new(folder.path(), Some(&figures)))?;
        let path = folder.path().join("charts").join(format!("{name}.{}", format.extension()));
        match path.is_file() {
            true => std::fs::read(&path).map(Some).map_err(|e| InputError::io(&path, &e)),
            false => Ok(None),
        }
    }

    /// Draws the charts and the page, as the command line writes them.
    pub fn drawn(&self) -> Result<Drawn, InputError> {
        let folder = tempfile::tempdir().map_err(|e| InputError::new("charts", e.to_string()))?;
        self.write(folder.path().into())?;
        let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| InputError::io(path, &e));
        let mut charts = Vec::new();
        if let Ok(entries) = std::fs::read_dir(folder.path().join("charts")) {
            for path in entries.flatten().map(|entry| entry.path()) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                charts.push((name, read(&path)?));
            }
        }
        charts.sort();
        let page = folder.path().join("index.html");
        Ok(Drawn { charts, page: if page.exists() { read(&page)? } else { String::new() } })
    }

    fn write(&self, to: Target<'_>) -> Result<(), InputError> {
        match &self.shown {
            Shown::Nothing => Ok(()),
            Shown::Run(run) => run.report().write_charts(to),
            Shown::Sweep(sweep) => SweepReport::new(&sweep.0, &sweep.1).write_charts(to),
            Shown::Plan(plan) => plan_report(&plan.0, &plan.1).write_charts(to),
            Shown::Groups(plan) => match &plan.0.classes {
                Some(classes) => GroupReport { scenario: &plan.0, classes, plan: &plan.1 }.write_charts(to),
                None => Ok(()),
            },
            Shown::Fit(fit) => fit.report().write_charts(to),
            Shown::Fleet(fleet) => FleetReport::new(&fleet.0, &fleet.1).write_charts(to),
        }
    }
}
