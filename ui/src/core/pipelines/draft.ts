/** Pipelines being edited: every change makes a new draft; pipelines and steps keep a key through all of them. */
import type { PipelineSpec, StepSpec } from "../api/pipelines.ts";

export interface DraftStep {
  key: string;
  /** "pipeline/step" under which the server counts it; "" until it is saved. */
  saved: string;
  spec: StepSpec;
}

export interface DraftPipeline {
  key: string;
  spec: Omit<PipelineSpec, "steps">;
  steps: DraftStep[];
}

export type Draft = readonly DraftPipeline[];

let keys = 0;

function newKey(): string {
  keys += 1;
  return `k${keys}`;
}

export function toDraft(specs: readonly PipelineSpec[]): Draft {
  return specs.map(({ steps, ...spec }) => ({
    key: newKey(),
    spec,
    steps: steps.map((step, at) => ({ key: newKey(), saved: `${spec.name}/${at}`, spec: step })),
  }));
}

export function toSpecs(draft: Draft): PipelineSpec[] {
  return draft.map((pipeline) => ({ ...pipeline.spec, steps: pipeline.steps.map((step) => step.spec) }));
}

/** The same draft once the server has it: its steps are counted where they are now. */
export function settled(draft: Draft): Draft {
  return draft.map((pipeline) => ({
    ...pipeline,
    steps: pipeline.steps.map((step, at) => ({ ...step, saved: `${pipeline.spec.name}/${at}` })),
  }));
}

/** Text that is equal for drafts that mean the same. */
export function fingerprint(draft: Draft): string {
  return JSON.stringify(toSpecs(draft));
}

/** The list with one entry at another place; places beyond the ends are the ends. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const next = [...list];
  const [entry] = next.splice(from, 1);
  if (entry !== undefined) next.splice(Math.max(0, Math.min(next.length, to)), 0, entry);
  return next;
}

/** `name`, or `name-2` and so on when that is taken. */
export function freshName(taken: readonly string[], name: string): string {
  if (!taken.includes(name)) return name;
  const stem = name.replace(/-\d+$/, "").slice(0, 90);
  for (let number = 2; ; number += 1) {
    if (!taken.includes(`${stem}-${number}`)) return `${stem}-${number}`;
  }
}

const GOOD_NAME = /^[A-Za-z0-9_.-]{1,100}$/;

export type NameProblem = "form" | "taken";

export function nameProblem(draft: Draft, key: string, name: string): NameProblem | null {
  if (!GOOD_NAME.test(name)) return "form";
  return draft.some((pipeline) => pipeline.key !== key && pipeline.spec.name === name) ? "taken" : null;
}

export function newStep(type: string, options: Record<string, unknown> = {}, when = ""): DraftStep {
  return { key: newKey(), saved: "", spec: { type, options, when, name: "", enabled: true } };
}

export function newPipeline(draft: Draft, name: string, steps: DraftStep[] = [], description = ""): DraftPipeline {
  const taken = draft.map((pipeline) => pipeline.spec.name);
  return {
    key: newKey(),
    spec: { name: freshName(taken, name), when: "", description, enabled: true, tests: [] },
    steps,
  };
}

function copyOf(step: DraftStep): DraftStep {
  return { key: newKey(), saved: "", spec: structuredClone(step.spec) };
}

function replaced<T extends { key: string }>(list: readonly T[], key: string, by: (entry: T) => T[]): T[] {
  return list.flatMap((entry) => (entry.key === key ? by(entry) : [entry]));
}

export function withPipeline(draft: Draft, key: string, change: Partial<DraftPipeline["spec"]>): Draft {
  return replaced(draft, key, (entry) => [{ ...entry, spec: { ...entry.spec, ...change } }]);
}

export function withoutPipeline(draft: Draft, key: string): Draft {
  return replaced(draft, key, () => []);
}

/** A copy behind the original, under a name of its own. */
export function duplicatedPipeline(draft: Draft, key: string): Draft {
  const taken = draft.map((pipeline) => pipeline.spec.name);
  return replaced(draft, key, (entry) => [
    entry,
    {
      key: newKey(),
      spec: { ...structuredClone(entry.spec), name: freshName(taken, entry.spec.name) },
      steps: entry.steps.map(copyOf),
    },
  ]);
}

function withSteps(draft: Draft, key: string, change: (steps: DraftStep[]) => DraftStep[]): Draft {
  return replaced(draft, key, (entry) => [{ ...entry, steps: change(entry.steps) }]);
}

export function withStep(draft: Draft, pipeline: string, key: string, change: Partial<StepSpec>): Draft {
  return withSteps(draft, pipeline, (steps) =>
    replaced(steps, key, (entry) => [{ ...entry, spec: { ...entry.spec, ...change } }]),
  );
}

export function withoutStep(draft: Draft, pipeline: string, key: string): Draft {
  return withSteps(draft, pipeline, (steps) => replaced(steps, key, () => []));
}

export function duplicatedStep(draft: Draft, pipeline: string, key: string): Draft {
  return withSteps(draft, pipeline, (steps) => replaced(steps, key, (entry) => [entry, copyOf(entry)]));
}

export function withNewStep(draft: Draft, pipeline: string, step: DraftStep): Draft {
  return withSteps(draft, pipeline, (steps) => [...steps, step]);
}

export function withMovedStep(draft: Draft, pipeline: string, from: number, to: number): Draft {
  return withSteps(draft, pipeline, (steps) => moved(steps, from, to));
}

export interface Fault {
  pipeline: string;
  /** Key of the step; "" when the pipeline itself is at fault. */
  step: string;
  message: string;
}

/** Whose fault an answer of 400 is: the server's sentences name the pipeline and count steps from 1. */
export function faultOf(draft: Draft, message: string): Fault | null {
  const place = /pipeline [`'"]([^`'"]+)[`'"](?:, step (\d+))?/i.exec(message);
  if (place) {
    const pipeline = draft.find((entry) => entry.spec.name === place[1]);
    if (!pipeline) return null;
    return { pipeline: pipeline.key, step: place[2] ? (pipeline.steps[Number(place[2]) - 1]?.key ?? "") : "", message };
  }
  const path = /\$\.pipelines\[(\d+)\](?:\.steps\[(\d+)\])?/.exec(message);
  const pipeline = path && draft[Number(path[1])];
  if (!pipeline) return null;
  return { pipeline: pipeline.key, step: path[2] ? (pipeline.steps[Number(path[2])]?.key ?? "") : "", message };
}
