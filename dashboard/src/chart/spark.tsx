// A sparkline of two rows: what went well above, what failed below. For eyes only; its text says the same.

const WIDTH = 180;
const HEIGHT = 32;

export function Spark({ good, bad, label }: { good: number[]; bad: number[]; label: string }) {
  const most = Math.max(1, ...good.map((value, at) => value + (bad[at] ?? 0)));
  const step = WIDTH / Math.max(1, good.length);
  const size = (value: number) => (value === 0 ? 0 : Math.max(1.5, (value / most) * (HEIGHT - 2)));
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" className="block h-8 w-full max-w-[220px]">
      <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} className="stroke-line" />
      {good.map((value, at) => {
        const failed = size(bad[at] ?? 0);
        return (
          <g key={at}>
            <rect x={at * step} width={Math.max(1, step - 0.8)} y={HEIGHT - size(value) - failed} height={size(value)} className="fill-accent" opacity={0.75} />
            <rect x={at * step} width={Math.max(1, step - 0.8)} y={HEIGHT - failed} height={failed} className="fill-bad-mark" />
          </g>
        );
      })}
    </svg>
  );
}
