#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use base::segment::sha256_hex;
use tempfile::TempDir;

use super::*;
use catalogue::{Entry, State};
use server::{Server, answer, file};

mod server;

const NAME: &str = "small";

fn content() -> Vec<u8> {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// A folder with one model, whose card has these two lines.
fn models(url: Option<&str>, sha256: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let url = url.map(|url| format!("url = \"{url}\"\n")).unwrap_or_default();
    let card = format!(
        "name = \"a-small-one\"\nhead = \"yolox\"\nlicense = \"MIT\"\nsource = \"the publisher\"\n{url}sha256 = \"{sha256}\"\n\
         [input]\nwidth = 64\nheight = 32\nlayout = \"nchw\"\nchannels = \"rgb\"\nfit = \"stretch\"\n[output]\n\
         output = \"y\"\n[labels]\nnames = [\"cat\", \"dog\", \"car\"]\nanimals = [\"cat\", \"dog\"]\nvehicles = [\"car\"]\n"
    );
    std::fs::create_dir(folder.path().join(NAME)).unwrap();
    std::fs::write(folder.path().join(NAME).join("model.toml"), card).unwrap();
    folder
}

fn entry(models: &TempDir) -> Entry {
    Catalogue::read(models.path()).unwrap().entries.remove(0)
}

fn params() -> fetch::Params {
    fetch::Params { cache: None, pause: Duration::ZERO, tries: 3 }
}

fn fetch_one(models: &TempDir) -> Result<fetch::Fetched, ModelsError> {
    fetch::fetch(&entry(models), &params())
}

fn network(models: &TempDir) -> Option<Vec<u8>> {
    std::fs::read(entry(models).network()).ok()
}

fn part(models: &TempDir) -> PathBuf {
    models.path().join(NAME).join("model.onnx.part")
}

/// What a failed fetch says; a half file that nobody wants must be gone.
#[track_caller]
fn refusal(models: &TempDir) -> String {
    let error = fetch_one(models).unwrap_err();
    assert_eq!(network(models), None, "{error}");
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text:?}");
    text
}

#[test]
fn a_good_file_is_put_in_place_once() {
    let server = Server::start(|asked| file(asked, &content(), usize::MAX));
    let models = models(Some(&server.url("/m.onnx")), &sha256_hex(&content()));
    assert_eq!(entry(&models).state(), State::Missing);
    let fetched = fetch_one(&models).unwrap();
    assert_eq!(fetched, fetch::Fetched { from: Some(server.url("/m.onnx")), unverified: None });
    assert_eq!(network(&models), Some(content()));
    assert!(!part(&models).exists());
    assert_eq!(fetch_one(&models).unwrap().from, None, "it is there already");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_file_with_another_checksum_is_thrown_away() {
    let server = Server::start(|asked| file(asked, b"something else", usize::MAX));
    let wanted = sha256_hex(&content());
    let models = models(Some(&server.url("/m.onnx")), &wanted);
    let text = refusal(&models);
    assert!(text.contains(&sha256_hex(b"something else")) && text.contains(&wanted), "{text}");
    assert!(!part(&models).exists());
}

#[test]
fn a_refusal_is_told_with_what_it_means_and_what_to_do_instead() {
    let cases = [
        ("403 Forbidden", "", "the answer was 403 (refused)"),
        ("404 Not Found", "", "the answer was 404 (not there any more)"),
        ("407 Proxy Authentication Required", "", "the proxy wants a login: set it in HTTPS_PROXY"),
        ("503 Service Unavailable", "", "try later"),
        ("200 OK", "Content-Type: text/html; charset=utf-8\r\n", "a web page came instead of the file"),
    ];
    for (status, headers, wanted) in cases {
        let server = Server::start(move |_| answer(status, headers, b"no", 2));
        let models = models(Some(&server.url("/m.onnx")), &sha256_hex(&content()));
        let text = refusal(&models);
        assert!(text.contains(wanted) && text.contains(&server.url("/m.onnx")), "{text}");
        let by_hand =
            format!("put it at {} or as small.onnx into $PADDOCK_MODEL_CACHE", entry(&models).network().display());
        assert!(text.contains(&by_hand), "{text}");
    }
}

#[test]
fn nobody_who_answers_is_told() {
    let url = Server::start(|_| Vec::new()).url("/m.onnx");
    let models = models(Some(&url), &sha256_hex(&content()));
    let text = refusal(&models);
    assert!(text.contains("nobody answers") && text.contains("fetch it elsewhere"), "{text}");
}

#[test]
fn a_download_that_is_cut_off_goes_on_where_it_was() {
    let server = Server::start(|asked| file(asked, &content(), 150_000));
    let models = models(Some(&server.url("/m.onnx")), &sha256_hex(&content()));
    assert!(fetch_one(&models).is_ok());
    assert_eq!(network(&models), Some(content()));
    let asked: Vec<_> = server.asked().iter().map(|asked| asked.from).collect();
    assert_eq!(asked, [None, Some(150_000), Some(300_000)]);
}

#[test]
fn what_came_before_it_was_given_up_is_there_for_the_next_run() {
    let server = Server::start(|asked| file(asked, &content(), 100_000));
    let models = models(Some(&server.url("/m.onnx")), &sha256_hex(&content()));
    let text = refusal(&models);
    assert!(text.contains("cut off after 300000 bytes of 400000; run it again and it goes on from there"), "{text}");
    assert!(fetch_one(&models).is_ok());
    assert_eq!(network(&models), Some(content()));
    assert_eq!(server.asked().last().unwrap().from, Some(300_000));
}

#[test]
fn half_of_another_file_is_not_completed_with_this_one() {
    let server = Server::start(|asked| file(asked, &content(), usize::MAX));
    let models = models(Some(&server.url("/m.onnx")), &sha256_hex(&content()));
    std::fs::write(part(&models), b"half of an older file").unwrap();
    assert!(fetch_one(&models).is_ok());
    assert_eq!(network(&models), Some(content()));
    assert_eq!(server.asked().iter().map(|asked| asked.from).collect::<Vec<_>>(), [Some(21), None]);
}

#[test]
fn a_server_that_knows_no_ranges_or_not_this_one_is_asked_for_the_whole() {
    let whole = |_: &server::Asked| answer("200 OK", "", &content(), content().len());
    let not_this = |asked: &server::Asked| match asked.from {
        Some(_) => answer("416 Range Not Satisfiable", "", b"", 0),
        None => file(asked, &content(), usize::MAX),
    };
    let another = |asked: &server::Asked| match asked.from {
        Some(_) => answer("206 Partial Content", "Content-Range: bytes 5-9/10\r\n", b"56789", 5),
        None => file(asked, &content(), usize::MAX),
    };
    for server in [Server::start(whole), Server::start(not_this), Server::start(another)] {
        let models = models(Some(&server.url("/m.onnx")), &sha256_hex(&content()));
        std::fs::write(part(&models), &content()[..1000]).unwrap();
        assert!(fetch_one(&models).is_ok());
        assert_eq!(network(&models), Some(content()));
    }
}

#[test]
fn the_cache_is_looked_at_before_anything_is_fetched() {
    let server = Server::start(|asked| file(asked, &content(), usize::MAX));
    let models = models(Some(&server.url("/m.onnx")), &sha256_hex(&content()));
    let cache = tempfile::tempdir().unwrap();
    let params = fetch::Params { cache: Some(cache.path().to_path_buf()), ..params() };
    std::fs::write(cache.path().join("small.onnx"), b"damaged").unwrap();
    let text = fetch::fetch(&entry(&models), &params).unwrap_err().to_string();
    assert!(text.contains("small.onnx has sha256") && text.contains("copy it again, or remove it"), "{text}");
    std::fs::write(cache.path().join("small.onnx"), content()).unwrap();
    let fetched = fetch::fetch(&entry(&models), &params).unwrap();
    assert!(fetched.from.unwrap().ends_with("small.onnx"));
    assert_eq!(network(&models), Some(content()));
    assert!(server.asked().is_empty());
}

#[test]
fn the_command_fetches_from_the_cache_and_says_so_in_one_sentence() {
    let (models, cache) = (models(None, &sha256_hex(&content())), tempfile::tempdir().unwrap());
    std::fs::write(cache.path().join("small.onnx"), content()).unwrap();
    let (place, name) = (Place { dir: models.path().to_path_buf() }, NAME.to_owned());
    let command = ModelsCommand::Fetch { name, cache: Some(cache.path().to_path_buf()), place: place.clone() };
    let mut out = Vec::new();
    run(&command, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let wanted = format!("small is installed: {}, from {}", entry(&models).network().display(), cache.path().display());
    assert!(text.starts_with(&wanted) && text.ends_with("small.onnx\n"), "{text}");
    // It is no network.
    load_runtime();
    let check = ModelsCommand::Check { name: Some(NAME.to_owned()), place };
    let error = run(&check, &mut Vec::new()).unwrap_err();
    assert!(error.is_bad_input() && error.to_string().contains("model.onnx is not an ONNX network"), "{error}");
}

#[test]
fn a_file_without_a_known_checksum_is_kept_told_and_not_run() {
    let server = Server::start(|asked| file(asked, &content(), usize::MAX));
    let models = models(Some(&server.url("/m.onnx")), "");
    let fetched = fetch_one(&models).unwrap();
    assert_eq!(fetched.unverified, Some(sha256_hex(&content())));
    let text = fetched.sentence(&entry(&models));
    assert!(text.contains(&format!("then write sha256 = \"{}\" into", sha256_hex(&content()))), "{text}");
    let text = check::check(&entry(&models)).unwrap_err().to_string();
    assert!(text.contains(&sha256_hex(&content())) && text.contains("so it is not run"), "{text}");
}

#[test]
fn a_file_that_anyone_on_the_way_could_choose_is_not_fetched() {
    let models = models(Some("http://models.example.org/m.onnx"), "any");
    let text = refusal(&models);
    assert!(text.contains("is not encrypted and model.toml of small names no sha256"), "{text}");
}

#[test]
fn a_model_that_nobody_publishes_as_it_is_is_told_with_where_it_comes_from_and_goes() {
    let models = models(None, "");
    let text = refusal(&models);
    assert!(text.contains("it comes from the publisher: make or unpack it"), "{text}");
    assert!(text.contains(&entry(&models).network().display().to_string()), "{text}");
}

#[test]
fn two_at_once_do_not_write_the_same_file() {
    let server = Server::start(|asked| file(asked, &content(), usize::MAX));
    let models = models(Some(&server.url("/m.onnx")), &sha256_hex(&content()));
    let other = std::fs::File::create(part(&models)).unwrap();
    rustix::fs::flock(&other, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(refusal(&models).contains("another process is fetching"));
    drop(other);
    assert!(fetch_one(&models).is_ok());
}

#[test]
fn the_list_says_what_is_there_and_names_a_card_s_mistake_beside_the_others() {
    let models = models(Some("https://example.org/m.onnx"), &sha256_hex(b"x"));
    let bad = models.path().join("bad");
    std::fs::create_dir(&bad).unwrap();
    std::fs::write(bad.join("model.toml"), "name = 3\n").unwrap();
    std::fs::create_dir(models.path().join("no_model")).unwrap();
    let text = list::table(&Catalogue::read(models.path()).unwrap().entries);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "INSTALLED", "HEAD", "INPUT", "LICENCE", "ANIMALS"]);
    assert_eq!(lines[1], ["bad", "no", "?", "?", "?", "?"]);
    assert!(lines[2].contains(&"`name`:") || lines[2].iter().any(|word| word.contains("model.toml:1")), "{text}");
    assert_eq!(lines[3], ["small", "no", "yolox", "64x32", "MIT", "cat,", "dog"]);
    assert_eq!(lines[4], ["from", "the", "publisher:", "https://example.org/m.onnx"]);
    std::fs::write(entry_named(&models, NAME).network(), b"y").unwrap();
    assert!(list::table(&Catalogue::read(models.path()).unwrap().entries).contains("wrong file"));
}

fn entry_named(models: &TempDir, name: &str) -> Entry {
    let entries = Catalogue::read(models.path()).unwrap().entries;
    entries.into_iter().find(|entry| entry.name == name).unwrap()
}

#[test]
fn a_model_is_asked_for_by_its_folder_or_its_own_name_and_others_are_named() {
    let models = models(None, "");
    let catalogue = Catalogue::read(models.path()).unwrap();
    assert_eq!(catalogue.entry("small").unwrap().name, NAME);
    assert_eq!(catalogue.entry("a-small-one").unwrap().name, NAME);
    let error = catalogue.entry("larger").unwrap_err();
    assert_eq!(error.to_string(), "there is no model 'larger'; there are small");
    assert!(error.is_bad_input());
    let text = Catalogue::read(Path::new("/nowhere")).unwrap_err().to_string();
    assert!(text.starts_with("/nowhere holds no folder with a model.toml"), "{text}");
}

/// Loads ONNX Runtime and gives the repository's root, from which a path in ORT_DYLIB_PATH counts too.
fn load_runtime() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    vision::runtime::load(Some(&root.join(vision::runtime::default_dylib()))).unwrap();
    root
}

/// The cards that are shipped, and the default detector.
#[test]
fn every_shipped_card_is_right_and_the_installed_ones_run() {
    let root = load_runtime();
    let catalogue = Catalogue::read(&root.join("models")).unwrap();
    for entry in &catalogue.entries {
        let card = entry.card.as_ref().unwrap_or_else(|error| panic!("{error}"));
        assert!(["MIT", "Apache-2.0"].contains(&card.license.as_str()), "{}: only permissive ones", entry.name);
        assert!(card.url.is_none() || card.sha256.len() == 64, "{}: an address without a checksum", entry.name);
        assert!(card.url.as_ref().is_none_or(|url| url.starts_with("https://")), "{}", entry.name);
    }
    let mut out = Vec::new();
    check::check_all(&catalogue, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("centernet: runs, ") && text.contains("mdv6_apa_rtdetr_c: not installed"), "{text}");
    assert!(!text.contains("plain grey picture"), "{text}");
}
