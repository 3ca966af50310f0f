// Numbers, times and durations as an operator reads them at a glance.

const number = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short" });

export const count = (value: number): string => number.format(value);
/** At most four digits: `12,4K`. */
export const brief = (value: number): string => (value < 10_000 ? number.format(value) : short.format(value));

/** `340 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  if (seconds < 0.001) return "0 ms";
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const parts: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const at = parts.findIndex(([size]) => seconds >= size);
  const [size, unit] = parts[at]!;
  const [smaller, smallerUnit] = parts[at + 1]!;
  const rest = Math.floor((seconds % size) / smaller);
  return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${smallerUnit}` : ""}`;
}

/** `now`, `12 s ago`, `3 h ago`, `in 5 min`. */
export function ago(time: string, now = Date.now()): string {
  const seconds = (now - Date.parse(time)) / 1_000;
  if (Math.abs(seconds) < 1) return "now";
  const [size, unit] = ([[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]] as [number, string][]).find(([size]) => Math.abs(seconds) >= size)!;
  const whole = `${Math.floor(Math.abs(seconds) / size)} ${unit}`;
  return seconds < 0 ? `in ${whole}` : `${whole} ago`;
}

export const clockTime = (time: string): string => `${clock.format(new Date(time))}.${time.slice(20, 23)}`;

/** The day too, where it is not today's. */
export function dateTime(time: string): string {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

/** Per second, minute or hour, whichever is a number one can picture. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return "0";
  if (perSecond >= 1) return `${brief(Math.round(perSecond * 10) / 10)}/s`;
  if (perSecond * 60 >= 1) return `${Math.round(perSecond * 600) / 10}/min`;
  return `${Math.round(perSecond * 36_000) / 10}/h`;
}
