use super::*;
use crate::testkit;

fn rules() -> Rules {
    let hours = |text: &str| Hours::parse(text).unwrap();
    let person = |name: &str, on_call: &[&str]| Person {
        name: name.into(),
        email: (name != "lee").then(|| format!("{name}@zoo.example")),
        ntfy_topic: None,
        on_call: on_call.iter().map(|text| hours(text)).collect(),
    };
    let channel = |name: &str, kind, own| ChannelInfo { name: name.into(), kind, has_own_recipients: own };
    Rules {
        timezone: TimeZone::get("Europe/Berlin").unwrap(),
        channels: vec![channel("mail", "email", false), channel("siren", "command", true)],
        routes: vec![],
        people: vec![
            person("kim", &["mon-fri 08:00-18:00"]),
            person("lee", &["22:00-06:00"]),
            person("sam", &["sat,sun"]),
        ],
        quiet_hours: vec![hours("22:00-06:00")],
        quiet_for: vec!["yellow".into()],
    }
}

fn route(people: &[&str]) -> Route {
    Route {
        name: "r".into(),
        channels: vec!["mail".into(), "siren".into()],
        people: people.iter().map(|p| (*p).to_owned()).collect(),
        events: vec![EventType::Opened],
        danger: vec![],
        tier: vec![],
        zone_kind: vec![],
        zone: vec![],
        camera: vec![],
        species: vec![],
        drill: None,
        hours: vec![],
        repeat_every_us: None,
        escalate_after_us: None,
        escalate_to: None,
    }
}

/// On the zoo's clocks.
fn at(text: &str) -> Micros {
    let local: DateTime = text.parse().unwrap();
    let zoned = local.in_tz("Europe/Berlin").unwrap();
    Micros(zoned.timestamp().as_microsecond())
}

fn incident(danger: Option<&str>) -> Incident {
    Incident { danger: danger.map(str::to_owned), ..testkit::incident(Micros(1)) }
}

#[test]
fn hours_run_over_midnight_and_belong_to_the_day_on_which_they_begin() {
    let hours = Hours::parse("fri 22:00-06:00").unwrap();
    // 2026-11-27 is a Friday.
    for (when, inside) in [
        ("2026-11-27T21:59", false),
        ("2026-11-27T22:00", true),
        ("2026-11-28T05:59", true),
        ("2026-11-28T06:00", false),
        ("2026-11-28T22:30", false),
        ("2026-11-27T05:00", false),
    ] {
        assert_eq!(hours.contains(when.parse().unwrap()), inside, "{when}");
    }
    let whole_day = Hours::parse("sat-mon").unwrap();
    assert!(whole_day.contains("2026-11-30T23:59".parse().unwrap()));
    assert!(!whole_day.contains("2026-12-01T00:00".parse().unwrap()));
}

#[test]
fn what_are_no_hours_is_said() {
    for text in
        ["", "08:00", "8-18", "mon 25:00-26:00", "mon-xyz", "mon 08:00-18:00 extra", "08:0a-09:00", "24:00-08:00"]
    {
        assert!(Hours::parse(text).unwrap_err().contains("are no hours"), "{text}");
    }
}

#[test]
fn quiet_hours_hold_yellow_until_they_end_and_never_red_or_what_nobody_knows() {
    let rules = rules();
    let night = at("2026-11-27T23:30");
    assert_eq!(rules.due_at(&incident(Some("yellow")), night), at("2026-11-28T06:00"));
    assert_eq!(rules.due_at(&incident(Some("yellow")), at("2026-11-28T03:00")), at("2026-11-28T06:00"));
    let day = at("2026-11-27T12:00");
    assert_eq!(rules.due_at(&incident(Some("yellow")), day), day);
    for danger in [Some("red"), Some("blue"), None] {
        assert_eq!(rules.due_at(&incident(danger), night), night);
    }
    // Even a list that was put together wrongly does not silence red.
    let rules = Rules { quiet_for: vec!["red".into()], ..rules };
    assert_eq!(rules.due_at(&incident(Some("red")), night), night);
}

#[test]
fn quiet_hours_that_meet_end_where_the_last_one_ends_and_the_clocks_may_change_meanwhile() {
    let mut rules = rules();
    rules.quiet_hours.push(Hours::parse("sat,sun 05:00-09:00").unwrap());
    assert_eq!(rules.due_at(&incident(Some("yellow")), at("2026-11-27T23:30")), at("2026-11-28T09:00"));
    // In the night to 2026-03-29 an hour is missing: 22:00 to 09:00 are ten hours.
    let (begin, end) = (at("2026-03-28T22:00"), rules.due_at(&incident(Some("yellow")), at("2026-03-28T22:00")));
    assert_eq!(end.since(begin), 10 * 3_600_000_000);
}

#[test]
fn those_on_call_are_told_and_everybody_where_nobody_is() {
    let rules = rules();
    let names = |people: &[&str], when| -> Vec<String> {
        rules.on_call(&route(people), at(when)).iter().map(|p| p.name.clone()).collect()
    };
    assert_eq!(names(&["kim", "sam"], "2026-11-27T09:00"), ["kim"]);
    assert_eq!(names(&["kim", "sam"], "2026-11-28T09:00"), ["sam"]);
    assert_eq!(names(&["kim", "sam"], "2026-11-27T20:00"), ["kim", "sam"]);
    assert_eq!(names(&[], "2026-11-27T20:00"), Vec::<String>::new());
}

#[test]
fn a_person_without_an_address_on_a_channel_does_not_leave_it_silent() {
    let rules = rules();
    // Lee alone is on call, and has no e-mail: the others get it.
    let targets = rules.targets(&route(&["kim", "lee"]), at("2026-11-27T23:00"));
    assert_eq!(targets, [("mail".to_owned(), Some("kim".to_owned())), ("siren".to_owned(), None)]);
}

#[test]
fn a_route_asks_for_danger_zone_kind_camera_drill_and_hours() {
    let site = testkit::site();
    let day: DateTime = "2026-11-27T12:00".parse().unwrap();
    let payload = Payload::from(testkit::opened_alert(Micros(1), 0));
    let fits = |route: Route| route.fits(&site, &payload, day);
    assert!(fits(route(&[])));
    let is = |text: &str| vec![text.to_owned()];
    assert!(fits(Route { danger: is("red"), zone_kind: vec![ZoneKind::Public], ..route(&[]) }));
    assert!(!fits(Route { danger: is("yellow"), ..route(&[]) }));
    assert!(!fits(Route { zone_kind: vec![ZoneKind::Service], ..route(&[]) }));
    assert!(!fits(Route { camera: vec![testkit::camera("plaza")], ..route(&[]) }));
    assert!(!fits(Route { drill: Some(true), ..route(&[]) }));
    assert!(fits(Route { drill: Some(false), ..route(&[]) }));
    assert!(!fits(Route { hours: vec![Hours::parse("22:00-06:00").unwrap()], ..route(&[]) }));
    // A danger that nobody knows may be any.
    let mut unknown = testkit::opened_alert(Micros(1), 0);
    unknown.after.danger = None;
    assert!(Route { danger: is("red"), ..route(&[]) }.fits(&site, &unknown.into(), day));
}
