/** What changed between two JSON texts, field by field. Total: a text that is no JSON is compared as it is. */

export interface Change {
  /** "roles[0].role"; "" when the whole value changed. */
  path: string;
  /** null: not there. */
  before: string | null;
  after: string | null;
}

const MOST_CHANGES = 500;

function read(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const print = (value: unknown): string | null =>
  value === undefined ? null : typeof value === "string" ? value : JSON.stringify(value);

/** Leaves that differ, in the order of their names; lists are compared by place. At most 500. */
export function changes(before: string, after: string): Change[] {
  const found: Change[] = [];
  const walk = (path: string, left: unknown, right: unknown): void => {
    if (found.length >= MOST_CHANGES || JSON.stringify(left) === JSON.stringify(right)) return;
    const nested = [left, right].filter(isObject);
    const deep = nested.length > 0 && [left, right].every((side) => side === undefined || isObject(side));
    if (!deep || (nested.length === 2 && Array.isArray(left) !== Array.isArray(right))) {
      found.push({ path, before: print(left), after: print(right) });
      return;
    }
    const names = [...new Set(nested.flatMap((side) => Object.keys(side)))];
    if (names.length === 0) found.push({ path, before: print(left), after: print(right) });
    for (const name of names) {
      const at = (side: unknown): unknown => (isObject(side) ? side[name] : undefined);
      const below = nested.some(Array.isArray) ? `${path}[${name}]` : path ? `${path}.${name}` : name;
      walk(below, at(left), at(right));
    }
  };
  walk("", read(before), read(after));
  return found;
}
