//! `sim plan`: the best configuration within the SLO or the budget.

mod groups;

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::{Common, model, one_of, predictable};
use crate::error::InputError;
use crate::outcome::Model;
use crate::planner::constraint::{Constraint, Scope};
use crate::planner::emit::{Emit, emit};
use crate::planner::max_rate::max_rate;
use crate::planner::plan::{Answer, Check, Points, Request, Timeouts, plan};
use crate::report::files::write_atomically;
use crate::report::format;
use crate::report::max_rate::MaxRateReport;
use crate::report::plan::PlanReport;
use crate::report::plan::calibration::Calibration;
use crate::scenario::Scenario;

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    common: Common,
    /// The analytic model that predicts.
    #[arg(long, default_value = "exact", value_parser = model())]
    model: Model,
    /// Do not confirm the plan by simulation.
    #[arg(long)]
    predict_only: bool,
    /// Choose only timeouts of the grid, none between its points.
    #[arg(long)]
    grid_only: bool,
    /// Every hour (segment of the schedule) must keep the SLO, not only all requests together.
    #[arg(long)]
    robust: bool,
    /// Find the largest arrival rate that the scenario's own configuration carries within the SLO.
    #[arg(long, conflicts_with_all = ["predict_only", "grid_only", "emit"])]
    max_rate: bool,
    /// Carry the error that a backtest found as the plan's own error bar: a backtest.json.
    #[arg(long, value_name = "FILE", conflicts_with = "max_rate")]
    calibrated: Option<std::path::PathBuf>,
    /// Print the recommended configuration for what is to run it.
    #[arg(long, value_name = "LANGUAGE", value_parser = one_of(&Emit::NAMES), conflicts_with = "json")]
    emit: Option<Emit>,
}

/// The exit status where no configuration meets the SLO.
const INFEASIBLE: u8 = 3;

pub(super) fn run(args: &PlanArgs) -> Result<ExitCode, InputError> {
    let common = &args.common;
    let paper = common.paper.read()?;
    let scenario = common.read()?;
    if let Some(classes) = &scenario.classes {
        if let Some(path) = &args.calibrated {
            let help = "a backtest is of one class; leave it out";
            return Err(
                InputError::new(path.display().to_string(), "--calibrated knows no [[class]]").help(help)
            );
        }
        return groups::run(args, &scenario, classes);
    }
    predictable(&scenario)?;
    let folder = common.folder(&scenario);
    let request = request(args, &scenario)?;
    let started = Instant::now();
    if args.max_rate {
        common.paper.none("sim plan --max-rate")?;
        let found = max_rate(&scenario, &request.constraint)?;
        let report = MaxRateReport { scenario: &scenario, found: &found };
        let json = report.json();
        let held = common.output.hold(&folder)?;
        write_atomically(&folder.join("max-rate.json"), &json)?;
        drop(held);
        common.output.show(&json, &report.text())?;
        let (took, place) = (format::duration(started.elapsed().as_secs_f64()), folder.display());
        common.output.note(&format!("{} simulations in {took}; results in {place}", found.simulated));
        common.output.index(&folder);
        return Ok(if found.scale.is_some() { ExitCode::SUCCESS } else { ExitCode::from(INFEASIBLE) });
    }
    let calibration = args.calibrated.as_deref().map(Calibration::read).transpose()?;
    let plan = plan(&scenario, request)?;
    let report = PlanReport {
        scenario: &scenario,
        plan: &plan,
        calibration: calibration.as_ref(),
        elapsed_s: started.elapsed().as_secs_f64(),
    };
    let held = common.output.hold(&folder)?;
    write_atomically(&folder.join("plan.json"), report.file())?;
    if !common.output.no_charts {
        report.write_charts(paper.target(&folder))?;
    }
    drop(held);
    let json = report.json();
    match (args.emit, &plan.answer) {
        (Some(language), Answer::Recommended(best)) => {
            let times = scenario.service(best.setting())?;
            let text = emit(language, &scenario, best.setting(), times.of(best.setting().batch) + times.init);
            common.output.note(&report.text());
            common.output.show(&json, &text)?;
        }
        _ => common.output.show(&json, &report.text())?,
    }
    common.output.note(&format!(
        "{} configurations evaluated, {} simulated, in {}; results in {}",
        format::count(plan.evaluated as u64),
        format::count(plan.simulated as u64),
        format::duration(report.elapsed_s),
        folder.display()
    ));
    common.output.index(&folder);
    Ok(match plan.answer {
        Answer::Recommended(_) => ExitCode::SUCCESS,
        Answer::Infeasible(..) => ExitCode::from(INFEASIBLE),
    })
}

fn request(args: &PlanArgs, scenario: &Scenario) -> Result<Request, InputError> {
    let scope = if args.robust { Scope::EveryPart } else { Scope::Mix };
    let constraint = Constraint::new(&scenario.slo, args.model, scope).ok_or_else(|| {
        InputError::new(args.common.scenario.display().to_string(), "there is nothing to plan for")
            .help("give [slo] with `latency = \"500ms\"` or `budget_usd_per_million = 0.5`")
    })?;
    Ok(Request {
        constraint,
        timeouts: if args.grid_only { Timeouts::Grid } else { Timeouts::Refined },
        check: if args.predict_only { Check::Predicted } else { Check::Simulated },
        points: if args.common.output.no_charts { Points::Left } else { Points::Shown },
    })
}
