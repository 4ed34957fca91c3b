// What a page in TypeScript may write, and what it may not: each `@ts-expect-error` is an error where its line is none.

import { Veduta, type Camera, type Layer, type Live, type Pick, type State } from "../../../web/veduta.js";

export async function sample(element: HTMLElement): Promise<void> {
  const viewer: Veduta = await Veduta.mount(element, {
    scene: "demo",
    server: "https://city.example/",
    token: "secret",
    camera: "harbour",
    select: null,
    memory: 256,
    rate: 2,
    panel: false,
    renderer: "webgl2",
    onProgress: (done, all) => console.log(done / all),
    on: { failed: ({ message }) => console.log(message), recovered: ({ seconds }) => console.log(seconds.toFixed(1)) },
  });

  const end: () => void = viewer.on("live", (live: Live) => {
    for (const { title, value, unit } of live.indicators) console.log(title, value?.toFixed(1), unit);
    // @ts-expect-error: where there is no play it is null.
    live.play.speed;
  });
  end();
  viewer.on("pick", (pick) => console.log(pick?.attributes["name"]));

  const camera: Camera | null = viewer.camera;
  if (camera) viewer.flyTo({ ...camera, heading: 0 }, 0);
  viewer.scene?.cameras.forEach((named) => viewer.flyTo(named));
  const towers: Layer = { name: "towers", where: "measuredHeight > 150", color: "#f2c14e" };
  viewer.setStyle([...(viewer.scene?.layers ?? []), towers]);

  const found = await viewer.query({ where: "measuredHeight > 150", near: [121.9, 30.9], radius: 500, limit: 20 });
  viewer.select(found.features[0]?.id);
  const picked: Pick | null = await viewer.pick(10, 20);
  viewer.select(picked?.attributes["id"] ?? null);

  const time: string = (await viewer.seek(new Date())).time;
  await viewer.speed(60);
  const picture: Blob = await viewer.screenshot();
  console.log(time, picture.size, viewer.stats?.programBytes);

  // The state of one viewer is what another one is mounted with.
  const state: State = viewer.state;
  viewer.dispose();
  await Veduta.mount(element, state);

  // @ts-expect-error: viewers are mounted.
  new Veduta();
  // @ts-expect-error: no such event.
  viewer.on("click", () => {});
  // @ts-expect-error: no such renderer.
  await Veduta.mount(element, { renderer: "canvas" });
  // @ts-expect-error: a camera has a place.
  viewer.flyTo({ heading: 0, pitch: 0 });
  // @ts-expect-error: no such parameter.
  await viewer.query({ filter: "height > 10" });
  // @ts-expect-error: what is drawn with is not chosen later.
  viewer.renderer = "webgpu";
}
