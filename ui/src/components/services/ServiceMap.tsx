/** The map: services as boxes, calls as curves. Width says how many, colour how many fail, and nothing else. */
import { IconFocusCentered, IconMinus, IconPlus } from "@tabler/icons-react";
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import type { MapEdge, MapNode } from "../../core/api/traces.ts";
import { formatRate } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { formatUnit } from "../../core/metrics/units.ts";
import {
  type Compared,
  edgeKey,
  edgeWidth,
  errorTone,
  type MapDifference,
  shortName,
} from "../../core/services/graph.ts";
import { middleOf, pathOf } from "../../core/services/layout.ts";
import { x } from "../../core/tracesText.ts";
import { NODE_HEIGHT, NODE_WIDTH, type PlacedMap } from "../../hooks/useMapLayout.ts";
import { IconButton } from "../common/IconButton.tsx";
import { changeText } from "./change.ts";
import styles from "./Services.module.css";

const MARGIN = 24;
const LETTERS = 23;
/** Calls from which on they are drawn thin, and have their numbers when they are pointed at. */
const MANY = 40;

interface Props {
  placed: PlacedMap;
  focus: string;
  difference: MapDifference | null;
  onOpen(name: string): void;
  onFocus(name: string): void;
  onEdge(edge: MapEdge): void;
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export function ServiceMap({ placed, focus, difference, onOpen, onFocus, onEdge }: Props): ReactNode {
  const { map, placed: places } = placed;
  const svg = useRef<SVGSVGElement>(null);
  const whole = useMemo<Box>(
    () => ({ x: -MARGIN, y: -MARGIN, width: places.width + MARGIN * 2, height: places.height + MARGIN * 2 }),
    [places],
  );
  const [box, setBox] = useState(whole);
  const [hover, setHover] = useState("");
  useEffect(() => setBox(whole), [whole]);
  const drag = useRef<{ x: number; y: number; box: Box } | null>(null);
  const most = map.edges.reduce((top, edge) => Math.max(top, edge.requestRate), 0);
  const thin = map.edges.length > MANY ? 0.4 : 1;
  const zoom = (factor: number): void =>
    setBox((now) => ({
      x: now.x + (now.width * (1 - factor)) / 2,
      y: now.y + (now.height * (1 - factor)) / 2,
      width: now.width * factor,
      height: now.height * factor,
    }));
  const scale = (): number => {
    const rect = svg.current?.getBoundingClientRect();
    return rect && rect.width > 0 ? Math.max(box.width / rect.width, box.height / rect.height) : 1;
  };
  const onMove = (event: PointerEvent): void => {
    const from = drag.current;
    if (!from) return;
    const by = scale();
    setBox({
      ...from.box,
      x: from.box.x - (event.clientX - from.x) * by,
      y: from.box.y - (event.clientY - from.y) * by,
    });
  };
  useEffect(() => {
    const element = svg.current;
    if (!element) return;
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const factor = event.deltaY > 0 ? 1.15 : 0.87;
      setBox((now) => ({
        x: now.x + (now.width * (1 - factor)) / 2,
        y: now.y + (now.height * (1 - factor)) / 2,
        width: now.width * factor,
        height: now.height * factor,
      }));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);
  const near = useMemo(() => {
    if (hover === "") return null;
    return new Set([
      hover,
      ...map.edges.flatMap((edge) =>
        edge.client === hover ? [edge.server] : edge.server === hover ? [edge.client] : [],
      ),
    ]);
  }, [hover, map.edges]);
  /** Along the calls to the left and right, up and down within a layer. */
  const step = (from: number, key: string): number => {
    const name = map.nodes[from]?.name;
    const here = places.nodes[from];
    if (!here) return from;
    const candidates = map.nodes.flatMap((node, index) => {
      const there = places.nodes[index];
      if (!there || index === from) return [];
      const linked = map.edges.some((edge) =>
        key === "ArrowRight"
          ? edge.client === name && edge.server === node.name
          : edge.server === name && edge.client === node.name,
      );
      const fits =
        key === "ArrowUp"
          ? there.x === here.x && there.y < here.y
          : key === "ArrowDown"
            ? there.x === here.x && there.y > here.y
            : linked;
      return fits ? [{ index, away: Math.abs(there.x - here.x) + Math.abs(there.y - here.y) }] : [];
    });
    return candidates.sort((a, b) => a.away - b.away)[0]?.index ?? from;
  };
  const onKey = (event: KeyboardEvent, index: number): void => {
    const name = map.nodes[index]?.name ?? "";
    if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      const next = step(index, event.key);
      svg.current?.querySelector<SVGGElement>(`[data-index="${next}"]`)?.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      onOpen(name);
    } else if (event.key === "f") {
      event.preventDefault();
      event.stopPropagation();
      onFocus(name);
    }
  };
  return (
    <div className={styles.mapBox} data-testid="service-map">
      <svg
        ref={svg}
        className={styles.svg}
        viewBox={`${box.x} ${box.y} ${box.width} ${box.height}`}
        preserveAspectRatio="xMidYMid meet"
        role="group"
        aria-label={x.map}
        aria-description={x.mapKeys}
        onPointerDown={(event) => {
          if (event.button === 0 && event.target === event.currentTarget) {
            event.currentTarget.setPointerCapture(event.pointerId);
            drag.current = { x: event.clientX, y: event.clientY, box };
          }
        }}
        onPointerMove={onMove}
        onPointerUp={() => {
          drag.current = null;
        }}
        onDoubleClick={() => setBox(whole)}
      >
        <defs>
          <marker
            id="call-end"
            viewBox="0 0 10 10"
            refX="9"
            refY="5"
            markerWidth="11"
            markerHeight="11"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path className={styles.arrow} d="M0 1 L10 5 L0 9 Z" />
          </marker>
        </defs>
        {map.edges.map((edge, index) => {
          const points = places.edges[index] ?? [];
          const compared = difference?.edges.get(edgeKey(edge));
          const dim = near !== null && edge.client !== hover && edge.server !== hover;
          const middle = middleOf(points);
          const said = `${x.calls(edge.client, edge.server)}: ${formatRate(edge.requestRate)}, ${formatShare(edge.errorRate)} ${x.errorRate}, p95 ${formatUnit(edge.p95Server || edge.p95Client, "seconds")}${compared ? `, ${changeText(compared)}` : ""}`;
          return (
            // biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a drawing; the keyboard reaches the same by its service
            <g
              key={edgeKey(edge)}
              role="img"
              aria-label={said}
              onClick={() => onEdge(edge)}
              style={{ cursor: "pointer" }}
            >
              <title>{said}</title>
              <path
                className={styles.edge}
                d={pathOf(points)}
                data-tone={errorTone(edge.errorRate)}
                data-presence={compared?.presence}
                data-dim={dim || undefined}
                markerEnd="url(#call-end)"
                strokeWidth={edgeWidth(edge.requestRate, most) * thin}
              />
              {(map.edges.length <= MANY || (near && !dim)) && (
                <text className={styles.edgeLabel} x={middle.x} y={middle.y - 5}>
                  {compared ? changeText({ ...compared, errors: 0 }) : formatRate(edge.requestRate)}
                </text>
              )}
            </g>
          );
        })}
        {map.nodes.map((node, index) => {
          const point = places.nodes[index] ?? { x: 0, y: 0 };
          const compared = difference?.nodes.get(node.name);
          return (
            <g
              key={node.name}
              className={styles.node}
              transform={`translate(${point.x - NODE_WIDTH / 2} ${point.y - NODE_HEIGHT / 2})`}
              role="button"
              tabIndex={0}
              aria-label={nodeLabel(node, compared)}
              data-index={index}
              data-focus={node.name === focus || undefined}
              data-tone={errorTone(node.errorRate)}
              data-presence={compared?.presence}
              data-dim={(near !== null && !near.has(node.name)) || undefined}
              data-testid="map-node"
              onClick={() => onOpen(node.name)}
              onDoubleClick={(event) => {
                event.stopPropagation();
                onFocus(node.name);
              }}
              onKeyDown={(event) => onKey(event, index)}
              onPointerEnter={() => setHover(node.name)}
              onPointerLeave={() => setHover("")}
            >
              <title>{nodeLabel(node, compared)}</title>
              <Shape type={node.type} />
              <text x={12} y={20}>
                {shortName(node.name, LETTERS)}
              </text>
              <text x={12} y={38} data-small>
                {compared ? (
                  changeText(compared)
                ) : (
                  <>
                    {formatRate(node.requestRate)}
                    {node.errorRate > 0 && <tspan data-bad> · {formatShare(node.errorRate)}</tspan>}{" "}
                    {(node.p95 ?? 0) > 0 && `· ${formatUnit(node.p95, "seconds")}`}
                  </>
                )}
              </text>
            </g>
          );
        })}
      </svg>
      <p className={styles.legend}>{x.mapLegend}</p>
      <div className={styles.zoom}>
        <IconButton label={x.zoomMapIn} onClick={() => zoom(0.8)}>
          <IconPlus size={16} />
        </IconButton>
        <IconButton label={x.zoomMapOut} onClick={() => zoom(1.25)}>
          <IconMinus size={16} />
        </IconButton>
        <IconButton label={x.zoomMapFit} onClick={() => setBox(whole)}>
          <IconFocusCentered size={16} />
        </IconButton>
      </div>
    </div>
  );
}

/** Types are told by shape: colour says errors only. */
function Shape({ type }: { type: MapNode["type"] }): ReactNode {
  const [w, h] = [NODE_WIDTH, NODE_HEIGHT];
  const round = { service: 6, database: 20, messaging: 0, external: 6, user: 26 }[type];
  return (
    <>
      <rect width={w} height={h} rx={round} strokeDasharray={type === "external" ? "2 3" : undefined} />
      {type === "messaging" && <rect x={4} y={4} width={w - 8} height={h - 8} />}
      {type !== "service" && (
        <text x={w - 12} y={-5} textAnchor="end" data-small data-tag>
          {x.typeOne[type]}
        </text>
      )}
    </>
  );
}

function nodeLabel(node: MapNode, compared: Compared | undefined): string {
  const parts = [
    node.name,
    x.typeOne[node.type],
    formatRate(node.requestRate),
    `${formatShare(node.errorRate)} ${x.errorRate}`,
    `p95 ${formatUnit(node.p95, "seconds")}`,
  ];
  return [...parts, ...(compared ? [changeText(compared)] : [])].join(", ");
}
