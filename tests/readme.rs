//! The commands of the documentation print what it says.

use assert_cmd::Command;

#[test]
fn the_first_command_prints_what_the_readme_shows() {
    let root = env!("CARGO_MANIFEST_DIR");
    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    assert!(readme.contains("$ cargo run --release -- run scenarios/twitter.toml\n"));
    let out = tempfile::tempdir().unwrap();
    let run = Command::cargo_bin("sim")
        .unwrap()
        .current_dir(root)
        .args(["run", "scenarios/twitter.toml", "--quiet", "--out"])
        .arg(out.path())
        .assert()
        .success();
    let printed = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert!(readme.contains(&printed), "the README shows something else than:\n{printed}");
    for file in ["summary.json", "hours.csv", "index.html", "charts/latency-cdf.svg"] {
        assert!(out.path().join(file).is_file(), "{file} is missing");
    }
    let gallery = |name: &str| std::fs::read_to_string(format!("{root}/output/gallery/{name}")).unwrap();
    for name in ["latency-cdf.svg", "over-time.svg"] {
        let fresh = std::fs::read_to_string(out.path().join("charts").join(name)).unwrap();
        assert_eq!(gallery(name), fresh, "output/gallery/{name} is not what the command draws");
    }
}

#[test]
fn two_results_differ_as_the_documentation_shows() {
    let root = env!("CARGO_MANIFEST_DIR");
    let page = std::fs::read_to_string(format!("{root}/docs/results.md")).unwrap();
    let block = page.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    let place = tempfile::tempdir().unwrap();
    let mut printed = String::new();
    for command in block.lines().filter_map(|line| line.strip_prefix("$ sim ")) {
        let scenario = format!("{root}/scenarios/");
        let words = command.split(' ').map(|word| word.replace("scenarios/", &scenario));
        let run = Command::cargo_bin("sim").unwrap().current_dir(place.path()).args(words).assert().success();
        printed = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    }
    assert!(block.ends_with(&printed), "docs/results.md shows something else than:\n{printed}");
}
