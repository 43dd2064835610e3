//! Logging: one line an event, to standard error; `PADDOCK_LOG` chooses what (`info` by default),
//! `PADDOCK_LOG_FORMAT=json` how.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts logging. A second call does nothing.
pub fn init() {
    let filter = EnvFilter::try_from_env("PADDOCK_LOG").unwrap_or_else(|_| {
        EnvFilter::new(
            "info,rumqttc=warn,aws=warn,hyper=warn,deltalake=warn,delta_kernel=warn,buoyant_kernel=warn,buoyant_kernel=off,ort=warn,object_store=warn",
        )
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let result = if std::env::var("PADDOCK_LOG_FORMAT").is_ok_and(|f| f == "json") {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
    };
    drop(result); // an error means that logging is set up already
}
