// Progress as a bar, and one for each part that reports its own: any object within it that has a percent.
import { percentOf } from "../jobs/use-jobs.ts";
import { cx } from "../../ui/basics.tsx";

interface Part {
  name: string;
  percent: number;
}

const PARTS_MAX = 12;

function partsOf(progress: any): Part[] {
  if (!progress || typeof progress !== "object") return [];
  const parts: Part[] = [];
  const look = (name: string, value: any, depth: number) => {
    if (!value || typeof value !== "object" || parts.length === PARTS_MAX) return;
    const percent = percentOf(value);
    if (percent !== undefined) return void parts.push({ name: value.name ?? name, percent });
    if (depth === 0) return;
    for (const [key, inner] of Object.entries(value)) look(Array.isArray(value) ? `${name} ${Number(key) + 1}` : key, inner, depth - 1);
  };
  for (const [key, value] of Object.entries(progress)) look(key, value, 1);
  return parts;
}

const stepOf = (progress: any): string | undefined =>
  [progress?.message, progress?.step, progress?.stage].find((text) => typeof text === "string");

export function Progress({ progress, tone = "accent" }: { progress: unknown; tone?: "accent" | "good" | "bad" }) {
  const percent = percentOf(progress);
  const step = stepOf(progress);
  return (
    <div className="space-y-3">
      {(percent !== undefined || step) && (
        <div>
          <div className="mb-1.5 flex items-baseline justify-between gap-4">
            <span className="truncate" id="progress-step">{step ?? "Progress"}</span>
            {percent !== undefined && <span className="font-semibold tabular-nums">{Math.round(percent)} %</span>}
          </div>
          {percent !== undefined && <Bar percent={percent} label={step ?? "Progress"} tone={tone} tall />}
        </div>
      )}
      {partsOf(progress).map((part) => (
        <div key={part.name} className="grid grid-cols-[8rem_minmax(0,1fr)_3rem] items-center gap-3">
          <span className="truncate text-soft">{part.name}</span><Bar percent={part.percent} label={part.name} tone={tone} /><span className="text-right text-soft tabular-nums">{Math.round(part.percent)} %</span>
        </div>
      ))}
    </div>
  );
}

const TONES = { accent: "bg-accent", good: "bg-good-mark", bad: "bg-bad-mark" };

export function Bar({ percent, label, tone = "accent", tall }: { percent: number; label: string; tone?: keyof typeof TONES; tall?: boolean }) {
  return (
    <div role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(percent)} className={cx("overflow-hidden rounded-full bg-sunken", tall ? "h-2.5" : "h-1.5")}>
      <div className={cx("h-full rounded-full transition-[width] duration-150 ease-linear", TONES[tone])} style={{ width: `${percent}%` }} />
    </div>
  );
}
