//! The feature tables of a GeoPackage.

use std::sync::Arc;

use crate::geodesy::CrsId;
use crate::import::database::{Cell, Database};
use crate::import::{ImportError, ImportOptions};

/// A table, and what is to be known before its rows.
pub(super) struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    reference: Reference,
}

/// A column.
pub(super) struct Column {
    pub name: Arc<str>,
    pub is_geometry: bool,
    /// Whether it is the number of the row.
    pub is_key: bool,
    pub is_boolean: bool,
}

/// A row of `gpkg_spatial_ref_sys`.
#[derive(Default)]
struct Reference {
    id: i64,
    organization: String,
    code: i64,
    /// WKT 1, and WKT 2 where the file has the extension for it.
    definitions: Vec<String>,
}

/// All feature tables, or those that the user wants.
pub(super) fn tables(database: &dyn Database, path: &str, options: &ImportOptions) -> Result<Vec<Table>, ImportError> {
    let mut listed = Vec::new();
    let sql = "SELECT g.table_name, g.column_name, g.srs_id FROM gpkg_geometry_columns g \
               LEFT JOIN gpkg_contents c ON c.table_name = g.table_name \
               WHERE c.data_type IS NULL OR c.data_type = 'features' ORDER BY g.table_name";
    database.query(sql, &[], &mut |row| {
        if let [Cell::Text(table), Cell::Text(column), srs] = row.as_slice() {
            listed.push((table.clone(), column.clone(), srs.int().unwrap_or_default()));
        }
        Ok(())
    })?;
    if listed.is_empty() {
        let cause = "it has no layer with features; tiles and tables without geometry are not read".to_owned();
        return Err(ImportError::Invalid { expected: "a GeoPackage of features", cause, path: path.to_owned() });
    }
    let names = listed.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", ");
    let wanted = |name: &String| options.layers.is_empty() || options.layers.contains(name);
    listed.retain(|(name, ..)| wanted(name));
    if listed.is_empty() {
        let what = format!("it has no layer of that name, only {names}");
        return Err(ImportError::Option { what, path: path.to_owned() });
    }
    let mut found = Vec::with_capacity(listed.len());
    for (name, geometry, srs) in listed {
        let columns = columns(database, &name, &geometry)?;
        found.push(Table { columns, reference: reference(database, srs)?, name });
    }
    Ok(found)
}

fn columns(database: &dyn Database, table: &str, geometry: &str) -> Result<Vec<Column>, ImportError> {
    let mut found = Vec::new();
    database.query("SELECT name, type, pk FROM pragma_table_info(?1)", &[table], &mut |row| {
        if let [Cell::Text(name), kind, key] = row.as_slice() {
            let kind = kind.text().unwrap_or_default().to_ascii_uppercase();
            found.push(Column {
                is_geometry: name.eq_ignore_ascii_case(geometry),
                is_key: key.int() == Some(1) && kind.starts_with("INTEGER"),
                is_boolean: kind == "BOOLEAN",
                name: name.as_str().into(),
            });
        }
        Ok(())
    })?;
    // A listed column that is not there would be taken for words in quotes.
    if !found.iter().any(|column| column.is_geometry) {
        found.clear();
    }
    Ok(found)
}

fn reference(database: &dyn Database, id: i64) -> Result<Reference, ImportError> {
    let mut found = Reference { id, ..Reference::default() };
    // With all columns, since the one for WKT 2 is there only in some files.
    let (mut names, text) = (Vec::new(), id.to_string());
    database.query("SELECT name FROM pragma_table_info('gpkg_spatial_ref_sys')", &[], &mut |row| {
        names.extend(row.first().and_then(Cell::text).map(str::to_ascii_lowercase));
        Ok(())
    })?;
    database.query("SELECT * FROM gpkg_spatial_ref_sys WHERE srs_id = CAST(?1 AS INTEGER)", &[&text], &mut |row| {
        for (name, cell) in names.iter().zip(row) {
            match (name.as_str(), cell) {
                ("organization", Cell::Text(text)) => found.organization = text,
                ("organization_coordsys_id", Cell::Int(code)) => found.code = code,
                ("definition" | "definition_12_063", Cell::Text(text)) => found.definitions.push(text),
                _ => {}
            }
        }
        Ok(())
    })?;
    Ok(found)
}

impl Table {
    /// The CRS, and how it is known.
    pub fn crs(&self, options: &ImportOptions, path: &str) -> Result<(CrsId, String), ImportError> {
        let (stated, hint) = match self.reference.crs() {
            Ok(crs) => (Some((crs, "its gpkg_spatial_ref_sys")), String::new()),
            Err(cause) => (None, format!(" ({cause})")),
        };
        let settled = options.settle_crs(stated, path)?;
        settled.ok_or_else(|| ImportError::NoCrs { hint, path: path.to_owned() })
    }
}

impl Reference {
    fn crs(&self) -> Result<CrsId, String> {
        if let (true, Ok(code @ 1..)) = (self.organization.eq_ignore_ascii_case("EPSG"), u32::try_from(self.code)) {
            return Ok(CrsId::epsg(code));
        }
        if matches!(self.id, -1 | 0) {
            return Err("its layer says that it is undefined".to_owned());
        }
        let mut why = format!("its gpkg_spatial_ref_sys has no srs_id {}", self.id);
        for definition in self.definitions.iter().rev() {
            match CrsId::from_wkt(definition) {
                Ok(crs) => return Ok(crs),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }
}
