// three.js with 3d-tiles-renderer: the same tileset, the same camera; a sun and an even light from all sides.

import { TilesRenderer } from "3d-tiles-renderer/three";
import { GLTFExtensionsPlugin } from "3d-tiles-renderer/three/plugins";
import { ImplicitTilingPlugin } from "3d-tiles-renderer/core/plugins";
import {
  AmbientLight,
  Color,
  DirectionalLight,
  Matrix4,
  PerspectiveCamera,
  Scene,
  Vector3,
  WebGLRenderer,
} from "three";
import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";

const { measure } = globalThis;
const words = new URLSearchParams(location.search);
const [width, height] = [960, 540];

const renderer = new WebGLRenderer({ antialias: false, powerPreference: "high-performance" });
renderer.setPixelRatio(1);
renderer.setSize(width, height);
document.getElementById("city").append(renderer.domElement);

const scene = new Scene();
scene.background = new Color(0x8fb4d8);
const camera = new PerspectiveCamera((measure.fieldOfView * 180) / Math.PI, width / height, 1, 20_000);

const tiles = new TilesRenderer(`${words.get("package")}tileset.json`);
tiles.registerPlugin(new ImplicitTilingPlugin());
tiles.registerPlugin(new GLTFExtensionsPlugin({ meshoptDecoder: MeshoptDecoder }));
tiles.errorTarget = 16;
tiles.setCamera(camera);
tiles.setResolution(camera, width, height);
scene.add(tiles.group);

// What the tileset stands on is the ellipsoid of WGS 84.
const frame = new Matrix4();
function move({ longitude, latitude, height: above, heading, pitch }) {
  const [lon, lat] = [(longitude * Math.PI) / 180, (latitude * Math.PI) / 180];
  tiles.ellipsoid.getCartographicToPosition(lat, lon, above, camera.position);
  tiles.ellipsoid.getEastNorthUpFrame(lat, lon, 0, frame);
  const [turn, rise] = [(heading * Math.PI) / 180, (pitch * Math.PI) / 180];
  const along = new Vector3(Math.sin(turn) * Math.cos(rise), Math.cos(turn) * Math.cos(rise), Math.sin(rise));
  camera.up.set(0, 0, 1).transformDirection(frame);
  camera.lookAt(along.transformDirection(frame).add(camera.position));
  camera.updateMatrixWorld();
}
move(measure.camera(0));

const sun = new DirectionalLight(0xffffff, 2.5);
sun.position.copy(new Vector3(-0.6, -0.3, 0.7).transformDirection(frame));
scene.add(sun, new AmbientLight(0xffffff, 1));

measure.move = move;
measure.isComplete = () => tiles.visibleTiles.size > 0 && tiles.loadProgress === 1;
globalThis.tiles = tiles;

function draw() {
  requestAnimationFrame(draw);
  tiles.update();
  renderer.render(scene, camera);
}
requestAnimationFrame(draw);
