//! Questions to a city and their answers.

use std::sync::Arc;

use glam::{DVec2, DVec3};

use super::area::Area;
use super::column::Column;
use super::object_table::{CLASS, NAME, ObjectTable, PARENT, TREE, invalid};
use super::spatial_index::SpatialIndex;
use super::{Manifest, PackageError, Ray};
use crate::city::{CimLevel, Expression, Scope, Value, did_you_mean};
use crate::geodesy::{Geodetic, SiteFrame};
use crate::geometry::{Bounds, parallel};
use crate::streaming::ByteSource;

/// Names that stand for an attribute of another name where the city has none of their own.
pub const ALIASES: &[(&str, &str)] =
    &[("height", "measuredHeight"), ("floors", "storeysAboveGround"), ("year", "yearOfConstruction")];

/// The name that stands for the vertical extent of an object's box where the city has no attribute for it.
const HEIGHT: &str = "height";

/// Footprints that are read one by one; for more, all are read at once.
const FEW_FOOTPRINTS: usize = 64;

/// Names that an error lists at most.
const MOST_NAMES: usize = 20;

/// Rows that one parallel task tests.
const ROWS_A_TASK: usize = 16_384;

/// Rows between two looks at whether to stop.
const ROWS_A_LOOK: usize = 256;

/// What is asked; every part that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Any of these ids.
    pub ids: Option<Vec<String>>,
    /// Touching this area with the footprint, or with the box where no footprint is known.
    pub area: Option<Area>,
    /// Met by this ray with the box.
    pub ray: Option<Ray>,
    /// For which this is true, over `id`, `class`, `name`, `parent`, attributes and [`ALIASES`].
    pub filter: Option<Expression>,
    /// What further names in the filter mean: true for what touches the area as in [`Self::area`], not known for what is
    /// nowhere. Nothing touches an area that is `None`.
    pub areas: Vec<(String, Option<Area>)>,
    /// Words that must all stand in id, name, class or text attributes: beginnings of words, or any part of Chinese and
    /// Japanese; capitals do not matter.
    pub text: Option<String>,
    /// Of this class.
    pub class: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
    /// After passing over this many.
    pub offset: usize,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The filter names something that the city does not have.
    #[error("no attribute is called '{name}'{hint}")]
    UnknownName {
        /// What the filter says.
        name: String,
        /// What it may have meant.
        hint: String,
    },
    /// Whoever asked does not want the answer any more.
    #[error("stopped before the answer was complete")]
    Stopped,
    /// The package could not be read.
    #[error(transparent)]
    Package(#[from] PackageError),
}

/// One object as the package keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredObject {
    /// The source's identifier.
    pub id: String,
    /// Class name.
    pub class: String,
    /// What people call it.
    pub name: Option<String>,
    /// Id of what it is part of.
    pub parent: Option<String>,
    /// Level of the finest thing known about it.
    pub level: CimLevel,
    /// Attributes that it has, by name.
    pub attributes: Vec<(String, Value)>,
    /// Its box, site frame; empty if nowhere.
    pub bounds: Bounds,
}

/// An opened package.
pub struct City {
    manifest: Manifest,
    site: SiteFrame,
    table: ObjectTable,
    index: SpatialIndex,
}

/// What a name in an expression means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Id,
    /// Number of a column.
    Column(usize),
    /// From the bottom of its box to the top, metres.
    Extent,
}

enum Field<'c> {
    Column(&'c Column),
    Other(Meaning),
    /// Rows of what touches an area, rising.
    Touching(Vec<u32>),
}

/// Whether to stop; looked at now and then.
type Stop<'s> = &'s (dyn Fn() -> bool + Sync);

impl City {
    /// Opens a package: manifest, ids, boxes and index; the rest is read when asked for.
    pub fn open(source: Arc<dyn ByteSource>) -> Result<Self, PackageError> {
        let text = String::from_utf8(source.read(Manifest::NAME, None)?)
            .map_err(|e| invalid(Manifest::NAME, e.to_string()))?;
        let manifest = Manifest::read(&text)?;
        let tree = source.read(TREE, None)?;
        let table = ObjectTable::open(source)?;
        let index = SpatialIndex::read(&tree, table.rows()).map_err(|cause| invalid(TREE, cause))?;
        Ok(Self { site: manifest.site(), manifest, table, index })
    }

    /// What the package is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The objects.
    pub fn table(&self) -> &ObjectTable {
        &self.table
    }

    /// Where a place is on the plane of the site frame; degrees, taken at the anchor's height.
    pub fn plane_from_degrees(&self, longitude: f64, latitude: f64) -> DVec2 {
        let height = self.site.anchor().ellipsoid_height_m;
        self.site.from_geodetic(Geodetic::from_degrees(longitude, latitude, height)).0.truncate()
    }

    /// The area between two meridians and two parallels, degrees; its sides are straight in the site frame.
    pub fn area_from_degrees(&self, west: f64, south: f64, east: f64, north: f64) -> Area {
        let corners = [(west, south), (east, south), (east, north), (west, north)];
        Area::Polygon(corners.map(|(lon, lat)| self.plane_from_degrees(lon, lat)).to_vec())
    }

    /// Row and distance (metres, to the box) of the object nearest to a place in the site frame, of `class` if one is
    /// given; `None` where none is within `within_m`. Of equally near ones the first row.
    pub fn nearest(
        &self,
        point: DVec3,
        class: Option<&str>,
        within_m: f64,
    ) -> Result<Option<(u32, f64)>, PackageError> {
        let classes = self.table.column(CLASS)?;
        let mut best: Option<(u32, f64)> = None;
        for (row, in_plan) in self.index.nearest(point) {
            // Boxes are at least as far away as they are in plan.
            if in_plan > best.map_or(within_m, |(_, distance)| distance) {
                break;
            }
            let distance = self.table.bounds()[row as usize].distance(point);
            let nearer = best.is_none_or(|(old, least)| distance < least || (distance == least && row < old));
            let wanted = class.is_none_or(|class| classes.text(row as usize) == Some(class));
            if wanted && nearer && distance <= within_m {
                best = Some((row, distance));
            }
        }
        Ok(best)
    }

    /// Row of the object nearest to a place in plan (to its box there) for which `wanted` holds, no farther than
    /// `within_m`; of equally near ones the lowest row.
    pub fn nearest_in_plan(&self, place: DVec2, within_m: f64, wanted: &dyn Fn(u32) -> bool) -> Option<u32> {
        let mut best: Option<(u32, f64)> = None;
        for (row, distance) in self.index.nearest(place.extend(0.0)) {
            if distance > best.map_or(within_m, |(_, least)| least) {
                break;
            }
            if best.is_none_or(|(lowest, _)| row < lowest) && wanted(row) {
                best = Some((row, distance));
            }
        }
        best.map(|(row, _)| row)
    }

    /// Rows of the objects whose box a ray meets and the metres to there, nearest first.
    pub fn along(&self, ray: &Ray) -> Vec<(u32, f64)> {
        let meets = |row: u32| Some((row, ray.distance(self.table.bounds()[row as usize])?));
        let rows = self.index.candidates(|b| ray.distance(b).is_some());
        let mut met: Vec<(u32, f64)> = rows.into_iter().filter_map(meets).collect();
        met.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        met
    }

    /// Rows of the objects asked for: nearest first (their boxes) along a ray or around a place, else rising.
    pub fn query(&self, query: &Query) -> Result<Vec<u32>, QueryError> {
        self.query_until(query, &|| false)
    }

    /// As [`Self::query`], but gives up with [`QueryError::Stopped`] soon after `stop` says so.
    pub fn query_until(&self, query: &Query, stop: &(dyn Fn() -> bool + Sync)) -> Result<Vec<u32>, QueryError> {
        let mut rows = self.candidates(query)?;
        if let Some(area) = &query.area {
            rows = self.touching(rows, area, stop)?;
        }
        if let Some(class) = &query.class {
            let classes = self.table.column(CLASS)?;
            rows = keep(rows, stop, |row| classes.text(row as usize) == Some(class))?;
        }
        if let Some(filter) = &query.filter {
            let fields = self.fields(filter, query, stop)?;
            rows = keep(rows, stop, |row| {
                filter.is_true_slots(&|slot| fields.get(slot).map_or(Value::Null, |field| self.field(field, row)))
            })?;
        }
        if let (Some(Area::Circle { center, .. }), None) = (&query.area, &query.ray) {
            let far = |row: &u32| self.table.bounds()[*row as usize].distance_in_plan(*center);
            rows.sort_by(|a, b| far(a).total_cmp(&far(b)).then(a.cmp(b)));
        }
        Ok(rows.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect())
    }

    /// Rows that the indexes leave: nearest first along a ray, else rising. All of them may still fail the area, class, filter.
    fn candidates(&self, query: &Query) -> Result<Vec<u32>, QueryError> {
        let mut sets = Vec::new();
        if let Some(ray) = &query.ray {
            sets.push(self.along(ray).into_iter().map(|(row, _)| row).collect());
        }
        if let Some(ids) = &query.ids {
            sets.push(sorted(ids.iter().filter_map(|id| self.table.row(id)).collect()));
        }
        if let Some(area) = &query.area {
            sets.push(sorted(self.index.candidates(|b| b.intersects(area.bounds()))));
        }
        if let Some(text) = &query.text {
            sets.push(self.table.with_words(text)?);
        }
        let mut sets = sets.into_iter();
        let Some(mut rows) = sets.next() else { return Ok((0..self.table.rows()).collect()) };
        for set in sets {
            rows.retain(|row| set.binary_search(row).is_ok());
        }
        Ok(rows)
    }

    /// Those whose footprint (or box, where none is known) touches the area, in their order.
    fn touching(&self, rows: Vec<u32>, area: &Area, stop: Stop<'_>) -> Result<Vec<u32>, QueryError> {
        let limits = area.bounds();
        let of = |row: u32| self.table.bounds()[row as usize];
        let near: Vec<(u32, bool)> =
            rows.into_iter().filter(|row| of(*row).intersects(limits)).map(|row| (row, area.holds(of(row)))).collect();
        if near.iter().filter(|(_, held)| !held).count() > FEW_FOOTPRINTS {
            self.table.keep_footprints()?;
        }
        let mut kept = Vec::new();
        for few in near.chunks(ROWS_A_LOOK) {
            if stop() {
                return Err(QueryError::Stopped);
            }
            for (row, held) in few {
                if *held || self.touches(*row, area)? {
                    kept.push(*row);
                }
            }
        }
        Ok(kept)
    }

    /// Everything about the object in `row`.
    pub fn object(&self, row: u32) -> Result<Option<StoredObject>, PackageError> {
        let Some(bounds) = self.table.bounds().get(row as usize) else { return Ok(None) };
        let text = |number| Ok::<_, PackageError>(self.table.column(number)?.text(row as usize).map(str::to_owned));
        let mut attributes = Vec::new();
        for (number, name) in self.table.columns().iter().enumerate().skip(PARENT + 1) {
            let value = self.table.value(row, number)?;
            if !value.is_null() {
                attributes.push((name.clone(), value));
            }
        }
        Ok(Some(StoredObject {
            id: self.table.id(row).to_owned(),
            class: text(CLASS)?.unwrap_or_default(),
            name: text(NAME)?,
            parent: text(PARENT)?,
            level: self.table.level(row)?,
            attributes,
            bounds: *bounds,
        }))
    }

    /// What names mean for the object in `row`, as in a [`Query::filter`]; what cannot be read is null.
    pub fn scope(&self, row: u32) -> impl Scope + '_ {
        ObjectScope { city: self, row }
    }

    /// Rows of the objects that are part of the one in `row`, rising.
    pub fn children(&self, row: u32) -> Result<Vec<u32>, PackageError> {
        self.table.children(row)
    }

    fn touches(&self, row: u32, area: &Area) -> Result<bool, PackageError> {
        let bounds = self.table.bounds()[row as usize];
        let rings = self.table.footprint(row)?;
        if !rings.is_empty() {
            return Ok(area.touches(&rings));
        }
        let (low, high) = (bounds.min.truncate(), bounds.max.truncate());
        if let Area::Point(_) = area {
            return Ok(true);
        }
        Ok(area.touches(&[vec![low, DVec2::new(high.x, low.y), high, DVec2::new(low.x, high.y)]]))
    }

    /// Number of the column that a name in an expression means; an alias only where there is no column of the name.
    pub fn column_called(&self, name: &str) -> Option<usize> {
        // Attributes come after the object's own columns and win over them.
        let find = |name: &str| self.table.columns().iter().rposition(|column| column == name);
        find(name).or_else(|| ALIASES.iter().find(|(alias, _)| *alias == name).and_then(|(_, of)| find(of)))
    }

    /// Attributes win over the object's own columns, those over [`ALIASES`]; `height` is measured where nothing says it.
    fn meaning(&self, name: &str) -> Option<Meaning> {
        match self.column_called(name) {
            Some(number) => Some(Meaning::Column(number)),
            None if name == "id" => Some(Meaning::Id),
            None if name == HEIGHT => Some(Meaning::Extent),
            None => None,
        }
    }

    /// The names that expressions over the city's objects may use: columns, `id`, and those [`ALIASES`] that mean something.
    pub fn names(&self) -> Vec<&str> {
        let aliases = ALIASES.iter().map(|(alias, _)| *alias).filter(|alias| self.meaning(alias).is_some());
        let mut names: Vec<&str> =
            self.table.columns().iter().map(String::as_str).chain(["id"]).chain(aliases).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What an object's id, column or box says.
    fn said(&self, meaning: Meaning, row: u32) -> Result<Value, PackageError> {
        Ok(match meaning {
            Meaning::Id => Value::from(self.table.id(row)),
            Meaning::Column(number) => self.table.value(row, number)?,
            Meaning::Extent => match self.table.bounds().get(row as usize) {
                Some(bounds) if !bounds.is_empty() => Value::from(bounds.max.z - bounds.min.z),
                _ => Value::Null,
            },
        })
    }

    /// What an unknown name may have meant; else what there is.
    fn hint(&self, name: &str) -> String {
        let known = self.names();
        let near = did_you_mean(name, &known);
        if !near.is_empty() {
            return near;
        }
        let shown = known.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
        let more = if known.len() > MOST_NAMES { " ..." } else { "" };
        format!("; there are {shown}{more}")
    }

    fn fields(&self, filter: &Expression, query: &Query, stop: Stop<'_>) -> Result<Vec<Field<'_>>, QueryError> {
        let mut fields = Vec::new();
        for name in filter.names() {
            if let Some((_, area)) = query.areas.iter().find(|(known, _)| known == name) {
                let near = |area: &Area| {
                    let rows = sorted(self.index.candidates(|b| b.intersects(area.bounds())));
                    self.touching(rows, area, stop)
                };
                fields.push(Field::Touching(area.as_ref().map(near).transpose()?.unwrap_or_default()));
                continue;
            }
            fields.push(match self.meaning(name) {
                Some(Meaning::Column(number)) => Field::Column(self.table.column(number)?),
                Some(other) => Field::Other(other),
                None => {
                    return Err(QueryError::UnknownName { name: name.clone(), hint: self.hint(name) });
                }
            });
        }
        Ok(fields)
    }

    fn field(&self, field: &Field<'_>, row: u32) -> Value {
        match field {
            Field::Column(column) => column.get(row as usize),
            Field::Other(meaning) => self.said(*meaning, row).unwrap_or_default(),
            Field::Touching(_) if self.table.bounds()[row as usize].is_empty() => Value::Null,
            Field::Touching(rows) => Value::Bool(rows.binary_search(&row).is_ok()),
        }
    }
}

struct ObjectScope<'c> {
    city: &'c City,
    row: u32,
}

impl Scope for ObjectScope<'_> {
    fn value(&self, name: &str) -> Value {
        let meaning = self.city.meaning(name);
        meaning.and_then(|meaning| self.city.said(meaning, self.row).ok()).unwrap_or_default()
    }
}

fn sorted(mut rows: Vec<u32>) -> Vec<u32> {
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Those that pass, in their order; many are tested in parallel.
fn keep(rows: Vec<u32>, stop: Stop<'_>, test: impl Fn(u32) -> bool + Sync + Send) -> Result<Vec<u32>, QueryError> {
    let parts = rows.chunks(ROWS_A_TASK).collect();
    let kept = parallel::map(parts, |part: &[u32]| {
        let mut kept = Vec::new();
        for few in part.chunks(ROWS_A_LOOK) {
            if stop() {
                return Err(QueryError::Stopped);
            }
            kept.extend(few.iter().copied().filter(|row| test(*row)));
        }
        Ok(kept)
    });
    Ok(kept.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}
