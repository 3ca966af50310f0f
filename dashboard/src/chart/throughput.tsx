// How many jobs came, ended well and failed, over time.
import type { Stats } from "emit-client";
import { count } from "../lib/format.ts";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const minutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const LINES = [["created", "--calm-mark", "bg-calm-mark", ["created"]], ["completed", "--accent", "bg-accent", ["completed"]], ["failed attempts", "--bad-mark", "bg-bad-mark", ["retried", "dead"]]] as const;

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function Throughput({ stats, height = 200 }: { stats: Stats; height?: number }) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(null);
  const data = dataOf(stats);
  useEffect(() => {
    const box = place.current!;
    const draw = () => {
      chart.current?.destroy();
      chart.current = new uPlot(options(box.clientWidth, height), data, box);
    };
    draw();
    const resized = new ResizeObserver(() => chart.current?.setSize({ width: box.clientWidth, height }));
    resized.observe(box);
    const themed = new MutationObserver(draw);
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      resized.disconnect();
      themed.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [height]);
  useEffect(() => chart.current?.setData(data), [data]);
  const sum = (name: keyof Stats["buckets"][number]) => stats.buckets.reduce((all, bucket) => all + bucket[name], 0);
  return (
    <figure>
      <div ref={place} aria-hidden className="min-w-0" />
      <figcaption className="mt-2 flex flex-wrap gap-x-5 gap-y-1 pl-11">
        {LINES.map(([words, , mark, names]) => (
          <span key={words} className="inline-flex items-center gap-1.5 text-soft">
            <span aria-hidden className={`h-0.5 w-3.5 rounded ${mark}`} />{words} <span className="text-ink tabular-nums">{count(names.reduce((all, name) => all + sum(name), 0))}</span>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function dataOf(stats: Stats): uPlot.AlignedData {
  const from = Date.parse(stats.from) / 1_000;
  const step = (Date.parse(stats.to) / 1_000 - from) / stats.buckets.length;
  return [
    stats.buckets.map((_, at) => from + at * step),
    stats.buckets.map((bucket) => bucket.created),
    stats.buckets.map((bucket) => bucket.completed),
    stats.buckets.map((bucket) => bucket.retried + bucket.dead),
  ];
}

function options(width: number, height: number): uPlot.Options {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const line = (label: string, name: string, fill?: boolean) => ({
    label, stroke: colour(name), width: 1.75, points: { show: false }, ...(fill && { fill: `${colour(name)}22` }),
  });
  return {
    width,
    height,
    cursor: { y: false },
    legend: { show: false },
    padding: [8, 28, 0, 0],
    scales: { y: { range: (_, __, max) => [0, Math.max(4, max * 1.1)] } },
    axes: [{ ...axis, grid: { show: false }, size: 28, space: 80, values: (_, times, __, ___, step) => times.map((time) => (step < 60 ? seconds : minutes).format(time * 1_000)) }, { ...axis, size: 44 }],
    series: [{}, ...LINES.map(([label, name], at) => line(label, name, at > 0))],
  };
}
