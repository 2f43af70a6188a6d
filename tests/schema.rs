//! `sim schema` says what the readers take: every shipped file fits, what readers refuse by name is refused, and what
//! readers take is never refused.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use batchsim::arrivals::schedule::Schedule;
use batchsim::document::Document;
use batchsim::error::InputError;
use batchsim::price::Book;
use batchsim::profile::Profile;
use batchsim::profile::instance::InstanceProfile;
use batchsim::scenario::Scenario;
use jsonschema::Validator;
use serde_json::{Value, json};

const KINDS: [&str; 5] = ["scenario", "profile", "instance", "schedule", "book"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schema(kind: &str) -> Value {
    let run = Command::cargo_bin("sim").unwrap().args(["schema", kind]).assert().success();
    serde_json::from_slice(&run.get_output().stdout).unwrap()
}

fn validator(kind: &str) -> Validator {
    let schema = schema(kind);
    assert!(jsonschema::draft7::meta::is_valid(&schema), "{kind}");
    jsonschema::validator_for(&schema).unwrap()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

fn examples(kind: &str) -> Vec<PathBuf> {
    let of_kind = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(kind);
    files("docs/reference").into_iter().filter(of_kind).collect()
}

fn json(path: &Path) -> Value {
    Document::read(path).unwrap().to_json()
}

fn read(kind: &str, path: &Path) -> Result<(), InputError> {
    let document = Document::read(path)?;
    match kind {
        "scenario" => Scenario::from_document(&document, "example").map(drop),
        "profile" => Profile::from_document(&document).map(drop),
        "instance" => InstanceProfile::from_document(&document).map(drop),
        "schedule" => Schedule::from_document(&document).map(drop),
        _ => Book::from_document(&document).map(drop),
    }
}

#[test]
fn every_shipped_file_fits_its_schema() {
    let folders = [
        ("scenario", &["scenarios", "scenarios/harmonybatch", "scenarios/mbs", "scenarios/paper"][..]),
        ("profile", &["profiles"]),
        ("instance", &["profiles/instances"]),
        ("schedule", &["traces"]),
        ("book", &["profiles/books"]),
    ];
    let mut seen = 0;
    for (kind, folders) in folders {
        let validator = validator(kind);
        let shipped = folders.iter().flat_map(|folder| files(folder)).chain(examples(kind));
        for path in shipped {
            if let Err(error) = validator.validate(&json(&path)) {
                panic!("{}: {error} at {}", path.display(), error.instance_path());
            }
            seen += 1;
        }
    }
    assert!(seen > 35, "{seen} files");
}

/// Where the fields of a document are: the pointer of their table, and their names.
fn fields(value: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                found.push((pointer.to_owned(), name.clone()));
                fields(value, &format!("{pointer}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                fields(item, &format!("{pointer}/{i}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_field_that_no_reader_knows_is_refused_wherever_it_stands() {
    let mut tried = 0;
    for kind in KINDS {
        let validator = validator(kind);
        for path in examples(kind) {
            let example = json(&path);
            let mut found = Vec::new();
            fields(&example, "", &mut found);
            for (pointer, name) in found.iter().filter(|(pointer, _)| !pointer.ends_with("/measurement")) {
                let mut changed = example.clone();
                let table = changed.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
                let value = table.remove(name).unwrap();
                table.insert(format!("{name}x"), value);
                assert!(!validator.is_valid(&changed), "{}: {pointer}/{name}x", path.display());
                tried += 1;
            }
        }
    }
    assert!(tried > 250, "{tried} fields");
}

#[test]
fn what_a_reader_takes_is_never_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in files("docs/reference") {
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let file = folder.path().join("changed.toml");
    let (mut taken, mut refused) = (0, 0);
    for kind in KINDS {
        let validator = validator(kind);
        for path in examples(kind) {
            let example = json(&path);
            let mut found = Vec::new();
            fields(&example, "", &mut found);
            let values = [
                None,
                Some(json!(3)),
                Some(json!(0.5)),
                Some(json!("1s")),
                Some(json!("x")),
                Some(json!([1])),
            ];
            for ((pointer, name), value) in
                found.iter().flat_map(|place| values.iter().map(move |v| (place, v)))
            {
                let mut changed = example.clone();
                let table = changed.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
                match value {
                    Some(value) => table.insert(name.clone(), value.clone()),
                    None => table.remove(name),
                };
                std::fs::write(&file, toml::to_string(&changed).unwrap()).unwrap();
                if read(kind, &file).is_err() {
                    refused += usize::from(!validator.is_valid(&changed));
                } else if let Err(error) = validator.validate(&changed) {
                    panic!("{}: {pointer}/{name} = {value:?}: {error}", path.display());
                } else {
                    taken += 1;
                }
            }
        }
    }
    // Most of what readers refuse, the schema refuses too.
    assert!(taken > 300 && refused > 700, "{taken} {refused}");
}

#[test]
fn every_name_that_readers_ask_for_is_in_a_schema() {
    let schemas: String = KINDS.map(|kind| schema(kind).to_string()).concat();
    let mut left = vec![root().join("src")];
    let mut seen = 0;
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for question in [".optional(\"", ".required(\""] {
            for name in code.split(question).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(schemas.contains(&format!("\"{name}\":")), "{}: `{name}`", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 60, "{seen} questions");
}
