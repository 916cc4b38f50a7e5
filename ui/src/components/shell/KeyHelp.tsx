/** The keyboard map as a table. */
import { Kbd, Modal, Switch } from "@mantine/core";
import { type ReactNode, useSyncExternalStore } from "react";
import { BINDINGS, keyCaps } from "../../core/keys.ts";
import { t } from "../../core/text.ts";
import { IS_MAC } from "../../hooks/usePlatform.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import styles from "./KeyHelp.module.css";
import { keyHelp } from "./openStore.ts";

export default function KeyHelp(): ReactNode {
  const shown = useSyncExternalStore(keyHelp.subscribe, keyHelp.get);
  const { singleKeys } = usePrefs();
  const setPrefs = useSetPrefs();
  return (
    <Modal
      opened={shown}
      onClose={keyHelp.close}
      title={t.keys.title}
      size="lg"
      closeButtonProps={{ "aria-label": t.close }}
    >
      <div className={styles.columns}>
        {(["general", "time", "rows"] as const).map((group) => (
          <section key={group} className={styles.group}>
            <h3>{t.keys.groups[group]}</h3>
            {BINDINGS.filter((binding) => binding.group === group).map((binding) => (
              <div key={binding.action} className={styles.row}>
                <span>{t.keys.actions[binding.action]}</span>
                <span className={styles.caps}>
                  {keyCaps(binding.keys, IS_MAC).map((cap, index) => (
                    <Kbd key={index} size="xs">
                      {cap}
                    </Kbd>
                  ))}
                </span>
              </div>
            ))}
          </section>
        ))}
      </div>
      <Switch
        checked={singleKeys}
        onChange={(event) => setPrefs({ singleKeys: event.currentTarget.checked })}
        label={singleKeys ? t.keys.single : t.keys.singleOff}
      />
    </Modal>
  );
}
