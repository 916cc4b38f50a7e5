/** Contrast of the tokens, computed: text at least 4.5, marks and series at least 3. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync("src/styles/tokens.css", "utf8");

function tokens(theme: "light" | "dark"): Record<string, string> {
  const block =
    theme === "light" ? css.slice(0, css.indexOf("[data-mantine")) : css.slice(css.indexOf("[data-mantine"));
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((match) => [match[1], match[2]]));
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0);
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
}

describe.each(["light", "dark"] as const)("%s theme", (theme) => {
  const all = tokens(theme);
  const color = (name: string): string => all[name] ?? "";
  const grounds = ["bg", "panel", "raised", "hover"];
  it.each([
    "text",
    "text-muted",
    "text-faint",
    "accent-text",
    "danger",
    "syntax-field",
    "syntax-keyword",
    "syntax-string",
    "syntax-number",
    "syntax-regex",
  ])("%s is readable", (name) => {
    for (const ground of grounds)
      expect(contrast(color(name), color(ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  });
  it.each(Object.keys(all).filter((name) => name.startsWith("ansi-")))("%s is readable", (name) => {
    for (const ground of grounds)
      expect(contrast(color(name), color(ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  });
  it.each(Object.keys(all).filter((name) => name.startsWith("severity-")))("%s is readable", (name) => {
    for (const ground of ["bg", "panel"]) expect(contrast(color(name), color(ground))).toBeGreaterThanOrEqual(4.5);
  });
  it.each(Object.keys(all).filter((name) => name.startsWith("series-")))("%s can be told from the ground", (name) => {
    expect(contrast(color(name), color("bg"))).toBeGreaterThanOrEqual(3);
  });
  it("the scale of heatmaps grows away from the ground", () => {
    const steps = ["bg", "heat-low", "heat-mid", "heat-high"].map((name) => luminance(color(name)));
    const sorted = [...steps].sort((a, b) => (theme === "light" ? b - a : a - b));
    expect(steps).toEqual(sorted);
    expect(contrast(color("heat-mid"), color("bg"))).toBeGreaterThanOrEqual(3);
    expect(contrast(color("heat-low"), color("bg"))).toBeGreaterThanOrEqual(1.3);
  });
  it("pairs are readable", () => {
    for (const [text, ground] of [
      ["accent-text", "selected"],
      ["text", "selected"],
      ["mark-text", "mark-bg"],
      ["danger", "danger-soft"],
      ["text", "ok-soft"],
      ["text-muted", "danger-soft"],
      ["warn", "warn-soft"],
    ] as const) {
      expect(contrast(color(text), color(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
    expect(contrast(color("focus"), color("bg"))).toBeGreaterThanOrEqual(3);
    expect(contrast(color("border-strong"), color("bg"))).toBeGreaterThanOrEqual(3);
  });
});
