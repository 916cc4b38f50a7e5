/** Extensions that all editors share. */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { type Extension, StateEffect, type StateEffectType, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap } from "@codemirror/view";
import { styleNonce } from "../../core/nonce.ts";

export interface Mark {
  from: number;
  to: number;
}

export const setProblem: StateEffectType<Mark | null> = StateEffect.define<Mark | null>();

/** A wavy line under the place that an error points at; gone with the next edit there. */
export const problemField: StateField<DecorationSet> = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setProblem)) continue;
      if (!effect.value) next = Decoration.none;
      else {
        const end = transaction.state.doc.length;
        const from = Math.min(effect.value.from, Math.max(0, end - 1));
        const to = Math.min(Math.max(effect.value.to, from + 1), end);
        next = to > from ? Decoration.set([Decoration.mark({ class: "cm-problem" }).range(from, to)]) : Decoration.none;
      }
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/**
 * Typing over a selection, done by the editor: left to itself the browser keeps the old text's look with an inline style,
 * which the content security policy refuses and reports.
 */
const typeOver: Extension = EditorView.domEventHandlers({
  beforeinput(event, view) {
    if (event.inputType !== "insertText" || !event.data || event.isComposing || view.state.selection.main.empty)
      return false;
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
    return true;
  },
});

export function baseExtensions(label: string): Extension[] {
  const nonce = styleNonce();
  return [
    history(),
    keymap.of([...defaultKeymap.filter((binding) => binding.key !== "Mod-Enter"), ...historyKeymap]),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({
      "aria-label": label,
      spellcheck: "false",
      autocapitalize: "off",
      autocorrect: "off",
    }),
    problemField,
    typeOver,
    nonce ? EditorView.cspNonce.of(nonce) : [],
  ];
}
