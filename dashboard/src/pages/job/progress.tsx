// Progress as a bar, and one for each part that reports its own.
import { partsOf, percentOf, stepOf } from "../../lib/progress.ts";
import { cx } from "../../ui/basics.tsx";

export function Progress({ progress, tone = "accent" }: { progress: unknown; tone?: "accent" | "good" | "bad" }) {
  const percent = percentOf(progress);
  const step = stepOf(progress);
  return (
    <div className="space-y-3">
      {(percent !== undefined || step) && (
        <div>
          <div className="mb-1.5 flex items-baseline justify-between gap-4">
            <bdi className="truncate" title={step}>{step ?? "Progress"}</bdi>
            {percent !== undefined && <span className="shrink-0 font-semibold tabular-nums">{Math.round(percent)} %</span>}
          </div>
          {percent !== undefined && <Bar percent={percent} label={step ?? "Progress"} tone={tone} tall />}
        </div>
      )}
      {partsOf(progress).map((part, at) => (
        <div key={at} className="grid grid-cols-[minmax(0,8rem)_minmax(0,1fr)_3rem] items-center gap-3">
          <bdi className="truncate text-soft" title={part.name}>{part.name}</bdi><Bar percent={part.percent} label={part.name} tone={tone} /><span className="text-right text-soft tabular-nums">{Math.round(part.percent)} %</span>
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
