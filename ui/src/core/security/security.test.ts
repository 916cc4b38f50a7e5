import { describe, expect, it } from "vitest";
import type { RoleInfo } from "../api/security.ts";
import { deviceOf } from "./agent.ts";
import { auditExportUrl, auditSearch, detailText, effective, isFiltered, NO_FILTER, readsEverywhere } from "./audit.ts";
import { changes } from "./diff.ts";
import { formatLimit, level, parseLimit, printLimit, share } from "./limits.ts";
import { matching, paged } from "./paging.ts";
import { QUIET, qrPath, qrSize } from "./qr.ts";
import { areas, cell, limited, ordered, rolesInOrder, toggled, wrongResources } from "./roles.ts";
import { failureOf } from "./webauthn.ts";

describe("a device", () => {
  it("is named by browser and system", () => {
    const linux =
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
    expect(deviceOf(linux)).toEqual({ browser: "Chrome", system: "Linux" });
    expect(deviceOf(`${linux} Edg/156.0`)).toEqual({ browser: "Edge", system: "Linux" });
    expect(deviceOf("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1")).toEqual({
      browser: "Safari",
      system: "iPhone",
    });
    expect(deviceOf("curl/8.5.0")).toEqual({ browser: "curl", system: "" });
    expect(deviceOf("Mozilla/5.0")).toEqual({ browser: "", system: "" });
    expect(deviceOf("")).toEqual({ browser: "", system: "" });
  });
});

describe("a QR code", () => {
  it("covers exactly the dark modules, with the quiet zone around", () => {
    const rows = ["1101", "0000", "0111", "1001"];
    const dark = new Set<string>();
    for (const [, x, y, width] of qrPath(rows).matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
      for (let at = 0; at < Number(width); at += 1) dark.add(`${Number(x) + at - QUIET},${Number(y) - QUIET}`);
    const wanted = rows.flatMap((row, y) => [...row].flatMap((bit, x) => (bit === "1" ? [`${x},${y}`] : [])));
    expect([...dark].sort()).toEqual(wanted.sort());
    expect(qrSize(rows)).toBe(12);
  });
});

describe("changes", () => {
  it("are the leaves that differ", () => {
    const before = JSON.stringify({ name: "a", roles: [{ role: "viewer" }], same: { x: 1 }, gone: true });
    const after = JSON.stringify({ name: "b", roles: [{ role: "admin" }, { role: "editor" }], same: { x: 1 } });
    expect(changes(before, after)).toEqual([
      { path: "name", before: "a", after: "b" },
      { path: "roles[0].role", before: "viewer", after: "admin" },
      { path: "roles[1].role", before: null, after: "editor" },
      { path: "gone", before: "true", after: null },
    ]);
  });
  it("of something new or gone are all of its fields", () => {
    expect(changes("", '{"name":"a","list":[]}')).toEqual([
      { path: "name", before: null, after: "a" },
      { path: "list", before: null, after: "[]" },
    ]);
    expect(changes('{"name":"a"}', "")).toEqual([{ path: "name", before: "a", after: null }]);
  });
  it("are none, or the whole text, when there is nothing to compare by", () => {
    expect(changes("", "")).toEqual([]);
    expect(changes("{}", "{}")).toEqual([]);
    expect(changes("no json", '"text"')).toEqual([{ path: "", before: "no json", after: "text" }]);
    expect(changes("[1]", '{"a":1}')).toEqual([{ path: "", before: "[1]", after: '{"a":1}' }]);
  });
});

describe("roles", () => {
  const grants = [
    { permission: "logs:read", resource: "*" },
    { permission: "pipelines:write", resource: "pipeline:web-*" },
  ];
  const role = (name: string, builtin: boolean): RoleInfo => ({
    name,
    builtin,
    description: "",
    grants: [],
    policy: "",
    masked: [],
    subjects: 0,
  });
  it("hold everything, some resources, or nothing of a permission", () => {
    expect(cell(grants, "logs:read")).toEqual({ kind: "full", implied: false });
    expect(cell(grants, "pipelines:write")).toEqual({ kind: "some", resources: ["pipeline:web-*"] });
    expect(cell(grants, "keys:read")).toEqual({ kind: "none" });
    expect(cell([{ permission: "admin", resource: "*" }], "keys:read")).toEqual({ kind: "full", implied: true });
  });
  it("stand from the weakest built-in one to the custom ones by name", () => {
    const names = ["zoo", "admin", "auditor", "apple", "viewer", "operator", "editor"];
    const found = ordered(names.map((name) => role(name, name !== "zoo" && name !== "apple")));
    expect(found.map((entry) => entry.name)).toEqual([
      "viewer",
      "editor",
      "operator",
      "admin",
      "auditor",
      "apple",
      "zoo",
    ]);
  });
  it("are edited grant by grant", () => {
    expect(toggled(grants, "logs:read", false)).toEqual([grants[1]]);
    expect(toggled(grants, "logs:read", true)).toEqual([grants[1], grants[0]]);
    expect(limited([], "keys:write", "key:a-*, key:b\nkey:b")).toEqual([
      { permission: "keys:write", resource: "key:a-*" },
      { permission: "keys:write", resource: "key:b" },
    ]);
    expect(limited(grants, "pipelines:write", "  ")).toContainEqual({ permission: "pipelines:write", resource: "*" });
  });
  it("name resources of a kind that the permission knows", () => {
    const known = [{ name: "pipelines:write", description: "", resources: ["pipeline"], system: false }];
    expect(wrongResources(grants.slice(1), known)).toEqual([]);
    for (const resource of ["web", "pipeline:", "key:web"])
      expect(wrongResources([{ permission: "pipelines:write", resource }], known)).toEqual([resource]);
  });
  it("are grouped by what their permissions are about", () => {
    const known = ["logs:read", "keys:read", "logs:write", "admin"].map((name) => ({
      name,
      description: "",
      resources: [],
      system: false,
    }));
    expect(areas(known).map((area) => [area.name, area.permissions.length])).toEqual([
      ["logs", 2],
      ["keys", 1],
      ["admin", 1],
    ]);
  });
  it("of a subject are told once, those of all tenants first", () => {
    expect(
      rolesInOrder([
        { role: "viewer", tenant: "shop" },
        { role: "editor", tenant: "*" },
        { role: "viewer", tenant: "shop" },
      ]),
    ).toEqual([
      { role: "editor", tenant: "*" },
      { role: "viewer", tenant: "shop" },
    ]);
  });
});

describe("limits", () => {
  it("are typed and printed with units", () => {
    expect(parseLimit("10k", "requests/s")).toBe(10_000);
    expect(parseLimit("1.5 MiB", "bytes/s")).toBe(1.5 * 1024 ** 2);
    expect(parseLimit("1,200", "requests/s")).toBe(1200);
    expect(parseLimit(" ", "x")).toBeNull();
    for (const wrong of ["-1", "x", "1e9", "10 apples"]) expect(parseLimit(wrong, "requests/s")).toBeUndefined();
    expect(formatLimit(2 * 1024 ** 2, "bytes/s")).toBe("2 MiB/s");
    expect(formatLimit(250, "requests/s")).toBe("250 requests/s");
    for (const value of [0, 1000, 1536, 5 * 1024 ** 3])
      expect(parseLimit(printLimit(value, "bytes"), "bytes")).toBe(value);
  });
  it("are used in part, wholly, or not at all", () => {
    const use = (used: number, limit: number) => ({
      scope: "key",
      subject: "k",
      name: "requests",
      used,
      limit,
      refused: 0,
      label: "",
    });
    expect([use(1, 0), use(1, 10), use(8, 10), use(30, 10)].map(level)).toEqual(["calm", "calm", "high", "full"]);
    expect(share(use(30, 10))).toBe(1);
  });
});

describe("the audit log", () => {
  it("is asked with the filters that say something", () => {
    expect(isFiltered(NO_FILTER)).toBe(false);
    const filter = { ...NO_FILTER, who: " ana ", action: "key.created" };
    expect(auditSearch(filter, { limit: "100" })).toBe("who=ana&action=key.created&limit=100");
    expect(auditExportUrl(filter, "csv", "shop")).toBe(
      "/api/nexus/v1/audit/export?who=ana&action=key.created&format=csv&tenant=shop",
    );
    expect(isFiltered(filter)).toBe(true);
  });
  it("is of all tenants for who reads it everywhere, unless asked otherwise", () => {
    expect(readsEverywhere([{ role: "auditor", tenant: "*" }])).toBe(true);
    expect(
      readsEverywhere([
        { role: "auditor", tenant: "shop" },
        { role: "viewer", tenant: "*" },
      ]),
    ).toBe(false);
    for (const [asked, everywhere, wanted] of [
      ["", true, "1"],
      ["0", true, ""],
      ["", false, ""],
      ["1", false, "1"],
    ] as const)
      expect(effective({ ...NO_FILTER, all_tenants: asked }, everywhere).all_tenants).toBe(wanted);
  });
  it("tells details on one line, instants as times", () => {
    expect(detailText({ details: { name: "Collector", none: "", from: "1795024925266002766" } })).toBe(
      "name: Collector · from: 2026-11-18T18:02:05.266002766Z",
    );
  });
});

describe("long lists", () => {
  it("are filtered by all words and cut into pages", () => {
    const names = Array.from({ length: 120 }, (_, index) => `user ${index}`);
    expect(matching(names, "USER 11", (name) => name)).toHaveLength(11);
    expect(paged(names, 2)).toMatchObject({ page: 2, pages: 3 });
    expect(paged(names, 2).shown).toHaveLength(20);
    expect(paged(names, 99).page).toBe(2);
    expect(paged([], 0)).toEqual({ shown: [], page: 0, pages: 1 });
  });
});

describe("a passkey that fails", () => {
  it("says why as far as the browser does", () => {
    expect(failureOf(new DOMException("", "NotAllowedError"))).toBe("cancelled");
    expect(failureOf(new DOMException("", "InvalidStateError"))).toBe("registered");
    expect(failureOf(new DOMException("", "SecurityError"))).toBe("insecure");
    expect(failureOf(new TypeError("x"))).toBe("failed");
  });
});
