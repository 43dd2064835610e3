//! Pure: the site file as it was typed, each value with its place.

use serde::Deserialize;
use toml::Spanned;

type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub site: SiteTable,
    #[serde(default)]
    pub species: Vec<SpeciesTable>,
    #[serde(default)]
    pub enclosure: Vec<EnclosureTable>,
    #[serde(default)]
    pub camera: Vec<CameraTable>,
    #[serde(default)]
    pub link: Vec<LinkTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SiteTable {
    pub name: Text,
    pub timezone: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpeciesTable {
    pub id: Text,
    pub danger: Text,
    pub looks_like: Spanned<Vec<String>>,
    #[serde(default)]
    pub free_roaming: bool,
    pub height_m: Option<Spanned<f32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnclosureTable {
    pub id: Text,
    pub species: Spanned<Vec<Text>>,
    pub count: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CameraTable {
    pub id: Text,
    pub position: Option<[f32; 2]>,
    #[serde(default)]
    pub zone: Vec<ZoneTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneTable {
    pub id: Text,
    pub kind: Text,
    pub enclosure: Option<Text>,
    pub polygon: Spanned<Vec<Spanned<Vec<f32>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkTable {
    pub from: Text,
    pub to: Text,
    pub seconds: Spanned<[f32; 2]>,
}
