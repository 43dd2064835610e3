//! Adapter: `state.db`, where incidents and their alerts are written in one transaction, so that none is there
//! without the other.

use std::path::Path;
use std::time::Duration;

use base::ids::IncidentId;
use base::incident::{Alert, Incident};
use base::time::Micros;
use bytes::Bytes;
use rusqlite::{Connection, Result, TransactionBehavior};

use crate::alert::{Payload, Queued, home_assistant, outbox, retained};
use crate::incident::evidence::Kept;
use crate::incident::store;

/// Opens `state.db` for one part of the service, as every part does: write-ahead log, each commit on disk.
///
/// # Errors
/// It cannot be opened or written.
pub fn open(path: &Path) -> Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(Duration::from_secs(10))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(db)
}

/// Incidents and alerts.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
}

/// What is written together.
#[derive(Debug, Default)]
pub struct Entry {
    /// Incidents, new or changed.
    pub incidents: Vec<Incident>,
    /// Alerts of them.
    pub alerts: Vec<Alert>,
    /// The pictures that decided those which were opened.
    pub stills: Vec<(IncidentId, Bytes)>,
    /// What further pictures said.
    pub evidence: Vec<Kept>,
}

impl Ledger {
    /// Opens `state.db` and makes its tables.
    ///
    /// # Errors
    /// It cannot be opened or written.
    pub fn open(path: &Path) -> Result<Self> {
        let db = open(path)?;
        store::create(&db)?;
        outbox::create(&db)?;
        home_assistant::tell::create(&db)?;
        retained::create(&db)?;
        Ok(Self { db })
    }

    /// Writes all of `entry` or nothing, and returns its alerts with their numbers.
    ///
    /// # Errors
    /// The disk is full or failing.
    pub fn commit(&mut self, entry: &Entry) -> Result<Vec<Queued>> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for incident in &entry.incidents {
            store::put(&transaction, incident)?;
        }
        for (id, jpeg) in &entry.stills {
            store::put_still(&transaction, id, jpeg)?;
        }
        for kept in &entry.evidence {
            store::put_evidence(&transaction, kept)?;
        }
        let queue = |alert: &Alert| {
            let payload = Payload::from(alert.clone());
            Ok(Queued { seq: Some(outbox::put(&transaction, &payload)?), payload })
        };
        let queued = entry.alerts.iter().map(queue).collect::<Result<Vec<_>>>()?;
        transaction.commit()?;
        Ok(queued)
    }

    /// One incident.
    ///
    /// # Errors
    /// The disk fails.
    pub fn get(&self, id: &IncidentId) -> Result<Option<Incident>> {
        store::get(&self.db, id)
    }

    /// Incidents that were opened since then, resolved or not, newest first.
    ///
    /// # Errors
    /// The disk fails.
    pub fn opened_since(&self, since: Micros) -> Result<Vec<Incident>> {
        store::list(&self.db, None, Some(since), 1000)
    }

    /// Incidents that are not resolved.
    ///
    /// # Errors
    /// The disk fails.
    pub fn unresolved(&self) -> Result<Vec<Incident>> {
        store::unresolved(&self.db)
    }
}

#[cfg(test)]
mod tests {
    use base::geometry::Rect;
    use base::ids::{CameraId, SiteId};
    use base::incident::{AlertType, IncidentState, Tier};
    use base::wire::VERSION;

    use super::*;

    fn incident(at: i64, state: IncidentState) -> Incident {
        Incident {
            v: VERSION,
            id: IncidentId::derived(Micros(at), 1),
            site: SiteId::new("demo").unwrap(),
            tier: Tier::Escape,
            state,
            opened_at: Micros(at),
            updated_at: Micros(at),
            camera: CameraId::new("a").unwrap(),
            zone: None,
            rect: Rect::FULL,
            label: "dog".into(),
            species: None,
            danger: None,
            confidence: 0.9,
            heading: None,
            reason: Default::default(),
            whereabouts: Default::default(),
            sightings: vec![],
            next: vec![],
            acknowledged: None,
            resolved: None,
            notes: vec![],
            drill: false,
            late_by_us: None,
        }
    }

    fn alert(after: Incident) -> Alert {
        Alert { v: VERSION, kind: AlertType::Opened, at: Micros(9), latency_us: 4, before: None, after }
    }

    #[test]
    fn an_alert_is_undelivered_across_a_restart_until_its_delivery_is_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let open_incident = incident(5, IncidentState::Open);
        let entry = Entry {
            incidents: vec![open_incident.clone(), incident(3, IncidentState::Resolved)],
            alerts: vec![alert(open_incident.clone())],
            stills: vec![(open_incident.id.clone(), Bytes::from_static(b"jpeg"))],
            evidence: vec![],
        };
        let queued = Ledger::open(&path).unwrap().commit(&entry).unwrap();

        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.unresolved().unwrap(), vec![open_incident.clone()]);
        let mut db = open(&path).unwrap();
        assert_eq!(outbox::undelivered(&db, "mqtt").unwrap(), queued);
        let seq = queued[0].seq.unwrap();
        let outcome = |at, answer| outbox::Outcome { started: Micros(9), at: Micros(at), latency_us: 5, answer };
        outbox::record(&mut db, seq, "mqtt", None, &outcome(10, Err("offline"))).unwrap();
        assert_eq!(outbox::undelivered(&db, "mqtt").unwrap().len(), 1);
        outbox::record(&mut db, seq, "mqtt", None, &outcome(11, Ok("taken"))).unwrap();
        assert!(outbox::undelivered(&db, "mqtt").unwrap().is_empty());
        let attempts = outbox::attempts(&db, &open_incident.id).unwrap();
        assert_eq!(attempts.iter().map(|a| a.error.as_deref()).collect::<Vec<_>>(), [Some("offline"), None]);
        assert_eq!(store::still(&db, &open_incident.id).unwrap().as_deref(), Some(&b"jpeg"[..]));
    }

    #[test]
    fn the_list_is_newest_first_and_filtered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let incidents = vec![
            incident(1, IncidentState::Resolved),
            incident(2, IncidentState::Open),
            incident(3, IncidentState::Open),
        ];
        Ledger::open(&path).unwrap().commit(&Entry { incidents, ..Entry::default() }).unwrap();
        let db = open(&path).unwrap();
        let opened = |state, since| -> Vec<i64> {
            store::list(&db, state, since, 10).unwrap().iter().map(|i| i.opened_at.0).collect()
        };
        assert_eq!(opened(None, None), [3, 2, 1]);
        assert_eq!(opened(Some(IncidentState::Open), None), [3, 2]);
        assert_eq!(opened(None, Some(Micros(3))), [3]);
    }
}
