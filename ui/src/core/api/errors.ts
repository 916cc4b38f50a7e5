/** One error type for everything that can go wrong between the browser and the server. */
import type { ErrorBody } from "./types.ts";

export class ApiError extends Error {
  /** HTTP status; 0 when the server could not be reached. */
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  readonly position: { offset: number; length: number } | null;
  readonly queryId: string;
  /** Seconds to wait before the next try; 0 when the server named none. */
  readonly retryAfter: number;

  constructor(status: number, body: Partial<ErrorBody> & { message: string }, retryAfter: string | null = null) {
    super(body.message);
    this.name = "ApiError";
    this.status = status;
    this.code = body.code ?? "";
    this.hint = body.hint ?? "";
    this.position = body.position ?? null;
    this.queryId = body.query_id ?? "";
    this.retryAfter = /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) : 0;
  }
}

/** Reads an error answer; anything unexpected still becomes a sentence. */
export function errorFrom(status: number, body: unknown, retryAfter: string | null = null): ApiError {
  const error = (body as { error?: Partial<ErrorBody> } | null)?.error;
  if (error && typeof error.message === "string")
    return new ApiError(status, { ...error, message: sentence(error.message) }, retryAfter);
  const message = `The server answered ${status} without saying why.`;
  return new ApiError(status, { code: "unexpected", message }, retryAfter);
}

/** The server begins messages as the log line that they are; a name with a dot or a quote stays as it is. */
function sentence(message: string): string {
  return /^[a-z]+[ ,]/.test(message) ? message[0]?.toUpperCase() + message.slice(1) : message;
}

export function unreachable(): ApiError {
  return new ApiError(0, {
    code: "unreachable",
    message: "The server cannot be reached.",
    hint: "Check that Nexus is running and that the network is there, then try again.",
  });
}

/** A mistake in the query itself; the query bar shows where. */
export function isQueryMistake(error: unknown): boolean {
  return error instanceof ApiError && error.position !== null;
}

/** Errors of cancelled requests are not shown. */
export function isCancelled(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
