import { describe, expect, it } from "vitest";
import { confirms, readDays } from "./days.ts";

describe("days", () => {
  it("are whole numbers up to a hundred years", () => {
    expect(readDays(" 30 ")).toBe(30);
    expect(readDays("0")).toBe(0);
    expect(readDays("")).toBeNull();
    for (const bad of ["-1", "1.5", "x", "36501", "999999"]) expect(readDays(bad)).toBeUndefined();
  });
});

describe("a confirmation", () => {
  it("is the exact number, with or without separators", () => {
    expect(confirms("1,234", 1234)).toBe(true);
    expect(confirms("1234", 1234)).toBe(true);
    for (const typed of ["", "123", "12345", "1234 x"]) expect(confirms(typed, 1234)).toBe(false);
    expect(confirms("", 0)).toBe(false);
  });
});
