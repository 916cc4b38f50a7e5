/** Runs before every test file: matchers, and what the simulated browser lacks. */
import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach, vi } from "vitest";
import { layoutGraph } from "../core/services/layout.ts";
import { TraceEngine } from "../core/traces/engine.ts";

// A busy machine is no defect: what is waited for may take long.
configure({ asyncUtilTimeout: 30_000 });

afterEach(() => {
  cleanup();
  localStorage.clear();
  vi.unstubAllGlobals();
});

window.HTMLElement.prototype.scrollIntoView = () => undefined;

/** Stands for the workers of the application: the same code in the same thread, answering later. */
class TestWorker {
  onmessage: ((event: MessageEvent) => void) | null = null;
  private closed = false;
  private readonly answer: (request: never) => unknown;

  constructor(url: URL) {
    const engine = new TraceEngine();
    this.answer = url.pathname.includes("/traces/") ? (request) => engine.answer(request) : layoutGraph;
  }

  postMessage({ id, request }: { id: number; request: never }): void {
    queueMicrotask(() => {
      if (!this.closed) this.onmessage?.({ data: { id, answer: this.answer(request) } } as MessageEvent);
    });
  }

  terminate(): void {
    this.closed = true;
  }
}

Object.assign(globalThis, { Worker: TestWorker });
