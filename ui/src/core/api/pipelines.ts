/** Shapes of pipelines as the UI edits them: names for the generated ones, narrower where the UI knows more. */
import type { Answer, LogRecord, Schemas } from "./types.ts";

export type StepSpec = Answer<"StepSpec">;
export type PipelineTest = Answer<"PipelineTest">;
export type PipelineSpec = Answer<"PipelineSpec">;
export type PipelineInfo = Answer<"PipelineInfo">;
export type PipelinesAnswer = Answer<"PipelinesAnswer">;
export type ProcessorOption = Answer<"ProcessorOption">;
export type OptionType = ProcessorOption["type"];
export type Processor = Omit<Answer<"ProcessorInfo">, "example"> & {
  example: { options?: Record<string, unknown>; when?: string };
};
/** `changed` has values before and after. */
export type StepChange = Omit<Answer<"StepChange">, "changed"> & { changed: Record<string, [unknown, unknown]> };
export type Outcome = StepChange["outcome"];
export interface PreviewRecord {
  before: LogRecord;
  after: LogRecord[];
  steps: StepChange[];
}
export type PreviewRequest = Schemas["PreviewRequest"];
export type PreviewAnswer = Omit<Answer<"PreviewAnswer">, "records"> & { records: PreviewRecord[] };
export type StepStatistics = Answer<"StepStatistics">;
