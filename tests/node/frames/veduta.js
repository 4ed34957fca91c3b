// Veduta, as a page embeds it.

import { Veduta } from "/web/veduta.js";

const { measure } = globalThis;
const words = new URLSearchParams(location.search);
const viewer = await Veduta.mount(document.getElementById("city"), {
  package: words.get("package"),
  renderer: words.get("renderer"),
  camera: measure.camera(0),
});
globalThis.viewer = viewer;
measure.isComplete = () => viewer.stats?.complete;
measure.hasTile = () => viewer.stats?.tiles > 0;
measure.move = (camera) => viewer.flyTo(camera, 0);
