/** Talks to a worker by numbered requests; works beside the page's own code where there are no workers. */

interface Reply {
  id: number;
  answer?: unknown;
  error?: string;
}

/** A worker under our own name and policy, or null where the browser has none or refuses it. */
export type OpenWorker = () => Worker | null;

export class WorkerClient<Request> {
  private readonly worker: Worker | null;
  private readonly waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private next = 1;

  constructor(
    open: OpenWorker,
    private readonly local: (request: Request) => unknown,
  ) {
    this.worker = typeof Worker === "undefined" ? null : open();
    if (!this.worker) return;
    this.worker.onmessage = (event: MessageEvent<Reply>): void => {
      const { id, answer, error } = event.data;
      const caller = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) caller?.resolve(answer);
      else caller?.reject(new Error(error));
    };
    this.worker.onerror = (event): void => {
      for (const caller of this.waiting.values()) caller.reject(new Error(event.message || "the worker failed"));
      this.waiting.clear();
    };
  }

  ask<Answer>(request: Request): Promise<Answer> {
    if (!this.worker)
      return new Promise((resolve, reject) => {
        try {
          resolve(this.local(request) as Answer);
        } catch (error) {
          reject(error as Error);
        }
      });
    const id = this.next;
    this.next += 1;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.worker?.postMessage({ id, request });
    });
  }

  close(): void {
    this.worker?.terminate();
    this.waiting.clear();
  }
}
