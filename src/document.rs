//! A TOML document that remembers where each value stands, so that errors can point at it.
//!
//! [`Section`] reads a table field by field and remembers which names it was asked for; `finish`
//! refuses the fields nobody asked for and suggests the nearest name. `--set` overrides are merged in
//! before anything is read and are named in errors like a file of their own.

use std::cell::RefCell;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Excerpt, InputError, expected, nearest};
use crate::units::Span;

/// A parsed document with the texts it came from.
#[derive(Debug, Clone)]
pub struct Document {
    sources: Vec<Source>,
    root: Node,
    folder: PathBuf,
}

#[derive(Debug, Clone)]
struct Source {
    name: String,
    text: String,
}

#[derive(Debug, Clone)]
struct Node {
    content: Content,
    source: usize,
    place: Range<usize>,
}

#[derive(Debug, Clone)]
enum Content {
    Text(String),
    Number(String),
    Bool(bool),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
    Date(String),
}

/// The largest document [bytes]: a schedule of ten years of hours has some 10 MB.
const LARGEST_DOCUMENT: u64 = 64 << 20;

/// The bytes of a file, if there are at most `most`.
pub(crate) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, InputError> {
    let failed = |e: std::io::Error| InputError::io(path, &e);
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(InputError::new(path.display().to_string(), "is a folder").help("name a file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > most {
        true => Err(InputError::new(path.display().to_string(), format!("is larger than {} MB", most >> 20))
            .help("is this the right file?")),
        false => Ok(bytes),
    }
}

impl Document {
    /// Reads and parses a file.
    pub fn read(path: &Path) -> Result<Document, InputError> {
        let bytes = read_bounded(path, LARGEST_DOCUMENT)?;
        let name = path.display().to_string();
        let text = String::from_utf8(bytes).map_err(|e| {
            let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|b| **b == b'\n').count();
            InputError::new(&name, format!("line {line} is not UTF-8")).help("save the file as UTF-8 text")
        })?;
        let mut document = Document::parse(&name, &text)?;
        document.folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(document)
    }

    /// Parses a text; `name` stands for it in errors.
    pub fn parse(name: &str, text: &str) -> Result<Document, InputError> {
        let mut document = Document { sources: Vec::new(), root: Node::table(0), folder: PathBuf::new() };
        document.root = document.add_source(name, text)?;
        Ok(document)
    }

    /// Merges an override `key.path=value` into the document. A value that is no TOML is taken as a string.
    pub fn set(&mut self, assignment: &str) -> Result<(), InputError> {
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(InputError::new("--set", format!("`{assignment}` has no `=`"))
                .help("write --set key.path=value, for example --set policy.batch=4"));
        };
        let quoted = || format!("{key} = {}", toml::Value::String(value.trim().to_owned()));
        let name = format!("--set {assignment}");
        let plain = format!("{key} = {value}");
        let text = if DeTable::parse(&plain).is_ok() { plain } else { quoted() };
        let node = self.add_source(&name, &text)?;
        merge(&mut self.root, node);
        Ok(())
    }

    fn add_source(&mut self, name: &str, text: &str) -> Result<Node, InputError> {
        let source = self.sources.len();
        self.sources.push(Source { name: name.to_owned(), text: text.to_owned() });
        let table = DeTable::parse(text).map_err(|e| {
            let place = e.span().unwrap_or(0..0);
            self.error_at(source, place, e.message().replace('\n', ", "))
        })?;
        let place = table.span();
        Ok(Node { content: convert_table(table.into_inner(), source), source, place })
    }

    /// The document's top table.
    pub fn root(&self) -> Section<'_> {
        let Content::Table(fields) = &self.root.content else { unreachable!("a document is a table") };
        Section { document: self, fields, node: &self.root, path: String::new(), asked: RefCell::default() }
    }

    /// The folder that relative paths in the document refer to.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn error_at(&self, source: usize, place: Range<usize>, message: String) -> InputError {
        let Source { name, text } = &self.sources[source];
        let start = place.start.min(text.len());
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let line = 1 + text[..line_start].bytes().filter(|b| *b == b'\n').count();
        let end = place.end.clamp(start, line_end);
        let excerpt = Excerpt {
            line,
            text: text[line_start..line_end].trim_end_matches('\r').to_owned(),
            token: start - line_start..end - line_start,
        };
        InputError { excerpt: Some(excerpt), ..InputError::new(name, message) }
    }
}

impl Node {
    fn table(source: usize) -> Node {
        Node { content: Content::Table(Vec::new()), source, place: 0..0 }
    }
}

fn convert_table(table: DeTable<'_>, source: usize) -> Content {
    let fields = table.into_iter().map(|(key, value)| {
        let name = key.get_ref().to_string();
        let place = key.span();
        let mut node = convert(value, source);
        // A sub-table is pointed at by its name, a plain value by itself.
        if matches!(node.content, Content::Table(_)) {
            node.place = place;
        }
        (name, node)
    });
    Content::Table(fields.collect())
}

fn convert(value: Spanned<DeValue<'_>>, source: usize) -> Node {
    let place = value.span();
    let content = match value.into_inner() {
        DeValue::String(text) => Content::Text(text.into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Content::Number(number.as_str().to_owned()),
        DeValue::Integer(number) => {
            let value = i128::from_str_radix(number.as_str(), number.radix());
            Content::Number(value.map_or_else(|_| number.as_str().to_owned(), |v| v.to_string()))
        }
        DeValue::Float(number) => Content::Number(number.as_str().to_owned()),
        DeValue::Boolean(value) => Content::Bool(value),
        DeValue::Datetime(date) => Content::Date(date.to_string()),
        DeValue::Array(items) => Content::List(items.into_iter().map(|item| convert(item, source)).collect()),
        DeValue::Table(table) => convert_table(table, source),
    };
    Node { content, source, place }
}

fn merge(into: &mut Node, from: Node) {
    match (&mut into.content, from) {
        (Content::Table(old), Node { content: Content::Table(new), .. }) => {
            for (name, node) in new {
                match old.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, there)) => merge(there, node),
                    None => old.push((name, node)),
                }
            }
        }
        (_, from) => *into = from,
    }
}

/// One table of a document, read field by field.
#[derive(Debug)]
pub struct Section<'a> {
    document: &'a Document,
    fields: &'a [(String, Node)],
    node: &'a Node,
    path: String,
    asked: RefCell<Vec<&'static str>>,
}

/// One value of a document.
#[derive(Debug, Clone)]
pub struct Value<'a> {
    document: &'a Document,
    node: &'a Node,
    path: String,
}

impl<'a> Section<'a> {
    /// The field `name` if it is there. Asking makes the name a known one.
    pub fn optional(&self, name: &'static str) -> Option<Value<'a>> {
        if !self.asked.borrow().contains(&name) {
            self.asked.borrow_mut().push(name);
        }
        let (_, node) = self.fields.iter().find(|(known, _)| known == name)?;
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Some(Value { document: self.document, node, path })
    }

    /// The field `name`, or an error that names the section.
    pub fn required(&self, name: &'static str) -> Result<Value<'a>, InputError> {
        self.optional(name).ok_or_else(|| {
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

    /// A finite number.
    pub fn f64(&self) -> Result<f64, InputError> {
        let number = self.decimal()?.parse::<f64>().ok().filter(|v| v.is_finite());
        number.ok_or_else(|| self.error("expected a finite number"))
    }

    /// The digits of a number as they were written (underscores left out).
    pub fn decimal(&self) -> Result<&'a str, InputError> {
        let Content::Number(text) = &self.node.content else { return Err(self.wrong("a number")) };
        Ok(text)
    }

    /// A finite number above zero.
    pub fn positive(&self) -> Result<f64, InputError> {
        let value = self.f64()?;
        if value > 0.0 { Ok(value) } else { Err(self.error(format!("must be above 0, is {value}"))) }
    }

    /// A finite number that is zero or more.
    pub fn nonnegative(&self) -> Result<f64, InputError> {
        let value = self.f64()?;
        if value >= 0.0 { Ok(value) } else { Err(self.error(format!("must not be negative, is {value}"))) }
    }

    /// A whole number of `T`'s range.
    pub fn integer<T: TryFrom<i128>>(&self) -> Result<T, InputError> {
        let Content::Number(text) = &self.node.content else { return Err(self.wrong("a whole number")) };
        let whole = text.parse::<i128>().map_err(|_| self.error("expected a whole number"))?;
        T::try_from(whole).map_err(|_| self.error(format!("{whole} is out of range")))
    }

    /// `true` or `false`.
    pub fn bool(&self) -> Result<bool, InputError> {
        match &self.node.content {
            Content::Bool(value) => Ok(*value),
            _ => Err(self.wrong("true or false")),
        }
    }

    /// A string.
    pub fn str(&self) -> Result<&'a str, InputError> {
        match &self.node.content {
            Content::Text(text) => Ok(text),
            _ => Err(self.wrong("a string in quotes")),
        }
    }

    /// A date or a string, as text.
    pub fn date(&self) -> Result<&'a str, InputError> {
        match &self.node.content {
            Content::Date(text) | Content::Text(text) => Ok(text),
            _ => Err(self.wrong("a date")),
        }
    }

    /// A duration such as `"200ms"`.
    pub fn span(&self) -> Result<Span, InputError> {
        let mend = "write a number with a unit in quotes, such as \"200ms\", \"1.5s\", \"10min\", \"24h\"";
        let text = self.str().map_err(|e| e.help(mend))?;
        Span::parse(text).map_err(|e| self.error(e).help(mend))
    }

    /// A path, relative to the folder of the document.
    pub fn file(&self) -> Result<PathBuf, InputError> {
        Ok(self.document.folder.join(self.str()?))
    }

    /// The items of a list.
    pub fn list(&self) -> Result<Vec<Value<'a>>, InputError> {
        let Content::List(items) = &self.node.content else { return Err(self.wrong("a list")) };
        let path = &self.path;
        let value = |(i, node)| Value { document: self.document, node, path: format!("{path}[{i}]") };
        Ok(items.iter().enumerate().map(value).collect())
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
        matches!(self.node.content, Content::Table(_))
    }

    /// True if the value is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.node.content, Content::List(_))
    }

    /// A table.
    pub fn section(&self) -> Result<Section<'a>, InputError> {
        let Content::Table(fields) = &self.node.content else { return Err(self.wrong("a table")) };
        let (document, node, path) = (self.document, self.node, self.path.clone());
        Ok(Section { document, fields, node, path, asked: RefCell::default() })
    }

    /// One of a few names, each standing for a value.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, InputError> {
        let given = self.str()?;
        choices.iter().find(|(name, _)| *name == given).map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.error(format!("unknown value `{given}`")).help(expected(given, &names))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"a\"\n[policy]\nkind = \"batch\"\nbatch = 8\ntimout = \"200ms\"\n";

    #[test]
    fn unknown_field_is_underlined_with_the_nearest_name() {
        let document = Document::parse("s.toml", TEXT).unwrap();
        let policy = document.root().required("policy").unwrap().section().unwrap();
        assert_eq!(policy.required("batch").unwrap().integer::<u32>().unwrap(), 8);
        assert!(policy.optional("kind").is_some() && policy.optional("timeout").is_none());
        let error = policy.finish().unwrap_err();
        assert_eq!(error.excerpt.as_ref().unwrap().line, 5);
        assert_eq!(error.excerpt.as_ref().unwrap().token, 0..6);
        assert!(error.to_string().contains("did you mean `timeout`?"), "{error}");
    }

    #[test]
    fn an_override_replaces_one_field_and_is_named_in_errors() {
        let mut document = Document::parse("s.toml", TEXT).unwrap();
        document.set("policy.batch=oops").unwrap();
        document.set("policy.kind = unbatched").unwrap();
        let policy = document.root().required("policy").unwrap().section().unwrap();
        assert_eq!(policy.required("kind").unwrap().str().unwrap(), "unbatched");
        let error = policy.required("batch").unwrap().integer::<u32>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("--set policy.batch=oops:1: `policy.batch`: expected a whole number")
        );
    }

    #[test]
    fn syntax_errors_name_the_line() {
        let error = Document::parse("s.toml", "a = 1\nb = [1, 2\n").unwrap_err();
        assert!(error.to_string().starts_with("s.toml:"), "{error}");
        assert!(error.excerpt.is_some());
    }

    #[test]
    fn a_missing_field_names_its_section() {
        let document = Document::parse("s.toml", TEXT).unwrap();
        let policy = document.root().required("policy").unwrap().section().unwrap();
        let error = policy.required("timeout").unwrap_err();
        assert!(error.to_string().contains("[policy] lacks `timeout`"), "{error}");
    }
}
