//! Pure: a site as JSON, with the keys of the site file, into the text of the file. What stays the same keeps its
//! place, its comments and its way of writing.

use serde_json::{Map, Value as Json};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value};

/// The file's content as JSON.
///
/// # Errors
/// It is no TOML; the sentence names no line, [`base::site::Site::parse`] does.
pub fn to_json(text: &str) -> Result<Json, String> {
    toml::from_str(text).map_err(|e| e.message().to_owned())
}

/// `text` changed so that it says what `wanted` says.
///
/// # Errors
/// One sentence: `text` is no TOML, or `wanted` holds what a site file cannot.
pub fn merged(text: &str, wanted: &Json) -> Result<String, String> {
    let mut file: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| e.message().to_owned())?;
    let wanted = wanted.as_object().ok_or("the site must be a JSON object with the keys of site.toml")?;
    merge_table(file.as_table_mut(), wanted)?;
    Ok(file.to_string())
}

fn merge_table(table: &mut Table, wanted: &Map<String, Json>) -> Result<(), String> {
    let gone: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).filter(|k| is_absent(wanted.get(k))).collect();
    gone.iter().for_each(|key| drop(table.remove(key)));
    for (key, value) in wanted.iter().filter(|(_, value)| !value.is_null()) {
        match value {
            Json::Object(inner) => {
                let item = table.entry(key).or_insert_with(|| Item::Table(Table::new()));
                let into = item.as_table_mut().ok_or_else(|| format!("`{key}` must be written as [{key}]"))?;
                merge_table(into, inner)?;
            }
            Json::Array(rows) if !rows.is_empty() && rows.iter().all(Json::is_object) => {
                merge_rows(table, key, rows)?;
            }
            // An empty list of tables is written by leaving it out.
            Json::Array(rows) if rows.is_empty() && table.get(key).is_none_or(Item::is_array_of_tables) => {
                table.remove(key);
            }
            _ => merge_value(table, key, value)?,
        }
    }
    Ok(())
}

fn is_absent(value: Option<&Json>) -> bool {
    value.is_none_or(Json::is_null)
}

/// The tables of one kind: those that are there keep what they are, found by what names them.
fn merge_rows(table: &mut Table, key: &str, rows: &[Json]) -> Result<(), String> {
    let mut known: Vec<Table> = match table.get(key) {
        None => Vec::new(),
        Some(Item::ArrayOfTables(tables)) => tables.iter().cloned().collect(),
        Some(_) => return Err(format!("`{key}` must be written as [[{key}]] for the page to change it")),
    };
    let mut tables = ArrayOfTables::new();
    for row in rows.iter().filter_map(Json::as_object) {
        let same = known.iter().position(|table| name_of(table) == name_of_json(row));
        let mut table = same.map_or_else(Table::new, |at| known.remove(at));
        merge_table(&mut table, row)?;
        tables.push(table);
    }
    table.insert(key, Item::ArrayOfTables(tables));
    Ok(())
}

/// A table is known by its id, a link by its ends.
const NAMES: [&str; 3] = ["id", "from", "to"];

fn name_of(table: &Table) -> [Option<String>; 3] {
    NAMES.map(|key| table.get(key).and_then(Item::as_str).map(str::to_owned))
}

fn name_of_json(row: &Map<String, Json>) -> [Option<String>; 3] {
    NAMES.map(|key| row.get(key).and_then(Json::as_str).map(str::to_owned))
}

fn merge_value(table: &mut Table, key: &str, wanted: &Json) -> Result<(), String> {
    let old = table.get(key).and_then(Item::as_value);
    if old.is_some_and(|old| same(old, wanted)) {
        return Ok(());
    }
    let decor = old.map(|old| old.decor().clone());
    // Counts are whole numbers; all other numbers of a site file are measures.
    let mut value = to_toml(wanted, key != "count")?;
    if let Some(decor) = decor {
        *value.decor_mut() = decor;
    }
    match table.get_mut(key) {
        Some(item) => *item = Item::Value(value),
        None => drop(table.insert(key, Item::Value(value))),
    }
    Ok(())
}

fn to_toml(value: &Json, measure: bool) -> Result<Value, String> {
    match value {
        Json::String(text) => Ok(text.as_str().into()),
        Json::Bool(yes) => Ok((*yes).into()),
        Json::Number(number) => match number.as_i64().filter(|_| !measure) {
            Some(count) => Ok(count.into()),
            None => Ok(number.as_f64().unwrap_or_default().into()),
        },
        Json::Array(list) => {
            let values = list.iter().map(|v| to_toml(v, measure)).collect::<Result<Vec<_>, _>>()?;
            Ok(Value::Array(Array::from_iter(values)))
        }
        Json::Null | Json::Object(_) => Err("a list of the site holds what a site file cannot".into()),
    }
}

fn same(old: &Value, wanted: &Json) -> bool {
    let number = || old.as_float().or(old.as_integer().map(|i| i as f64));
    match wanted {
        Json::String(text) => old.as_str() == Some(text),
        Json::Bool(yes) => old.as_bool() == Some(*yes),
        Json::Number(wanted) => number().zip(wanted.as_f64()).is_some_and(|(a, b)| a == b),
        Json::Array(list) => old
            .as_array()
            .is_some_and(|old| old.len() == list.len() && old.iter().zip(list).all(|(old, wanted)| same(old, wanted))),
        Json::Null | Json::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "\
# The zoo by the river.
[site]
name = \"demo\"
timezone = \"Europe/Berlin\"   # summer time too

[[species]]
id = \"tiger\"
danger = \"red\"
looks_like = [\"cat\",
  \"dog\"]

[[enclosure]]
id = \"tigers\"
species = [\"tiger\"]
count = 2

# By the old gate.
[[camera]]
id = \"gate\"
position = [12.0, 40]

[[camera.zone]]
id = \"yard\"
kind = \"enclosure\"
enclosure = \"tigers\"
polygon = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.6]] # measured on a ladder

[[camera]]
id = \"plaza\"

[[link]]
from = \"gate\"
to = \"plaza\"
seconds = [4, 40]
";

    #[test]
    fn what_stays_the_same_stays_as_it_was_written() {
        let site = to_json(TEXT).unwrap();
        assert_eq!(merged(TEXT, &site).unwrap(), TEXT);
    }

    #[test]
    fn a_moved_zone_and_a_new_one_change_their_lines_and_no_other() {
        let mut site = to_json(TEXT).unwrap();
        site["camera"][0]["zone"][0]["polygon"][1] = json!([0.75, 0]);
        site["camera"][1]["zone"] = json!([{ "id": "path", "kind": "public", "polygon": [[0, 0], [1, 0], [1, 1]] }]);
        let text = merged(TEXT, &site).unwrap();
        let expected =
            TEXT.replace("[0.5, 0.0], [0.5, 0.6]] # measured", "[0.75, 0.0], [0.5, 0.6]] # measured").replace(
                "id = \"plaza\"\n",
                "id = \"plaza\"\n\n[[camera.zone]]\nid = \"path\"\nkind = \"public\"\n\
                 polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]\n",
            );
        assert_eq!(text, expected);
        base::site::Site::parse(&text, std::path::Path::new("site.toml")).unwrap();
    }

    #[test]
    fn what_is_left_out_goes_with_its_comment_and_the_rest_stays_in_order() {
        let mut site = to_json(TEXT).unwrap();
        site["camera"].as_array_mut().unwrap().remove(0);
        site["link"] = json!([]);
        let text = merged(TEXT, &site).unwrap();
        assert!(!text.contains("gate") && !text.contains("[[link]]") && text.contains("# The zoo by the river."));
        let cameras = base::site::Site::parse(&text, std::path::Path::new("site.toml")).unwrap().cameras;
        assert_eq!(cameras.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["plaza"]);
    }

    #[test]
    fn what_no_site_file_can_hold_is_refused() {
        assert!(merged(TEXT, &json!([1])).is_err());
        assert!(merged(TEXT, &json!({ "site": { "name": [{ "a": 1 }, 2] } })).is_err());
    }
}
