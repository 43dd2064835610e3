//! Wires the agent up. Only here are adapters named, tasks and threads begun, channels made, and the clock read.

pub mod pipeline;
pub mod streams;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::stop::Stop;
use base::time::{Clock as _, SystemClock};
use base::topic::Topic;
use base::wire::{CameraStatus, Form as _};
use media::MediaError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::capture::{self, Capture};
use crate::config::Config;
use crate::host;
use crate::publish::footage::Sender;
use crate::publish::mailbox::Mailbox;
use crate::publish::mqtt::{Link, LinkOptions, Pump, link};
use crate::publish::urgent::Urgent;
use crate::spool::worker::{Access, View, worker};
use crate::spool::{Spool, SpoolError};
use crate::status::{Board, Moment};
use crate::systemd;
use gate::Background;
use pipeline::{Ends, Pipeline};

/// A status at least this often.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// And not more often than this.
const STATUS_GAP: Duration = Duration::from_millis(200);
/// How long a stop waits for the last segment to be cut and kept.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(8);
/// And then for acknowledgements.
const ACK_GRACE: Duration = Duration::from_secs(3);
/// And then for the farewell.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why an agent cannot run at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file that was named cannot be played.
    #[error(transparent)]
    Source(#[from] MediaError),
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The system gives no thread.
    #[error("a thread cannot be begun")]
    Thread(#[from] std::io::Error),
}

impl RunError {
    /// Whether a person has to put something right.
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::Source(_) | Self::Spool(_))
    }
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was asked to stop.
    Stopped,
    /// A thread of ours died; what was kept is kept.
    Died,
    /// The source ended and all its footage was acknowledged.
    Delivered,
    /// The source ended and some of its footage was not.
    Undelivered {
        /// Not acknowledged; they are kept.
        waiting: u64,
        /// Lost or refused.
        lost: u64,
        /// Where they are kept.
        spool: PathBuf,
    },
}

/// Runs an agent until it is stopped, or until a source that is played once is over.
///
/// # Errors
/// The source is a file that cannot be played, or the spool cannot be used. Nothing else ends it.
pub async fn run(config: Config, stop: Stop) -> Result<Outcome, RunError> {
    if config.capture.url.is_file() {
        let params = config.capture.clone();
        let checked = tokio::task::spawn_blocking(move || capture::check(&params)).await;
        checked.map_err(std::io::Error::other)??;
    }
    let spool = Spool::open(&config.spool_dir, config.spool_max_bytes)?;
    let Config { site, camera, broker, spool_dir, .. } = &config;
    tracing::info!(
        "camera {camera} of site {site}: {} to {broker}, footage waits in {}",
        config.capture.url,
        spool_dir.display()
    );
    let agent = Agent::start(&config, spool)?;
    let watchdog = tokio::spawn(systemd::keep_alive());
    let outcome = agent.supervise(&config, stop).await;
    systemd::say("STOPPING=1");
    watchdog.abort();
    agent.leave(&config).await;
    Ok(outcome)
}

/// Everything that runs.
struct Agent {
    clock: Arc<SystemClock>,
    board: Arc<Board>,
    spool: Access,
    urgent: Link,
    bulk: Link,
    leaving: watch::Sender<bool>,
    stop_capture: Arc<AtomicBool>,
    captured: watch::Receiver<bool>,
    pumps: Vec<JoinHandle<()>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Agent {
    fn start(config: &Config, spool: Spool) -> Result<Self, RunError> {
        let clock = Arc::new(SystemClock::new());
        let board = Arc::new(Board::new(config.capture.url.to_string()));
        let mailbox = Arc::new(Mailbox::default());
        let (leaving, seen_leaving) = watch::channel(false);
        let (order, orders) = std::sync::mpsc::channel();

        let (worker, intake, access) = worker(spool);
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("spool".into()).spawn(move || runtime.block_on(worker.run()))?;

        let ends = Ends { orders, mailbox: mailbox.clone(), intake, board: board.clone(), clock: clock.clone() };
        let (stop_capture, captured) = start_capture(config, ends)?;

        let (urgent_pump, urgent, urgent_events) = link(urgent_options(config), seen_leaving.clone());
        let (bulk_pump, bulk, bulk_events) = link(bulk_options(config), seen_leaving);
        let speak = Urgent {
            site: config.site.clone(),
            camera: config.camera.clone(),
            link: urgent.clone(),
            events: urgent_events,
            mailbox,
            board: board.clone(),
            orders: order,
            settings: config.settings.clone(),
            clock: clock.clone(),
        };
        let send = Sender {
            site: config.site.clone(),
            camera: config.camera.clone(),
            link: bulk.clone(),
            events: bulk_events,
            spool: access.clone(),
            window: config.window,
        };
        let pumps = [urgent_pump, bulk_pump].map(|pump: Pump| tokio::spawn(pump.run())).into();
        let say = say_status(config.clone(), board.clone(), clock.clone(), access.view(), urgent.clone());
        let tasks = vec![tokio::spawn(speak.run()), tokio::spawn(send.run()), tokio::spawn(say)];
        Ok(Self { clock, board, spool: access, urgent, bulk, leaving, stop_capture, captured, pumps, tasks })
    }

    /// Waits for the end, and then for what is still under way.
    async fn supervise(&self, config: &Config, mut stop: Stop) -> Outcome {
        let before = self.spool.view().borrow().status.clone();
        let mut captured = self.captured.clone();
        let mut view = self.spool.view();
        let ended = tokio::select! {
            () = stop.asked() => false,
            over = captured.wait_for(|over| *over) => match over {
                Ok(_) => true,
                Err(_) => return Outcome::Died,
            },
            // Its other end goes only with its thread.
            _ = view.wait_for(|_| false) => return Outcome::Died,
        };
        if ended {
            let drained = tokio::select! {
                () = stop.asked() => None,
                drained = self.drain(config.drain_timeout) => Some(drained),
            };
            if let Some(drained) = drained {
                let now = self.spool.view().borrow().status.clone();
                let gone = |s: &base::wire::SpoolStatus| s.lost_segments + s.rejected_segments;
                let lost = gone(&now) - gone(&before);
                return if drained && lost == 0 {
                    Outcome::Delivered
                } else {
                    Outcome::Undelivered { waiting: now.segments, lost, spool: config.spool_dir.clone() }
                };
            }
        }
        self.stop_capture.store(true, Ordering::Relaxed);
        let flushed = timeout(FLUSH_TIMEOUT, async {
            let _ = captured.wait_for(|over| *over).await;
            let _ = self.spool.view().wait_for(|view| view.complete).await;
        });
        if flushed.await.is_err() {
            tracing::warn!("the last segment could not be cut within {} s", FLUSH_TIMEOUT.as_secs());
        } else if self.bulk.up().is_some() {
            let _ = timeout(ACK_GRACE, self.drained()).await;
        }
        Outcome::Stopped
    }

    /// Waits until all footage is kept, however slow the disk is, and then so long for its acknowledgement;
    /// whether it came.
    async fn drain(&self, patience: Duration) -> bool {
        let _ = self.spool.view().wait_for(|view| view.complete).await;
        tracing::info!("all footage is kept; waiting up to {} s until it is acknowledged", patience.as_secs_f64());
        timeout(patience, self.drained()).await.is_ok()
    }

    /// Waits until no footage waits and none will come.
    async fn drained(&self) {
        let done = |view: &View| view.complete && view.status.segments == 0;
        if self.spool.view().wait_for(done).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Says offline, takes leave of the broker, ends all tasks.
    async fn leave(self, config: &Config) {
        let deadline = Instant::now() + LEAVE_TIMEOUT;
        for task in self.tasks.iter().skip(1) {
            task.abort();
        }
        if let Some(up) = self.urgent.up() {
            let mut acknowledged = self.board.acknowledgements();
            acknowledged.mark_unchanged();
            let status = compose(&self.board, &self.clock, false, &self.spool.view());
            let topic = Topic::CameraStatus(config.camera.clone()).name(&config.site);
            if up.try_status(&topic, status.to_json()).is_ok() {
                let _ = timeout_at(deadline, acknowledged.changed()).await;
            }
        }
        self.leaving.send_replace(true);
        for up in [self.urgent.up(), self.bulk.up()].into_iter().flatten() {
            let _ = timeout_at(deadline, up.leave()).await;
        }
        for pump in self.pumps {
            let abort = pump.abort_handle();
            if timeout_at(deadline, pump).await.is_err() {
                abort.abort();
            }
        }
        self.tasks.into_iter().for_each(|task| task.abort());
    }
}

/// Begins the capture threads: how they are stopped, and whether they are over.
fn start_capture(config: &Config, ends: Ends) -> Result<(Arc<AtomicBool>, watch::Receiver<bool>), RunError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (over, captured) = watch::channel(false);
    let detector = Box::new(Background::new(config.motion.clone()));
    let clock = ends.clock.clone();
    let may_wait = config.capture.url.is_file();
    let pipeline = Pipeline::new(config.camera.clone(), config.settings.clone(), detector, ends, may_wait);
    let [main, sub] = streams::halves(pipeline);
    let begin = |params: &capture::Params, mut half: streams::Half| {
        let mut capture = Capture::new(params.clone(), clock.clone(), stop.clone());
        let name = half.name().to_owned();
        std::thread::Builder::new().name(name).spawn(move || capture.run(&mut half))
    };
    let looking = config.analysis.as_ref().map(|params| begin(params, sub)).transpose()?;
    let keeping = begin(&config.capture, main)?;
    let ended = stop.clone();
    std::thread::Builder::new().name("captured".into()).spawn(move || {
        // A half's end of the spool goes with its thread: then the spool knows that nothing more comes.
        let whole = keeping.join().is_ok();
        ended.store(true, Ordering::Relaxed);
        if looking.is_none_or(|thread| thread.join().is_ok()) && whole {
            over.send_replace(true);
        }
    })?;
    Ok((stop, captured))
}

fn urgent_options(config: &Config) -> LinkOptions {
    let status = Topic::CameraStatus(config.camera.clone()).name(&config.site);
    LinkOptions {
        label: "frames",
        broker: config.broker.clone(),
        client_id: format!("paddock-{}-{}-frames", config.site, config.camera),
        keep_alive: Duration::from_secs(10),
        subscriptions: Urgent::subscriptions(&config.site, &config.camera),
        last_will: Some((status, CameraStatus::last_will().to_json())),
        queue: 4,
        inflight: 8,
    }
}

fn bulk_options(config: &Config) -> LinkOptions {
    LinkOptions {
        label: "footage",
        broker: config.broker.clone(),
        client_id: format!("paddock-{}-{}-footage", config.site, config.camera),
        // Its signs of life wait behind up to a megabyte of chunks.
        keep_alive: Duration::from_secs(30),
        subscriptions: Sender::subscriptions(&config.site, &config.camera),
        last_will: None,
        queue: 2,
        inflight: 8,
    }
}

fn compose(board: &Board, clock: &SystemClock, online: bool, view: &watch::Receiver<View>) -> CameraStatus {
    let moment = Moment {
        at: clock.now(),
        clock_offset_us: clock.offset_us(),
        load: host::load(),
        temperature_c: host::temperature_c(),
    };
    let spool = view.borrow().status.clone();
    board.compose(online, moment, spool)
}

/// Publishes the status every few seconds, and at once when something has changed.
async fn say_status(
    config: Config,
    board: Arc<Board>,
    clock: Arc<SystemClock>,
    mut view: watch::Receiver<View>,
    link: Link,
) {
    let topic = Topic::CameraStatus(config.camera.clone()).name(&config.site);
    loop {
        if let Some(up) = link.up() {
            let status = compose(&board, &clock, true, &view);
            let _ = up.try_status(&topic, status.to_json());
        }
        let said = {
            let status = &view.borrow_and_update().status;
            (status.lost_segments, status.rejected_segments)
        };
        tokio::time::sleep(STATUS_GAP).await;
        tokio::select! {
            () = tokio::time::sleep(STATUS_EVERY - STATUS_GAP) => {}
            () = board.wait_changed() => {}
            _ = view.wait_for(|view| (view.status.lost_segments, view.status.rejected_segments) != said) => {}
        }
    }
}
