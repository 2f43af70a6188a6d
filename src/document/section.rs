//! Tables and values of a document, with the checks that every reader needs.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use super::asked::Shape;
use super::{Content, Document, Node};
use crate::error::{InputError, expected, nearest};
use crate::units::Span;

/// One table of a document, read field by field.
#[derive(Debug)]
pub struct Section<'a> {
    document: &'a Document,
    fields: &'a [(String, Node)],
    node: &'a Node,
    path: String,
    /// Shared with what is laid over a base, so that a field that either was asked for is a known one.
    asked: Rc<RefCell<Vec<&'static str>>>,
    under: Option<Under<'a>>,
}

/// A table that answers for what another lacks.
#[derive(Debug)]
struct Under<'a> {
    fields: &'a [(String, Node)],
    path: String,
    hidden: Vec<&'static str>,
}

/// One value of a document.
#[derive(Debug, Clone)]
pub struct Value<'a> {
    document: &'a Document,
    node: &'a Node,
    path: String,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        document: &'a Document,
        fields: &'a [(String, Node)],
        node: &'a Node,
        path: String,
    ) -> Section<'a> {
        Section { document, fields, node, path, asked: Rc::default(), under: None }
    }

    /// This table, with `base` to answer for the fields that it lacks, but for those that are `hidden`.
    pub fn over(&self, base: &Section<'a>, hidden: &[&'static str]) -> Section<'a> {
        let under = Under { fields: base.fields, path: base.path.clone(), hidden: hidden.to_vec() };
        let (path, asked) = (self.path.clone(), Rc::clone(&self.asked));
        Section {
            document: self.document,
            fields: self.fields,
            node: self.node,
            path,
            asked,
            under: Some(under),
        }
    }

    /// The field `name` if it is there. Asking makes the name a known one.
    pub fn optional(&self, name: &'static str) -> Option<Value<'a>> {
        if !self.asked.borrow().contains(&name) {
            self.asked.borrow_mut().push(name);
        }
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        let found = self.fields.iter().find(|(known, _)| known == name);
        self.document.asked.note(&path, |asked| {
            asked.present = found.is_some();
            asked.comment = found.map_or("", |(_, node)| self.document.comment(node)).to_owned();
        });
        let own = found.map(|(_, node)| Value { document: self.document, node, path });
        own.or_else(|| self.under.as_ref()?.get(self.document, name))
    }

    /// The field `name`, or an error that names the section.
    pub fn required(&self, name: &'static str) -> Result<Value<'a>, InputError> {
        let found = self.optional(name);
        // What a base answers for need not stand here.
        if let (Some(value), None) = (&found, &self.under) {
            self.document.asked.note(&value.path, |asked| asked.required = true);
        }
        found.ok_or_else(|| {
            let section =
                if self.path.is_empty() { "the top level".into() } else { format!("[{}]", self.path) };
            let asked = self.asked.borrow();
            let others: Vec<&str> = self.names().filter(|other| !asked.contains(other)).collect();
            let help = match nearest(name, &others) {
                Some(other) => format!("did you write `{other}` for `{name}`?"),
                None => format!("add a line `{name} = ...` to {section}"),
            };
            self.error(format!("{section} lacks `{name}`")).help(help)
        })
    }

    /// Refuses fields that nobody asked for.
    pub fn finish(&self) -> Result<(), InputError> {
        let asked = self.asked.borrow();
        let Some((name, node)) = self.fields.iter().find(|(name, _)| !asked.contains(&name.as_str())) else {
            return Ok(());
        };
        let section = if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
        // The name stands before its value on the line; point at it.
        let text = &self.document.sources[node.source].text;
        let before = &text[..node.place.start.min(text.len())];
        let place = match (&node.content, before.rfind(name.as_str())) {
            (Content::Table(_), _) | (_, None) => node.place.clone(),
            (_, Some(at)) => at..at + name.len(),
        };
        let message = format!("unknown field `{name}`{section}");
        Err(self.document.error_at(node.source, place, message).help(expected(name, &asked)))
    }

    /// Refuses those of `names` that stand here, as fields that cannot act for this reason.
    pub fn refuse(&self, names: &[&'static str], reason: &str, mend: &str) -> Result<(), InputError> {
        let Some((name, node)) = self.fields.iter().find(|(name, _)| names.contains(&name.as_str())) else {
            return Ok(());
        };
        let path = if self.path.is_empty() { name.clone() } else { format!("{}.{name}", self.path) };
        let value = Value { document: self.document, node, path };
        Err(value.error(format!("cannot act: {reason}")).help(mend))
    }

    /// An error that points at the section's head.
    pub fn error(&self, message: impl Into<String>) -> InputError {
        self.document.error_at(self.node.source, self.node.place.clone(), message.into())
    }

    /// The names of the fields that stand here, in their order.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// The document that this section is part of.
    pub fn document(&self) -> &'a Document {
        self.document
    }
}

impl<'a> Under<'a> {
    fn get(&self, document: &'a Document, name: &str) -> Option<Value<'a>> {
        let (_, node) =
            self.fields.iter().find(|(known, _)| known == name && !self.hidden.contains(&name))?;
        Some(Value { document, node, path: format!("{}.{name}", self.path) })
    }
}

impl<'a> Value<'a> {
    /// The field's full name, such as `policy.batch`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// An error that points at this value.
    pub fn error(&self, message: impl Into<String>) -> InputError {
        let message = format!("`{}`: {}", self.path, message.into());
        self.document.error_at(self.node.source, self.node.place.clone(), message)
    }

    fn wrong(&self, wanted: &str) -> InputError {
        let found = match &self.node.content {
            Content::Text(_) => "a string",
            Content::Number(_) => "a number",
            Content::Bool(_) => "true or false",
            Content::List(_) => "a list",
            Content::Table(_) => "a table",
            Content::Date(_) => "a date",
        };
        self.error(format!("expected {wanted}, found {found}"))
    }

    /// Notes for the schema what the value is taken for.
    fn took<T>(&self, shape: Shape, value: T) -> T {
        self.document.asked.took(&self.path, shape);
        value
    }

    fn finite(&self) -> Result<f64, InputError> {
        let number = self.digits()?.parse::<f64>().ok().filter(|v| v.is_finite());
        number.ok_or_else(|| self.error("expected a finite number"))
    }

    fn digits(&self) -> Result<&'a str, InputError> {
        let Content::Number(text) = &self.node.content else { return Err(self.wrong("a number")) };
        Ok(text)
    }

    fn text(&self) -> Result<&'a str, InputError> {
        match &self.node.content {
            Content::Text(text) => Ok(text),
            _ => {
                self.document.asked.refused(&self.path, Shape::Text);
                Err(self.wrong("a string in quotes"))
            }
        }
    }

    /// A finite number.
    pub fn f64(&self) -> Result<f64, InputError> {
        Ok(self.took(Shape::Number, self.finite()?))
    }

    /// The digits of a number as they were written (underscores left out).
    pub fn decimal(&self) -> Result<&'a str, InputError> {
        Ok(self.took(Shape::Number, self.digits()?))
    }

    /// A finite number above zero.
    pub fn positive(&self) -> Result<f64, InputError> {
        match self.finite()? {
            value if value > 0.0 => Ok(self.took(Shape::Positive, value)),
            value => Err(self.error(format!("must be above 0, is {value}"))),
        }
    }

    /// A finite number that is zero or more.
    pub fn nonnegative(&self) -> Result<f64, InputError> {
        match self.finite()? {
            value if value >= 0.0 => Ok(self.took(Shape::Nonnegative, value)),
            value => Err(self.error(format!("must not be negative, is {value}"))),
        }
    }

    /// A whole number of `T`'s range.
    pub fn integer<T: TryFrom<i128>>(&self) -> Result<T, InputError> {
        let Content::Number(text) = &self.node.content else { return Err(self.wrong("a whole number")) };
        let whole = text.parse::<i128>().map_err(|_| self.error("expected a whole number"))?;
        let value = T::try_from(whole).map_err(|_| self.error(format!("{whole} is out of range")))?;
        Ok(self.took(Shape::Integer, value))
    }

    /// `true` or `false`.
    pub fn bool(&self) -> Result<bool, InputError> {
        match &self.node.content {
            Content::Bool(value) => Ok(self.took(Shape::Bool, *value)),
            _ => Err(self.wrong("true or false")),
        }
    }

    /// A string.
    pub fn str(&self) -> Result<&'a str, InputError> {
        Ok(self.took(Shape::Text, self.text()?))
    }

    /// A date or a string, as text.
    pub fn date(&self) -> Result<&'a str, InputError> {
        match &self.node.content {
            Content::Date(text) | Content::Text(text) => Ok(self.took(Shape::Date, text)),
            _ => Err(self.wrong("a date")),
        }
    }

    /// A duration such as `"200ms"`.
    pub fn span(&self) -> Result<Span, InputError> {
        let mend = "write a number with a unit in quotes, such as \"200ms\", \"1.5s\", \"10min\", \"24h\"";
        let text = self.text().map_err(|e| match &self.node.content {
            Content::Number(number) => e.help(format!("did you mean \"{number}s\"? {mend}")),
            _ => e.help(mend),
        })?;
        let span = Span::parse(text).map_err(|e| self.error(e).help(mend))?;
        Ok(self.took(Shape::Duration, span))
    }

    /// A path, relative to the folder of the document.
    pub fn file(&self) -> Result<PathBuf, InputError> {
        let text = self.str()?;
        if text.chars().any(char::is_control) {
            return Err(self.error("is a path with a control character").help(
                "`\\` begins an escape in double quotes (`\\t` is a tab): write `/`, or use 'single quotes'",
            ));
        }
        Ok(self.document.folder.join(text))
    }

    /// The items of a list.
    pub fn list(&self) -> Result<Vec<Value<'a>>, InputError> {
        let Content::List(items) = &self.node.content else { return Err(self.wrong("a list")) };
        let path = &self.path;
        let value = |(i, node)| Value { document: self.document, node, path: format!("{path}[{i}]") };
        Ok(self.took(Shape::List, items.iter().enumerate().map(value).collect()))
    }

    /// A list of finite numbers.
    pub fn numbers(&self) -> Result<Vec<f64>, InputError> {
        self.list()?.iter().map(Value::f64).collect()
    }

    /// A list of equally long, non-empty lists of finite numbers.
    pub fn rows(&self) -> Result<Vec<Vec<f64>>, InputError> {
        let rows = self.list()?.iter().map(Value::numbers).collect::<Result<Vec<_>, _>>()?;
        let width = rows.first().map_or(0, Vec::len);
        if width == 0 || rows.iter().any(|row| row.len() != width) {
            return Err(self.error("expected rows of equal length"));
        }
        Ok(rows)
    }

    /// True if the value is a table.
    pub fn is_section(&self) -> bool {
        let is = matches!(self.node.content, Content::Table(_));
        if !is {
            self.document.asked.refused(&self.path, Shape::Table);
        }
        is
    }

    /// True if the value is a list.
    pub fn is_list(&self) -> bool {
        let is = matches!(self.node.content, Content::List(_));
        if !is {
            self.document.asked.refused(&self.path, Shape::List);
        }
        is
    }

    /// A table.
    pub fn section(&self) -> Result<Section<'a>, InputError> {
        let Content::Table(fields) = &self.node.content else { return Err(self.wrong("a table")) };
        Ok(self.took(Shape::Table, Section::new(self.document, fields, self.node, self.path.clone())))
    }

    /// One of a few names, each standing for a value.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, InputError> {
        let given = self.text()?;
        let found = choices.iter().find(|(name, _)| *name == given).map(|(_, value)| *value);
        let found = found.ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.error(format!("unknown value `{given}`")).help(expected(given, &names))
        })?;
        self.document.asked.note(&self.path, |asked| asked.chosen = Some(given.to_owned()));
        let names = choices.iter().map(|(name, _)| (*name).to_owned()).collect();
        Ok(self.took(Shape::OneOf(names), found))
    }
}
