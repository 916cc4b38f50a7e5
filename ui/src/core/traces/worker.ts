/** The thread that a trace is laid out in. Requests are answered in their order. */
import { type Request, TraceEngine } from "./engine.ts";

const engine = new TraceEngine();

self.onmessage = (event: MessageEvent<{ id: number; request: Request }>): void => {
  const { id, request } = event.data;
  try {
    self.postMessage({ id, answer: engine.answer(request) });
  } catch (error) {
    self.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
};
