/** Keys and completion of the boxes that hold one query: Enter runs or takes what is chosen, Tab takes the first. */
import {
  acceptCompletion,
  autocompletion,
  completionKeymap,
  completionStatus,
  moveCompletionSelection,
  selectedCompletion,
} from "@codemirror/autocomplete";
import { type Extension, Prec } from "@codemirror/state";
import { type Command, keymap } from "@codemirror/view";

const complete: Command = (target) => {
  if (completionStatus(target.state) !== "active") return false;
  if (!selectedCompletion(target.state)) moveCompletionSelection(true)(target);
  return acceptCompletion(target);
};

const leave: Command = (target) => {
  if (completionStatus(target.state)) return false;
  target.contentDOM.blur();
  return true;
};

export function queryKeys(run: Command, completion: Parameters<typeof autocompletion>[0]): Extension {
  return [
    Prec.highest(
      keymap.of([
        { key: "Tab", run: complete },
        { key: "Mod-Enter", run },
        { key: "Enter", run: (target) => (selectedCompletion(target.state) ? acceptCompletion(target) : run(target)) },
        { key: "Escape", run: leave },
      ]),
    ),
    keymap.of(completionKeymap.filter((binding) => binding.key !== "Enter")),
    autocompletion({ selectOnOpen: false, interactionDelay: 0, icons: false, defaultKeymap: false, ...completion }),
  ];
}
