//! `--figures`: charts for papers beside those for pages.

use std::path::Path;

use clap::Args;

use crate::error::InputError;
use crate::report::figures::{Figures, Format, Length};
use crate::report::html::Target;

/// Which figures are wanted.
#[derive(Debug, Args)]
pub(super) struct PaperArgs {
    /// Also write the charts as figures of a paper: pdf, png, or both with a comma (a build of its own: --features
    /// figures).
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', value_parser = format, conflicts_with = "no_charts")]
    figures: Vec<Format>,
    /// The width of figures: 3.3in, 84mm, 8.4cm, 240pt; 3.3in if not given.
    #[arg(long, value_name = "LENGTH", value_parser = Length::parse, requires = "figures")]
    width: Option<Length>,
    /// The size of the labels in figures; 7pt if not given.
    #[arg(long, value_name = "LENGTH", value_parser = Length::parse, requires = "figures")]
    text: Option<Length>,
}

/// What was asked for, checked.
#[derive(Debug)]
pub(super) struct Paper(Option<Figures>);

impl PaperArgs {
    /// To be called before any work is done.
    ///
    /// # Errors
    /// Figures of this width have no room for text of this size.
    pub fn read(&self) -> Result<Paper, InputError> {
        if self.figures.is_empty() {
            return Ok(Paper(None));
        }
        let given = |length: Option<Length>, usual: &str| {
            length.map_or_else(|| Length::parse(usual), Ok).map_err(|e| InputError::new("--figures", e))
        };
        let (width, text) = (given(self.width, Figures::WIDTH)?, given(self.text, Figures::TEXT)?);
        let figures = Figures::new(self.figures.clone(), width, text);
        figures.map(|figures| Paper(Some(figures))).map_err(|e| {
            InputError::new("--width", e)
                .help("make the figures wider with --width, or the text smaller with --text")
        })
    }

    /// For a command that draws nothing.
    ///
    /// # Errors
    /// Figures are wanted.
    pub fn none(&self, command: &str) -> Result<(), InputError> {
        match self.figures.is_empty() {
            true => Ok(()),
            false => {
                Err(InputError::new("--figures", format!("{command} draws no chart")).help("leave it out"))
            }
        }
    }
}

impl Paper {
    /// The folder where charts go.
    pub fn target<'a>(&'a self, folder: &'a Path) -> Target<'a> {
        Target::new(folder, self.0.as_ref())
    }
}

fn format(name: &str) -> Result<Format, String> {
    let known = Format::ALL.into_iter().find(|(known, _)| *known == name);
    match known {
        None => Err("expected pdf or png".to_owned()),
        Some(_) if !cfg!(feature = "figures") => {
            Err("this build lacks the feature `figures`: cargo build --release --features figures".to_owned())
        }
        Some((_, format)) => Ok(format),
    }
}
