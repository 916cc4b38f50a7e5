/** Colours and completion of the search language. */
import {
  type Completion,
  type CompletionContext,
  type CompletionResult,
  insertCompletionText,
} from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import { Decoration, type DecorationSet, type EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { formatShort } from "../../core/format.ts";
import { rank, spotAt } from "../../core/query/complete.ts";
import { quoteField, quoteValue } from "../../core/query/edit.ts";
import { tokenize } from "../../core/query/tokens.ts";

/** Colouring stops here: cost must not grow with what someone pastes. */
const COLOURED = 2048;

const marks = new Map(
  ["keyword", "paren", "field", "operator", "string", "regex", "number", "wildcard", "word"].map((type) => [
    type,
    Decoration.mark({ class: `cm-q-${type}` }),
  ]),
);

function decorate(view: EditorView): DecorationSet {
  const text = view.state.doc.sliceString(0, COLOURED);
  const ranges = tokenize(text).flatMap((token) => marks.get(token.type)?.range(token.from, token.to) ?? []);
  return Decoration.set(ranges, true);
}

export const searchColours: Extension = ViewPlugin.fromClass(
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

export interface CompletionSource {
  fields(): Promise<string[]>;
  values(field: string): Promise<{ value: string; count: number }[]>;
}

export function searchCompletion(
  source: () => CompletionSource,
): (context: CompletionContext) => Promise<CompletionResult | null> {
  return async (context) => {
    const query = context.state.doc.toString();
    const spot = spotAt(query, context.pos);
    if (!context.explicit && spot.kind === "field" && spot.prefix === "") return null;
    try {
      const options =
        spot.kind === "field"
          ? await fieldOptions(source(), spot.prefix)
          : await valueOptions(source(), spot.field, spot.prefix);
      return options.length === 0 ? null : { from: spot.from, to: spot.to, options, filter: false };
    } catch {
      // Completion is a convenience; the search itself reports what is wrong.
      return null;
    }
  };
}

async function fieldOptions(source: CompletionSource, prefix: string): Promise<Completion[]> {
  const names = rank(await source.fields(), prefix, 30);
  return names.map((name) => ({
    label: name,
    type: "property",
    apply: (view, _completion, from, to) => {
      view.dispatch({ ...insertCompletionText(view.state, `${quoteField(name)}:`, from, to) });
    },
  }));
}

async function valueOptions(source: CompletionSource, field: string, prefix: string): Promise<Completion[]> {
  const values = await source.values(field);
  const counts = new Map(values.map((entry) => [entry.value, entry.count]));
  return rank(
    [...counts.keys()].filter((value) => value !== ""),
    prefix,
    30,
  ).map((value) => ({
    label: value.slice(0, 120),
    detail: formatShort(counts.get(value) ?? 0),
    type: "constant",
    apply: `${quoteValue(value)} `,
  }));
}
