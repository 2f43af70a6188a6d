//! JSON Schema (draft 7, which editors know best) of a kind of document, from what its reader asks.
//!
//! Examples lead the reader through its branches; what it asks there is the schema. It is never stricter than the
//! reader: what depends on several fields at once is left to the reader.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::asked::{Questions, SchemaTrace, Shape};

/// The durations that [`Span::parse`](crate::units::Span::parse) takes.
const DURATION: &str = r"^\s*(([0-9]+\.?[0-9]*|\.[0-9]+)\s*(ns|us|µs|μs|ms|s|min|m|h|d)\s*)+$";

/// What readers asked in several documents of one kind.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// By name with `[]` for any place in a list.
    values: BTreeMap<String, Place>,
    /// The tables by such names, each with the fields that were asked there.
    tables: BTreeMap<String, Vec<Table>>,
}

/// One value over all documents.
#[derive(Debug, Clone, Default)]
struct Place {
    shapes: BTreeSet<Shape>,
    refused: BTreeSet<Shape>,
    present: bool,
    chosen: BTreeSet<String>,
    comment: String,
}

/// One table of one document.
#[derive(Debug, Clone, Default)]
struct Table {
    kind: Option<String>,
    /// The fields, and whether they must be there.
    fields: BTreeMap<String, bool>,
}

impl Schema {
    /// The schema of documents that were asked this.
    pub fn new(documents: &[Questions]) -> Schema {
        let mut schema = Schema::default();
        for questions in documents {
            let mut tables: BTreeMap<&str, Table> = BTreeMap::new();
            for (path, asked) in questions {
                schema.values.entry(any_place(path)).or_default().add(asked);
                let Some((parent, name)) = field(path) else { continue };
                let table = tables.entry(parent).or_default();
                table.fields.insert(name.to_owned(), asked.required);
                if name == "kind" {
                    table.kind = asked.chosen.clone();
                }
            }
            for (path, table) in tables {
                schema.tables.entry(any_place(path)).or_default().push(table);
            }
        }
        schema
    }

    /// The text of the schema.
    pub fn json(&self, title: &str) -> String {
        let mut all = Map::new();
        all.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        all.insert("title".to_owned(), json!(title));
        all.extend(self.table(""));
        serde_json::to_string_pretty(&all).expect("plain data") + "\n"
    }

    /// What the documents left open: fields that none has, forms that none shows, and kinds that none is of.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for (path, place) in &self.values {
            // Only items that are there are asked.
            if !place.present && !path.ends_with(']') {
                gaps.push(format!("no example has `{path}`"));
            }
            for shape in place.refused.iter().filter(|shape| !place.shows(shape)) {
                gaps.push(format!("no example shows `{path}` as {shape:?}"));
            }
            let names = place.shapes.iter().filter(|_| path.ends_with("kind"));
            let names =
                names.filter_map(|shape| if let Shape::OneOf(names) = shape { Some(names) } else { None });
            for name in names.flatten().filter(|name| !place.chosen.contains(*name)) {
                gaps.push(format!("no example has `{path} = {name:?}`"));
            }
        }
        gaps
    }

    fn value(&self, path: &str) -> Map<String, Json> {
        let Some(place) = self.values.get(path) else { return Map::new() };
        let mut forms: Vec<Map<String, Json>> =
            place.narrowest().into_iter().map(|shape| self.form(path, shape)).collect();
        let mut value = match forms.len() {
            0 => Map::new(),
            1 => forms.remove(0),
            _ => fields(json!({ "anyOf": forms })),
        };
        if !place.comment.is_empty() {
            value.insert("description".to_owned(), json!(place.comment));
        }
        value
    }

    fn form(&self, path: &str, shape: &Shape) -> Map<String, Json> {
        fields(match shape {
            Shape::Text | Shape::Date => json!({ "type": "string" }),
            Shape::OneOf(names) => json!({ "enum": names }),
            Shape::Duration => json!({ "type": "string", "pattern": DURATION }),
            Shape::Integer => json!({ "type": "integer" }),
            Shape::Number => json!({ "type": "number" }),
            Shape::Positive => json!({ "type": "number", "exclusiveMinimum": 0 }),
            Shape::Nonnegative => json!({ "type": "number", "minimum": 0 }),
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::List => json!({ "type": "array", "items": self.value(&format!("{path}[]")) }),
            Shape::Table => return self.table(path),
        })
    }

    fn table(&self, path: &str) -> Map<String, Json> {
        let tables = self.tables.get(path).map_or(&[][..], Vec::as_slice);
        let whole = Fields::of(tables.iter());
        let name = |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
        let properties: Map<String, Json> =
            whole.all.iter().map(|field| ((*field).to_owned(), self.value(&name(field)).into())).collect();
        let mut table = fields(json!({ "type": "object", "properties": properties }));
        table.insert("additionalProperties".to_owned(), json!(false));
        table.insert("required".to_owned(), json!(whole.required));
        let kinds: BTreeSet<&String> = tables.iter().filter_map(|table| table.kind.as_ref()).collect();
        let rule = |kind: &&String| {
            let own = Fields::of(tables.iter().filter(|table| table.kind.as_ref() == Some(kind)));
            let is = json!({ "properties": { "kind": { "const": kind } }, "required": ["kind"] });
            json!({ "if": is, "then": { "propertyNames": { "enum": own.all }, "required": own.required } })
        };
        if kinds.len() > 1 {
            table.insert("allOf".to_owned(), kinds.iter().map(rule).collect());
        }
        table
    }
}

/// The fields of some tables.
struct Fields<'a> {
    all: BTreeSet<&'a str>,
    /// Those that every one of them must have.
    required: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(tables: impl Iterator<Item = &'a Table> + Clone) -> Fields<'a> {
        let all: BTreeSet<&str> =
            tables.clone().flat_map(|table| table.fields.keys()).map(String::as_str).collect();
        let everywhere = |field: &&&str| tables.clone().all(|table| table.fields.get(**field) == Some(&true));
        let required = all.iter().filter(everywhere).copied().collect();
        Fields { all, required }
    }
}

impl Place {
    fn add(&mut self, asked: &SchemaTrace) {
        self.shapes.extend(asked.shapes.iter().cloned());
        self.refused.extend(asked.refused.iter().cloned());
        self.chosen.extend(asked.chosen.clone());
        self.present |= asked.present;
        if self.comment.is_empty() {
            self.comment.clone_from(&asked.comment);
        }
    }

    /// Is it of this form anywhere?
    fn shows(&self, form: &Shape) -> bool {
        let is_text = |shape: &Shape| matches!(shape, Shape::Text | Shape::OneOf(_) | Shape::Duration);
        self.shapes.iter().any(|shape| shape == form || (*form == Shape::Text && is_text(shape)))
    }

    /// Without the forms that another one includes; choices are joined.
    fn narrowest(&self) -> Vec<&Shape> {
        let any_text = self.shapes.contains(&Shape::Text);
        let wider = |shape: &Shape| match shape {
            Shape::OneOf(names) => {
                any_text
                    || self.shapes.iter().any(|other| match other {
                        Shape::OneOf(more) => {
                            more.len() > names.len() && names.iter().all(|n| more.contains(n))
                        }
                        _ => false,
                    })
            }
            Shape::Duration => any_text,
            _ => false,
        };
        self.shapes.iter().filter(|shape| !wider(shape)).collect()
    }
}

fn fields(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(fields) => fields,
        _ => unreachable!("an object was written"),
    }
}

/// `system[0].name` as `system[].name`.
fn any_place(path: &str) -> String {
    path.split_inclusive('[').map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect()
}

/// The table and the name of a field; `None` for an item of a list.
fn field(path: &str) -> Option<(&str, &str)> {
    (!path.ends_with(']')).then(|| path.rsplit_once('.').unwrap_or(("", path)))
}
