//! The bucket as tables and objects: the only place where the Delta library and the object store client are
//! named.

mod fenced;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::retry::Backoff;
use bytes::Bytes;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::prelude::SessionContext;
use deltalake::kernel::Transaction;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::schema::StructType;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::logstore::object_store::aws::AmazonS3Builder;
use deltalake::logstore::object_store::local::LocalFileSystem;
use deltalake::logstore::object_store::path::Path as Key;
use deltalake::logstore::object_store::prefix::PrefixStore;
use deltalake::logstore::object_store::{
    BackoffConfig, ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, RetryConfig,
};
use deltalake::protocol::SaveMode;
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::TryStreamExt as _;
use url::Url;

use crate::error::{Fault, TableError, fault};
use crate::schema::Table;
use crate::store::StoreConfig;

pub use fenced::{Fenced, FencedAppend};

/// How often a commit is tried anew when other writers come first.
const ATTEMPTS: u32 = 30;

/// What makes a commit repeatable: the same pair is written once, ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Txn {
    /// Who commits. One writer, or several that would write the same rows.
    pub app_id: String,
    /// Grows with each commit of `app_id`. A version at or below one that is there counts as there.
    pub version: i64,
}

/// What [`Lake::append_once`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The rows are in the table now.
    Written,
    /// They were there before: an earlier try, or another writer with the same [`Txn`].
    AlreadyThere,
}

/// One object of the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Size.
    pub bytes: u64,
    /// The store's tag of its content.
    pub e_tag: Option<String>,
}

/// A bucket, or a local folder in its place. Cheap to clone; clones share connections and loaded tables.
#[derive(Clone)]
pub struct Lake {
    inner: Arc<Inner>,
}

struct Inner {
    /// What the Delta library reads and writes through: the root of `url`'s store.
    root: Arc<dyn ObjectStore>,
    /// The same, so that keys of the bucket are paths in it.
    objects: Arc<dyn ObjectStore>,
    /// The bucket or folder, ending with `/`.
    url: Url,
    bucket: String,
    place: String,
    /// Tables as last seen, so that a commit reads the log's end only. A std Mutex: nothing is awaited under it.
    seen: Mutex<HashMap<Table, DeltaTable>>,
}

impl std::fmt::Debug for Lake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lake").field("url", &self.inner.url.as_str()).field("place", &self.inner.place).finish()
    }
}

impl Lake {
    /// The lake in a bucket. Nothing is asked of the store yet: see [`Lake::check`].
    ///
    /// # Errors
    /// The configuration names no usable endpoint or bucket.
    pub fn open(config: &StoreConfig) -> Result<Self, TableError> {
        let unusable = |what: String| TableError::Config { what };
        let url = Url::parse(&format!("s3://{}/", config.bucket))
            .map_err(|e| unusable(format!("`bucket` = '{}' is not a bucket name: {e}", config.bucket)))?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(&config.access_key)
            .with_secret_access_key(&config.secret_key)
            .with_virtual_hosted_style_request(false)
            .with_client_options(
                ClientOptions::new()
                    .with_allow_http(true)
                    .with_connect_timeout(Duration::from_secs(5))
                    .with_timeout(Duration::from_secs(120)),
            )
            .with_retry(quick_retries());
        if let Some(endpoint) = &config.endpoint {
            check_endpoint(endpoint)?;
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        let store: Arc<dyn ObjectStore> = Arc::new(builder.build().map_err(|e| unusable(base::input::chain(&e)))?);
        Ok(Self::new(store.clone(), store, url, config.bucket.clone(), config.place()))
    }

    /// The lake in a local folder, which is made when it is missing.
    ///
    /// # Errors
    /// The folder cannot be made or used.
    pub fn local(dir: &Path) -> Result<Self, TableError> {
        let unusable = |what: String| TableError::Config { what: format!("folder {}: {what}", dir.display()) };
        // The Delta library refuses a local table whose folder is missing, where a bucket has no folders.
        for table in Table::ALL {
            let folder = dir.join("tables").join(table.name());
            std::fs::create_dir_all(folder).map_err(|e| unusable(e.to_string()))?;
        }
        let dir = dir.canonicalize().map_err(|e| unusable(e.to_string()))?;
        let url = Url::from_directory_path(&dir).map_err(|()| unusable("not an absolute path".into()))?;
        let root: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
        let prefix = Key::from_absolute_path(&dir).map_err(|e| unusable(e.to_string()))?;
        let objects = Arc::new(PrefixStore::new(root.clone(), prefix));
        let name = dir.display().to_string();
        Ok(Self::new(root, objects, url, name, "this computer".into()))
    }

    fn new(root: Arc<dyn ObjectStore>, objects: Arc<dyn ObjectStore>, url: Url, bucket: String, place: String) -> Self {
        // The Delta library finds the log store of an `s3` location by its scheme.
        deltalake::aws::register_handlers(None);
        Self { inner: Arc::new(Inner { root, objects, url, bucket, place, seen: Mutex::default() }) }
    }

    /// Asks the store for the bucket: one request.
    ///
    /// # Errors
    /// [`TableError::NoBucket`], [`TableError::Denied`] or [`TableError::Unreachable`].
    pub async fn check(&self) -> Result<(), TableError> {
        let listed = self.inner.objects.list_with_delimiter(Some(&Key::from("tables"))).await;
        listed.map(drop).map_err(|e| self.object_error("tables/", e))
    }

    /// Where `table` lies.
    #[expect(clippy::expect_used, reason = "a table's name is a fixed word")]
    pub fn location(&self, table: Table) -> Url {
        self.inner.url.join(&format!("tables/{table}/")).expect("a URL below the bucket's")
    }

    /// Appends `rows` to `table`, unless `txn` is there already. The table is made when it is missing.
    ///
    /// Writers may race, with the same or with different [`Txn`]s, and may be killed anywhere: the rows are in
    /// the table once or not at all, and the same call says which.
    ///
    /// # Errors
    /// See [`TableError`]; when it [is transient](TableError::is_transient), call again with the same arguments.
    pub async fn append_once(&self, table: Table, rows: RecordBatch, txn: &Txn) -> Result<Appended, TableError> {
        if rows.num_rows() == 0 {
            return Ok(Appended::Written);
        }
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
        for _ in 0..ATTEMPTS {
            match self.try_append(table, rows.clone(), txn).await {
                Ok(appended) => return Ok(appended),
                Err(error) if fault(&error) == Fault::Conflict => {
                    tracing::debug!(%table, app_id = txn.app_id, "another writer came first, trying again");
                    self.forget(table);
                    tokio::time::sleep(backoff.wait()).await;
                }
                Err(error) => {
                    self.forget(table);
                    return Err(self.table_error(table, error));
                }
            }
        }
        Err(TableError::Contended { table, attempts: ATTEMPTS })
    }

    async fn try_append(&self, table: Table, rows: RecordBatch, txn: &Txn) -> Result<Appended, DeltaTableError> {
        let delta = match self.load(table).await? {
            Some(delta) => delta,
            None => self.create(table).await?,
        };
        let log = delta.log_store();
        let there = delta.snapshot()?.transaction_version(log.as_ref(), &txn.app_id).await?;
        if there.is_some_and(|version| version >= txn.version) {
            self.remember(table, delta);
            return Ok(Appended::AlreadyThere);
        }
        // Delta's own conflict check lets appends of others pass, and stops at a commit of the same `app_id`.
        let properties =
            CommitProperties::default().with_application_transaction(Transaction::new(&txn.app_id, txn.version));
        let written = delta.write([rows]).with_save_mode(SaveMode::Append).with_commit_properties(properties).await?;
        self.remember(table, written);
        Ok(Appended::Written)
    }

    /// The table as it is now; `None` when nobody has made it.
    async fn load(&self, table: Table) -> Result<Option<DeltaTable>, DeltaTableError> {
        let remembered = self.seen().get(&table).cloned();
        let mut delta = match remembered {
            Some(delta) => delta,
            None => DeltaTableBuilder::from_url(self.location(table))?
                .with_storage_backend(self.inner.root.clone(), self.location(table))
                .build()?,
        };
        match delta.update_state().await {
            Ok(()) => Ok(Some(delta)),
            Err(DeltaTableError::NotATable(_)) => Ok(None),
            Err(error) if fault(&error) == Fault::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, table: Table) -> Result<DeltaTable, DeltaTableError> {
        let delta = DeltaTableBuilder::from_url(self.location(table))?
            .with_storage_backend(self.inner.root.clone(), self.location(table))
            .build()?;
        let columns: StructType = table.schema().as_ref().try_into_kernel()?;
        let created = delta
            .create()
            .with_table_name(table.name())
            .with_comment(table.comment())
            .with_columns(columns.fields().cloned())
            .with_partition_columns(table.partition_columns())
            .with_save_mode(SaveMode::Ignore)
            .await;
        match created {
            Ok(delta) => Ok(delta),
            // Racing creators: whoever comes second takes what the first made.
            Err(error) => match self.load(table).await {
                Ok(Some(delta)) => Ok(delta),
                _ => Err(error),
            },
        }
    }

    /// Registers all five tables by name; one that nobody has made yet is an empty one with its columns.
    /// Each is as it was at this moment: register again to see more.
    ///
    /// # Errors
    /// See [`TableError`].
    pub async fn register(&self, session: &SessionContext) -> Result<(), TableError> {
        for table in Table::ALL {
            let provider = self.provider(table, session).await?;
            let failed = |source| TableError::Table { table, source: Box::new(source) };
            session.deregister_table(table.name()).map_err(failed)?;
            session.register_table(table.name(), provider).map_err(failed)?;
        }
        Ok(())
    }

    async fn provider(&self, table: Table, session: &SessionContext) -> Result<Arc<dyn TableProvider>, TableError> {
        let failed = |source| TableError::Table { table, source: Box::new(source) };
        let Some(delta) = self.load(table).await.map_err(|e| self.table_error(table, e))? else {
            return Ok(Arc::new(MemTable::try_new(table.schema(), vec![vec![]]).map_err(failed)?));
        };
        delta.update_datafusion_session(&session.state()).map_err(|e| self.table_error(table, e))?;
        let provider = delta.table_provider().await.map_err(failed)?;
        self.remember(table, delta);
        Ok(provider)
    }

    /// A whole object.
    ///
    /// # Errors
    /// See [`TableError`]; [`TableError::NoObject`] when there is none.
    pub async fn get(&self, key: &str) -> Result<Bytes, TableError> {
        let result = self.inner.objects.get(&Key::from(key)).await.map_err(|e| self.object_error(key, e))?;
        result.bytes().await.map_err(|e| self.object_error(key, e))
    }

    /// Every object below `prefix` (whole path parts), in no order.
    ///
    /// # Errors
    /// See [`TableError`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, TableError> {
        let listed = self.inner.objects.list(Some(&Key::from(prefix))).map_ok(info).try_collect().await;
        listed.map_err(|e| self.object_error(prefix, e))
    }

    /// What is known of an object; `None` when there is none.
    ///
    /// # Errors
    /// See [`TableError`].
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, TableError> {
        match self.inner.objects.head(&Key::from(key)).await {
            Ok(meta) => Ok(Some(info(meta))),
            Err(error) if fault(&error) == Fault::NotFound => Ok(None),
            Err(error) => Err(self.object_error(key, error)),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, HashMap<Table, DeltaTable>> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, table: Table, delta: DeltaTable) {
        let mut seen = self.seen();
        // Racing tasks: never go back to an older state.
        if seen.get(&table).is_none_or(|old| old.version() <= delta.version()) {
            seen.insert(table, delta);
        }
    }

    fn forget(&self, table: Table) {
        self.seen().remove(&table);
    }

    fn table_error(&self, table: Table, error: DeltaTableError) -> TableError {
        self.sorted(error).unwrap_or_else(|source| TableError::Table { table, source })
    }

    fn object_error(&self, key: &str, error: deltalake::ObjectStoreError) -> TableError {
        if fault(&error) == Fault::NotFound {
            let place = format!("bucket '{}' at {}", self.inner.bucket, self.inner.place);
            return TableError::NoObject { key: key.to_owned(), place };
        }
        self.sorted(error).unwrap_or_else(|source| TableError::Object { key: key.to_owned(), source })
    }

    fn sorted(
        &self,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> Result<TableError, crate::error::BoxError> {
        let (bucket, place) = (self.inner.bucket.clone(), self.inner.place.clone());
        match fault(&error) {
            Fault::NoBucket => Ok(TableError::NoBucket { bucket, place }),
            Fault::Denied => Ok(TableError::Denied { bucket, place, source: Box::new(error) }),
            Fault::Unreachable => Ok(TableError::Unreachable { place, source: Box::new(error) }),
            Fault::NotFound | Fault::Conflict | Fault::Other => Err(Box::new(error)),
        }
    }
}

fn info(meta: ObjectMeta) -> ObjectInfo {
    ObjectInfo { key: meta.location.to_string(), bytes: meta.size, e_tag: meta.e_tag }
}

fn check_endpoint(endpoint: &str) -> Result<(), TableError> {
    let good = Url::parse(endpoint).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    if good {
        return Ok(());
    }
    Err(TableError::Config {
        what: format!("`endpoint` = '{endpoint}' is not a URL: write http://HOST:PORT or https://HOST"),
    })
}

/// The callers retry for ever and say so; the client below them only bridges a hiccup.
fn quick_retries() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(1), base: 2.0 };
    RetryConfig { backoff, max_retries: 3, retry_timeout: Duration::from_secs(10) }
}
