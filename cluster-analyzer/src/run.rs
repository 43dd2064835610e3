//! The service: the only place that names adapters, spawns tasks, makes channels and reads the clock.
//!
//! It stops by closing inputs and joining in the direction in which data flows: the broker's messages first,
//! then detection and the incidents, then footage, upload and tables, the alerts, at last the connections and
//! the children.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use base::site::{Site, SiteError};
use base::stop::{self, Stop};
use base::time::{Clock, SystemClock};
use base::topic::Topic;
use base::wire::{AnalyzerStatus, DrillStatus, Form as _, VERSION};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::archive::{self, ArchiveError};
use crate::catchup::worker::Seen;
use crate::children::{self, ChildError, Mosquitto, Weed};
use crate::config::{BrokerUrl, Config, ConfigError};
use crate::detect::Detector;
use crate::detect::desk::Desk;
use crate::detect::onnx::OnnxDetector;
use crate::detect::worker::{Open, Worker};
use crate::footage::Shelf;
use crate::health;
use crate::http;
use crate::hub::Hub;
use crate::incident::IdSource;
use crate::ingest::Rejection;
use crate::ingest::mqtt::{self, Connection, Link, Purpose};
use crate::judge::store::Views;
use crate::lake::{self, LakeError};
use crate::ledger::Ledger;
use crate::live::{DrillLane, Input, LateBook, Live, Outputs, Retained};
use crate::metrics::Metrics;
use crate::pipeline::{Fresh, Pipeline};
use crate::site::desk::Desk as SiteDesk;
use crate::upload::{self, UploadError};
use crate::view::View;

mod alerts;
mod catching_up;
mod drilling;
mod tasks;
mod watching;

/// Why the service cannot start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The site file is wrong.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The config file names something that is not there.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model folder is wrong.
    #[error(transparent)]
    Model(#[from] vision::ModelError),
    /// The data folder cannot be used.
    #[error("data_dir {}: {what}", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The page's address cannot be used.
    #[error("`listen` {address} cannot be used: {why}; choose another with --listen")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// Broker or store of its own cannot start.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// The archive cannot start.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The upload cannot start.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The tables cannot start.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// `state.db` cannot be used.
    #[error("the database {} cannot be used", path.display())]
    StateDb {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
}

impl RunError {
    /// A person can put it right; exit code 2.
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, RunError::Thread(_))
    }
}

/// Runs until `stop`.
///
/// # Errors
/// It cannot start.
pub async fn run(config: Config, stop: Stop) -> Result<(), RunError> {
    let site = Arc::new(Site::load(&config.site)?);
    config.alerts.check(&site)?;
    let _lock = lock_data_dir(&config.data_dir)?;
    let first = open_detector(&config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let metrics = Metrics::new();
    let listener = listen(&config).await?;
    let mut stop_early = stop.clone();
    let children = tokio::select! {
        children = Children::start(&config, &metrics) => children?,
        () = stop_early.asked() => return Ok(()),
    };
    if children.own_store {
        children::access::write(&config.data_dir, &config.site, &config.model, &children.store)
            .map_err(|e| RunError::DataDir { path: config.data_dir.clone(), what: e.to_string() })?;
    }
    let parts = Parts { config, site, clock, metrics };
    parts.serve(first, listener, children, stop).await
}

/// What every part is given some of.
struct Parts {
    config: Config,
    site: Arc<Site>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// Broker and store, wherever they are; those that are ours end when this is dropped.
struct Children {
    broker: BrokerUrl,
    store: tables::StoreConfig,
    own_store: bool,
    _mosquitto: Option<Mosquitto>,
    _weed: Option<Weed>,
}

impl Children {
    async fn start(config: &Config, metrics: &Arc<Metrics>) -> Result<Self, RunError> {
        let ports = &config.children;
        let broker = async {
            if let Some(url) = &config.broker {
                return Ok::<_, ChildError>((url.clone(), None));
            }
            let own = Mosquitto::start(&config.data_dir, ports.mqtt_port, Arc::clone(metrics)).await?;
            Ok((BrokerUrl { host: "127.0.0.1".into(), port: ports.mqtt_port, login: None }, Some(own)))
        };
        let store = async {
            if let Some(store) = &config.store {
                return Ok((store.clone(), None));
            }
            let own = Weed::start(&config.data_dir, ports.s3_port, &ports.bucket, Arc::clone(metrics)).await?;
            Ok((own.store(), Some(own)))
        };
        let ((broker, mosquitto), (store, weed)) = tokio::try_join!(broker, store)?;
        let own_store = weed.is_some();
        Ok(Self { broker, store, own_store, _mosquitto: mosquitto, _weed: weed })
    }
}

impl Parts {
    async fn serve(
        self,
        first: OnnxDetector,
        listener: TcpListener,
        children: Children,
        mut stop: Stop,
    ) -> Result<(), RunError> {
        let (data_dir, site_id) = (self.config.data_dir.clone(), self.site.name.clone());
        let card = Arc::new(first.card().clone());
        // One signal for each stage of the end.
        let [(no_intake, intake), (no_storage, storage), (no_alerts, alerts_end)] =
            std::array::from_fn(|_| stop::pair());
        let [(no_reports, reports_end), (no_links, links_end)] = std::array::from_fn(|_| stop::pair());

        let keep = &self.config.archive;
        let archive_params = archive::Params::new(&data_dir, keep.max_bytes, keep.max_age_days);
        let (footage, acks, archive_thread) = archive::spawn(archive_params, self.clock(), self.metrics())?;
        let upload_params = upload::Params::new(site_id.clone(), &data_dir, children.store.clone(), children.own_store);
        let (upload, upload_task) = upload::spawn(upload_params, self.clock(), self.metrics(), storage.clone())?;
        let lake_params = lake::Params {
            every: Duration::from_secs(self.config.lake.commit_every_s),
            ..lake::Params::new(site_id.clone(), &data_dir, children.store.clone())
        };
        let (lake, lake_task) = lake::spawn(lake_params, self.clock(), self.metrics(), storage)?;

        let urgent = self.connect(&children.broker, urgent_purpose());
        let bulk = self.connect(
            &children.broker,
            Purpose { name: "bulk", filters: vec![("camera/+/segment/+", true)], last_will: None },
        );

        let ledger = Ledger::open(&self.state_db()).map_err(|source| self.state_db_error(source))?;
        let retained = Arc::new(Retained::default());
        let (alerts, alerts_out) = mpsc::unbounded_channel();
        let telling = self.tell(&urgent.1, alerts_out, &alerts_end)?;

        let desk = Arc::new(Desk::new(self.clock()));
        let (boosts, boosts_out) = mpsc::channel(256);
        let view = Arc::new(View::new(self.site.cameras.iter().map(|c| c.id.clone())));
        let hub = Arc::new(Hub::default());
        let out = Outputs {
            alerts,
            retained: Arc::clone(&retained),
            boosts,
            hub: Arc::clone(&hub),
            lake,
            upload,
            view: Arc::clone(&view),
        };
        let fresh = self.fresh(&card);
        let live = self.live(ledger, Arc::clone(&card), Arc::clone(&desk), out, &fresh)?;
        let (inputs, inputs_in) = mpsc::channel(64);
        let live_thread = thread("incidents", move || live.run(inputs_in))?;
        let (told, watch, health_thread) = self.watch()?;
        let (no_catch_up, catch_up_end) = stop::pair();
        let (seen, catch_up_thread) = self.catch_up(&desk, &fresh, &inputs, catch_up_end)?;
        let workers = self.detectors(&desk, first, &inputs, &watch, &seen)?;
        drop(seen);

        let (new_sites, new_sites_in) = mpsc::channel(4);
        let site_desk = Arc::new(SiteDesk::new(&self.config.site, &data_dir, Arc::clone(&self.site), new_sites));
        let (messages, messages_in) = mpsc::channel(256);
        let (chunks, chunks_in) = mpsc::channel(16);
        let link = urgent.1.clone();
        let (commands, commands_in) = mpsc::channel(64);
        let (drills, drill_thread) = self.drills(&view, &link, &commands, &watch)?;
        let taker = self.taker(&view, &desk, (&hub, &site_desk), &watch, &drills);
        let takers = [
            tokio::spawn(tasks::take_urgent(messages_in, taker, inputs.clone())),
            tokio::spawn(tasks::take_footage(chunks_in, footage)),
        ];
        let connections = [
            tokio::spawn(urgent.0.run(messages, intake.clone(), links_end.clone())),
            tokio::spawn(bulk.0.run(chunks, intake.clone(), links_end)),
        ];
        let tellers = [
            tokio::spawn(tasks::tell_boosts(link.clone(), boosts_out, self.clock())),
            tokio::spawn(tasks::tell_acks(bulk.1, acks, self.metrics())),
        ];
        let reporters = [
            self.home_assistant(&link, &retained, &reports_end)?,
            self.clear_resolved(&link, &retained, &reports_end)?,
            tokio::spawn(tasks::tell_incidents(link.clone(), retained, reports_end.clone())),
            tokio::spawn(watching::tell_health(link.clone(), Arc::clone(&told), reports_end.clone())),
            tokio::spawn(tasks::tell_status(link, self.status(&card.name, &site_desk, &drills), reports_end)),
        ];
        let forward = tokio::spawn(tasks::forward_commands(commands_in, inputs.clone()));
        let swap = tokio::spawn(tasks::swap_sites(new_sites_in, Arc::clone(&view), inputs));
        let footage = Arc::new(Shelf::new(site_id.clone(), &data_dir, &children.store));
        let page = http::Shared {
            metrics: self.metrics(),
            view,
            state_db: self.state_db(),
            footage,
            commands,
            channels: telling.channels,
            model: card.name.as_str().into(),
            clock: self.clock(),
            hub,
            told,
            health: watch,
            drills,
            site: site_desk,
            data_dir,
            stop: intake.clone(),
        };
        let page_task = tokio::spawn(http::serve(listener, page, intake));
        tracing::info!(site = %site_id, model = card.name, broker = %children.broker, "running");

        stop.asked().await;
        no_intake.stop();
        join_all(takers, "taking messages in").await;
        no_catch_up.stop();
        desk.close();
        join_threads(vec![catch_up_thread], "late footage").await;
        join_threads(workers, "the detector").await;
        join(page_task, "the page").await;
        join_threads(vec![drill_thread], "drills").await;
        join(forward, "commands").await;
        join(swap, "new sites").await;
        join_threads(vec![live_thread, archive_thread, health_thread], "incidents, footage and health").await;
        join_all(tellers, "telling agents").await;
        no_storage.stop();
        join(upload_task, "the upload").await;
        join(lake_task, "the tables").await;
        no_alerts.stop();
        for task in telling.tasks {
            join(task, "the alerts").await;
        }
        no_reports.stop();
        join_all(reporters, "telling the broker").await;
        no_links.stop();
        join_all(connections, "the broker's connections").await;
        drop(children);
        tracing::info!("stopped");
        Ok(())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    fn state_db(&self) -> PathBuf {
        self.config.data_dir.join("state.db")
    }

    fn state_db_error(&self, source: rusqlite::Error) -> RunError {
        RunError::StateDb { path: self.state_db(), source }
    }

    fn connect(&self, broker: &BrokerUrl, purpose: Purpose) -> (Connection, Link) {
        mqtt::connection(&self.site.name, broker, purpose, self.metrics())
    }

    fn live(
        &self,
        ledger: Ledger,
        card: Arc<vision::ModelCard>,
        desk: Arc<Desk>,
        out: Outputs,
        fresh: &Arc<Fresh>,
    ) -> Result<Live, RunError> {
        let open = ledger.unresolved().map_err(|e| self.state_db_error(e))?;
        open.iter().for_each(|incident| out.retained.put(incident.clone()));
        let mut pipeline = Pipeline::new(Arc::clone(&self.site), card, self.config.judge.clone(), IdSource::Random);
        // No real animal is the continuation of a synthetic one.
        pipeline.load(open.into_iter().filter(|incident| !incident.drill).collect());
        let views = Views::open(&self.state_db()).map_err(|e| self.state_db_error(e))?;
        pipeline.remember(views.load().map_err(|e| self.state_db_error(e))?);
        let runtime = tokio::runtime::Handle::current();
        let (metrics, clock) = (self.metrics(), self.clock());
        let (late, drills) = (LateBook::default(), DrillLane::new(Arc::clone(fresh)));
        Ok(Live { pipeline, views, ledger, desk, metrics, clock, out, runtime, late, drills })
    }

    /// The detector's threads; the first one takes the network that was opened to check the model.
    fn detectors(
        &self,
        desk: &Arc<Desk>,
        first: OnnxDetector,
        inputs: &mpsc::Sender<Input>,
        watch: &health::Handle,
        seen: &std::sync::mpsc::Sender<Seen>,
    ) -> Result<Vec<JoinHandle<()>>, RunError> {
        let (model, detect) = (self.config.model.clone(), self.config.detect.clone());
        let open: Arc<Open> = Arc::new(move || {
            let detector = OnnxDetector::open(&model, &detect)?;
            Ok(Box::new(detector) as Box<dyn Detector>)
        });
        let mut first = Some(Box::new(first) as Box<dyn Detector + Send>);
        let start = |number: usize| {
            let worker = Worker {
                desk: Arc::clone(desk),
                open: Arc::clone(&open),
                metrics: self.metrics(),
                clock: self.clock(),
                shown: watching::shown(watch.clone()),
            };
            let (mine, inputs, seen) = (first.take(), inputs.clone(), seen.clone());
            thread(&format!("detect-{number}"), move || {
                let detector = match mine {
                    Some(first) => Some(first as Box<dyn Detector>),
                    None => worker.open_first(),
                };
                worker.run(detector, |done| tasks::pass_on(done, &inputs, &seen));
            })
        };
        (0..self.config.detect.sessions).map(start).collect()
    }

    fn taker(
        &self,
        view: &Arc<View>,
        desk: &Arc<Desk>,
        (hub, site): (&Arc<Hub>, &SiteDesk),
        watch: &health::Handle,
        drills: &http::Drills,
    ) -> tasks::Taker {
        tasks::Taker {
            site: site.watch(),
            hub: Arc::clone(hub),
            view: Arc::clone(view),
            desk: Arc::clone(desk),
            watch: watch.clone(),
            injector: Arc::clone(&drills.injector),
            metrics: self.metrics(),
            clock: self.clock(),
        }
    }

    fn status(
        &self,
        model: &str,
        site: &SiteDesk,
        drills: &http::Drills,
    ) -> impl Fn() -> AnalyzerStatus + Send + 'static + use<> {
        let (metrics, clock, model) = (self.metrics(), self.clock(), model.to_owned());
        let reports = Arc::clone(&drills.reports);
        let site = site.watch();
        let cameras = move || site.borrow().cameras.iter().map(|c| c.id.to_string()).collect::<Vec<_>>();
        move || AnalyzerStatus {
            v: VERSION,
            online: true,
            at: Some(clock.now()),
            analyzer: env!("CARGO_PKG_VERSION").into(),
            model: if metrics.detector_up.get() == 1 { model.clone() } else { String::new() },
            lag_ms: metrics.detection_lag_ms.get() as f64,
            frames_superseded: metrics.superseded_total(&cameras()),
            messages_rejected: metrics.rejected_total(&Rejection::REASONS),
            upload_backlog: metrics.upload_backlog.get().max(0) as u64,
            last_drill: reports.last().map(|report| report.at),
            drill: reports.last().map(DrillStatus::from),
        }
    }
}

/// Frames, statuses, commands; the last will says that the analyzer is gone.
fn urgent_purpose() -> Purpose {
    let gone = AnalyzerStatus {
        v: VERSION,
        online: false,
        at: None,
        analyzer: String::new(),
        model: String::new(),
        lag_ms: 0.0,
        frames_superseded: 0,
        messages_rejected: 0,
        upload_backlog: 0,
        last_drill: None,
        drill: None,
    };
    Purpose {
        name: "urgent",
        filters: vec![("camera/+/status", true), ("camera/+/frame", false), ("incident/+/command", true)],
        last_will: Some((Topic::AnalyzerStatus, gone.to_json())),
    }
}

/// Makes the folder and locks it: two analyzers in one folder would write over each other.
fn lock_data_dir(path: &Path) -> Result<std::fs::File, RunError> {
    let wrong = |what: String| RunError::DataDir { path: path.to_owned(), what };
    std::fs::create_dir_all(path).map_err(|e| wrong(format!("cannot be made: {e}")))?;
    let lock = std::fs::File::create(path.join("lock")).map_err(|e| wrong(format!("cannot be written: {e}")))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| wrong("another analyzer runs in it; stop that one, or name another folder".into()))?;
    Ok(lock)
}

/// Opens the network once, so that a mistake about the model is told at the start.
async fn open_detector(config: &Config) -> Result<OnnxDetector, RunError> {
    let (model, detect) = (config.model.clone(), config.detect.clone());
    let opened = tokio::task::spawn_blocking(move || OnnxDetector::open(&model, &detect)).await;
    Ok(opened.map_err(|panic| RunError::Thread(std::io::Error::other(panic)))??)
}

/// Binds the page's address and writes it to `data_dir/http.addr`, since port 0 takes a free one.
async fn listen(config: &Config) -> Result<TcpListener, RunError> {
    let failed = |why| RunError::Listen { address: config.listen, why };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let path = config.data_dir.join("http.addr");
    std::fs::write(&path, http::address_text(address)).map_err(|e| RunError::DataDir {
        path: config.data_dir.clone(),
        what: format!("http.addr cannot be written: {e}"),
    })?;
    tracing::info!("http://{address}");
    Ok(listener)
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, RunError> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(RunError::Thread)
}

/// How long a part may take to end. What it holds up is on disk already.
const END_WITHIN: Duration = Duration::from_secs(15);

async fn join<T>(task: tokio::task::JoinHandle<T>, what: &str) {
    match tokio::time::timeout(END_WITHIN, task).await {
        Ok(Ok(_)) => tracing::debug!("{what}: ended"),
        Ok(Err(panic)) => tracing::error!("{what} failed: {panic}"),
        Err(_) => tracing::warn!("{what} did not end in time"),
    }
}

async fn join_all<const N: usize>(tasks: [tokio::task::JoinHandle<()>; N], what: &str) {
    for task in tasks {
        join(task, what).await;
    }
}

async fn join_threads(threads: Vec<JoinHandle<()>>, what: &'static str) {
    let joined = tokio::task::spawn_blocking(move || {
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of {what} panicked");
            }
        }
    });
    join(joined, what).await;
}
