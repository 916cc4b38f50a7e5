/** What is open on the right of any page; see core/url/panels.ts. */
import { parseAsString, useQueryState } from "nuqs";
import { useCallback } from "react";

const parser = parseAsString.withDefault("").withOptions({ history: "push" });

export function useUrlPanel(): [string, (panel: string) => void] {
  const [panel, setPanel] = useQueryState("panel", parser);
  const change = useCallback((next: string) => void setPanel(next === "" ? null : next), [setPanel]);
  return [panel, change];
}
