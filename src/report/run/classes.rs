//! The classes that share a buffer.

use serde::Serialize;

use crate::outcome::ClassFigures;

/// The classes of a run, in the order of the file.
#[derive(Debug, Clone, Copy)]
pub struct ClassTables<'a> {
    /// What was simulated.
    pub simulated: &'a [ClassFigures],
    /// What the exact law says.
    pub predicted: &'a [ClassFigures],
}

/// Figures with those of their classes, where there are several.
#[derive(Debug, Serialize)]
pub(in crate::report) struct WithClasses<'a, T> {
    #[serde(flatten)]
    all: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<&'a [ClassFigures]>,
}

impl<'a, T> WithClasses<'a, T> {
    pub(in crate::report) fn new(all: &'a T, classes: Option<&'a [ClassFigures]>) -> WithClasses<'a, T> {
        WithClasses { all, classes }
    }
}
