//! Passwords that stand in a file or in the environment, not in the configuration and never in a log.

use std::path::Path;

use media::SourceUrl;

use super::ConfigError;

/// The password of `what` (`source` or `broker`): from the file that the configuration names, else from
/// `PADDOCK_SOURCE_PASSWORD` or `PADDOCK_BROKER_PASSWORD`.
pub(super) fn password(what: &str, file: Option<&Path>) -> Result<Option<String>, ConfigError> {
    let Some(file) = file else {
        return Ok(std::env::var(format!("PADDOCK_{}_PASSWORD", what.to_uppercase())).ok().filter(|p| !p.is_empty()));
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        let file = file.display();
        ConfigError::Value(format!(
            "`{what}_password_file`: `{file}` cannot be read ({error}): put the password alone into it"
        ))
    })?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(ConfigError::Value(format!(
            "`{what}_password_file`: `{}` is empty: put the password alone into it",
            file.display()
        ))),
        password => Ok(Some(password.to_owned())),
    }
}

/// An address, with the password where one is kept apart.
pub(super) fn source(key: &str, text: &str, password: Option<&str>) -> Result<SourceUrl, ConfigError> {
    let url = SourceUrl::parse(text).map_err(|error| ConfigError::Value(error.to_string()))?;
    match password {
        Some(password) => url.with_password(password).ok_or_else(|| no_place(key)),
        None => Ok(url),
    }
}

/// A password and nobody whose it is.
pub(super) fn no_place(key: &str) -> ConfigError {
    ConfigError::Value(format!(
        "`{key}` names no user for the password that is kept apart, or has one itself: write user@host"
    ))
}
