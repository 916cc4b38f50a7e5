/** Talks to a worker by numbered requests. */

interface Reply {
  id: number;
  answer?: unknown;
  error?: string;
}

export class WorkerClient<Request> {
  private readonly waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private next = 1;

  constructor(private readonly worker: Worker) {
    worker.onmessage = (event: MessageEvent<Reply>): void => {
      const { id, answer, error } = event.data;
      const caller = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) caller?.resolve(answer);
      else caller?.reject(new Error(error));
    };
    worker.onerror = (event): void => {
      for (const caller of this.waiting.values()) caller.reject(new Error(event.message || "the worker failed"));
      this.waiting.clear();
    };
  }

  ask<Answer>(request: Request): Promise<Answer> {
    const id = this.next;
    this.next += 1;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.worker.postMessage({ id, request });
    });
  }

  close(): void {
    this.worker.terminate();
    this.waiting.clear();
  }
}
