/** Copies a text and says so. */
import { Button } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import { t } from "../../core/text.ts";
import { useCopy } from "../../hooks/useCopy.ts";
import { IconButton } from "./IconButton.tsx";

/** A text, or what makes it: large ones are made only when they are wanted. */
type Source = string | (() => string);

function useCopied(text: Source): [boolean, () => void] {
  const copy = useCopy();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = window.setTimeout(() => setCopied(false), 1500);
    return () => window.clearTimeout(timer);
  }, [copied]);
  return [copied, () => void copy(typeof text === "string" ? text : text()).then(setCopied)];
}

export function CopyIcon({ text, label = t.copy }: { text: Source; label?: string }): ReactNode {
  const [copied, copy] = useCopied(text);
  return (
    <IconButton label={copied ? t.copiedShort : label} onClick={copy} size={24}>
      {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
    </IconButton>
  );
}

export function CopyTextButton({ text, label = t.copy }: { text: Source; label?: string }): ReactNode {
  const [copied, copy] = useCopied(text);
  return (
    <Button
      size="compact-xs"
      variant="default"
      onClick={copy}
      leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
    >
      {copied ? t.copiedShort : label}
    </Button>
  );
}
