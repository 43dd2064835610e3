//! Footage: byte for byte what the agent cut, in the object store and in tables that others can read.

use std::collections::BTreeMap;
use std::path::Path;

use base::segment::{SegmentMeta, sha256_hex};
use base::topic::Topic;
use base::wire::Form as _;
use serde_json::{Value, json};
use tests::wait::secs;
use tests::weed::S3;
use tests::{Scratch, python, scenes};

use crate::common::{SOON, STREET_CAMERA, Stage};

/// Rows of two tables: `segments` by the Delta library and by Polars through S3, and by DuckDB over the files
/// that the Delta log lists.
const READERS: &str = r#"
import json, sys
import deltalake, duckdb, polars
store = json.loads(sys.argv[1])
local = sys.argv[2]
options = {
    "AWS_ENDPOINT_URL": store["endpoint"], "AWS_REGION": store["region"], "AWS_ALLOW_HTTP": "true",
    "AWS_ACCESS_KEY_ID": store["access_key"], "AWS_SECRET_ACCESS_KEY": store["secret_key"],
}
def delta(name):
    return deltalake.DeltaTable(f"s3://{store['bucket']}/tables/{name}", storage_options=options)
segments = polars.read_delta(delta("segments")).select("site", "camera", "id", "key", "sha256", "bytes").sort("id")
files = deltalake.DeltaTable(f"{local}/tables/segments").file_uris()
by_duckdb = duckdb.sql("select id, sha256, bytes from read_parquet(?) order by id", params=[files]).fetchall()
coverage = polars.read_delta(delta("coverage"))
print(json.dumps({
    "segments": segments.to_dicts(),
    "duckdb": by_duckdb,
    "partitions": delta("segments").metadata().partition_columns,
    "recorded_s": coverage["recorded_s"].sum(),
}))
"#;

#[test]
fn footage_reaches_the_store_byte_for_byte_and_its_tables_open_in_other_peoples_readers() {
    let mut stage = Stage::street().unwrap();
    let clip = scenes::street_clip(8).unwrap();
    let mut agent = stage.agent(STREET_CAMERA, &clip.display().to_string(), &["--once"]).unwrap();
    // It ends by itself when its footage is acknowledged.
    assert!(agent.process().wait(SOON).unwrap().success(), "{}", agent.log());
    assert_eq!(footage_in(agent.spool()), 0, "an acknowledged copy is freed");

    let cut = stage.cut();
    assert!(cut.len() >= 4, "8 s in segments of 2 s: {}", cut.len());
    let recorded_us: i64 = cut.values().map(|(header, _)| header.duration_us).sum();
    assert!((7_800_000..=8_200_000).contains(&recorded_us), "{recorded_us} µs of 8 s");
    assert_eq!(stage.acknowledged(), cut.keys().cloned().collect::<Vec<_>>());

    let keys = stage.wait_uploaded(cut.len(), SOON).unwrap();
    assert_eq!(keys.len(), cut.len(), "no copy twice: {keys:?}");
    for (id, (header, bytes)) in &cut {
        let camera = STREET_CAMERA.parse().unwrap();
        let key = SegmentMeta::from_header(camera, id.clone(), header).key(&stage.site);
        let object = stage.bucket.get(&key).unwrap();
        assert_eq!(sha256_hex(&object), header.sha256, "{key}");
        assert!(object == bytes[..], "{key}");
    }

    // A stop commits what waits, the minute that is not over included.
    assert!(stage.analyzer.stop().unwrap().success(), "{}", stage.analyzer.log());
    let read = read_tables(&stage.bucket).unwrap();
    assert_eq!(read["segments"].as_array().map(Vec::len), Some(cut.len()), "{read}");
    let recorded_s = read["recorded_s"].as_f64().unwrap();
    assert!((recorded_s - recorded_us as f64 / 1e6).abs() < 0.001, "coverage says {recorded_s} s of {recorded_us} µs");
    assert_eq!(read["partitions"], json!(["site", "date"]));
    let by_id: BTreeMap<&str, &str> = read["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["id"].as_str().unwrap(), row["sha256"].as_str().unwrap()))
        .collect();
    let expected: BTreeMap<&str, &str> = cut.iter().map(|(id, (h, _))| (id.as_str(), h.sha256.as_str())).collect();
    assert_eq!(by_id, expected);
    let by_duckdb: Vec<&str> = read["duckdb"].as_array().unwrap().iter().map(|r| r[1].as_str().unwrap()).collect();
    assert_eq!(by_duckdb, expected.values().copied().collect::<Vec<_>>());

    let farewell = Topic::CameraStatus(STREET_CAMERA.parse().unwrap()).name(&stage.site);
    let messages = stage.watch.messages();
    let last = messages.iter().rev().find(|m| m.topic == farewell).unwrap();
    let status = base::wire::CameraStatus::from_json(&last.payload).unwrap();
    assert_eq!((status.online, status.spool.segments, status.spool.lost_segments), (false, 0, 0));
}

/// What other people's readers find in the bucket's tables.
fn read_tables(bucket: &S3) -> anyhow::Result<Value> {
    let local = Scratch::new("tables")?;
    for key in bucket.list("tables/")? {
        local.write(&key, bucket.get(&key)?)?;
    }
    let store = serde_json::to_string(bucket.config())?;
    python::json(READERS, &[&store, &local.path().display().to_string()], secs(60))
}

/// How many files below `dir` hold footage; the spool's own index and ledger hold none.
fn footage_in(dir: &Path) -> usize {
    let entries: Vec<_> = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
    let here = entries.iter().filter(|path| path.is_file()).filter(|path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(4).any(|word| word == b"moof")
    });
    here.count() + entries.iter().filter(|path| path.is_dir()).map(|dir| footage_in(dir)).sum::<usize>()
}
