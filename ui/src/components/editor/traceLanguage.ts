/** Colours and completion of TraceQL. */
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import { Decoration, type DecorationSet, type EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { formatShort } from "../../core/format.ts";
import { rank } from "../../core/query/complete.ts";
import {
  INTRINSICS,
  KIND_VALUES,
  METRIC_STAGES,
  quote,
  SERVICE,
  STAGES,
  STATUS_VALUES,
  spotAt,
  type TokenType,
  tokenize,
} from "../../core/traces/traceql.ts";

/** Colouring stops here: cost must not grow with what someone pastes. */
const COLOURED = 2048;

const CLASSES: Partial<Record<TokenType, string>> = {
  brace: "cm-q-paren",
  paren: "cm-q-paren",
  comma: "cm-q-paren",
  pipe: "cm-q-operator",
  operator: "cm-q-operator",
  field: "cm-q-field",
  keyword: "cm-q-keyword",
  string: "cm-q-string",
  number: "cm-q-number",
};
const marks = new Map(Object.entries(CLASSES).map(([type, name]) => [type, Decoration.mark({ class: name })]));

function decorate(view: EditorView): DecorationSet {
  const text = view.state.doc.sliceString(0, COLOURED);
  const ranges = tokenize(text).flatMap((token) => marks.get(token.type)?.range(token.from, token.to) ?? []);
  return Decoration.set(ranges, true);
}

export const traceColours: Extension = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    constructor(view: EditorView) {
      this.decorations = decorate(view);
    }
    update(update: ViewUpdate): void {
      if (update.docChanged) this.decorations = decorate(update.view);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

export interface TraceNamesSource {
  fields(): Promise<string[]>;
  values(field: string): Promise<{ value: string; type: string; count: number }[]>;
}

const STARTS: readonly Completion[] = [
  { label: "{ }", detail: "all traces" },
  { label: "{ status = error }", detail: "failed spans" },
  { label: "{ duration > 500ms }", detail: "slow spans" },
  { label: `{ ${SERVICE} = "" }`, detail: "of a service" },
];

function valueText(value: string, type: string): string {
  return /^(int|float|bool|duration|status|kind)$/.test(type) ? value : quote(value);
}

async function valuesOf(source: TraceNamesSource, field: string): Promise<Completion[]> {
  if (field === "status") return STATUS_VALUES.map((label) => ({ label }));
  if (field === "kind") return KIND_VALUES.map((label) => ({ label }));
  const values = await source.values(field);
  return values.map(({ value, type, count }) => ({
    label: value.slice(0, 120),
    ...(count > 0 && { detail: formatShort(count) }),
    apply: `${valueText(value, type)} `,
  }));
}

function ranked(options: readonly Completion[], prefix: string): Completion[] {
  const byName = new Map(options.map((option) => [option.label, option]));
  return rank([...byName.keys()], prefix, 40).flatMap((name) => byName.get(name) ?? []);
}

export function traceCompletion(
  source: () => TraceNamesSource,
): (context: CompletionContext) => Promise<CompletionResult | null> {
  return async (context) => {
    const spot = spotAt(context.state.doc.toString(), context.pos);
    if (!spot) return null;
    if (!context.explicit && spot.prefix === "" && spot.kind !== "value" && spot.kind !== "stage") return null;
    try {
      const options = await (async (): Promise<Completion[]> => {
        if (spot.kind === "start") return [...STARTS];
        if (spot.kind === "stage") return [...METRIC_STAGES, ...STAGES].map((label) => ({ label }));
        if (spot.kind === "value") return valuesOf(source(), spot.field);
        const names = [...INTRINSICS, ...(await source().fields())];
        return [...new Set(names)].map((label) => ({ label, apply: `${label} ` }));
      })();
      const found = spot.kind === "start" ? options : ranked(options, spot.prefix.replace(/^["`]/, ""));
      return found.length === 0 ? null : { from: spot.from, to: spot.to, options: found, filter: false };
    } catch {
      // Completion is a convenience; the search itself reports what is wrong.
      return null;
    }
  };
}
