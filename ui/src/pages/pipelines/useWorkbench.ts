/** The draft of the pipelines: its history, what is chosen in it, saving it, and what stands in the way. */
import { useMutation } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { ApiError } from "../../core/api/errors.ts";
import type { PipelinesAnswer } from "../../core/api/pipelines.ts";
import { type Draft, type Fault, faultOf, fingerprint, settled, toDraft, toSpecs } from "../../core/pipelines/draft.ts";
import { changed, mapped, redone, started, undone } from "../../core/pipelines/history.ts";
import { useApi } from "../../hooks/useApi.tsx";

/** A pipeline, or with `step` one of its steps, by key. */
export interface Choice {
  pipeline: string;
  step: string;
}

export interface Workbench {
  /** The file's pipelines, which are not changed here. */
  file: Draft;
  draft: Draft;
  specs: string;
  dirty: boolean;
  choice: Choice;
  choose(choice: Choice): void;
  /** Changes of one `kind` that follow one another are undone together. */
  change(next: Draft | ((draft: Draft) => Draft), kind?: string): void;
  undo: (() => void) | null;
  redo: (() => void) | null;
  discard(): void;
  save(): void;
  saving: boolean;
  /** What the last attempt to save met, until the draft changes. */
  problem: ApiError | null;
  fault: Fault | null;
  conflict: boolean;
  /** Takes over the current version, so that saving replaces what somebody else did. */
  keep(): void;
  kept: boolean;
}

const NOTHING: Choice = { pipeline: "", step: "" };

function firstChoice(draft: Draft): Choice {
  const [first] = draft;
  return first ? { pipeline: first.key, step: first.steps[0]?.key ?? "" } : NOTHING;
}

export function useWorkbench(loaded: PipelinesAnswer, onSaved: () => void): Workbench {
  const api = useApi();
  const [file] = useState(() =>
    toDraft(loaded.pipelines.filter((info) => info.source === "file").map((info) => info.spec)),
  );
  const [history, setHistory] = useState(() =>
    started(toDraft(loaded.pipelines.filter((info) => info.source === "tenant").map((info) => info.spec))),
  );
  const [version, setVersion] = useState(loaded.version);
  const [base, setBase] = useState(() => history.present);
  const [choice, choose] = useState(() => firstChoice([...history.present, ...file]));
  const [kept, setKept] = useState(false);
  const draft = history.present;
  const specs = useMemo(() => JSON.stringify(toSpecs(draft)), [draft]);
  const saved = useMemo(() => fingerprint(base), [base]);

  const saving = useMutation({
    mutationFn: async (what: { draft: Draft; version: string }) =>
      api.savePipelines({ pipelines: toSpecs(what.draft), version: what.version }),
    onSuccess: (answer, what) => {
      const now = settled(what.draft);
      setVersion(answer.version);
      setBase(now);
      setKept(false);
      // What was typed meanwhile stays; only where steps are counted is new.
      const places = new Map(now.flatMap((entry) => entry.steps.map((step) => [step.key, step.saved] as const)));
      setHistory((current) =>
        mapped(current, (state) =>
          state.map((entry) => ({
            ...entry,
            steps: entry.steps.map((step) => ({ ...step, saved: places.get(step.key) ?? "" })),
          })),
        ),
      );
      onSaved();
    },
  });
  const renewing = useMutation({
    mutationFn: () => api.pipelines(),
    onSuccess: (answer) => {
      setVersion(answer.version);
      setKept(true);
      saving.reset();
    },
  });
  const { reset } = saving;
  const change = useCallback(
    (next: Draft | ((draft: Draft) => Draft), kind = ""): void => {
      reset();
      setHistory((current) => changed(current, typeof next === "function" ? next(current.present) : next, kind));
    },
    [reset],
  );
  const step = (way: typeof undone<Draft>) => () => {
    reset();
    setHistory(way);
  };
  const problem = saving.error instanceof ApiError ? saving.error : null;
  const conflict = problem?.status === 409;
  return {
    file,
    draft,
    specs,
    dirty: specs !== saved,
    choice,
    choose,
    change,
    undo: history.past.length > 0 ? step(undone) : null,
    redo: history.future.length > 0 ? step(redone) : null,
    discard: () => change(base),
    save: () => saving.mutate({ draft, version }),
    saving: saving.isPending,
    problem: conflict ? null : problem,
    fault: problem && !conflict ? faultOf(draft, problem.message) : null,
    conflict,
    keep: () => renewing.mutate(),
    kept,
  };
}
