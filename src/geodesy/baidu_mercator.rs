//! The projection of Baidu's maps: metres from BD-09 longitude and latitude.
//!
//! Its coefficients are those that Baidu's own scripts have, and that everybody copied alike (`gcoord`, `bmap`, `maptalks`): for
//! each of six bands of latitude a polynomial of the sixth degree. There are others for the way back, which do not fit these
//! ones to the millimetre; here it is by iteration.

use glam::DVec2;

/// Least latitude of a band in degrees, and its coefficients: x = c0 + c1 |longitude|; y = polynomial in |latitude| / c9.
const BANDS: &[(f64, [f64; 10])] = &[
    (
        75.0,
        [
            -0.001_570_210_244_4,
            111_320.702_061_693_9,
            1_704_480_524_535_203.0,
            -10_338_987_376_042_340.0,
            26_112_667_856_603_880.0,
            -35_149_669_176_653_700.0,
            26_595_700_718_403_920.0,
            -10_725_012_454_188_240.0,
            1_800_819_912_950_474.0,
            82.5,
        ],
    ),
    (
        60.0,
        [
            0.000_827_782_451_617_252_6,
            111_320.702_046_357_8,
            647_795_574.667_160_7,
            -4_082_003_173.641_316,
            10_774_905_663.511_42,
            -15_171_875_531.515_59,
            12_053_065_338.621_67,
            -5_124_939_663.577_472,
            913_311_935.951_203_2,
            67.5,
        ],
    ),
    (
        45.0,
        [
            0.003_373_987_667_65,
            111_320.702_020_216_2,
            4_481_351.045_890_365,
            -23_393_751.199_316_62,
            79_682_215.471_864_55,
            -115_964_993.279_725_3,
            97_236_711.156_021_45,
            -43_661_946.337_528_21,
            8_477_230.501_135_234,
            52.5,
        ],
    ),
    (
        30.0,
        [
            0.002_206_364_962_08,
            111_320.702_020_912_8,
            51_751.861_128_411_31,
            3_796_837.749_470_245,
            992_013.739_779_101_3,
            -1_221_952.217_112_87,
            1_340_652.697_009_075,
            -620_943.699_098_431_2,
            144_416.929_380_624_1,
            37.5,
        ],
    ),
    (
        15.0,
        [
            -0.000_344_196_350_436_839_2,
            111_320.702_057_685_6,
            278.235_398_077_275_2,
            2_485_758.690_035_394,
            6_070.750_963_243_378,
            54_821.183_453_521_18,
            9_540.606_633_304_236,
            -2_710.553_267_466_45,
            1_405.483_844_121_726,
            22.5,
        ],
    ),
    (
        0.0,
        [
            -0.000_321_813_587_861_313_2,
            111_320.702_070_161_5,
            0.003_693_834_312_89,
            823_725.640_279_571_8,
            0.461_049_869_090_93,
            2_351.343_141_331_292,
            1.580_607_842_981_99,
            8.777_385_890_782_84,
            0.372_388_842_524_24,
            7.45,
        ],
    ),
];

/// Latitudes that the projection has.
const MOST_LATITUDE_DEG: f64 = 74.0;
const ITERATIONS: usize = 30;
const CLOSE_ENOUGH_M: f64 = 1e-6;

/// Metres of a BD-09 place in degrees; not a number beyond 74 degrees of latitude.
pub(super) fn metres_from_degrees(place: DVec2) -> DVec2 {
    let latitude = place.y.abs();
    if latitude.is_nan() || latitude > MOST_LATITUDE_DEG {
        return DVec2::NAN;
    }
    let Some((_, c)) = BANDS.iter().find(|(least, _)| latitude >= *least) else { return DVec2::NAN };
    let t = latitude / c[9];
    let x = c[0] + c[1] * place.x.abs();
    let y = c[2] + t * (c[3] + t * (c[4] + t * (c[5] + t * (c[6] + t * (c[7] + t * c[8])))));
    DVec2::new(x.copysign(place.x), y.copysign(place.y))
}

/// The BD-09 place in degrees of metres.
pub(super) fn degrees_from_metres(metres: DVec2) -> DVec2 {
    // A sphere is near enough to begin with.
    let radius = 6_378_137.0;
    let begin = DVec2::new((metres.x / radius).to_degrees(), (metres.y / radius).sinh().atan().to_degrees());
    let mut guess = begin.clamp(DVec2::splat(-180.0), DVec2::splat(180.0));
    guess.y = guess.y.clamp(-MOST_LATITUDE_DEG, MOST_LATITUDE_DEG);
    for _ in 0..ITERATIONS {
        let error = metres - metres_from_degrees(guess);
        if !error.is_finite() {
            return DVec2::NAN;
        }
        if error.abs().max_element() <= CLOSE_ENOUGH_M {
            return guess;
        }
        let step = error / radius * DVec2::new(1.0, guess.y.to_radians().cos());
        guess += DVec2::new(step.x.to_degrees(), step.y.to_degrees());
        guess.y = guess.y.clamp(-MOST_LATITUDE_DEG, MOST_LATITUDE_DEG);
    }
    guess
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tian'anmen in Baidu's own example of its coordinate service: 116.404, 39.915 is 12958175, 4825923.77.
    #[test]
    fn a_known_place() {
        let found = metres_from_degrees(DVec2::new(116.404, 39.915));
        assert!((found - DVec2::new(12_958_175.0, 4_825_923.77)).abs().max_element() < 1.0, "{found}");
        assert!(metres_from_degrees(DVec2::new(0.0, 80.0)).is_nan());
    }

    #[test]
    fn there_and_back() {
        for latitude in [-60.0, -10.0, 0.0, 3.0, 14.9, 22.5, 31.0, 39.9, 53.0, 73.0] {
            // Not at 0, where the constants leave a step of millimetres.
            for longitude in [-170.0, 0.5, 73.5, 114.06, 135.0] {
                let place = DVec2::new(longitude, latitude);
                let back = degrees_from_metres(metres_from_degrees(place));
                // 2 mm.
                assert!((back - place).abs().max_element() < 2e-8, "{place}: {back}");
            }
        }
    }
}
