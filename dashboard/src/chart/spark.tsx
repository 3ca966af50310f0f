// A sparkline of two rows: what went well above, what failed below. For eyes only; its text says the same.

export function Spark({ good, bad, label, width = 180, height = 32 }: {
  good: number[]; bad: number[]; label: string; width?: number; height?: number;
}) {
  const most = Math.max(1, ...good.map((value, at) => value + (bad[at] ?? 0)));
  const step = width / Math.max(1, good.length);
  const size = (value: number) => (value === 0 ? 0 : Math.max(1.5, (value / most) * (height - 2)));
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" className="block h-8 w-full max-w-[220px]">
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} className="stroke-line" />
      {good.map((value, at) => {
        const failed = size(bad[at] ?? 0);
        return (
          <g key={at}>
            <rect x={at * step} width={Math.max(1, step - 0.8)} y={height - size(value) - failed} height={size(value)} className="fill-accent" opacity={0.75} />
            <rect x={at * step} width={Math.max(1, step - 0.8)} y={height - failed} height={failed} className="fill-bad-mark" />
          </g>
        );
      })}
    </svg>
  );
}
