/** Shapes of pipelines as the UI edits them: narrower than the generated ones. Only types live here. */
import type { LogRecord } from "../logs/records.ts";

export interface StepSpec {
  type: string;
  options: Record<string, unknown>;
  when: string;
  name: string;
  enabled: boolean;
}

export interface PipelineTest {
  name: string;
  input: Record<string, unknown>[];
  output: Record<string, unknown>[];
}

export interface PipelineSpec {
  name: string;
  steps: StepSpec[];
  when: string;
  description: string;
  enabled: boolean;
  tests: PipelineTest[];
}

export interface PipelineInfo {
  spec: PipelineSpec;
  source: "file" | "tenant";
}

export interface PipelinesAnswer {
  pipelines: PipelineInfo[];
  version: string;
}

export type OptionType = "string" | "integer" | "number" | "boolean" | "duration" | "list" | "map" | "query" | "choice";

export interface ProcessorOption {
  name: string;
  type: OptionType;
  description: string;
  required: boolean;
  default: unknown;
  choices: string[];
}

export interface Processor {
  type: string;
  title: string;
  description: string;
  options: ProcessorOption[];
  example: { options?: Record<string, unknown>; when?: string };
}

export type Outcome = "unchanged" | "changed" | "dropped" | "routed" | "failed";

export interface StepChange {
  pipeline: string;
  step: number;
  outcome: Outcome;
  changed: Record<string, [unknown, unknown]>;
  message: string;
}

export interface PreviewRecord {
  before: LogRecord;
  after: LogRecord[];
  steps: StepChange[];
}

export interface PreviewRequest {
  pipelines: PipelineSpec[];
  query: string;
  limit: number;
}

export interface PreviewAnswer {
  records: PreviewRecord[];
  tests: string[];
}

export interface StepStatistics {
  pipeline: string;
  step: number;
  type: string;
  records_in: number;
  records_out: number;
  dropped: number;
  failed: number;
  seconds: number;
}
