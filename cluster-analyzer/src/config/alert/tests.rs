use std::path::Path;

use super::super::{Config, ConfigError, RunFlags, parse};
use super::*;
use crate::alert::rules::EventType;
use crate::testkit;

const HEAD: &str = "site = 's'\ndata_dir = 'd'\n";

fn load(text: &str) -> Result<Alerts, ConfigError> {
    let path = Path::new("analyzer.toml");
    let text = format!("{HEAD}{text}");
    let file = parse(&text, path)?;
    Config::of(file, &text, Some(path), &RunFlags::default()).map(|c| c.alerts)
}

fn fault_of(text: &str) -> String {
    load(text).map(|a| format!("accepted: {a:?}")).unwrap_or_else(|e| e.to_string())
}

const HOOK: &str = "[[alert.channel]]\nname = 'hook'\nkind = 'webhook'\nurl = 'https://zoo.example/x'\n";

#[test]
fn each_mistake_names_the_file_and_the_line_and_what_would_be_right() {
    let route = "[[alert.route]]\nname = 'r'\nchannels = ['hook']\n";
    let cases = [
        ("[[alert.channel]]\nname = 'a'\nkind = 'fax'\n".to_owned(), 5, "use webhook, ntfy, email or command"),
        ("[[alert.channel]]\nname = 'a'\nkind = 'webhook'\n".to_owned(), 4, "needs the key `url`"),
        (HOOK.replace("https", "ftp"), 6, "must begin with http:// or https://"),
        (HOOK.replace("zoo.example", "u:p@zoo.example"), 6, "must not hold a password"),
        (format!("{HOOK}topic = 'x'\n"), 7, "`topic` means nothing to a channel of kind webhook"),
        (format!("{HOOK}secret_file = '/nowhere/key'\n"), 7, "/nowhere/key cannot be read"),
        (format!("{HOOK}secret_env = 'PADDOCK_TEST_UNSET'\n"), 7, "there is no variable PADDOCK_TEST_UNSET"),
        (format!("{HOOK}{HOOK}"), 8, "is there twice"),
        (format!("{HOOK}timeout_s = 0\n"), 7, "between 1 and 60"),
        (format!("{HOOK}[[alert.route]]\nname = 'r'\nchannels = ['hok']\n"), 9, "there is no channel 'hok'"),
        (format!("{HOOK}{route}event = ['open']\n"), 10, "use opened, updated"),
        (format!("{HOOK}{route}hours = ['8-18']\n"), 10, "are no hours"),
        (format!("{HOOK}{route}people = ['kim']\n"), 10, "there is no person 'kim'"),
        (format!("{HOOK}{route}escalate_after_s = 60\n"), 10, "needs `escalate_to`"),
        (format!("{HOOK}{route}escalate_after_s = 60\nescalate_to = 'r'\n"), 11, "cannot escalate to itself"),
        ("[alert]\nquiet_for = ['yellow', 'red']\n".to_owned(), 4, "never silence red"),
        ("[alert]\nquiet_hour = []\n".to_owned(), 4, "unknown field `quiet_hour`"),
        ("[[alert.channel]]\nname = 'a'\nkind = 'command'\nargv = ['siren']\n".to_owned(), 6, "whole path"),
        (
            "[[alert.channel]]\nname = 'a'\nkind = 'command'\nargv = ['/no/siren']\n".to_owned(),
            6,
            "no program /no/siren",
        ),
        (
            "[[alert.channel]]\nname='m'\nkind='email'\nhost='h'\nfrom='a@b.c'\nsecurity='none'\nusername='u'\n\
             password_env='PATH'\n"
                .to_owned(),
            9,
            "must not be sent in the open",
        ),
        (
            "[[alert.channel]]\nname='p'\nkind='ntfy'\nurl='https://n.example'\n[[alert.route]]\nname='r'\n\
             channels=['p']\n"
                .to_owned(),
            9,
            "nobody would hear this",
        ),
    ];
    for (text, line, why) in cases {
        let said = fault_of(&text);
        assert!(said.starts_with(&format!("analyzer.toml:{line}: ")), "{text}\ngave {said}");
        assert!(said.contains(why), "{text}\ngave {said}");
    }
}

#[test]
fn a_channel_that_no_route_names_is_a_mistake_and_without_routes_all_get_what_counts() {
    let second = HOOK.replace("'hook'", "'other'");
    let route = "[[alert.route]]\nname = 'r'\nchannels = ['hook']\n";
    assert!(fault_of(&format!("{HOOK}{second}{route}")).contains("channel 'other' is named by no route"));
    let alerts = load(&format!("{HOOK}{second}")).unwrap();
    assert_eq!(alerts.routes[0].channels, ["hook", "other"]);
    assert_eq!(alerts.routes[0].events, [EventType::Opened, EventType::Resolved, EventType::Health]);
    assert_eq!(alerts.routes[0].repeat_every_us, Some(120_000_000));
}

#[test]
fn what_a_route_says_of_the_site_is_checked_against_it() {
    let text = format!("{HOOK}[[alert.route]]\nname = 'r'\nchannels = ['hook']\nzone = ['path']\ncamera = ['gat']\n");
    let said = load(&text).unwrap().check(&testkit::site()).unwrap_err().to_string();
    assert!(said.starts_with("analyzer.toml:11: the site file has no camera 'gat'"), "{said}");
    load(&text.replace("'gat'", "'gate'")).unwrap().check(&testkit::site()).unwrap();
    let said = load(&text.replace("camera = ['gat']", "danger = ['rot']")).unwrap().check(&testkit::site());
    assert!(said.unwrap_err().to_string().contains("danger 'rot'"));
}

#[test]
fn a_secret_is_read_from_its_file_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, "hunter2\n").unwrap();
    let alerts = load(&format!("{HOOK}secret_file = '{}'\n", key.display())).unwrap();
    let ChannelSpec::Webhook(params) = &alerts.channels[0] else { panic!("{:?}", alerts.channels) };
    assert_eq!(params.secret.as_ref().unwrap().reveal(), "hunter2");
    let shown = format!("{alerts:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("zoo.example/x"), "{shown}");
}
