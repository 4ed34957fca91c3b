// The city that is drawn: 100 x 100 blocks, 10 m to 17 m wide and deep, 6 m to 59 m high, every 30 m.

const [LONGITUDE, LATITUDE] = [121.9, 30.89];
const [ACROSS, STEP_M] = [100, 30];
const NORTH_DEG = 1 / 110_850;
const EAST_DEG = 1 / (111_320 * Math.cos((LATITUDE * Math.PI) / 180));

/** The city as GeoJSON; the same at each call. */
export function city() {
  let random = 12_345;
  const upTo = (n) => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (random >> 12) % n;
  };
  const features = Array.from({ length: ACROSS * ACROSS }, (_, i) => {
    const [x, y] = [((i % ACROSS) - ACROSS / 2) * STEP_M, (Math.floor(i / ACROSS) - ACROSS / 2) * STEP_M];
    const [width, depth, height] = [10 + upTo(8), 10 + upTo(8), 6 + upTo(54)];
    const corners = [[0, 0], [width, 0], [width, depth], [0, depth], [0, 0]];
    const ring = corners.map(([east, north]) => [LONGITUDE + (x + east) * EAST_DEG, LATITUDE + (y + north) * NORTH_DEG]);
    const properties = { id: `b${i}`, class: "building", height };
    return { type: "Feature", properties, geometry: { type: "Polygon", coordinates: [ring] } };
  });
  return { type: "FeatureCollection", features };
}
