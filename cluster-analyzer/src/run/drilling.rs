//! Drills: the thread that holds them, and how it is reached.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use base::ids::CameraId;
use base::input::chain;
use base::topic::Topic;
use base::wire::{Control, Form as _};
use tokio::sync::mpsc;

use super::{Parts, RunError, thread};
use crate::drill::inject::Injector;
use crate::drill::master::{Master, Reports, Tell};
use crate::drill::sprite::Sprite;
use crate::health;
use crate::http::{Commanded, Drills};
use crate::incident::IdSource;
use crate::ingest::mqtt::Link;
use crate::judge::store::Views;
use crate::ledger::{self, Ledger};
use crate::pipeline::{Fresh, Pipeline};
use crate::view::View;

/// An agent is told within this time or not at all.
const TELL_WITHIN: Duration = Duration::from_secs(2);

impl Parts {
    /// Makes pipelines apart from live work.
    pub(super) fn fresh(&self, card: &Arc<vision::ModelCard>) -> Arc<Fresh> {
        let (site, card, judge) = (Arc::clone(&self.site), Arc::clone(card), self.config.judge.clone());
        let state_db = self.state_db();
        Arc::new(move || {
            let mut pipeline = Pipeline::new(Arc::clone(&site), Arc::clone(&card), judge.clone(), IdSource::Random);
            // A statue is a statue here, too.
            match Views::open(&state_db).and_then(|views| views.load()) {
                Ok(views) => pipeline.remember(views),
                Err(error) => tracing::warn!("what cameras know of their views cannot be read: {}", chain(&error)),
            }
            pipeline
        })
    }

    /// The thread that holds drills.
    pub(super) fn drills(
        &self,
        view: &Arc<View>,
        link: &Link,
        commands: &mpsc::Sender<Commanded>,
        watch: &health::Handle,
    ) -> Result<(Drills, JoinHandle<()>), RunError> {
        let failed = |source| self.state_db_error(source);
        let config = &self.config.drill;
        let sprite = Sprite::load(config.sprite.as_deref().map(|path| (path, config.sprite_faces_right)));
        if let Err(why) = &sprite
            && (config.every_h.is_some() || config.at.is_some())
        {
            tracing::error!("drills will fail: {why}");
        }
        let (injector, reports) = (Arc::new(Injector::default()), Arc::new(Reports::default()));
        let master = Master {
            params: config.params(),
            sprite,
            site: Arc::clone(&self.site),
            view: Arc::clone(view),
            injector: Arc::clone(&injector),
            tell: tell(link.clone()),
            ledger: Ledger::open(&self.state_db()).map_err(failed)?,
            db: ledger::open(&self.state_db()).map_err(failed)?,
            commands: commands.clone(),
            health: watch.clone(),
            reports: Arc::clone(&reports),
            metrics: self.metrics(),
            clock: self.clock(),
        };
        let (asks, asked) = std::sync::mpsc::sync_channel(4);
        Ok((Drills { asks, reports, injector }, thread("drills", move || master.run(asked))?))
    }
}

fn tell(link: Link) -> Box<Tell> {
    let runtime = tokio::runtime::Handle::current();
    Box::new(move |camera: &CameraId, control: Control| {
        let topic = Topic::Control(camera.clone());
        let told =
            async { tokio::time::timeout(TELL_WITHIN, link.publish(&topic, control.to_json(), false, None)).await };
        matches!(runtime.block_on(told), Ok(Ok(())))
    })
}
