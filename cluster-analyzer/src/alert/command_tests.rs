use base::time::Micros;

use super::*;
use crate::alert::text::Text;
use crate::alert::{Notice, Reason};
use crate::testkit;

fn delivery() -> Delivery {
    let at = Micros(1_000_000);
    let notice = Notice {
        id: "n1".into(),
        seq: None,
        channel: "siren".into(),
        person: None,
        people: vec!["kim".into()],
        route: "r".into(),
        reason: Reason::Opened,
        round: 0,
        since: at,
        planned_at: at,
        due_at: at,
        payload: testkit::opened_alert(at, 0).into(),
    };
    let text = Text { title: "t".into(), sentence: "RED: tiger.".into() };
    Delivery { notice, text, still: None, page_url: None }
}

fn shell(script: &str, timeout_ms: u64) -> CommandChannel {
    let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    CommandChannel::new(CommandParams { name: "siren".into(), argv, timeout: Duration::from_millis(timeout_ms) })
}

#[tokio::test]
async fn the_program_gets_the_notice_on_its_standard_input_and_no_secret_in_its_environment() {
    let dir = tempfile::tempdir().unwrap();
    let (body, env) = (dir.path().join("body"), dir.path().join("env"));
    let script = format!("cat > {}; env > {}; echo wailing", body.display(), env.display());
    let answer = shell(&script, 10_000).deliver(&delivery()).await.unwrap();
    assert_eq!(answer, "exit code 0 wailing");
    let body: serde_json::Value = serde_json::from_slice(&std::fs::read(body).unwrap()).unwrap();
    assert_eq!((&body["delivery"], &body["text"]), (&"n1".into(), &"RED: tiger.".into()));
    assert_eq!(body["alert"]["after"]["species"], "tiger");
    let env = std::fs::read_to_string(env).unwrap();
    assert!(env.contains("PATH=") && !env.contains("CARGO"), "{env}");
}

#[tokio::test]
async fn a_program_that_fails_is_no_delivery_and_what_it_said_is_kept() {
    let error = shell("echo no power >&2; exit 3", 10_000).deliver(&delivery()).await.unwrap_err();
    assert!(base::input::chain(&error).ends_with("exit code 3 no power"), "{}", base::input::chain(&error));
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed_with_all_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; wait", file.display());
    let error = shell(&script, 1_500).deliver(&delivery()).await.unwrap_err();
    assert!(base::input::chain(&error).contains("did not end within 1.5 s and was killed"));
    let pid = std::fs::read_to_string(file).unwrap();
    let stat = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // Gone, or dead and waiting for init to collect it.
    let is_gone = || stat().is_empty() || stat().contains(") Z ");
    let begun = std::time::Instant::now();
    while !is_gone() && begun.elapsed() < Duration::from_secs(5) {
        tokio::task::yield_now().await;
    }
    assert!(is_gone(), "{}", stat());
}

#[tokio::test]
async fn a_program_that_leaves_something_running_has_told_when_it_ends_itself() {
    let begun = std::time::Instant::now();
    shell("sleep 5 & exit 0", 10_000).deliver(&delivery()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4));
}
