//! Adapter: reference views and last verdicts in SQLite.

use std::collections::BTreeMap;

use base::health::Health;
use base::ids::CameraId;
use base::time::Micros;
use base::wire::{Form as _, Light};
use rusqlite::{Connection, OptionalExtension as _, Result, TransactionBehavior, params};

use super::picture::{PLACES, Reference};
use crate::alert;

/// The tables.
#[derive(Debug)]
pub struct Store {
    db: Connection,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS reference_views (
        camera TEXT NOT NULL, light TEXT NOT NULL,
        zones TEXT NOT NULL,                -- sha256 of the zones that were drawn in it
        learnt_us INTEGER NOT NULL, directions BLOB NOT NULL, detail BLOB NOT NULL,
        PRIMARY KEY (camera, light)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS health (subject TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
";

impl Store {
    /// Makes the tables where they are missing.
    ///
    /// # Errors
    /// The database cannot be used.
    pub fn new(db: Connection) -> Result<Self> {
        db.execute_batch(SCHEMA)?;
        alert::outbox::create(&db)?;
        Ok(Self { db })
    }

    /// The reference of a camera under a light, when its zones are still these.
    ///
    /// # Errors
    /// The disk fails.
    pub fn reference(&self, camera: &CameraId, light: Light, zones: &str) -> Result<Option<Reference>> {
        let sql = "SELECT directions, detail FROM reference_views WHERE camera = ?1 AND light = ?2 AND zones = ?3";
        let row = self.db.query_row(sql, params![camera.as_str(), name(light), zones], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
        });
        Ok(row.optional()?.and_then(|(directions, detail)| {
            let detail: Vec<f32> =
                detail.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            let whole = directions.len() == 2 * super::picture::WIDTH * super::picture::HEIGHT;
            let directions = directions.into_iter().map(u8::cast_signed).collect();
            (whole && detail.len() == PLACES).then_some(Reference { directions, detail })
        }))
    }

    /// Keeps a reference.
    ///
    /// # Errors
    /// The disk fails.
    pub fn keep(&self, camera: &CameraId, light: Light, zones: &str, at: Micros, reference: &Reference) -> Result<()> {
        let directions: Vec<u8> = reference.directions.iter().map(|d| d.cast_unsigned()).collect();
        let detail: Vec<u8> = reference.detail.iter().flat_map(|d| d.to_le_bytes()).collect();
        let sql = "INSERT INTO reference_views VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT DO UPDATE SET zones = ?3, learnt_us = ?4, directions = ?5, detail = ?6";
        self.db.execute(sql, params![camera.as_str(), name(light), zones, at.0, directions, detail])?;
        Ok(())
    }

    /// Forgets a camera's references.
    ///
    /// # Errors
    /// The disk fails.
    pub fn forget(&self, camera: &CameraId) -> Result<()> {
        self.db.execute("DELETE FROM reference_views WHERE camera = ?1", [camera.as_str()]).map(drop)
    }

    /// What was last said of everyone.
    ///
    /// # Errors
    /// The disk fails.
    pub fn last(&self) -> Result<BTreeMap<Option<CameraId>, Health>> {
        let mut statement = self.db.prepare("SELECT json FROM health")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>>>()?;
        let read = rows.iter().filter_map(|json| Health::from_json(json.as_bytes()).ok());
        Ok(read.map(|health| (health.camera.clone(), health)).collect())
    }

    /// Writes a verdict down, and lays it into the outbox, both or neither.
    ///
    /// # Errors
    /// The disk fails.
    pub fn say(&mut self, health: &Health) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let subject = alert::health::subject(health);
        let sql = "INSERT INTO health VALUES (?1, ?2) ON CONFLICT DO UPDATE SET json = ?2";
        transaction.execute(sql, params![subject, health.to_json()])?;
        alert::health::lay(&transaction, health)?;
        transaction.commit()
    }
}

fn name(light: Light) -> &'static str {
    match light {
        Light::Day => "day",
        Light::Infrared => "infrared",
    }
}
