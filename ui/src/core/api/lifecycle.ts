/** Shapes of retention and deletion: names for the generated ones. */
import type { Answer, Schemas } from "./types.ts";

export type RetentionRule = Answer<"RetentionRule">;
export type RetentionRequest = Schemas["RetentionRequest"];
export type RetentionAnswer = Answer<"RetentionAnswer">;
export type DeletionRequest = Schemas["DeletionRequest"];
export type Deletion = Answer<"Deletion">;
export type DeletionState = Deletion["state"];
