/** Calls between many services as a table: callers down, callees across. A picture of so many would show nothing. */
import type { ReactNode } from "react";
import type { MapEdge, ServiceMapAnswer } from "../../core/api/traces.ts";
import { formatRate } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { shadeColor } from "../../core/metrics/heat.ts";
import {
  type Compared,
  edgeKey,
  errorTone,
  type MapDifference,
  matrixOf,
  shortName,
} from "../../core/services/graph.ts";
import { x } from "../../core/tracesText.ts";
import buttons from "../common/Buttons.module.css";
import { changeText } from "./change.ts";
import styles from "./Services.module.css";

const MOST = 60;
const [COLUMN_LETTERS, ROW_LETTERS] = [17, 44];
/** How many times as many calls are worth a word in a cell. */
const NOTABLE = 1.5;

interface Props {
  map: ServiceMapAnswer;
  difference: MapDifference | null;
  onFocus(name: string): void;
  onEdge(edge: MapEdge): void;
}

export function CallMatrix({ map, difference, onFocus, onEdge }: Props): ReactNode {
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
                <button
                  type="button"
                  className={buttons.link}
                  title={name}
                  aria-label={`${x.neighbourhood}: ${name}`}
                  onClick={() => onFocus(name)}
                >
                  {shortName(name, COLUMN_LETTERS)}
                </button>
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
                  title={client}
                  aria-label={`${x.neighbourhood}: ${client}`}
                  onClick={() => onFocus(client)}
                >
                  {shortName(client, ROW_LETTERS)}
                </button>
              </th>
              {servers.map((server) => {
                const edge = matrix.cells.get(`${client}\n${server}`);
                const change = edge && difference?.edges.get(edgeKey(edge));
                const said = edge
                  ? `${x.calls(client, server)}: ${formatRate(edge.requestRate)}, ${formatShare(edge.errorRate)} ${x.errorRate}${change ? `, ${changeText(change)}` : ""}`
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
                        style={
                          change
                            ? {}
                            : { background: shadeColor(Math.sqrt(edge.requestRate / Math.max(1e-9, matrix.most))) }
                        }
                        onClick={() => onEdge(edge)}
                      >
                        {change && mark(change)}
                      </button>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p>{difference ? x.matrixMarks : x.matrixLegend}</p>
      {left > 0 && <p>{x.matrixMore(left)}</p>}
    </div>
  );
}

/** For a cell of 24 pixels; its title says it in full. */
function mark({ presence, rate }: Compared): string {
  if (presence !== "both") return presence === "added" ? "+" : "−";
  const factor = rate >= 1 ? rate : 1 / rate;
  if (!Number.isFinite(factor) || factor < NOTABLE) return "=";
  return `${rate >= 1 ? "×" : "÷"}${Math.round(factor)}`;
}
