/** What a relabelling rule made of the labels of a target. */

export interface LabelChange {
  name: string;
  kind: "added" | "changed" | "removed";
  before: string;
  after: string;
}

export function labelChanges(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): LabelChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name): LabelChange[] => {
    const [old, now] = [before[name], after[name]];
    if (old === now) return [];
    const kind = old === undefined ? "added" : now === undefined ? "removed" : "changed";
    return [{ name, kind, before: old ?? "", after: now ?? "" }];
  });
}
