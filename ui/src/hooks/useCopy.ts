/** Copying to the clipboard, also where the page is served without TLS. */

import { useCallback } from "react";
import { t } from "../core/text.ts";
import { failureToast, toast } from "../core/toasts.ts";

async function writeText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

export function useCopy(): (text: string, said?: string) => Promise<boolean> {
  return useCallback(async (text, said) => {
    const copied = await writeText(text);
    if (said && copied) toast(said);
    else if (said) failureToast(t.top.copyFailed);
    return copied;
  }, []);
}
