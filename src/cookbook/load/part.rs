//! `include`: parts that several cookbooks share, files in subfolders of the
//! policy folder.

use toml::de::{DeTable, DeValue};

/// The parts a cookbook names, as far as their paths are fit to be read.
#[must_use]
pub fn included(text: &str) -> Vec<String> {
    let (document, _) = DeTable::parse_recoverable(text);
    let parts = document.get_ref().get("include").map(toml::Spanned::get_ref);
    let paths = parts.and_then(DeValue::as_array).into_iter().flatten();
    let paths = paths.filter_map(|path| path.get_ref().as_str().map(str::trim));
    let mut included: Vec<String> = Vec::new();
    for path in paths.filter(|path| path_of(path).is_ok()) {
        if !included.iter().any(|known| known == path) {
            included.push(path.to_owned());
        }
    }
    included
}

/// A path within a subfolder of the policy folder.
pub(super) fn path_of(text: &str) -> Result<String, String> {
    let plain = |name: &str| {
        !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', ':', '\0'])
    };
    let names: Vec<&str> = text.split('/').collect();
    let wrong = if names.len() < 2 {
        "is no file in a subfolder: one beside the cookbook would be a cookbook itself"
    } else if !names.iter().all(|name| plain(name)) {
        "does not lead into a subfolder of the policy folder"
    } else if !text.ends_with(".toml") || text.ends_with(".test.toml") {
        "is not a part: its name ends in `.toml`"
    } else {
        return Ok(text.to_owned());
    };
    Err(format!("`{text}` {wrong}"))
}
