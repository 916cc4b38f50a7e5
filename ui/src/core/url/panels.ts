/** What stands in the right-hand panel, as the address holds it: at most two, the last on top. */

export type Panel =
  /** `span` is an id, or says which span is looked for: "slow" or "error" for the one that is to blame. */
  | { kind: "trace"; id: string; span: string }
  | { kind: "service"; name: string }
  | { kind: "logs"; query: string; from: string; to: string }
  | { kind: "traces"; query: string; from: string; to: string };

const DEEP = 2;

function listed(kind: "logs" | "traces", text: string): Panel | null {
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    const { q, from, to } = value;
    if (typeof q !== "string" || typeof from !== "string" || typeof to !== "string") return null;
    return { kind, query: q, from, to };
  } catch {
    return null;
  }
}

export function parsePanel(text: string): Panel | null {
  const at = text.indexOf(":");
  const [kind, rest] = [text.slice(0, at), text.slice(at + 1)];
  if (kind === "trace") {
    const match = /^([0-9a-f]{1,32})(?::([0-9a-f]{16}|slow|error))?$/.exec(rest);
    return match ? { kind, id: match[1] ?? "", span: match[2] ?? "" } : null;
  }
  if (kind === "service") return rest === "" ? null : { kind, name: rest };
  return kind === "logs" || kind === "traces" ? listed(kind, rest) : null;
}

export function printPanel(panel: Panel): string {
  if (panel.kind === "trace") return `trace:${panel.id}${panel.span ? `:${panel.span}` : ""}`;
  if (panel.kind === "service") return `service:${panel.name}`;
  return `${panel.kind}:${JSON.stringify({ q: panel.query, from: panel.from, to: panel.to })}`;
}

/** All that are open, the top one last; what cannot be read is left out. */
export function parsePanels(text: string): Panel[] {
  return text
    .split("\n")
    .flatMap((one) => parsePanel(one) ?? [])
    .slice(-DEEP);
}

export function pushPanel(text: string, panel: Panel): string {
  const top = printPanel(panel);
  const below = text.split("\n").filter((one) => one !== "" && one !== top);
  return [...below, top].slice(-DEEP).join("\n");
}

export function popPanel(text: string): string {
  return text.split("\n").slice(0, -1).join("\n");
}
