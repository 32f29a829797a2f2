use std::{fs, path::Path};

use proptest::prelude::*;

use super::{embedded, files, folder};
use crate::{
    cookbook::{FieldKind, PowerCommand},
    identity::CookbookName,
    quantity::Lifetime,
    request::value::Value,
};

fn one(name: &str, text: &str) -> [(String, String); 1] {
    [(name.to_owned(), text.to_owned())]
}

#[test]
fn every_bad_cookbook_is_refused_with_exactly_its_expected_messages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cookbooks");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".bad.toml") else { continue };
        seen += 1;
        let text = fs::read_to_string(&path).unwrap();
        let expected = fs::read_to_string(root.join(format!("{name}.expected")));
        let shown = match files(&one(&format!("{name}.toml"), &text)) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        if expected.as_ref().ok() != Some(&shown) {
            wrong.push(format!("=== {name}.expected\n{shown}"));
        }
    }
    assert!(seen > 15, "the corpus is gone: {seen} files");
    assert!(wrong.is_empty(), "not as expected; found:\n{}", wrong.join("\n"));
}
