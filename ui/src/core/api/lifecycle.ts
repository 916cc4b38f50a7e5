/** Shapes of retention and deletion as the UI edits them: narrower than the generated ones. Only types live here. */

export interface RetentionRule {
  query: string;
  days: number;
}

export interface RetentionRequest {
  rules: RetentionRule[];
  days: number | null;
}

export interface RetentionAnswer extends RetentionRequest {
  default_days: number;
  applying: boolean;
  parts_left: number;
}

export interface DeletionRequest {
  query: string;
  from?: string;
  to?: string;
  reason?: string;
  dry_run?: boolean;
}

export type DeletionState = "counted" | "running" | "verifying" | "done" | "failed";

export interface Deletion {
  id: string;
  query: string;
  from: string;
  to: string;
  reason: string;
  requested_by: string;
  state: DeletionState;
  records: number;
  parts_total: number;
  parts_left: number;
  created_at: string;
  finished_at: string;
  error: string;
}
