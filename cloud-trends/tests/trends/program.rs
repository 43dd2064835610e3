//! The built program, as a person runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository's root, where `models/` and `.setup/` lie.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What it said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It must have worked.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// A person's mistake: one line, exit code 2.
    #[track_caller]
    pub fn mistake(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{self:?}");
        assert_eq!(self.err.trim_end().lines().count(), 1, "{self:?}");
        self.err
    }
}

/// Runs it in the repository's root, without the environment's stores.
pub fn trends<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(args: I) -> Said {
    Said::new(command(args).output().unwrap())
}

/// The same, not yet started.
pub fn command<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(args: I) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloud-trends"));
    command.current_dir(root()).args(args);
    for name in ["ENDPOINT", "BUCKET", "REGION", "ACCESS_KEY", "SECRET_KEY"] {
        command.env_remove(format!("PADDOCK_S3_{name}"));
    }
    command
}
