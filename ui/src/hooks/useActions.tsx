/** Keyboard actions: one listener, and the component registered last answers. */
import { createContext, type ReactNode, use, useEffect, useLayoutEffect, useMemo, useRef } from "react";
import { type Action, KeyMatcher } from "../core/keys.ts";
import { usePrefs } from "./usePrefs.ts";

/** Returns false to let the key pass. */
export type Handler = () => boolean | undefined;

class ActionRegistry {
  private readonly handlers = new Map<Action, { current: Handler }[]>();

  add(action: Action, handler: { current: Handler }): () => void {
    const stack = this.handlers.get(action) ?? [];
    this.handlers.set(action, [...stack, handler]);
    return () =>
      this.handlers.set(
        action,
        (this.handlers.get(action) ?? []).filter((entry) => entry !== handler),
      );
  }

  /** True when someone took it. */
  run(action: Action): boolean {
    const stack = this.handlers.get(action) ?? [];
    for (const handler of [...stack].reverse()) {
      if (handler.current() !== false) return true;
    }
    return false;
  }
}

const ActionContext = createContext<ActionRegistry | null>(null);

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** Controls keep Enter, Space and the arrows for themselves. */
function belongsToControl(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement) || !["Enter", " ", "ArrowLeft", "ArrowRight"].includes(key)) return false;
  return (
    target.closest(
      "button, a, summary, [role=menuitem], [role=option], [role=separator], [role=slider], [role=tab]",
    ) !== null
  );
}

export function ActionProvider({ children }: { children: ReactNode }): ReactNode {
  const registry = useMemo(() => new ActionRegistry(), []);
  const { singleKeys } = usePrefs();
  useEffect(() => {
    const matcher = new KeyMatcher();
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.isComposing || belongsToControl(event.target, event.key)) return;
      const inDialog = document.querySelector("[role=dialog][aria-modal=true]") !== null;
      const action = matcher.match(event, event.timeStamp, isTyping(event.target), singleKeys);
      if (!action || (inDialog && action !== "palette")) return;
      if (registry.run(action)) event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [registry, singleKeys]);
  return <ActionContext value={registry}>{children}</ActionContext>;
}

export function useAction(action: Action, handler: Handler): void {
  const registry = use(ActionContext);
  const latest = useRef(handler);
  useLayoutEffect(() => {
    latest.current = handler;
  });
  useEffect(() => registry?.add(action, latest), [registry, action]);
}
