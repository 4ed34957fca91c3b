// Decodes tiles beside the page: bytes of a glb in, what it holds out.

import init, { decode } from "./worker/veduta.js";

const ready = init();

onmessage = async ({ data: { number, bytes } }) => {
  try {
    await ready;
    const content = decode(bytes);
    postMessage({ number, bytes: content }, [content.buffer]);
  } catch (error) {
    postMessage({ number, problem: String(error.message ?? error) });
  }
};
