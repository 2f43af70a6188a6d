//! A TOML document that remembers where each value stands, so that errors can point at it.
//!
//! [`Section`] reads a table field by field and remembers which names it was asked for; `finish`
//! refuses the fields nobody asked for and suggests the nearest name. `--set` overrides are merged in
//! before anything is read and are named in errors like a file of their own.

pub mod asked;
mod mend;
pub mod schema;
mod section;

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::asked::{Questions, Record};
pub use self::section::{Section, Value};
use crate::bounded::read_bounded;
use crate::error::{Excerpt, InputError};

/// A parsed document with the texts it came from.
#[derive(Debug, Clone)]
pub struct Document {
    sources: Vec<Source>,
    root: Node,
    folder: PathBuf,
    asked: Record,
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

/// The largest document \[bytes\]: a schedule of ten years of hours has some 10 MB.
const LARGEST_DOCUMENT: u64 = 64 << 20;

impl Document {
    /// Reads and parses a file.
    ///
    /// # Errors
    /// It cannot be read, is no TOML, or is plainly a file of another kind.
    pub fn read(path: &Path) -> Result<Document, InputError> {
        if let Some(error) = mend::of_another_kind(path) {
            return Err(error);
        }
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
        let (sources, root, folder) = (Vec::new(), Node::table(0), PathBuf::new());
        let mut document = Document { sources, root, folder, asked: Record::default() };
        document.root = document.add_source(name, text)?;
        Ok(document)
    }

    /// The same, with paths relative to `folder`.
    pub fn within(self, folder: &Path) -> Document {
        Document { folder: folder.to_owned(), ..self }
    }

    /// Merges an override `key.path=value` into the document. A value that is no TOML is taken as a string; an empty
    /// one removes the field.
    pub fn set(&mut self, assignment: &str) -> Result<(), InputError> {
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(InputError::new("--set", format!("`{assignment}` has no `=`"))
                .help("write --set key.path=value, for example --set policy.batch=4"));
        };
        if value.trim().is_empty() {
            let path: Vec<&str> = key.split('.').map(str::trim).collect();
            return match remove(&mut self.root, &path) {
                Some(_) => Ok(()),
                None => Err(InputError::new("--set", format!("there is no `{}` to remove", key.trim()))
                    .help("`--set key.path=` removes a field of the file; give a value to set one")),
            };
        }
        let quoted = || format!("{key} = {}", toml::Value::String(value.trim().to_owned()));
        let name = format!("--set {assignment}");
        let plain = format!("{key} = {value}");
        let text = if DeTable::parse(&plain).is_ok() { plain } else { quoted() };
        let node = self.add_source(&name, &text)?;
        merge(&mut self.root, node);
        Ok(())
    }

    /// Removes fields of the table `name` that the text itself gives; overrides stay.
    pub fn forget(&mut self, name: &str, fields: &[&str]) {
        let Content::Table(tables) = &mut self.root.content else { return };
        let Some((_, table)) = tables.iter_mut().find(|(known, _)| known == name) else { return };
        if let Content::Table(known) = &mut table.content {
            known.retain(|(field, node)| node.source > 0 || !fields.contains(&field.as_str()));
        }
    }

    fn add_source(&mut self, name: &str, text: &str) -> Result<Node, InputError> {
        let source = self.sources.len();
        self.sources.push(Source { name: name.to_owned(), text: text.to_owned() });
        let table = DeTable::parse(text).map_err(|e| {
            let place = e.span().unwrap_or(0..0);
            let error = self.error_at(source, place, e.message().replace('\n', ", "));
            match error.excerpt.as_ref().and_then(|excerpt| mend::of_syntax(&excerpt.text)) {
                Some(help) => error.help(help),
                None => error,
            }
        })?;
        let place = table.span();
        Ok(Node { content: convert_table(table.into_inner(), source), source, place })
    }

    /// The document's top table.
    pub fn root(&self) -> Section<'_> {
        let Content::Table(fields) = &self.root.content else { unreachable!("a document is a table") };
        Section::new(self, fields, &self.root, String::new())
    }

    /// The document as JSON, overrides merged in. A number that JSON cannot hold becomes a string.
    pub fn to_json(&self) -> Json {
        json(&self.root)
    }

    /// From now on, keeps what readers ask.
    pub fn record(&mut self) {
        self.asked.begin();
    }

    /// What readers asked since [`Document::record`].
    pub fn asked(&self) -> Questions {
        self.asked.taken()
    }

    /// The comment at the end of the line on which a value ends; empty where another value follows on it.
    fn comment(&self, node: &Node) -> &str {
        let text = &self.sources[node.source].text;
        let rest = text.get(node.place.end..).unwrap_or("").lines().next().unwrap_or("");
        let rest = rest.trim_start_matches(']').trim();
        rest.strip_prefix('#').map_or("", str::trim)
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

fn json(node: &Node) -> Json {
    match &node.content {
        Content::Text(text) | Content::Date(text) => Json::from(text.as_str()),
        Content::Number(text) => text
            .parse::<i64>()
            .map(Json::from)
            .or_else(|_| text.parse::<f64>().map(Json::from))
            .ok()
            .filter(|number| !number.is_null())
            .unwrap_or_else(|| Json::from(text.as_str())),
        Content::Bool(value) => Json::from(*value),
        Content::List(items) => items.iter().map(json).collect(),
        Content::Table(fields) => fields.iter().map(|(name, node)| (name.clone(), json(node))).collect(),
    }
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

/// Takes the value at a path out of a table, if it is there.
fn remove(from: &mut Node, path: &[&str]) -> Option<Node> {
    let Content::Table(fields) = &mut from.content else { return None };
    let at = fields.iter().position(|(name, _)| Some(name.as_str()) == path.first().copied())?;
    match path {
        [_] => Some(fields.remove(at).1),
        _ => remove(&mut fields[at].1, &path[1..]),
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
    fn an_empty_override_removes_a_field_and_a_text_forgets_its_own() {
        let mut document = Document::parse("s.toml", TEXT).unwrap();
        document.set("policy.timout=").unwrap();
        document.set("policy.batch=4").unwrap();
        assert!(document.set("policy.timout=").unwrap_err().to_string().contains("no `policy.timout`"));
        document.forget("policy", &["kind", "batch"]);
        let policy = document.root().required("policy").unwrap().section().unwrap();
        assert_eq!(policy.names().collect::<Vec<_>>(), ["batch"]);
        assert_eq!(policy.required("batch").unwrap().integer::<u32>().unwrap(), 4);
    }

    #[test]
    fn a_field_that_cannot_act_is_refused_with_its_reason() {
        let document = Document::parse("s.toml", TEXT).unwrap();
        let policy = document.root().required("policy").unwrap().section().unwrap();
        assert!(policy.refuse(&["window"], "needs another kind", "remove it").is_ok());
        let error = policy.refuse(&["window", "batch"], "needs another kind", "remove it").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("s.toml:4: `policy.batch`: cannot act: needs another kind"), "{text}");
        assert!(text.ends_with("= remove it"), "{text}");
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
