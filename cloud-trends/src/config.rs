//! What is needed, out of what was typed: flags come before the environment, that before the file.

use std::path::{Path, PathBuf};

use base::input::{one_line, toml_fault};
use base::site::Site;
use serde::Deserialize;
use tables::{Lake, StoreConfig};

use crate::args::{AnalyzeArgs, PlaceArgs};
use crate::error::TrendError;

const DEFAULT_MODEL: &str = "models/centernet";
const DEFAULT_FPS: f64 = 2.0;

/// `trends.toml` as it is typed.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    site: Option<PathBuf>,
    model: Option<PathBuf>,
    fps: Option<f64>,
    workers: Option<usize>,
    lake: Option<PathBuf>,
    store: Option<FileStore>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileStore {
    endpoint: Option<String>,
    region: Option<String>,
    bucket: Option<String>,
    access_key: Option<String>,
    secret_key: Option<String>,
}

/// Where the tables and the footage are.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A bucket.
    Bucket(StoreConfig),
    /// A local folder laid out like one.
    Folder(PathBuf),
}

/// What every command needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    /// Where.
    pub place: Place,
    /// The site file's path.
    pub site: Option<PathBuf>,
}

/// What `analyze` needs besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The model's folder.
    pub model: PathBuf,
    /// Pictures per second of footage.
    pub fps: f64,
    /// Batches at a time.
    pub workers: usize,
}

impl Common {
    /// From what was typed.
    ///
    /// # Errors
    /// One sentence that names the file and line, or the flag.
    pub fn new(args: &PlaceArgs) -> Result<Self, TrendError> {
        Ok(merge(args, read_file(args.config.as_deref())?)?.0)
    }

    /// The same, and what `analyze` needs.
    ///
    /// # Errors
    /// As [`Common::new`].
    pub fn with_analysis(args: &AnalyzeArgs, cores: usize) -> Result<(Self, Analysis), TrendError> {
        let (common, file) = merge(&args.place, read_file(args.place.config.as_deref())?)?;
        let fps = args.fps.or(file.fps).unwrap_or(DEFAULT_FPS);
        if !(0.01..=120.0).contains(&fps) {
            return Err(input(format!("--fps is {fps}, but must be 0.01 to 120 pictures per second of footage")));
        }
        let workers = args.workers.or(file.workers).unwrap_or(cores);
        if !(1..=1024).contains(&workers) {
            return Err(input(format!("--workers is {workers}, but must be 1 to 1024")));
        }
        let model = args.model.clone().or(file.model).unwrap_or_else(|| DEFAULT_MODEL.into());
        Ok((common, Analysis { model, fps, workers }))
    }

    /// The site file, read and checked.
    ///
    /// # Errors
    /// None was named, or it is wrong.
    pub fn load_site(&self) -> Result<Site, TrendError> {
        let path = self.site.as_deref().ok_or_else(|| input("no site file: name it by --site site.toml".into()))?;
        Ok(Site::load(path)?)
    }

    /// The lake, asked once whether it is there.
    ///
    /// # Errors
    /// No such folder or bucket, wrong keys, or nothing answers.
    pub async fn open_lake(&self) -> Result<Lake, TrendError> {
        let lake = match &self.place {
            Place::Bucket(store) => Lake::open(store)?,
            Place::Folder(dir) if !dir.is_dir() => {
                return Err(input(format!("--lake {} is not a folder: name an existing one", dir.display())));
            }
            Place::Folder(dir) => Lake::local(dir)?,
        };
        lake.check().await?;
        Ok(lake)
    }
}

fn input(message: String) -> TrendError {
    TrendError::Input(message)
}

fn read_file(path: Option<&Path>) -> Result<File, TrendError> {
    let Some(path) = path else { return Ok(File::default()) };
    let text = std::fs::read_to_string(path)
        .map_err(|e| input(format!("--config {} cannot be read: {e}; name an existing trends.toml", path.display())))?;
    let mut file = parse_file(path, &text)?;
    // What the file names lies beside it, wherever the command is run.
    let beside = path.parent().unwrap_or(Path::new(""));
    for named in [&mut file.site, &mut file.model, &mut file.lake].into_iter().flatten() {
        *named = beside.join(&*named);
    }
    Ok(file)
}

fn parse_file(path: &Path, text: &str) -> Result<File, TrendError> {
    toml::from_str(text).map_err(|error| {
        let (line, message) = toml_fault(text, &error);
        let key = text.lines().nth(line.saturating_sub(1)).and_then(|l| l.split_once('=')).map(|(key, _)| key.trim());
        let message = match key {
            Some(key) if !message.contains(&format!("`{key}`")) => format!("key `{key}`: {message}"),
            _ => message,
        };
        input(format!("{}:{line}: {}", path.display(), one_line(&message)))
    })
}

fn merge(args: &PlaceArgs, file: File) -> Result<(Common, File), TrendError> {
    let site = args.site.clone().or_else(|| file.site.clone());
    let bucket_typed = args.bucket.is_some();
    let place = match (&args.lake, &file.lake) {
        (Some(dir), _) => Place::Folder(dir.clone()),
        (None, Some(_)) if file.store.is_some() => {
            return Err(input("the configuration has both `lake` and `[store]`: keep one of them".into()));
        }
        (None, Some(dir)) if !bucket_typed => Place::Folder(dir.clone()),
        _ => Place::Bucket(store(args, file.store.as_ref())?),
    };
    Ok((Common { place, site }, file))
}

fn store(args: &PlaceArgs, file: Option<&FileStore>) -> Result<StoreConfig, TrendError> {
    let pick = |typed: &Option<String>, of: fn(&FileStore) -> &Option<String>| {
        let from_file = || file.and_then(|f| of(f).clone());
        typed.clone().or_else(from_file).filter(|value| !value.is_empty())
    };
    let missing = |what: &str, flag: &str, env: &str| {
        input(format!("no {what}: give {flag}, {env} or the configuration's [store], or a local folder by --lake DIR"))
    };
    Ok(StoreConfig {
        endpoint: pick(&args.endpoint, |f| &f.endpoint),
        region: pick(&args.region, |f| &f.region).unwrap_or_else(|| "us-east-1".into()),
        bucket: pick(&args.bucket, |f| &f.bucket).ok_or_else(|| missing("bucket", "--bucket", "PADDOCK_S3_BUCKET"))?,
        access_key: pick(&args.access_key, |f| &f.access_key)
            .ok_or_else(|| missing("access key", "--access-key", "PADDOCK_S3_ACCESS_KEY"))?,
        secret_key: pick(&args.secret_key, |f| &f.secret_key)
            .ok_or_else(|| missing("secret key", "--secret-key", "PADDOCK_S3_SECRET_KEY"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        parse_file(Path::new("trends.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_in_the_file_names_file_line_and_key() {
        let unknown = complaint("fps = 2\nworker = 3\n");
        assert!(unknown.starts_with("trends.toml:2: unknown field `worker`"), "{unknown}");
        let kind = complaint("\nfps = \"fast\"\n");
        assert!(kind.starts_with("trends.toml:2: key `fps`: invalid type"), "{kind}");
        let nested = complaint("[store]\nbuckett = 'x'\n");
        assert!(nested.starts_with("trends.toml:2: unknown field `buckett`"), "{nested}");
        assert!(!complaint("fps = \n").contains('\n'));
    }

    #[test]
    fn flags_come_before_the_file_and_what_is_missing_is_named() {
        let file = || File {
            store: Some(FileStore {
                bucket: Some("filed".into()),
                access_key: Some("k".into()),
                secret_key: Some("s".into()),
                ..FileStore::default()
            }),
            ..File::default()
        };
        let args = PlaceArgs { bucket: Some("typed".into()), ..PlaceArgs::default() };
        let (common, _) = merge(&args, file()).unwrap();
        let Place::Bucket(store) = common.place else { panic!("a bucket was named") };
        assert_eq!((store.bucket.as_str(), store.region.as_str()), ("typed", "us-east-1"));
        let error = merge(&args, File::default()).unwrap_err();
        assert!(error.to_string().starts_with("no access key: give --access-key"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_folder_stands_for_a_bucket_and_never_beside_one() {
        let args = PlaceArgs { lake: Some("l".into()), ..PlaceArgs::default() };
        assert_eq!(merge(&args, File::default()).unwrap().0.place, Place::Folder("l".into()));
        let both = File { lake: Some("l".into()), store: Some(FileStore::default()), ..File::default() };
        assert!(merge(&PlaceArgs::default(), both).unwrap_err().to_string().contains("keep one"));
    }
}
