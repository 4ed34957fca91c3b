// Decodes tiles beside the page: bytes of a glb in, what it holds out.

import init, { decode } from "./worker/veduta.js";

// A worker without its program is of no use: the page is told, and asks another one.
const ready = init();
ready.catch((error) => {
  setTimeout(() => {
    throw error;
  });
});

onmessage = async ({ data: { number, bytes } }) => {
  await ready;
  try {
    const content = decode(bytes);
    postMessage({ number, bytes: content }, [content.buffer]);
  } catch (error) {
    postMessage({ number, problem: String(error.message ?? error) });
  }
};
