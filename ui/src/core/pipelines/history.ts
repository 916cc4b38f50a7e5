/** Undo and redo. Changes of one kind that follow one another, such as letters typed into one field, are one step. */

export interface History<T> {
  past: readonly T[];
  present: T;
  future: readonly T[];
  /** Kind of the last change; "" never joins. */
  kind: string;
}

export const MOST_UNDO = 200;

export function started<T>(present: T): History<T> {
  return { past: [], present, future: [], kind: "" };
}

export function changed<T>(history: History<T>, next: T, kind = ""): History<T> {
  if (next === history.present) return history;
  if (kind !== "" && kind === history.kind) return { ...history, present: next, future: [] };
  return { past: [...history.past, history.present].slice(-MOST_UNDO), present: next, future: [], kind };
}

export function undone<T>(history: History<T>): History<T> {
  const last = history.past.at(-1);
  if (last === undefined) return history;
  return { past: history.past.slice(0, -1), present: last, future: [history.present, ...history.future], kind: "" };
}

export function redone<T>(history: History<T>): History<T> {
  const [next, ...rest] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.present], present: next, future: rest, kind: "" };
}

/** Every state of the history through a function, so that undoing does not bring back what is outdated. */
export function mapped<T>(history: History<T>, change: (state: T) => T): History<T> {
  return {
    past: history.past.map(change),
    present: change(history.present),
    future: history.future.map(change),
    kind: "",
  };
}
