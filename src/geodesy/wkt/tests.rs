use super::*;

const NAD83: &str = r#"GEOGCS["GCS_North_American_1983",DATUM["D_North_American_1983",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]"#;

fn gk(geographic: &str, meridian: f64, easting: f64) -> String {
    let (name, datum, ellipsoid) = match geographic {
        "CGCS2000" => {
            ("GCS_China_Geodetic_Coordinate_System_2000", "D_China_2000", "\"CGCS2000\",6378137.0,298.257222101")
        }
        "Beijing" => ("GCS_Beijing_1954", "D_Beijing_1954", "\"Krasovsky_1940\",6378245.0,298.3"),
        _ => ("GCS_Xian_1980", "D_Xian_1980", "\"Xian_1980\",6378140.0,298.257"),
    };
    format!(
        r#"PROJCS["{geographic}_GK",GEOGCS["{name}",DATUM["{datum}",SPHEROID[{ellipsoid}]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",{easting}],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",{meridian}],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#
    )
}

fn read(text: &str) -> String {
    from_text(text).unwrap().to_string()
}

/// Codes as in the EPSG dataset: CM 114E without zone number, zone 38 of 3 degrees, zone 20 of 6 degrees.
#[test]
fn chinese_zones_of_esri_have_their_codes() {
    for (geographic, meridian, easting, expected) in [
        ("CGCS2000", 114.0, 500_000.0, "EPSG:4547"),
        ("CGCS2000", 114.0, 38_500_000.0, "EPSG:4526"),
        ("CGCS2000", 117.0, 20_500_000.0, "EPSG:4498"),
        ("Beijing", 114.0, 500_000.0, "EPSG:2435"),
        ("Beijing", 114.0, 38_500_000.0, "EPSG:2414"),
        ("Beijing", 117.0, 20_500_000.0, "EPSG:21420"),
        ("Xian", 114.0, 500_000.0, "EPSG:2383"),
        ("Xian", 114.0, 38_500_000.0, "EPSG:2362"),
        ("Xian", 117.0, 20_500_000.0, "EPSG:2334"),
    ] {
        assert_eq!(read(&gk(geographic, meridian, easting)), expected, "{geographic} {meridian} {easting}");
    }
    // A city's own meridian: no code has it, so the datum's ellipsoid and shift serve.
    let own = read(&gk("Beijing", 120.583_333, 500_000.0));
    assert!(own.starts_with("+proj=tmerc +lat_0=0 +lon_0=120.583333 +k_0=1 +x_0=500000 +y_0=0 +ellps=krass"), "{own}");
    assert!(own.contains("+towgs84=15.8,-154.4,-82.3"), "{own}");
}

#[test]
fn state_plane_in_feet_utm_and_geographic() {
    let stateplane = format!(
        r#"PROJCS["NAD_1983_StatePlane_New_York_Long_Island_FIPS_3104_Feet",{NAD83},PROJECTION["Lambert_Conformal_Conic"],PARAMETER["False_Easting",984250.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",-74.0],PARAMETER["Standard_Parallel_1",40.66666666666666],PARAMETER["Standard_Parallel_2",41.03333333333333],PARAMETER["Latitude_Of_Origin",40.16666666666666],UNIT["Foot_US",0.3048006096012192]]"#
    );
    assert_eq!(read(&stateplane), "EPSG:2263");
    let utm = |base: &str, northing: f64| {
        format!(
            r#"PROJCS["x",{base},PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",{northing}],PARAMETER["Central_Meridian",-69.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#
        )
    };
    let wgs84 = r#"GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]"#;
    assert_eq!(read(&utm(NAD83, 0.0)), "EPSG:26919");
    assert_eq!(read(&utm(wgs84, 0.0)), "EPSG:32619");
    assert_eq!(read(&utm(wgs84, 10_000_000.0)), "EPSG:32719");
    assert_eq!((read(NAD83), read(wgs84)), ("EPSG:4269".to_owned(), "EPSG:4326".to_owned()));
    let web = format!(
        r#"PROJCS["WGS_1984_Web_Mercator_Auxiliary_Sphere",{wgs84},PROJECTION["Mercator_Auxiliary_Sphere"],PARAMETER["False_Easting",0.0],PARAMETER["Central_Meridian",0.0],PARAMETER["Standard_Parallel_1",0.0],PARAMETER["Auxiliary_Sphere_Type",0.0],UNIT["Meter",1.0]]"#
    );
    assert_eq!(read(&web), "EPSG:3857");
}

/// Grads and a meridian of its own; the parameters as GDAL writes EPSG:27572.
#[test]
fn paris_counts_in_grads() {
    let text = r#"PROJCS["NTF (Paris) / Lambert zone II",GEOGCS["NTF (Paris)",DATUM["Nouvelle_Triangulation_Francaise_Paris",SPHEROID["Clarke 1880 (IGN)",6378249.2,293.4660212936269]],PRIMEM["Paris",2.33722917],UNIT["grad",0.01570796326794897]],PROJECTION["Lambert_Conformal_Conic_1SP"],PARAMETER["latitude_of_origin",52],PARAMETER["central_meridian",0],PARAMETER["scale_factor",0.99987742],PARAMETER["false_easting",600000],PARAMETER["false_northing",2200000],UNIT["metre",1]]"#;
    assert_eq!(read(text), "EPSG:27572");
}

#[test]
fn the_second_version_compound_and_bound() {
    let base = r#"BASEGEOGCRS["ETRS89",ENSEMBLE["European Terrestrial Reference System 1989 ensemble",MEMBER["x"],ELLIPSOID["GRS 1980",6378137,298.257222101,LENGTHUNIT["metre",1]],ENSEMBLEACCURACY[0.1]],PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433]]]"#;
    let utm = |id: &str| {
        format!(
            r#"PROJCRS["ETRS89 / UTM zone 32N",{base},CONVERSION["UTM zone 32N",METHOD["Transverse Mercator",ID["EPSG",9807]],PARAMETER["Latitude of natural origin",0,ANGLEUNIT["degree",0.0174532925199433]],PARAMETER["Longitude of natural origin",9,ANGLEUNIT["degree",0.0174532925199433]],PARAMETER["Scale factor at natural origin",0.9996,SCALEUNIT["unity",1]],PARAMETER["False easting",500000,LENGTHUNIT["metre",1]],PARAMETER["False northing",0,LENGTHUNIT["metre",1]]],CS[Cartesian,2],AXIS["(E)",east,ORDER[1],LENGTHUNIT["metre",1]],AXIS["(N)",north,ORDER[2],LENGTHUNIT["metre",1]]{id}]"#
        )
    };
    assert_eq!(read(&utm("")), "EPSG:25832");
    assert_eq!(read(&utm(r#",ID["EPSG",25832]"#)), "EPSG:25832");
    let compound = format!(r#"COMPOUNDCRS["x",{},VERTCRS["DHHN2016 height",ID["EPSG",7837]]]"#, utm(""));
    assert_eq!(read(&compound), "EPSG:25832+7837");
    let bound = format!(r#"BOUNDCRS[SOURCECRS[{}],TARGETCRS[GEOGCRS["WGS 84",ID["EPSG",4326]]]]"#, utm(""));
    assert_eq!(read(&bound), "EPSG:25832");
    // A datum of a city's own, and its shift.
    let local = r#"BOUNDCRS[SOURCECRS[GEOGCRS["Town",DATUM["Town 1931",ELLIPSOID["Bessel 1841",6377397.155,299.1528128]],CS[ellipsoidal,2]]],TARGETCRS[GEOGCRS["WGS 84",ID["EPSG",4326]]],ABRIDGEDTRANSFORMATION["x",METHOD["Geocentric translations"],PARAMETER["X-axis translation",12.5],PARAMETER["Y-axis translation",-3],PARAMETER["Z-axis translation",7]]]"#;
    assert_eq!(read(local), "+proj=longlat +a=6377397.155 +rf=299.1528128 +towgs84=12.5,-3,7 +no_defs");
    assert_eq!(read(r#"GEOGCRS["WGS 84 (CRS84)",ID["OGC","CRS84"]]"#), "OGC:CRS84");
}

#[test]
fn projjson_with_and_without_its_id() {
    let text = |id: &str| {
        format!(
            r#"{{"type": "ProjectedCRS", "name": "NZGD2000 / NZTM", "base_crs": {{"type": "GeographicCRS", "name": "NZGD2000",
            "datum": {{"type": "GeodeticReferenceFrame", "name": "New Zealand Geodetic Datum 2000",
            "ellipsoid": {{"name": "GRS 1980", "semi_major_axis": 6378137, "inverse_flattening": 298.257222101}}}},
            "coordinate_system": {{"subtype": "ellipsoidal", "axis": [{{"name": "lat", "unit": "degree"}}]}}}},
            "conversion": {{"name": "c", "method": {{"name": "Transverse Mercator"}}, "parameters": [
            {{"name": "Latitude of natural origin", "value": 0, "unit": "degree"}},
            {{"name": "Longitude of natural origin", "value": 173, "unit": "degree"}},
            {{"name": "Scale factor at natural origin", "value": 0.9996, "unit": "unity"}},
            {{"name": "False easting", "value": 1600000, "unit": "metre"}},
            {{"name": "False northing", "value": 10000000, "unit": "metre"}}]}},
            "coordinate_system": {{"subtype": "Cartesian", "axis": [{{"name": "N", "unit": "metre"}}]}}{id}}}"#
        )
    };
    for id in ["", r#", "id": {"authority": "EPSG", "code": 2193}"#] {
        assert_eq!(from_projjson(&text(id)).unwrap().to_string(), "EPSG:2193");
    }
    assert!(from_projjson("[]").is_err() && from_projjson("{\"type\": 3}").is_err());
}

#[test]
fn files_of_arc_info() {
    let text = "Projection    UTM\nZone          55\nDatum         WGS84\nZunits        NO\nUnits         METERS\nYshift        10000000\nParameters\n";
    assert_eq!(read(text), "EPSG:32755");
    assert_eq!(read("Projection GEOGRAPHIC\nDatum NAD83\nUnits DD\n"), "EPSG:4269");
}

#[test]
fn what_is_no_place_on_earth_is_told() {
    for (text, words) in [
        (r#"LOCAL_CS["site",UNIT["m",1]]"#, "local coordinate system"),
        (r#"VERT_CS["NAP",VERT_DATUM["x",2005]]"#, "no CRS that places can be in"),
        (r#"PROJCS["x",GEOGCS["y"]]"#, "no base, method or unit"),
        ("", "KEYWORD"),
    ] {
        let error = from_text(text).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("--crs"), "{error}");
    }
}

/// The table's texts without their codes lead to a CRS with the same coordinates as the code's.
#[test]
fn the_tables_own_texts_are_found_again() {
    let (mut same, mut other, mut unknown) = (0, Vec::new(), Vec::new());
    for code in (2000_u16..32_767).step_by(29) {
        let Some(definition) = crs_definitions::from_code(code) else { continue };
        if !["PROJCS", "GEOGCS"].iter().any(|root| definition.wkt.starts_with(root))
            || definition.proj4.contains("+axis=")
        {
            continue;
        }
        let Some(at) = definition.wkt.rfind(",AUTHORITY[") else { continue };
        let text = format!("{}]", &definition.wkt[..at]);
        match from_text(&text) {
            Ok(crs) if crs.epsg_code() == Some(u32::from(code)) => same += 1,
            Ok(crs) => other.push(format!("{code}: {crs}")),
            Err(error) => unknown.push(format!("{code}: {error}")),
        }
    }
    // The rest has another code for the same thing, or is one of the methods that PROJ's strings cannot tell apart.
    assert!(same > 150, "{same} {other:#?} {unknown:#?}");
    assert!(other.len() * 10 < same && unknown.len() * 50 < same, "{same} {other:#?} {unknown:#?}");
}
