/** The thread that the service map is laid out in. */
import { type LayoutRequest, layoutGraph } from "./layout.ts";

self.onmessage = (event: MessageEvent<{ id: number; request: LayoutRequest }>): void => {
  self.postMessage({ id: event.data.id, answer: layoutGraph(event.data.request) });
};
