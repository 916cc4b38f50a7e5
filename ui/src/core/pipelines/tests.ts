/** Tests of a pipeline as JSON text, and which of the server's sentences about failing tests are about it. */
import type { PipelineTest } from "../api/pipelines.ts";

function isTest(value: unknown): value is PipelineTest {
  const test = value as PipelineTest | null;
  const records = (list: unknown): boolean =>
    Array.isArray(list) && list.every((entry) => entry !== null && typeof entry === "object" && !Array.isArray(entry));
  return (
    test !== null &&
    typeof test === "object" &&
    typeof test.name === "string" &&
    records(test.input) &&
    records(test.output)
  );
}

export function printTests(tests: readonly PipelineTest[]): string {
  return tests.length === 0 ? "" : JSON.stringify(tests, null, 2);
}

/** Null when the text is no list of tests. */
export function readTests(text: string): PipelineTest[] | null {
  if (text.trim() === "") return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every(isTest) ? value : null;
  } catch {
    return null;
  }
}

export function failuresOf(sentences: readonly string[], pipeline: string): string[] {
  return sentences.filter((sentence) => sentence.includes(`of pipeline '${pipeline}'`));
}
