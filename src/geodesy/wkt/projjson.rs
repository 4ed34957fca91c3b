//! PROJJSON (its schema 0.7) as the tree that WKT 2 would give: one reading serves both.

use serde_json::Value as Json;

use super::tree::{Item, Node};

/// Bound and compound CRS nest others.
const DEEPEST: usize = 8;

/// The tree of a CRS; `None` where it is none.
pub(super) fn tree(json: &Json) -> Option<Node> {
    crs(json, 0)
}

fn crs(json: &Json, depth: usize) -> Option<Node> {
    if depth > DEEPEST {
        return None;
    }
    // The base of a projection need not say what it is.
    let kind = json.get("type").and_then(Json::as_str);
    let kind = kind.or_else(|| json.get("datum").or(json.get("datum_ensemble")).map(|_| "GeographicCRS"))?;
    let mut items = vec![text(json, "name")];
    let inner = |name: &str| crs(json.get(name)?, depth + 1);
    let keyword = match kind {
        "ProjectedCRS" => {
            let base = inner("base_crs").map(|base| Node { keyword: "BASEGEOGCRS".to_owned(), ..base });
            items.extend(base.into_iter().chain(json.get("conversion").and_then(conversion)).map(Item::Node));
            "PROJCRS"
        }
        "GeographicCRS" | "GeodeticCRS" => {
            items.extend(datum(json).into_iter().map(Item::Node));
            if kind == "GeographicCRS" { "GEOGCRS" } else { "GEODCRS" }
        }
        "VerticalCRS" => "VERTCRS",
        "CompoundCRS" => {
            let parts = json.get("components")?.as_array()?;
            items.extend(parts.iter().filter_map(|part| crs(part, depth + 1)).map(Item::Node));
            "COMPOUNDCRS"
        }
        "BoundCRS" => {
            items.push(Item::Node(Node::new("SOURCECRS", vec![Item::Node(inner("source_crs")?)])));
            let shift = json.get("transformation").and_then(conversion);
            let shift = shift.map(|shift| Node { keyword: "ABRIDGEDTRANSFORMATION".to_owned(), ..shift });
            items.extend(shift.map(Item::Node));
            "BOUNDCRS"
        }
        _ => "ENGCRS",
    };
    if let Some(system) = json.get("coordinate_system") {
        let subtype = system.get("subtype").and_then(Json::as_str).unwrap_or_default();
        items.push(Item::Node(Node::new("CS", vec![Item::Word(subtype.to_owned())])));
        items.extend(system.get("axis").and_then(|axes| unit(axes.get(0)?)).map(Item::Node));
    }
    items.extend(id(json).map(Item::Node));
    Some(Node::new(keyword, items))
}

fn text(json: &Json, name: &str) -> Item {
    Item::Text(json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned())
}

fn number(json: &Json, name: &str) -> Option<f64> {
    let value = json.get(name)?;
    value.as_f64().or_else(|| value.get("value")?.as_f64())
}

fn id(json: &Json) -> Option<Node> {
    let id = json.get("id")?;
    let code = match id.get("code")? {
        Json::String(code) => Item::Text(code.clone()),
        code => Item::Number(code.as_f64()?),
    };
    Some(Node::new("ID", vec![text(id, "authority"), code]))
}

/// The unit of an axis or parameter: its factor to metres, radians or one.
fn unit(json: &Json) -> Option<Node> {
    let unit = json.get("unit")?;
    let (name, factor) = match unit.as_str() {
        Some("degree") => ("degree", 1_f64.to_radians()),
        Some(name) => (name, 1.0),
        None => (unit.get("name")?.as_str()?, unit.get("conversion_factor")?.as_f64()?),
    };
    let keyword = match unit.get("type").and_then(Json::as_str) {
        Some("AngularUnit") => "ANGLEUNIT",
        Some("ScaleUnit") => "SCALEUNIT",
        _ if name == "degree" => "ANGLEUNIT",
        _ => "LENGTHUNIT",
    };
    Some(Node::new(keyword, vec![Item::Text(name.to_owned()), Item::Number(factor)]))
}

fn datum(json: &Json) -> Vec<Node> {
    let Some(datum) = json.get("datum").or_else(|| json.get("datum_ensemble")) else { return Vec::new() };
    let mut items = vec![text(datum, "name")];
    if let Some(ellipsoid) = datum.get("ellipsoid") {
        let major = number(ellipsoid, "semi_major_axis").or_else(|| number(ellipsoid, "radius")).unwrap_or_default();
        let flattening = number(ellipsoid, "inverse_flattening").or_else(|| {
            let minor = number(ellipsoid, "semi_minor_axis")?;
            Some(if major > minor { major / (major - minor) } else { 0.0 })
        });
        let numbers = [major, flattening.unwrap_or_default()].map(Item::Number);
        items.push(Item::Node(Node::new("ELLIPSOID", [text(ellipsoid, "name")].into_iter().chain(numbers).collect())));
    }
    let mut found = vec![Node::new("DATUM", items)];
    if let Some(meridian) = datum.get("prime_meridian") {
        let longitude = number(meridian, "longitude").unwrap_or_default();
        found.push(Node::new("PRIMEM", vec![text(meridian, "name"), Item::Number(longitude)]));
    }
    found
}

/// A conversion or transformation: its method and parameters.
fn conversion(json: &Json) -> Option<Node> {
    let mut items = vec![text(json, "name"), Item::Node(Node::new("METHOD", vec![text(json.get("method")?, "name")]))];
    for parameter in json.get("parameters").and_then(Json::as_array).into_iter().flatten() {
        let value = vec![text(parameter, "name"), Item::Number(number(parameter, "value")?)];
        let unit = unit(parameter).map(Item::Node);
        items.push(Item::Node(Node::new("PARAMETER", value.into_iter().chain(unit).collect())));
    }
    Some(Node::new("CONVERSION", items))
}
