//! `[alert]`: channels, routes, people, quiet hours. Checked in two steps: what the file says by itself here, what
//! it says of the site in [`Alerts::check`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::site::Site;
use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;
use crate::alert::command::CommandParams;
use crate::alert::email::EmailParams;
use crate::alert::home_assistant;
use crate::alert::ntfy::NtfyParams;
use crate::alert::rules::{ChannelInfo, Hours, Person, Route, Rules};
use crate::alert::webhook::WebhookParams;

mod channel;
mod route;

type Text = Spanned<String>;
/// Byte offset and sentence.
type Fault = (usize, String);
type Checked<T> = Result<T, Fault>;

/// `[alert]` as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlertSection {
    page_url: Option<Text>,
    quiet_hours: Vec<Text>,
    quiet_for: Option<Vec<Text>>,
    clear_resolved_after_h: Option<Spanned<u32>>,
    home_assistant: Option<HomeAssistantTable>,
    channel: Vec<channel::ChannelTable>,
    route: Vec<route::RouteTable>,
    person: Vec<PersonTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HomeAssistantTable {
    prefix: String,
}

impl Default for HomeAssistantTable {
    fn default() -> Self {
        Self { prefix: "homeassistant".into() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonTable {
    name: Text,
    email: Option<Text>,
    ntfy_topic: Option<Text>,
    #[serde(default)]
    on_call: Vec<Text>,
}

/// A channel and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelSpec {
    /// JSON to a web address.
    Webhook(WebhookParams),
    /// Push to phones.
    Ntfy(NtfyParams),
    /// E-mail.
    Email(EmailParams),
    /// A program on this machine.
    Command(CommandParams),
}

impl ChannelSpec {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            ChannelSpec::Webhook(p) => &p.name,
            ChannelSpec::Ntfy(p) => &p.name,
            ChannelSpec::Email(p) => &p.name,
            ChannelSpec::Command(p) => &p.name,
        }
    }

    fn info(&self) -> ChannelInfo {
        let (kind, has_own_recipients) = match self {
            ChannelSpec::Webhook(_) => ("webhook", true),
            ChannelSpec::Ntfy(p) => ("ntfy", p.topic.is_some()),
            ChannelSpec::Email(p) => ("email", !p.to.is_empty()),
            ChannelSpec::Command(_) => ("command", true),
        };
        ChannelInfo { name: self.name().to_owned(), kind, has_own_recipients }
    }
}

/// What a route says of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reference {
    Camera(String),
    Zone(String),
    Species(String),
    Danger(String),
}

/// Everything about alerts, checked but for the site.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerts {
    /// Channels beside the broker.
    pub channels: Vec<ChannelSpec>,
    /// The page as people reach it, without a slash at its end.
    pub page_url: Option<String>,
    /// Home Assistant, where it is wanted.
    pub home_assistant: Option<home_assistant::Params>,
    /// A resolved incident leaves the broker after so long.
    pub clear_resolved_after: Duration,
    routes: Vec<Route>,
    people: Vec<Person>,
    quiet_hours: Vec<Hours>,
    quiet_for: Vec<String>,
    references: Vec<(usize, Reference)>,
    file: PathBuf,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            page_url: None,
            home_assistant: None,
            clear_resolved_after: Duration::from_secs(24 * 3600),
            routes: Vec::new(),
            people: Vec::new(),
            quiet_hours: Vec::new(),
            quiet_for: Vec::new(),
            references: Vec::new(),
            file: PathBuf::new(),
        }
    }
}

impl Alerts {
    /// Reads and checks the section; secrets lie in files beside the config file, or in the environment.
    pub(super) fn of(section: AlertSection, text: &str, path: &Path) -> Result<Self, ConfigError> {
        let at = |(offset, message)| ConfigError::File {
            file: path.to_owned(),
            line: base::input::line_of(text, offset),
            message,
        };
        let mut alerts = read(section, path).map_err(at)?;
        for (place, _) in &mut alerts.references {
            *place = base::input::line_of(text, *place);
        }
        Ok(alerts)
    }

    /// Whether the site has what routes name.
    ///
    /// # Errors
    /// One sentence with file and line.
    pub fn check(&self, site: &Site) -> Result<(), ConfigError> {
        for (line, reference) in &self.references {
            let zones = || site.cameras.iter().flat_map(|c| &c.zones);
            let (there, what) = match reference {
                Reference::Camera(id) => (site.cameras.iter().any(|c| c.id.as_str() == id), format!("camera '{id}'")),
                Reference::Zone(id) => (zones().any(|z| z.id.as_str() == id), format!("zone '{id}'")),
                Reference::Species(id) => (site.species.iter().any(|s| s.id.as_str() == id), format!("species '{id}'")),
                Reference::Danger(word) => {
                    (site.species.iter().any(|s| s.danger == *word), format!("species of danger '{word}'"))
                }
            };
            if !there {
                let message = format!("the site file has no {what}; correct the name, or add it there");
                return Err(ConfigError::File { file: self.file.clone(), line: *line, message });
            }
        }
        Ok(())
    }

    /// Who is told of what.
    pub fn rules(&self, site: &Site) -> Rules {
        Rules {
            // The site file was checked for it.
            timezone: jiff::tz::TimeZone::get(&site.timezone).unwrap_or(jiff::tz::TimeZone::UTC),
            channels: self.channels.iter().map(ChannelSpec::info).collect(),
            routes: self.routes.clone(),
            people: self.people.clone(),
            quiet_hours: self.quiet_hours.clone(),
            quiet_for: self.quiet_for.clone(),
        }
    }
}

fn read(section: AlertSection, path: &Path) -> Checked<Alerts> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let people = people(&section.person)?;
    let mut channels =
        section.channel.iter().map(|t| channel::read(t, folder, &people)).collect::<Checked<Vec<_>>>()?;
    unique(section.channel.iter().map(|t| &t.name), "channel")?;
    let page_url = section.page_url.as_ref().map(page_url).transpose()?;
    let (routes, references) = route::read_all(&section, &channels, &people)?;
    let used = |name: &str| routes.iter().any(|r: &Route| r.channels.iter().any(|c| c == name));
    if let Some(table) = section.channel.iter().find(|t| !used(t.name.get_ref())) {
        let why = "is named by no route, so that nothing would ever be told there; name it in the `channels` of one";
        return fault(&table.name, format!("channel '{}' {why}", table.name.get_ref()));
    }
    channels.shrink_to_fit();
    let home_assistant =
        section.home_assistant.map(|table| home_assistant::Params { prefix: table.prefix, page_url: page_url.clone() });
    Ok(Alerts {
        channels,
        home_assistant,
        clear_resolved_after: clear_after(section.clear_resolved_after_h.as_ref())?,
        routes,
        people,
        quiet_hours: section.quiet_hours.iter().map(hours).collect::<Checked<_>>()?,
        quiet_for: quiet_for(section.quiet_for.as_deref())?,
        references,
        file: path.to_owned(),
        page_url,
    })
}

fn clear_after(hours: Option<&Spanned<u32>>) -> Checked<Duration> {
    match hours {
        Some(hours) if !(1..=8760).contains(hours.get_ref()) => {
            fault(hours, "`clear_resolved_after_h` must be between 1 and 8760 hours")
        }
        hours => Ok(Duration::from_secs(3600 * u64::from(hours.map_or(24, |h| *h.get_ref())))),
    }
}

fn quiet_for(words: Option<&[Text]>) -> Checked<Vec<String>> {
    let Some(words) = words else { return Ok(vec!["yellow".into()]) };
    match words.iter().find(|word| word.get_ref() == "red") {
        Some(red) => fault(red, "quiet hours never silence red; take it out of `quiet_for`"),
        None => Ok(words.iter().map(|word| word.get_ref().clone()).collect()),
    }
}

fn page_url(text: &Text) -> Checked<String> {
    let url = web_url(text, "page_url")?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn web_url(text: &Text, key: &str) -> Checked<reqwest::Url> {
    let right = "write for example \"https://host/path\"";
    // What was typed is not shown: addresses of webhooks are often secrets.
    let url =
        reqwest::Url::parse(text.get_ref()).or_else(|e| fault(text, format!("`{key}` is no URL ({e}); {right}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return fault(text, format!("`{key}` must begin with http:// or https:// and name a host; {right}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fault(text, format!("`{key}` must not hold a password; use a file or the environment for it"));
    }
    Ok(url)
}

fn people(tables: &[PersonTable]) -> Checked<Vec<Person>> {
    unique(tables.iter().map(|t| &t.name), "person")?;
    let person = |table: &PersonTable| {
        let name = name(&table.name, "person")?;
        if let Some(email) = &table.email {
            crate::alert::email::mailbox(email.get_ref()).or_else(|why| fault(email, why))?;
        }
        if let Some(topic) = &table.ntfy_topic {
            ntfy_topic(topic)?;
        }
        Ok(Person {
            name,
            email: table.email.as_ref().map(|e| e.get_ref().clone()),
            ntfy_topic: table.ntfy_topic.as_ref().map(|t| t.get_ref().clone()),
            on_call: table.on_call.iter().map(hours).collect::<Checked<_>>()?,
        })
    };
    tables.iter().map(person).collect()
}

fn hours(text: &Text) -> Checked<Hours> {
    Hours::parse(text.get_ref()).or_else(|why| fault(text, why))
}

fn ntfy_topic(text: &Text) -> Checked<()> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let topic = text.get_ref();
    if !topic.is_empty() && topic.len() <= 64 && topic.chars().all(is_good) {
        return Ok(());
    }
    fault(text, format!("'{topic}' is no topic of ntfy; use 1 to 64 letters, digits, - and _"))
}

fn name(text: &Text, what: &str) -> Checked<String> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    let name = text.get_ref();
    if name.is_empty() || name.len() > 32 || !name.chars().all(is_good) {
        return fault(text, format!("{what} '{name}': use 1 to 32 of a-z, 0-9, - and _"));
    }
    Ok(name.clone())
}

fn unique<'a>(names: impl Iterator<Item = &'a Text>, what: &str) -> Checked<()> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name.get_ref()) {
            return fault(name, format!("{what} '{}' is there twice; give each its own name", name.get_ref()));
        }
    }
    Ok(())
}

fn fault<T, V>(at: &Spanned<V>, message: impl Into<String>) -> Checked<T> {
    Err((at.span().start, message.into()))
}

#[cfg(test)]
mod tests;
