//! Mistakes: each one sentence, exit code 2; and queries.

use std::net::TcpListener;

use crate::history;
use crate::program::{Said, trends};

fn zoo() -> (tempfile::TempDir, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let site = history::write_site(dir.path()).display().to_string();
    let lake = dir.path().join("lake");
    std::fs::create_dir(&lake).unwrap();
    let lake = lake.display().to_string();
    (dir, site, lake)
}

#[test]
fn what_was_mistyped_is_named_with_what_would_be_right() {
    let (_dir, site, lake) = zoo();
    let place = ["--lake", lake.as_str(), "--site", site.as_str()];
    let mistake = |args: &[&str]| trends(args.iter().chain(&place)).mistake();
    assert!(mistake(&["report", "activity", "--camera", "gate-4"]).contains("gate-3, plaza-1"));
    assert!(mistake(&["report", "activity", "--species", "lion"]).contains("use tiger"));
    assert!(mistake(&["report", "activity", "--since", "may"]).contains("2026-05-31"));
    assert!(mistake(&["report", "activity", "--analysis", "x@y"]).contains("was never made"));
    assert!(mistake(&["analyze", "--fps", "0"]).contains("--fps is 0"));
    assert!(mistake(&["analyze", "--workers", "0"]).contains("--workers is 0"));
    assert!(mistake(&["analyze", "--model", "models/none"]).contains("models/none"));
    assert!(mistake(&["query", "SELECT * FROM nothing"]).contains("nothing"));
    assert!(mistake(&["query", "DROP TABLE segments"]).contains("only reading is allowed"));
    let nowhere = trends(["report", "incidents", "--site", &site, "--lake", "/no/such/folder"]).mistake();
    assert!(nowhere.contains("/no/such/folder is not a folder"), "{nowhere}");
    assert!(trends(["report", "incidents", "--lake", &lake]).mistake().contains("--site"));
    assert!(trends(["query", "SELECT 1"]).mistake().contains("--bucket"));
}

#[test]
fn a_configuration_file_stands_for_flags_and_its_mistakes_are_located() {
    let (dir, _, _) = zoo();
    let config = dir.path().join("trends.toml");
    let path = config.display().to_string();
    std::fs::write(&config, "site = 'site.toml'\nlake = 'lake'\n").unwrap();
    assert!(trends(["report", "incidents", "--config", &path]).ok().contains("No incident of site 'demo'"));
    std::fs::write(&config, "site = 'site.toml'\nlakes = 'lake'\n").unwrap();
    let wrong = trends(["report", "incidents", "--config", &path]).mistake();
    assert!(wrong.contains("trends.toml:2: unknown field `lakes`"), "{wrong}");
    assert!(trends(["query", "SELECT 1", "--config", "none.toml"]).mistake().contains("none.toml cannot be read"));
}

#[test]
fn a_store_that_does_not_answer_is_an_outage() {
    // A port that was just free and that nobody listens on.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{address}");
    let store = ["--endpoint", &endpoint, "--bucket", "zoo", "--access-key", "k", "--secret-key", "s"];
    let said: Said = trends(["query", "SELECT 1"].iter().chain(&store));
    assert_eq!((said.code, said.err.lines().count()), (1, 1), "{said:?}");
    assert!(said.err.contains(&format!("{endpoint} cannot be reached")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_see_all_five_tables_and_stop_at_the_limit() {
    let (_dir, _, lake) = zoo();
    let ask = |args: &[&str]| trends(["query", "--lake", &lake].iter().chain(args)).ok();
    for table in ["segments", "observations", "coverage", "incidents", "analyses"] {
        let text = ask(&["--format", "csv", &format!("SELECT count(*) AS n FROM {table}")]);
        assert_eq!(text, "n\n0\n", "{table}");
    }
    history::write(std::path::Path::new(&lake)).await;
    let text = ask(&["--format", "csv", "SELECT camera, count(*) AS n FROM segments GROUP BY camera ORDER BY camera"]);
    assert_eq!(text, "camera,n\ngate-3,300\nplaza-1,60\n");
    let text = ask(&["--limit", "2", "SELECT ts, camera, score FROM observations ORDER BY ts, camera"]);
    assert!(text.contains("There are more than 2 rows"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&ask(&["--format", "json", "SELECT * FROM observations LIMIT 1"])).unwrap();
    assert_eq!((&json["rows"][0]["site"], &json["truncated"]), (&"demo".into(), &false.into()));
    assert_eq!(json["rows"][0]["score"], 0.6);
}
