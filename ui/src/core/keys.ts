/** The keyboard map: what each key does, in one table that the help shows and the handlers use. */

export type Action =
  | "help"
  | "palette"
  | "goHome"
  | "goLogs"
  | "goMetrics"
  | "goTraces"
  | "goServices"
  | "goTargets"
  | "goQuery"
  | "goStart"
  | "goSettings"
  | "goPipelines"
  | "goData"
  | "goUsers"
  | "goAudit"
  | "goProfile"
  | "query"
  | "run"
  | "time"
  | "stepBack"
  | "stepForward"
  | "zoomOut"
  | "rowDown"
  | "rowUp"
  | "rowToggle"
  | "rowPanel"
  | "cellLeft"
  | "cellRight"
  | "filter"
  | "exclude"
  | "wrap"
  | "live"
  | "context"
  | "findNext"
  | "findPrevious"
  | "views"
  | "tabRows"
  | "tabPatterns"
  | "tabCompare"
  | "share"
  | "zone"
  | "rail"
  | "theme"
  | "refresh"
  | "escape";

export interface Binding {
  action: Action;
  /** "mod" is ⌘ on a Mac and Ctrl elsewhere; a blank separates the keys of a sequence. */
  keys: string;
  group: "general" | "time" | "rows";
  /** Also while typing in a field. */
  always?: boolean;
}

export const BINDINGS: readonly Binding[] = [
  { action: "help", keys: "?", group: "general" },
  { action: "palette", keys: "mod+k", group: "general", always: true },
  { action: "goHome", keys: "g h", group: "general" },
  { action: "goLogs", keys: "g l", group: "general" },
  { action: "goMetrics", keys: "g m", group: "general" },
  { action: "goTraces", keys: "g t", group: "general" },
  { action: "goServices", keys: "g s", group: "general" },
  { action: "goTargets", keys: "g o", group: "general" },
  { action: "goQuery", keys: "g q", group: "general" },
  { action: "goStart", keys: "g n", group: "general" },
  { action: "goSettings", keys: "g k", group: "general" },
  { action: "goPipelines", keys: "g p", group: "general" },
  { action: "goData", keys: "g d", group: "general" },
  { action: "goUsers", keys: "g u", group: "general" },
  { action: "goAudit", keys: "g a", group: "general" },
  { action: "goProfile", keys: "g i", group: "general" },
  { action: "query", keys: "/", group: "general" },
  { action: "run", keys: "mod+enter", group: "general", always: true },
  { action: "share", keys: "s", group: "general" },
  { action: "views", keys: "v", group: "general" },
  { action: "tabRows", keys: "1", group: "general" },
  { action: "tabPatterns", keys: "2", group: "general" },
  { action: "tabCompare", keys: "3", group: "general" },
  { action: "rail", keys: "b", group: "general" },
  { action: "theme", keys: "shift+d", group: "general" },
  { action: "escape", keys: "escape", group: "general" },
  { action: "time", keys: "t", group: "time" },
  { action: "stepBack", keys: "[", group: "time" },
  { action: "stepForward", keys: "]", group: "time" },
  { action: "zoomOut", keys: "z", group: "time" },
  { action: "zone", keys: "u", group: "time" },
  { action: "refresh", keys: "r", group: "time" },
  { action: "live", keys: "space", group: "time" },
  { action: "rowDown", keys: "j", group: "rows" },
  { action: "rowUp", keys: "k", group: "rows" },
  { action: "rowToggle", keys: "enter", group: "rows" },
  { action: "rowPanel", keys: "o", group: "rows" },
  { action: "cellLeft", keys: "arrowleft", group: "rows" },
  { action: "cellRight", keys: "arrowright", group: "rows" },
  { action: "filter", keys: "f", group: "rows" },
  { action: "exclude", keys: "x", group: "rows" },
  { action: "context", keys: "c", group: "rows" },
  { action: "findNext", keys: "n", group: "rows" },
  { action: "findPrevious", keys: "shift+n", group: "rows" },
  { action: "wrap", keys: "w", group: "rows" },
];

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

/** "mod+k", "shift+d", "?", "space". Shift is named only for letters and named keys. */
export function keyName(press: KeyPress): string {
  const key = press.key === " " ? "space" : press.key.toLowerCase();
  const parts: string[] = [];
  if (press.ctrlKey || press.metaKey) parts.push("mod");
  if (press.altKey) parts.push("alt");
  if (press.shiftKey && (key.length > 1 || /\p{L}/u.test(key))) parts.push("shift");
  return [...parts, key].join("+");
}

const SEQUENCE_MS = 1000;

/** Matches single keys, chords and two-key sequences. `typing` keeps all but the `always` ones off. */
export class KeyMatcher {
  private pending: { key: string; at: number } | null = null;

  match(press: KeyPress, at: number, typing: boolean, singleKeys: boolean): Action | null {
    const name = keyName(press);
    const prefix = this.pending && at - this.pending.at < SEQUENCE_MS ? `${this.pending.key} ` : "";
    this.pending = null;
    const allowed = (binding: Binding): boolean =>
      binding.always === true || (!typing && (singleKeys || name.length > 1));
    const sequence = BINDINGS.find((binding) => prefix !== "" && binding.keys === prefix + name && allowed(binding));
    if (sequence) return sequence.action;
    const direct = BINDINGS.find((binding) => binding.keys === name && allowed(binding));
    if (direct) return direct.action;
    if (!typing && singleKeys && BINDINGS.some((binding) => binding.keys.startsWith(`${name} `)))
      this.pending = { key: name, at };
    return null;
  }
}

export function keyCaps(keys: string, mac: boolean): string[] {
  const caps: Record<string, string> = {
    mod: mac ? "⌘" : "Ctrl",
    shift: "⇧",
    enter: "⏎",
    escape: "Esc",
    space: "Space",
    arrowleft: "←",
    arrowright: "→",
  };
  return keys.split(/[ +]/).map((key) => caps[key] ?? (key.length === 1 ? key.toUpperCase() : key));
}
