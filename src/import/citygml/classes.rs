//! The names of CityGML 1.0 to 3.0: classes of objects, boundary surfaces, geometries, levels of detail.

use crate::formats::cityjson::geometry as cityjson;
use crate::geometry::SurfaceKind;

/// Names of classes in the older versions, and how Veduta calls them: as CityGML 3.0 does, `BuildingStorey` as CityJSON.
const RENAMED: &[(&str, &str)] = &[
    ("AuxiliaryTrafficArea", "AuxiliaryTrafficSpace"),
    ("BridgeConstructionElement", "BridgeConstructiveElement"),
    ("IntBridgeInstallation", "BridgeInstallation"),
    ("IntBuildingInstallation", "BuildingInstallation"),
    ("IntTunnelInstallation", "TunnelInstallation"),
    ("Room", "BuildingRoom"),
    ("Storey", "BuildingStorey"),
    ("TrafficArea", "TrafficSpace"),
];

/// Classes whose name is the same in Veduta.
const CLASSES: &[&str] = &[
    "AuxiliaryTrafficSpace",
    "BreaklineRelief",
    "Bridge",
    "BridgeConstructiveElement",
    "BridgeFurniture",
    "BridgeInstallation",
    "BridgePart",
    "BridgeRoom",
    "Building",
    "BuildingConstructiveElement",
    "BuildingFurniture",
    "BuildingInstallation",
    "BuildingPart",
    "BuildingRoom",
    "BuildingUnit",
    "CityFurniture",
    "CityObjectGroup",
    "ClearanceSpace",
    "GenericCityObject",
    "GenericLogicalSpace",
    "GenericOccupiedSpace",
    "GenericUnoccupiedSpace",
    "Hole",
    "HollowSpace",
    "Intersection",
    "LandUse",
    "MassPointRelief",
    "OtherConstruction",
    "PlantCover",
    "Railway",
    "RasterRelief",
    "ReliefFeature",
    "Road",
    "Section",
    "SolitaryVegetationObject",
    "Square",
    "TINRelief",
    "Track",
    "TrafficSpace",
    "TransportationComplex",
    "Tunnel",
    "TunnelConstructiveElement",
    "TunnelFurniture",
    "TunnelInstallation",
    "TunnelPart",
    "WaterBody",
    "Waterway",
];

/// GML's geometries, as properties hold them.
const GEOMETRIES: &[&str] = &[
    "CompositeCurve",
    "CompositeSolid",
    "CompositeSurface",
    "Curve",
    "GeometricComplex",
    "LineString",
    "MultiCurve",
    "MultiGeometry",
    "MultiLineString",
    "MultiPoint",
    "MultiPolygon",
    "MultiSolid",
    "MultiSurface",
    "OrientableSurface",
    "Point",
    "Polygon",
    "PolyhedralSurface",
    "Shell",
    "Solid",
    "Surface",
    "Tin",
    "TriangulatedSurface",
];

/// How Veduta calls a class of CityGML; `None` for what is no object.
pub(super) fn class(name: &str) -> Option<&'static str> {
    let renamed = RENAMED.iter().find(|(old, _)| *old == name).map(|(_, new)| *new);
    renamed.or_else(|| CLASSES.binary_search(&name).ok().and_then(|index| CLASSES.get(index).copied()))
}

/// Whether an element is a geometry that a property holds.
pub(super) fn is_geometry(name: &str) -> bool {
    name == "ImplicitGeometry" || GEOMETRIES.binary_search(&name).is_ok()
}

/// What a boundary surface or an opening is; `None` for what is none. Surfaces of extensions are what their name ends with.
pub(super) fn boundary(name: &str) -> Option<SurfaceKind> {
    match name {
        "WindowSurface" => return Some(SurfaceKind::Window),
        "DoorSurface" => return Some(SurfaceKind::Door),
        "HoleSurface" => return Some(SurfaceKind::Closure),
        "Marking" => return Some(SurfaceKind::Traffic),
        "GenericThematicSurface" => return Some(SurfaceKind::Unknown),
        _ => {}
    }
    let known = cityjson::surface_kind(name);
    if known != SurfaceKind::Unknown {
        return Some(known);
    }
    let endings = [
        ("InteriorWallSurface", SurfaceKind::Interior),
        ("WallSurface", SurfaceKind::Wall),
        ("RoofSurface", SurfaceKind::Roof),
        ("GroundSurface", SurfaceKind::Ground),
    ];
    endings.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, kind)| *kind)
}

/// The level of detail that the name of a property says: `lod2MultiSurface`.
pub(super) fn lod(property: &str) -> Option<u8> {
    property.strip_prefix("lod")?.bytes().next().filter(u8::is_ascii_digit).map(|digit| digit - b'0')
}

/// What the surfaces of a property are where nothing else says it.
pub(super) fn kind_of_property(property: &str) -> SurfaceKind {
    match property {
        "lod0RoofEdge" => SurfaceKind::Roof,
        "lod0FootPrint" => SurfaceKind::Ground,
        _ => SurfaceKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(CLASSES.is_sorted() && GEOMETRIES.is_sorted() && RENAMED.is_sorted());
        assert_eq!(
            (class("Room"), class("Building"), class("RoofSurface")),
            (Some("BuildingRoom"), Some("Building"), None)
        );
        assert_eq!((lod("lod3Solid"), lod("lodging"), lod("tin")), (Some(3), None, None));
        assert_eq!(boundary("SolarRoofSurface"), Some(SurfaceKind::Roof));
        assert_eq!((boundary("MultiSurface"), boundary("OrientableSurface")), (None, None));
        assert!(is_geometry("Solid") && !is_geometry("surfaceMember"));
    }
}
