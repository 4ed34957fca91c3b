// CesiumJS with the tileset alone: no globe, no sky, no fog, no antialiasing.

import { Cartesian3, Cesium3DTileset, CesiumWidget, Color, DirectionalLight, Math as Angle } from "cesium";

const { measure } = globalThis;
const words = new URLSearchParams(location.search);
const [width, height] = [960, 540];

const widget = new CesiumWidget("city", {
  globe: false,
  skyBox: false,
  skyAtmosphere: false,
  baseLayer: false,
  msaaSamples: 1,
  orderIndependentTranslucency: false,
  shadows: false,
  useDefaultRenderLoop: false,
  contextOptions: { webgl: { antialias: false, powerPreference: "high-performance" } },
  creditContainer: document.createElement("div"),
});
const { scene, camera } = widget;
scene.highDynamicRange = false;
scene.fog.enabled = false;
scene.backgroundColor = Color.fromCssColorString("#8fb4d8");
scene.postProcessStages.fxaa.enabled = false;
scene.screenSpaceCameraController.enableInputs = false;
camera.frustum.fov = 2 * Math.atan(Math.tan(measure.fieldOfView / 2) * (width / height));
widget.resize();

const move = ({ longitude, latitude, height: above, heading, pitch }) =>
  camera.setView({
    destination: Cartesian3.fromDegrees(longitude, latitude, above),
    orientation: { heading: Angle.toRadians(heading), pitch: Angle.toRadians(pitch), roll: 0 },
  });
move(measure.camera(0));
const down = Cartesian3.negate(Cartesian3.normalize(camera.position, new Cartesian3()), new Cartesian3());
scene.light = new DirectionalLight({ direction: down });

const tileset = await Cesium3DTileset.fromUrl(`${words.get("package")}tileset.json`, {
  maximumScreenSpaceError: 16,
  dynamicScreenSpaceError: false,
  environmentMapOptions: { enabled: false },
});
scene.primitives.add(tileset);
globalThis.tileset = tileset;
globalThis.widget = widget;

measure.move = move;
measure.isComplete = () => tileset.tilesLoaded;

function draw() {
  requestAnimationFrame(draw);
  widget.render();
}
requestAnimationFrame(draw);
