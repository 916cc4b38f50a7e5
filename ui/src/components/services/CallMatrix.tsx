/** Calls between many services as a table: callers down, callees across. A picture of so many would show nothing. */
import type { ReactNode } from "react";
import type { MapEdge, ServiceMapAnswer } from "../../core/api/traces.ts";
import { formatRate } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { shadeColor } from "../../core/metrics/heat.ts";
import { errorTone, matrixOf } from "../../core/services/graph.ts";
import { x } from "../../core/tracesText.ts";
import buttons from "../common/Buttons.module.css";
import styles from "./Services.module.css";

const MOST = 60;

interface Props {
  map: ServiceMapAnswer;
  onFocus(name: string): void;
  onEdge(edge: MapEdge): void;
}

export function CallMatrix({ map, onFocus, onEdge }: Props): ReactNode {
  const matrix = matrixOf(map);
  const [clients, servers] = [matrix.clients.slice(0, MOST), matrix.servers.slice(0, MOST)];
  const left = matrix.clients.length - clients.length + matrix.servers.length - servers.length;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard
    <div className={styles.matrixBox} tabIndex={0} role="region" aria-label={x.matrix} data-testid="call-matrix">
      <table className={styles.matrix} aria-label={x.matrix}>
        <thead>
          <tr>
            <th scope="col">{x.matrixCaller}</th>
            {servers.map((name) => (
              <th key={name} scope="col">
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {clients.map((client) => (
            <tr key={client}>
              <th scope="row">
                <button
                  type="button"
                  className={buttons.link}
                  title={x.neighbourhood}
                  aria-label={`${x.neighbourhood}: ${client}`}
                  onClick={() => onFocus(client)}
                >
                  {client}
                </button>
              </th>
              {servers.map((server) => {
                const edge = matrix.cells.get(`${client}\n${server}`);
                const said = edge
                  ? `${x.calls(client, server)}: ${formatRate(edge.requestRate)}, ${formatShare(edge.errorRate)} ${x.errorRate}`
                  : "";
                return (
                  <td key={server}>
                    {edge && (
                      <button
                        type="button"
                        className={styles.cell}
                        title={said}
                        aria-label={said}
                        data-tone={errorTone(edge.errorRate)}
                        style={{ background: shadeColor(Math.sqrt(edge.requestRate / Math.max(1e-9, matrix.most))) }}
                        onClick={() => onEdge(edge)}
                      />
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 && <p>{x.matrixMore(left)}</p>}
    </div>
  );
}
