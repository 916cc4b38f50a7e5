/** Runs before every test file: matchers, and what the simulated browser lacks. */
import "@testing-library/jest-dom/vitest";
import { cleanup } from "@testing-library/react";
import { afterEach, vi } from "vitest";

afterEach(() => {
  cleanup();
  localStorage.clear();
  vi.unstubAllGlobals();
});

window.HTMLElement.prototype.scrollIntoView = () => undefined;
