/** Everything that is worked out about an open trace: one request and answer a kind, the same in a worker and beside it. */
import type { TraceDocument } from "../api/traces.ts";
import { type DiffNode, diffTraces } from "./diff.ts";
import { findSpans } from "./find.ts";
import { type Flame, layoutFlame } from "./flame.ts";
import { drawMinimap, type Minimap } from "./minimap.ts";
import { readTrace, type Trace } from "./model.ts";
import { type Folds, type Hidden, layoutRows, type Rows } from "./rows.ts";
import { type Operation, operations, type SpanOrder, sortSpans } from "./table.ts";

export type Request =
  | { kind: "open"; document: TraceDocument }
  | { kind: "rows"; hidden: Hidden; folds: Folds }
  | { kind: "flame"; hidden: Hidden }
  | { kind: "minimap"; width: number; height: number }
  | { kind: "find"; text: string }
  | { kind: "spans"; hidden: Hidden; by: SpanOrder; down: boolean }
  | { kind: "operations"; hidden: Hidden }
  | { kind: "diff"; other: TraceDocument };

export interface Answers {
  open: Trace;
  rows: Rows;
  flame: Flame;
  minimap: Minimap;
  find: Int32Array;
  spans: Int32Array;
  operations: Operation[];
  diff: DiffNode[];
}

export type AnswerOf<R extends Request> = Answers[R["kind"]];

export class TraceEngine {
  private trace: Trace | null = null;

  answer<R extends Request>(request: R): AnswerOf<R> {
    return this.work(request) as AnswerOf<R>;
  }

  private work(request: Request): Answers[keyof Answers] {
    if (request.kind === "open") {
      this.trace = readTrace(request.document);
      return this.trace;
    }
    const { trace } = this;
    if (!trace) throw new Error("no trace is open");
    switch (request.kind) {
      case "rows":
        return layoutRows(trace, request.hidden, request.folds);
      case "flame":
        return layoutFlame(trace, request.hidden);
      case "minimap":
        return drawMinimap(trace, request.width, request.height);
      case "find":
        return findSpans(trace, request.text);
      case "spans":
        return sortSpans(trace, request.hidden, request.by, request.down);
      case "operations":
        return operations(trace, request.hidden);
      case "diff":
        return diffTraces(trace, readTrace(request.other));
    }
  }
}
