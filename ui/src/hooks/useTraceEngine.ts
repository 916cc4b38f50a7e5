/** A trace that is open: its model, and answers about it from a thread of its own. */
import { useEffect, useMemo, useState } from "react";
import type { TraceDocument } from "../core/api/traces.ts";
import type { AnswerOf, Request } from "../core/traces/engine.ts";
import type { Trace } from "../core/traces/model.ts";
import { WorkerClient } from "../core/worker.ts";

function openWorker(): Worker {
  return new Worker(new URL("../core/traces/worker.ts", import.meta.url), { type: "module" });
}

export interface OpenTrace {
  trace: Trace | null;
  failure: Error | null;
  client: WorkerClient<Request> | null;
}

const NOT_YET: OpenTrace = { trace: null, failure: null, client: null };

export function useTraceEngine(document: TraceDocument | undefined): OpenTrace {
  const [open, setOpen] = useState<OpenTrace>(NOT_YET);
  useEffect(() => {
    if (!document) return;
    const client = new WorkerClient<Request>(openWorker());
    let closed = false;
    client
      .ask<Trace>({ kind: "open", document })
      .then((trace) => {
        if (!closed) setOpen({ trace, failure: null, client });
      })
      .catch((failure: Error) => {
        if (!closed) setOpen({ trace: null, failure, client: null });
      });
    return () => {
      closed = true;
      client.close();
      setOpen(NOT_YET);
    };
  }, [document]);
  return open;
}

/** The answer to a request; the one before stays until the new one is there. `null` asks nothing. */
export function useAnswer<R extends Request>({ client, trace }: OpenTrace, request: R | null): AnswerOf<R> | null {
  const [answer, setAnswer] = useState<{ of: Trace; value: AnswerOf<R> } | null>(null);
  const key = request && JSON.stringify(request);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the printed request says whether it is another
  const wanted = useMemo(() => request, [key]);
  useEffect(() => {
    if (!client || !trace || !wanted) return;
    let stale = false;
    client
      .ask<AnswerOf<R>>(wanted)
      .then((value) => {
        if (!stale) setAnswer({ of: trace, value });
      })
      .catch(() => undefined);
    return () => {
      stale = true;
    };
  }, [client, trace, wanted]);
  return answer && answer.of === trace ? answer.value : null;
}
