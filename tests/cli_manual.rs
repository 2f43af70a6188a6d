//! What the command line says of itself: version, completions, manual.

use assert_cmd::Command;

fn stdout(args: &[&str]) -> String {
    let run = Command::cargo_bin("sim").unwrap().args(args).assert().success();
    String::from_utf8(run.get_output().stdout.clone()).unwrap()
}

#[test]
fn the_version_names_the_commit_where_there_is_one() {
    let printed = stdout(&["--version"]);
    let version = printed.strip_prefix("sim ").unwrap().trim_end();
    let rest = version.strip_prefix(env!("CARGO_PKG_VERSION")).unwrap();
    let commit = rest.trim_start_matches(" (").trim_end_matches(')');
    assert!(
        rest.is_empty() || (commit.len() == 9 && commit.bytes().all(|b| b.is_ascii_hexdigit())),
        "{printed}"
    );
    assert_eq!(stdout(&["run", "--version"]).split_once(' ').unwrap().1, format!("{version}\n"));
}

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&["completions", shell]);
        for word in ["sweep", "completions", "predict-only", "lambda-logs"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
        assert!(!script.contains("profile-worker"), "{shell}");
    }
    Command::cargo_bin("sim").unwrap().args(["completions", "csh"]).assert().code(2);
}

#[test]
fn each_command_has_its_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    assert_eq!(stdout(&["man", out.to_str().unwrap()]), "");
    let help = stdout(&["help"]);
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.contains(&"sweep") && names.len() > 10, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let page = std::fs::read_to_string(out.join(format!("sim-{name}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
    assert!(out.join("sim.1").is_file() && out.join("sim-trace-info.1").is_file());
    assert!(!out.join("sim-profile-worker.1").exists());
}
