//! The page of a run and of a sweep, as a user makes them: what `harrow report` takes and refuses, what `--out` leaves,
//! and, where there is a browser, that the page draws.

use std::fs;
use std::path::Path;
use std::process::Command;

use harrow_broker_model::defect::Defect;
use harrow_reports::report::REPORT_SCHEMA;
use serde_json::Value;
use tempfile::TempDir;

/// KIP-101, on the seed at which the catalogue of defects shows it.
fn story() -> String {
    let defect = Defect::from_name("truncate-to-hw").expect("it is known");
    let shown_by = defect.entry().shown_by();
    let run = shown_by.strip_prefix("run ").expect("a run shows it");
    format!("report {run} --out story.html")
}

/// What the page draws.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once(r#"id="data">"#).expect("it has data");
    let (json, _) = rest.split_once("</script>").expect("they end");
    serde_json::from_str(json).expect("they are JSON")
}

struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

fn harrow(directory: &Path, command: &str) -> Said {
    let mut harrow = Command::new(assert_cmd::cargo::cargo_bin!("harrow"));
    harrow.current_dir(directory).args(command.split(' ')).env_remove("RUST_LOG");
    let output = harrow.output().expect("the binary starts");
    Said {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8(output.stdout).expect("stdout is text"),
        stderr: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

/// A page as it is read: the template's engine writes a slash as its number.
fn page(path: &Path) -> String {
    fs::read_to_string(path).expect("the page is there").replace("&#x2f;", "/")
}

#[test]
fn a_scenario_with_a_seed_has_a_story() {
    let directory = directory();
    let said = harrow(directory.path(), &story());
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert_eq!(said.stdout, "violated with truncate-to-hw: the story is in ./story.html\n");
    let page = page(&directory.path().join("story.html"));
    for told in [
        "committed-truncation",
        "harrow shrink quick-failover",
        "harrow explain durability",
        "KIP-101",
    ] {
        assert!(page.contains(told), "it does not tell {told}");
    }
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn what_a_run_leaves_has_its_page_and_makes_it_again() {
    let directory = directory();
    let path = directory.path();
    assert_eq!(harrow(path, "run calm --seed 1 --out left").code, 0);
    let first = page(&path.join("left/report.html"));
    assert!(first.contains("Every guarantee held"), "a held run has a page, too");
    assert!(first.len() < 2_000_000, "{} bytes", first.len());
    fs::remove_file(path.join("left/report.html")).expect("it goes");
    let said = harrow(path, "report left");
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert_eq!(page(&path.join("left/report.html")), first, "the same bytes");
    assert_eq!(harrow(path, "report left/plan.json --out of-plan.html").code, 0);
    assert!(page(&path.join("of-plan.html")).contains("harrow replay left/plan.json"));
}

#[test]
fn what_no_page_can_be_made_of_is_refused() {
    let directory = directory();
    let path = directory.path();
    assert_eq!(harrow(path, "run calm --seed 1 --out left").code, 0);
    let report = page(&path.join("left/report.json"));
    let broken = |name: &str, text: Option<String>| {
        fs::create_dir_all(path.join(name)).expect("it is made");
        fs::copy(path.join("left/plan.json"), path.join(name).join("plan.json"))
            .expect("it is copied");
        if let Some(text) = text {
            fs::write(path.join(name).join("report.json"), text).expect("it is written");
        }
    };
    broken("without", None);
    broken(
        "newer",
        Some(report.replacen(&format!("\"schema\":{REPORT_SCHEMA}"), "\"schema\":99", 1)),
    );
    let (before, after) = report.split_once("\"digest\":\"").expect("it has one");
    let other = if after.starts_with('0') { '1' } else { '0' };
    broken("other", Some(format!("{before}\"digest\":\"{other}{}", &after[1..])));
    broken("torn", Some(report[..report.len() / 2].to_owned()));
    fs::create_dir(path.join("empty")).expect("it is made");
    fs::create_dir(path.join("taken.html")).expect("it is made");
    let table = [
        ("report empty", "empty/plan.json: there is no such file"),
        ("report without", "without/report.json: there is no such file"),
        ("report newer", "it has schema 99, this harrow reads"),
        ("report other", "is not the same here"),
        ("report torn", "failed to read the report torn/report.json"),
        ("report calm", "there is no seed"),
        ("report runs/7", "there is no runs/7"),
        ("report nothing --seed 1", "there is no scenario `nothing`"),
        ("report left --seed 1", "a plan has its seed"),
        ("report left --hold acks=all", "a directory has been judged already"),
        ("report left --out taken.html", "taken.html is no name of a file"),
        ("report left --out left/plan.json/x.html", "failed to write to left/plan.json"),
    ];
    for (command, why) in table {
        let said = harrow(path, command);
        assert_eq!(said.code, 2, "{command}: {}{}", said.stdout, said.stderr);
        let told: String =
            said.stderr.split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
        assert!(told.contains(why), "{command}: {}", said.stderr);
    }
}

#[test]
fn a_sweep_leaves_an_index_that_links_to_the_stories() {
    let directory = directory();
    let path = directory.path();
    let said = harrow(path, "sweep lost-response calm --seeds 1..2 --defect no-dedup --out failed");
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let index = page(&path.join("failed/index.html"));
    for told in [
        "lost-response",
        "calm",
        "Failures, by what they have in common",
        "Longest runs",
        "Faults, by kind",
        "<td>drop-responses</td>",
        "calm: seeds by outcome",
        "<tr><td>held</td><td class=\"number\">2</td><td>1, 2</td></tr>",
    ] {
        assert!(index.contains(told), "it does not tell {told}");
    }
    let links: Vec<&str> =
        index.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let stories: Vec<&&str> = links.iter().filter(|link| link.ends_with("report.html")).collect();
    assert!(!stories.is_empty(), "{links:?}");
    for story in stories {
        assert!(path.join("failed").join(story).is_file(), "{story}");
    }
    let again = harrow(
        path,
        "sweep lost-response calm --seeds 1..2 --defect no-dedup --out again --jobs 1",
    );
    assert_eq!(again.code, 1, "{}", again.stderr);
    assert_eq!(page(&path.join("again/index.html")), index, "two sweeps leave the same bytes");
}

/// Debian's browser, and what others call theirs.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The document as it stands after the page's script has run, if there is a browser.
fn dumped(page: &Path, link: &str) -> Option<String> {
    let address = format!("file://{}{link}", page.display());
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=3000",
        "--allow-file-access-from-files",
        "--dump-dom",
        &address,
    ];
    let output =
        BROWSERS.iter().find_map(|name| Command::new(name).args(arguments).output().ok())?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the browser fails: {complaint}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_browser_draws_the_page_and_goes_where_a_link_says() {
    let directory = directory();
    let path = directory.path();
    assert_eq!(harrow(path, &story()).code, 0);
    let page = path.join("story.html");
    let Some(opened) = dumped(&page, "") else {
        eprintln!("skipped: no browser is installed");
        return;
    };
    assert!(
        !opened.contains("data-drawn=\"0\"") && opened.contains("data-drawn=\""),
        "nothing was drawn"
    );
    let found =
        data(&fs::read_to_string(&page).expect("it is there"))["findings"][0]["at"].as_u64();
    let found = found.expect("the finding has its moment");
    let shown = format!("id=\"state-at\">{}.{:06}s<", found / 1_000_000, found % 1_000_000);
    assert!(opened.contains(&shown), "it opens at the finding: {shown}");
    assert!(opened.contains("class=\"time\""), "times lead to their moments");
    assert!(
        opened.matches("role=\"option\"").count() < 60,
        "only rows that are seen are in the document"
    );
    let linked = dumped(&page, "#t=3.585s&node=3&from=3s&to=4s").expect("there is a browser");
    assert!(linked.contains("id=\"state-at\">3.585000s<"), "the link names a moment");
    assert!(linked.contains("3.000s to 4.000s"), "and a window");
    let beyond = dumped(&page, "#t=99999s").expect("there is a browser");
    assert!(beyond.contains("there is no 99999.000000s"), "what is not there is said");
}

/// Shows a page as wide as a small phone, and says how wide what is in it is.
const NARROW: &str = r#"<!doctype html><body>
<iframe src="story.html" width="320" height="600" style="border:0"></iframe>
<script>
document.querySelector("iframe").addEventListener("load", (event) => {
  const page = event.target.contentDocument;
  const wide = () => {
    const { scrollWidth, clientWidth } = page.documentElement;
    document.body.dataset.beyond = scrollWidth - clientWidth;
  };
  setTimeout(wide, 1000);
});
</script>"#;

#[test]
fn a_small_screen_shows_the_page_without_scrolling_sideways() {
    let directory = directory();
    let path = directory.path();
    assert_eq!(harrow(path, &story()).code, 0);
    fs::write(path.join("narrow.html"), NARROW).expect("it takes files");
    let Some(shown) = dumped(&path.join("narrow.html"), "") else {
        eprintln!("skipped: no browser is installed");
        return;
    };
    let head: String = shown.chars().take(200).collect();
    assert!(shown.contains("data-beyond=\"0\""), "{head}");
}

#[test]
fn pictures_are_small_and_the_page_is_measured_while_it_scrolls() {
    let directory = directory();
    let path = directory.path();
    assert_eq!(harrow(path, &story()).code, 0);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/pictures/take.mjs");
    let mut node = Command::new("node");
    let Ok(output) = node.current_dir(path).arg(script).args(["story.html", "."]).output() else {
        eprintln!("skipped: no node is installed");
        return;
    };
    let wrong = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) {
        eprintln!("{wrong}");
        return;
    }
    assert!(output.status.success(), "{wrong}");
    let measured: Value = serde_json::from_slice(&output.stdout).expect("a line of JSON");
    assert!(measured["first_paint_ms"].as_u64().is_some_and(|ms| ms > 0), "{measured}");
    assert!(measured["frames_per_second"].as_u64().is_some_and(|rate| rate > 0), "{measured}");
    assert!(measured["rows_in_document"].as_u64().is_some_and(|rows| rows < 60), "{measured}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/pictures");
    for entry in fs::read_dir(folder).expect("it is there") {
        let kept = entry.expect("it can be read").path();
        let name = kept.file_name().expect("a name");
        if kept.extension().is_some_and(|kind| kind == "png") {
            assert!(path.join(name).is_file(), "the script takes {name:?}");
            let size = fs::metadata(&kept).expect("it is there").len();
            assert!(size < 150_000, "{name:?} has {size} bytes");
        }
    }
}
