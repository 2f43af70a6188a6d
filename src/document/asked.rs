//! What readers ask of a document: the source of its schema, so that the schema cannot say anything else.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// What was asked of one value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaTrace {
    /// Did a reader insist on it?
    pub required: bool,
    /// Is it there?
    pub present: bool,
    /// What readers took it for; each of these holds.
    pub shapes: Vec<Shape>,
    /// What readers tried to take it for, and it was not.
    pub refused: Vec<Shape>,
    /// Its text, where it chooses among names.
    pub chosen: Option<String>,
    /// The comment at the end of its line.
    pub comment: String,
}

/// What a value is taken for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A string.
    Text,
    /// One of these strings.
    OneOf(Vec<String>),
    /// A string such as "200ms".
    Duration,
    /// A whole number.
    Integer,
    /// A finite number.
    Number,
    /// A number above 0.
    Positive,
    /// A number of 0 or more.
    Nonnegative,
    /// `true` or `false`.
    Bool,
    /// A date or a string.
    Date,
    /// A list.
    List,
    /// A table.
    Table,
}

/// What was asked, by the full name of the value, such as `system[0].policy.batch`.
pub type Questions = BTreeMap<String, SchemaTrace>;

/// Keeps what is asked, where somebody wants to know.
#[derive(Debug, Clone, Default)]
pub(super) struct Record(Option<RefCell<Questions>>);

impl Record {
    /// From now on, everything is kept.
    pub(super) fn begin(&mut self) {
        self.0 = Some(RefCell::default());
    }

    pub(super) fn taken(&self) -> Questions {
        self.0.as_ref().map(RefCell::borrow).map(|kept| kept.clone()).unwrap_or_default()
    }

    /// Adds to what is kept of the value at `path`.
    pub(super) fn note(&self, path: &str, add: impl FnOnce(&mut SchemaTrace)) {
        if let Some(kept) = &self.0 {
            add(kept.borrow_mut().entry(path.to_owned()).or_default());
        }
    }

    pub(super) fn took(&self, path: &str, shape: Shape) {
        self.note(path, |asked| asked.took(shape));
    }

    pub(super) fn refused(&self, path: &str, shape: Shape) {
        self.note(path, |asked| {
            if !asked.refused.contains(&shape) {
                asked.refused.push(shape);
            }
        });
    }
}

impl SchemaTrace {
    /// A value that is taken for two things must be both: of two choices, what both offer.
    fn took(&mut self, shape: Shape) {
        if let Shape::OneOf(names) = &shape {
            for known in &mut self.shapes {
                if let Shape::OneOf(offered) = known {
                    offered.retain(|name| names.contains(name));
                    return;
                }
            }
        }
        if !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
        // Any string, any number are more than what a narrower reader takes.
        if self.shapes.iter().any(|shape| matches!(shape, Shape::OneOf(_) | Shape::Duration)) {
            self.shapes.retain(|shape| *shape != Shape::Text);
        }
        if self.shapes.iter().any(|shape| matches!(shape, Shape::Positive | Shape::Nonnegative)) {
            self.shapes.retain(|shape| *shape != Shape::Number);
        }
    }
}
