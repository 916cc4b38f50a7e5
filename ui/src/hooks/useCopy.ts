/** Copying to the clipboard, also where the page is served without TLS. */
import { notifications } from "@mantine/notifications";
import { useCallback } from "react";
import { t } from "../core/text.ts";

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
    if (said)
      notifications.show({
        message: copied ? said : t.top.copyFailed,
        color: copied ? "nexus" : "red",
        autoClose: 2500,
      });
    return copied;
  }, []);
}
