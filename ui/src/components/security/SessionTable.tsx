/** Sessions of somebody: device, address, when. */
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import type { SessionInfo } from "../../core/api/security.ts";
import { deviceOf } from "../../core/security/agent.ts";
import { s } from "../../core/securityText.ts";
import { styles, When } from "./parts.tsx";

const text = s.profile;

export function deviceName(session: SessionInfo): string {
  const { browser, system } = deviceOf(session.user_agent);
  return browser || system ? text.on(browser, system) : text.unknownDevice;
}

/** "password+totp" has two parts; "oidc:company" is a single sign-on. */
function methodName(method: string): string {
  const part = (name: string): string => text.methods[name.split(":")[0] ?? ""] ?? name;
  return method.split("+").map(part).join(", ");
}

interface Props {
  sessions: readonly SessionInfo[];
  onEnd?(session: SessionInfo): void;
}

export function SessionTable({ sessions, onEnd }: Props): ReactNode {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={styles.box} aria-label={text.sessionList} tabIndex={0}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{text.device}</th>
            <th scope="col">{text.address}</th>
            <th scope="col">{text.signedIn}</th>
            <th scope="col">{text.lastSeen}</th>
            <th scope="col">{text.ends}</th>
            {onEnd && (
              <th scope="col">
                <span className="visually-hidden">{text.end}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            <tr key={session.id} data-testid="session">
              <th scope="row" title={session.user_agent}>
                {deviceName(session)}{" "}
                {session.current && (
                  <span className={styles.chip} data-tone="ok">
                    {text.thisOne}
                  </span>
                )}
                <span className={styles.sub}>{methodName(session.method)}</span>
              </th>
              <td>{session.address}</td>
              <td>
                <When text={session.created_at} />
              </td>
              <td>
                <When text={session.last_seen} />
              </td>
              <td>
                <When text={session.expires_at} exact />
              </td>
              {onEnd && (
                <td>
                  {!session.current && (
                    <div className={styles.rowActions}>
                      <Button
                        size="compact-xs"
                        variant="default"
                        aria-label={text.endOne(deviceName(session))}
                        onClick={() => onEnd(session)}
                      >
                        {text.end}
                      </Button>
                    </div>
                  )}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
