/** Names as a list that is added to by typing, with completion; for members of a team and for masked fields. */
import { Autocomplete } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useState } from "react";
import { IconButton } from "../common/IconButton.tsx";
import { styles } from "./parts.tsx";

const MOST_OFFERED = 50;

interface Props {
  label: string;
  description: string;
  hint: string;
  names: string[];
  /** What can be chosen. */
  offered: readonly string[];
  /** Names that are not offered may be typed, too. */
  free?: boolean;
  removeLabel(name: string): string;
  onChange(names: string[]): void;
}

export function NamesField({
  label,
  description,
  hint,
  names,
  offered,
  free,
  removeLabel,
  onChange,
}: Props): ReactNode {
  const [typed, setTyped] = useState("");
  const left = offered.filter((name) => !names.includes(name));
  const add = (name: string): void => {
    const wanted = name.trim();
    if (wanted !== "" && !names.includes(wanted) && (free || offered.includes(wanted))) onChange([...names, wanted]);
    setTyped("");
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || typed.trim() === "") return;
    event.preventDefault();
    if (free || offered.includes(typed.trim())) add(typed);
  };
  return (
    <div className={styles.section}>
      <Autocomplete
        size="xs"
        label={label}
        description={description}
        placeholder={hint}
        value={typed}
        data={left}
        limit={MOST_OFFERED}
        maxDropdownHeight={220}
        autoComplete="off"
        comboboxProps={{ withinPortal: true }}
        onChange={setTyped}
        onOptionSubmit={(name) => {
          add(name);
          // Mantine writes the chosen text into the field afterwards.
          queueMicrotask(() => setTyped(""));
        }}
        onKeyDown={onKey}
        onBlur={() => free && add(typed)}
      />
      {names.length > 0 && (
        <ul className={styles.tags} aria-label={label}>
          {names.map((name) => (
            <li key={name} className={styles.tag}>
              {name}
              <IconButton
                label={removeLabel(name)}
                size={22}
                onClick={() => onChange(names.filter((one) => one !== name))}
              >
                <IconX size={12} />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
