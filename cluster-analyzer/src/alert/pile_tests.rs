use super::*;
use crate::alert::Payload;
use crate::testkit;

fn notice(subject: i64, reason: Reason, planned: i64) -> Notice {
    let payload = Payload::from(testkit::opened_alert(Micros(subject), 0));
    Notice {
        id: format!("{subject}-{}-{planned}", reason.as_str()),
        seq: Some(1),
        channel: "c".into(),
        person: None,
        people: vec![],
        route: "r".into(),
        reason,
        round: 0,
        since: Micros(planned),
        planned_at: Micros(planned),
        due_at: Micros(planned),
        payload,
    }
}

fn next(pile: &Pile, now: i64) -> Option<String> {
    pile.next(Micros(now)).map(|w| w.notice.id.clone())
}

#[test]
fn a_new_alarm_does_not_stand_behind_an_old_one_that_nobody_takes() {
    let mut pile = Pile::default();
    let old = notice(1, Reason::Opened, 10);
    pile.push(old.clone(), Micros(10));
    pile.failed(&old.id, Micros(20), 1.0);
    pile.push(notice(2, Reason::Opened, 30), Micros(30));
    assert_eq!(next(&pile, 10_000_000).as_deref(), Some("2-opened-30"), "though the old one is due again");
}

#[test]
fn an_all_clear_is_not_told_before_its_opening() {
    let mut pile = Pile::default();
    let opened = notice(1, Reason::Opened, 10);
    pile.push(opened.clone(), Micros(10));
    pile.failed(&opened.id, Micros(20), 1.0);
    assert_eq!(pile.push(notice(1, Reason::Resolved, 30), Micros(30)), []);
    assert_eq!(next(&pile, 40), None, "the opening waits for its next attempt, and the all-clear for it");
    assert_eq!(next(&pile, 10_000_000), Some(opened.id.clone()));
    pile.delivered(&opened.id);
    assert_eq!(next(&pile, 40).as_deref(), Some("1-resolved-30"));
}

#[test]
fn old_news_is_dropped_for_new_ones_but_neither_an_opening_nor_an_all_clear() {
    let mut pile = Pile::default();
    for (reason, planned) in [(Reason::Opened, 1), (Reason::Updated, 2)] {
        assert_eq!(pile.push(notice(1, reason, planned), Micros(5)), []);
    }
    let gone = pile.push(notice(1, Reason::Resolved, 3), Micros(5));
    assert_eq!(gone.iter().map(|n| n.reason).collect::<Vec<_>>(), [Reason::Updated]);
    assert_eq!(pile.len(), 2);
}

#[test]
fn what_is_held_for_the_end_of_quiet_hours_gives_way_to_what_came_since() {
    let mut pile = Pile::default();
    let held = Notice { due_at: Micros(1_000), ..notice(1, Reason::Opened, 10) };
    pile.push(held.clone(), Micros(10));
    assert_eq!((next(&pile, 999), next(&pile, 1_000)), (None, Some(held.id.clone())));
    let gone = pile.push(Notice { due_at: Micros(1_000), ..notice(1, Reason::Resolved, 20) }, Micros(20));
    assert_eq!(gone, [held]);
}

#[test]
fn acknowledging_takes_reminders_away_and_nothing_else() {
    let mut pile = Pile::default();
    let subject = notice(1, Reason::Opened, 1).payload.subject();
    pile.push(notice(1, Reason::Opened, 1), Micros(5));
    pile.push(notice(1, Reason::Escalated, 2), Micros(5));
    pile.push(notice(1, Reason::Repeat, 3), Micros(5));
    assert_eq!(pile.calm(&subject).len(), 2);
    assert_eq!(next(&pile, 5).as_deref(), Some("1-opened-1"));
}

#[test]
fn waits_grow_to_half_a_minute_and_a_delivery_makes_the_rest_due_at_once() {
    let mut pile = Pile::default();
    let (a, b) = (notice(1, Reason::Opened, 1), notice(2, Reason::Opened, 2));
    pile.push(a.clone(), Micros(5));
    pile.push(b.clone(), Micros(5));
    let mut now = Micros(5);
    for _ in 0..12 {
        pile.failed(&a.id, now, 1.0);
        now = now.plus_us(1);
    }
    let wait_us = pile.waiting[0].next_try.since(now);
    assert!((29_000_000..=30_000_000).contains(&wait_us), "{wait_us}");
    pile.delivered(&b.id);
    assert_eq!(next(&pile, now.0), Some(a.id.clone()));
    assert_eq!(pile.too_old(now), []);
    assert_eq!(pile.too_old(now.plus_us(GIVE_UP_AFTER_US + 10)), [a]);
}
