/** Opening a trace from a file: the server draws it, nothing is stored. */

import { useCallback } from "react";
import { useNavigate } from "react-router";
import { formatBytes } from "../core/format.ts";
import { failureToast } from "../core/toasts.ts";
import { FILE_ID, MOST_BYTES, openedFile, spansOfFile } from "../core/traces/file.ts";
import { x } from "../core/tracesText.ts";
import { useApi } from "./useApi.tsx";
import { usePagePath } from "./usePagePath.ts";

/** Asks for a file and shows the trace in it. */
export function useOpenFile(): () => void {
  const api = useApi();
  const navigate = useNavigate();
  const to = usePagePath();
  return useCallback(() => {
    const input = document.createElement("input");
    input.type = "file";
    input.accept = "application/json,.json";
    input.onchange = async () => {
      const file = input.files?.[0];
      if (!file) return;
      try {
        if (file.size > MOST_BYTES) throw new Error(x.fileTooLarge(formatBytes(MOST_BYTES)));
        const content = JSON.parse(await file.text()) as object;
        openedFile.set({ name: file.name, document: await api.renderTrace(content), spans: spansOfFile(content) });
        void navigate(to(`/traces/${FILE_ID}`));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        failureToast(message, x.fileFailed);
      }
    };
    input.click();
  }, [api, navigate, to]);
}
