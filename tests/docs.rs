//! The documentation is true: every ```console block of README.md and docs/ prints what stands below its commands, every
//! chart that a page shows is what they draw, and every ```toml block can be read.
//! `BLESS=1 cargo test --test docs` writes what is printed and drawn now into the pages and output/gallery.
//!
//! The blocks of a page run in its order, in a folder that holds the shipped files and is the page's own. `[..]` in a
//! line of output stands for what differs each time. A block ```console profiler needs that feature, and ```toml shop.toml
//! is saved as that file.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

use batchsim::scenario::Scenario;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn pages_show_what_the_program_prints_and_draws() {
    let docs = std::fs::read_dir(format!("{ROOT}/docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.push(Path::new(ROOT).join("README.md"));
    assert!(pages.len() > 5);
    std::thread::scope(|scope| {
        for page in &pages {
            scope.spawn(move || check(page));
        }
    });
    let readme = std::fs::read_to_string(pages.last().unwrap()).unwrap();
    let gallery =
        Command::new("find").args(["output/gallery", "-type", "f"]).current_dir(ROOT).output().unwrap();
    for chart in String::from_utf8(gallery.stdout).unwrap().lines() {
        assert!(readme.contains(&format!("]({chart})")), "no page shows {chart}: delete it");
    }
}

fn check(page: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let shipped = ["scenarios", "traces", "profiles"];
    let copied = Command::new("cp").arg("-R").args(shipped).arg(folder.path()).current_dir(ROOT).status();
    assert!(copied.unwrap().success());
    let shown = std::fs::read_to_string(page).unwrap();
    let mut tables = Vec::new();
    let mut fresh = Vec::new();
    let mut lines = shown.lines();
    while let Some(line) = lines.next() {
        fresh.push(line.to_owned());
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if kind == "console profiler" && !cfg!(feature = "profiler") {
            eprintln!("{}: not run without the feature profiler: {}", page.display(), block[0]);
        } else if kind.starts_with("console") {
            fresh.extend(run(&block, folder.path()));
            fresh.push("```".to_owned());
            continue;
        } else if let Some(name) = kind.strip_prefix("toml") {
            tables.push(save(&block, name.trim(), folder.path()));
        }
        fresh.extend(block.iter().chain(&["```"]).map(|&line| line.to_owned()));
    }
    settle(page, &(fresh.join("\n") + "\n"));
    for table in tables {
        Scenario::read(&table, &[]).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    }
    charts(&shown, folder.path());
}

/// The block as it stands when its commands have run: each with what it printed.
fn run(block: &[&str], folder: &Path) -> Vec<String> {
    let mut fresh = Vec::new();
    let mut left = block.iter().peekable();
    while let Some(line) = left.next() {
        let mut command = vec![*line];
        while command.last().is_some_and(|line| line.ends_with('\\')) {
            command.extend(left.next());
        }
        // A file that is typed in.
        if line.ends_with("<<'END'") {
            while command.last().is_some_and(|line| *line != "END") {
                command.extend(left.next());
            }
        }
        let elided = std::iter::from_fn(|| left.next_if(|line| !line.starts_with("$ ")));
        let elided: Vec<&str> = elided.copied().filter(|line| line.contains("[..]")).collect();
        fresh.extend(command.iter().map(|&line| line.to_owned()));
        // What a slow machine says while it is at work is no part of what is documented.
        let printed = shell(&command.join("\n"), folder);
        for line in printed.lines().filter(|line| !line.starts_with("still at work after ")) {
            let as_shown = elided.iter().find(|shown| fits(line, shown));
            fresh.push(as_shown.map_or_else(|| without_times(line), |shown| (*shown).to_owned()));
        }
    }
    fresh
}

/// What a command prints, errors included; it must succeed.
fn shell(command: &str, folder: &Path) -> String {
    let typed = command.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {command}"));
    let folder_of_sim = Path::new(env!("CARGO_BIN_EXE_sim")).parent().unwrap();
    let path = format!("{}:{}", folder_of_sim.display(), std::env::var("PATH").unwrap());
    // The first command is shown as it is typed in a checkout.
    let script = format!("exec 2>&1\ncargo() {{ shift 3; sim \"$@\"; }}\n{typed}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(folder).env("PATH", path).env("HOME", folder);
    let output = shell.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command}\n{printed}");
    printed
}

/// The note at a command's end, `.. simulated in 3 s; results in output/x`, without how long it took.
fn without_times(line: &str) -> String {
    let Some((work, folder)) = line.split_once("; results in ") else { return line.to_owned() };
    let mut parts = work.split(" in ");
    let first = parts.next().unwrap_or_default().to_owned();
    let elide = |text: String, part: &str| text + " in [..]" + part.find(", ").map_or("", |at| &part[at..]);
    format!("{}; results in {folder}", parts.fold(first, elide))
}

/// Is this the line, but for what `[..]` stands for?
fn fits(line: &str, shown: &str) -> bool {
    let (start, mut rest) = shown.split_once("[..]").unwrap();
    let Some(mut line) = line.strip_prefix(start) else { return false };
    while let Some((middle, after)) = rest.split_once("[..]") {
        let Some((_, behind)) = line.split_once(middle) else { return false };
        (line, rest) = (behind, after);
    }
    line.ends_with(rest)
}

/// A table as a file that can be read: a scenario as it is, sections of one in place of those of twitter.toml.
fn save(block: &[&str], name: &str, folder: &Path) -> PathBuf {
    let text = block.join("\n");
    let mut table: toml::Table = text.parse().unwrap_or_else(|e| panic!("{e}\n{text}"));
    if !name.is_empty() {
        std::fs::write(folder.join(name), text).unwrap();
        return folder.join(name);
    }
    let all: toml::Table =
        std::fs::read_to_string(folder.join("scenarios/twitter.toml")).unwrap().parse().unwrap();
    for (key, value) in all {
        table.entry(key).or_insert(value);
    }
    let file = tempfile::Builder::new().suffix(".toml").tempfile_in(folder.join("scenarios")).unwrap();
    let (_, path) = file.keep().unwrap();
    std::fs::write(&path, table.to_string()).unwrap();
    path
}

/// Each output/gallery/X that the README shows is the output/X of its commands.
fn charts(page: &str, folder: &Path) {
    for link in page.split("](output/gallery/").skip(1) {
        let name = link.split(')').next().unwrap();
        let drawn = std::fs::read_to_string(folder.join("output").join(name));
        settle(&Path::new(ROOT).join("output/gallery").join(name), &drawn.expect(name));
    }
}

/// The file holds this text; or, where that is asked for, from now on.
fn settle(file: &Path, fresh: &str) {
    let held = std::fs::read_to_string(file).unwrap_or_default();
    if held == fresh {
        return;
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        return std::fs::write(file, fresh).unwrap();
    }
    let at = held.lines().zip(fresh.lines()).take_while(|(old, new)| old == new).count();
    panic!(
        "{}:{} is not what the program says now. See the difference by `BLESS=1 cargo test --test docs`.\n- {}\n+ {}",
        file.display(),
        at + 1,
        held.lines().nth(at).unwrap_or_default(),
        fresh.lines().nth(at).unwrap_or_default()
    );
}
