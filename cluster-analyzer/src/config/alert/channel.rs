//! `[[alert.channel]]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{ChannelSpec, Checked, Text, fault, name, ntfy_topic, web_url};
use crate::alert::Secret;
use crate::alert::command::CommandParams;
use crate::alert::email::{EmailParams, Security, mailbox};
use crate::alert::ntfy::NtfyParams;
use crate::alert::rules::Person;
use crate::alert::web::Web;
use crate::alert::webhook::WebhookParams;

/// One channel as it was typed; which keys it may have is a matter of its kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelTable {
    pub(super) name: Text,
    kind: Text,
    timeout_s: Option<Spanned<u64>>,
    ca_file: Option<Spanned<PathBuf>>,
    url: Option<Text>,
    secret_file: Option<Text>,
    secret_env: Option<Text>,
    topic: Option<Text>,
    token_file: Option<Text>,
    token_env: Option<Text>,
    host: Option<Text>,
    port: Option<Spanned<u16>>,
    security: Option<Text>,
    username: Option<Text>,
    password_file: Option<Text>,
    password_env: Option<Text>,
    from: Option<Text>,
    to: Option<Spanned<Vec<Text>>>,
    argv: Option<Spanned<Vec<String>>>,
}

pub(super) fn read(table: &ChannelTable, folder: &Path, people: &[Person]) -> Checked<ChannelSpec> {
    let own = name(&table.name, "channel")?;
    if own == "mqtt" {
        return fault(&table.name, "the name mqtt stands for the broker, which is told everything; choose another");
    }
    let allowed: &[&str] = match table.kind.get_ref().as_str() {
        "webhook" => &["url", "secret_file", "secret_env", "ca_file"],
        "ntfy" => &["url", "topic", "token_file", "token_env", "ca_file"],
        "email" => &["host", "port", "security", "username", "password_file", "password_env", "from", "to", "ca_file"],
        "command" => &["argv"],
        other => {
            let right = "use webhook, ntfy, email or command";
            return fault(&table.kind, format!("kind '{other}' of channel '{own}' is unknown; {right}"));
        }
    };
    if let Some((key, start)) = given(table).into_iter().find(|(key, _)| !allowed.contains(key)) {
        let kind = table.kind.get_ref();
        return Err((start, format!("`{key}` means nothing to a channel of kind {kind}; take it out")));
    }
    match table.kind.get_ref().as_str() {
        "webhook" => Ok(ChannelSpec::Webhook(WebhookParams {
            web: web(table, folder)?,
            secret: secret(("secret_file", &table.secret_file), ("secret_env", &table.secret_env), folder)?,
            name: own,
        })),
        "ntfy" => ntfy(table, own, folder, people).map(ChannelSpec::Ntfy),
        "email" => email(table, own, folder, people).map(ChannelSpec::Email),
        _ => command(table, own).map(ChannelSpec::Command),
    }
}

/// The keys of one kind only that were typed.
fn given(table: &ChannelTable) -> Vec<(&'static str, usize)> {
    fn at<T>(value: &Option<Spanned<T>>) -> Option<usize> {
        value.as_ref().map(|v| v.span().start)
    }
    let all = [
        ("ca_file", at(&table.ca_file)),
        ("url", at(&table.url)),
        ("secret_file", at(&table.secret_file)),
        ("secret_env", at(&table.secret_env)),
        ("topic", at(&table.topic)),
        ("token_file", at(&table.token_file)),
        ("token_env", at(&table.token_env)),
        ("host", at(&table.host)),
        ("port", at(&table.port)),
        ("security", at(&table.security)),
        ("username", at(&table.username)),
        ("password_file", at(&table.password_file)),
        ("password_env", at(&table.password_env)),
        ("from", at(&table.from)),
        ("to", at(&table.to)),
        ("argv", at(&table.argv)),
    ];
    all.into_iter().filter_map(|(key, at)| Some((key, at?))).collect()
}

fn needed<'a, T>(table: &ChannelTable, value: Option<&'a Spanned<T>>, key: &str) -> Checked<&'a Spanned<T>> {
    let (kind, name) = (table.kind.get_ref(), table.name.get_ref());
    value.map_or_else(|| fault(&table.name, format!("channel '{name}' of kind {kind} needs the key `{key}`")), Ok)
}

fn timeout(table: &ChannelTable) -> Checked<Duration> {
    match &table.timeout_s {
        Some(given) if !(1..=60).contains(given.get_ref()) => {
            fault(given, "`timeout_s` must be between 1 and 60 seconds")
        }
        given => Ok(Duration::from_secs(given.as_ref().map_or(10, |s| *s.get_ref()))),
    }
}

fn beside(folder: &Path, path: &Spanned<PathBuf>) -> PathBuf {
    folder.join(path.get_ref())
}

fn web(table: &ChannelTable, folder: &Path) -> Checked<Web> {
    let url = web_url(needed(table, table.url.as_ref(), "url")?, "url")?;
    Ok(Web { url, timeout: timeout(table)?, ca_file: table.ca_file.as_ref().map(|path| beside(folder, path)) })
}

type Source<'a> = (&'a str, &'a Option<Text>);

/// A secret of a file, or of the environment; never of the config file itself, which people show each other.
fn secret(file: Source<'_>, env: Source<'_>, folder: &Path) -> Checked<Option<Secret>> {
    let (text, place, key) = match (file, env) {
        ((key, Some(_)), (other, Some(place))) => {
            return fault(place, format!("give `{key}` or `{other}`, not both"));
        }
        ((key, Some(place)), _) => {
            let path = folder.join(place.get_ref());
            let text = std::fs::read_to_string(&path);
            let text = text.or_else(|e| fault(place, format!("`{key}`: {} cannot be read: {e}", path.display())))?;
            (text, place, key)
        }
        (_, (key, Some(place))) => {
            let variable = place.get_ref();
            let text = std::env::var(variable);
            let right = "set it where the service is started";
            let text = text.or_else(|_| fault(place, format!("`{key}`: there is no variable {variable}; {right}")))?;
            (text, place, key)
        }
        _ => return Ok(None),
    };
    let text = text.trim();
    if text.is_empty() {
        return fault(place, format!("`{key}`: the secret there is empty"));
    }
    // A token goes into a header, a password into a line.
    if text.chars().any(char::is_control) {
        return fault(place, format!("`{key}`: the secret there has more than one line"));
    }
    Ok(Some(Secret::new(text)))
}

fn ntfy(table: &ChannelTable, name: String, folder: &Path, people: &[Person]) -> Checked<NtfyParams> {
    if let Some(topic) = &table.topic {
        ntfy_topic(topic)?;
    }
    let of = |p: &Person| Some((p.name.clone(), p.ntfy_topic.clone()?));
    Ok(NtfyParams {
        name,
        web: web(table, folder)?,
        topic: table.topic.as_ref().map(|t| t.get_ref().clone()),
        people: people.iter().filter_map(of).collect(),
        token: secret(("token_file", &table.token_file), ("token_env", &table.token_env), folder)?,
    })
}

fn email(table: &ChannelTable, name: String, folder: &Path, people: &[Person]) -> Checked<EmailParams> {
    let security = match table.security.as_ref().map(|s| (s, s.get_ref().as_str())) {
        None | Some((_, "starttls")) => Security::Starttls,
        Some((_, "tls")) => Security::Tls,
        Some((_, "none")) => Security::None,
        Some((at, other)) => return fault(at, format!("security '{other}' is unknown; use starttls, tls or none")),
    };
    let password = secret(("password_file", &table.password_file), ("password_env", &table.password_env), folder)?;
    let login = match (&table.username, password) {
        (Some(user), Some(password)) => Some((user.get_ref().clone(), password)),
        (None, None) => None,
        (Some(user), None) => return fault(user, "`username` needs `password_file` or `password_env` beside it"),
        (None, Some(_)) => return fault(&table.name, "a password needs `username` beside it"),
    };
    if let (Some(user), Security::None) = (&table.username, security) {
        return fault(user, "a password must not be sent in the open; use security = \"starttls\" or \"tls\"");
    }
    let address = |text: &Text| mailbox(text.get_ref()).or_else(|why| fault(text, why));
    let to = table.to.as_ref().map(|list| list.get_ref().iter().map(address).collect::<Checked<Vec<_>>>());
    // Addresses of people were checked where they are given.
    let of = |p: &Person| Some((p.name.clone(), mailbox(p.email.as_deref()?).ok()?));
    Ok(EmailParams {
        name,
        host: needed(table, table.host.as_ref(), "host")?.get_ref().clone(),
        port: table.port.as_ref().map_or(security.port(), |p| *p.get_ref()),
        security,
        login,
        from: address(needed(table, table.from.as_ref(), "from")?)?,
        to: to.transpose()?.unwrap_or_default(),
        people: people.iter().filter_map(of).collect(),
        timeout: timeout(table)?,
        ca_file: table.ca_file.as_ref().map(|path| beside(folder, path)),
    })
}

fn command(table: &ChannelTable, name: String) -> Checked<CommandParams> {
    let argv = needed(table, table.argv.as_ref(), "argv")?;
    let program = argv.get_ref().first().map(PathBuf::from).unwrap_or_default();
    if !program.is_absolute() {
        return fault(argv, "`argv` must begin with the whole path of a program, such as \"/usr/local/bin/siren\"");
    }
    if !program.is_file() {
        return fault(argv, format!("`argv`: there is no program {}", program.display()));
    }
    Ok(CommandParams { name, argv: argv.get_ref().clone(), timeout: timeout(table)? })
}
