/** Short messages in a corner of the page, kept outside of React so that anything can say something. */

export interface Toast {
  id: number;
  title: string;
  message: string;
  failed: boolean;
}

const MOST = 3;
const SHOWN_MS = 2500;
/** What went wrong takes longer to read. */
const FAILED_MS = 8000;

let shown: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  shown = next;
  for (const listener of listeners) listener();
}

export const toasts = {
  get: (): readonly Toast[] => shown,
  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  close: (id: number): void => set(shown.filter((one) => one.id !== id)),
};

/** Shows a message for a while; of many the newest three. */
export function toast(message: string): void {
  show(message, "", false);
}

export function failureToast(message: string, title = ""): void {
  show(message, title, true);
}

function show(message: string, title: string, failed: boolean): void {
  last += 1;
  const id = last;
  set([...shown, { id, title, message, failed }].slice(-MOST));
  setTimeout(() => toasts.close(id), failed ? FAILED_MS : SHOWN_MS);
}
