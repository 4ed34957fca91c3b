//! `docs/formats.md` lists what the table of importers has.

use std::path::Path;

use veduta::import::IMPORTERS;

#[test]
fn the_docs_list_every_importer() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let text = std::fs::read_to_string(path).unwrap();
    let row = |importer: &&dyn veduta::import::Importer| {
        let patterns: Vec<String> = importer.patterns().iter().map(|pattern| format!("`{pattern}`")).collect();
        format!("| `{}` | {} | {} |\n", importer.name(), importer.title(), patterns.join(", "))
    };
    let table = format!("| kind | reads | files |\n|---|---|---|\n{}", IMPORTERS.iter().map(row).collect::<String>());
    assert!(text.contains(&table), "docs/formats.md should have this table:\n\n{table}");
}
