/** Whether a lazily loaded dialog is open; opened from keys, menus and other dialogs. */
export interface OpenStore {
  get(): boolean;
  open(): void;
  close(): void;
  toggle(): void;
  subscribe(listener: () => void): () => void;
}

export function createOpenStore(): OpenStore {
  let shown = false;
  const listeners = new Set<() => void>();
  const set = (next: boolean): void => {
    shown = next;
    for (const listener of listeners) listener();
  };
  return {
    get: () => shown,
    open: () => set(true),
    close: () => set(false),
    toggle: () => set(!shown),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export const keyHelp: OpenStore = createOpenStore();
export const palette: OpenStore = createOpenStore();
