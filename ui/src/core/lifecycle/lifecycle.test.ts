import { describe, expect, it } from "vitest";
import { detailText, matching } from "./audit.ts";
import { confirms, readDays } from "./days.ts";

const entry = (who: string, action: string, details: Record<string, string> = {}) => ({
  at: "",
  who,
  action,
  subject: "s-1",
  details,
});

describe("the audit log", () => {
  it("is filtered by all words, wherever they are", () => {
    const entries = [entry("admin", "key.created", { name: "Collector", none: "" }), entry("ana", "records.deleted")];
    expect(matching(entries, "")).toHaveLength(2);
    expect(matching(entries, " ADMIN collector ")).toEqual([entries[0]]);
    expect(matching(entries, "ana key")).toEqual([]);
    expect(detailText(entries[0] ?? entry("", ""))).toBe("name: Collector");
    expect(detailText(entry("a", "b", { from: "1795024925266002766" }))).toBe("from: 2026-11-18T18:02:05.266002766Z");
  });
});

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
