// What a page can make of progress: any JSON object, of which some fields are common.

/** From 0 to 100, where it says so. */
export function percentOf(progress: any): number | undefined {
  const value = progress?.percent ?? progress?.percentage;
  return typeof value === "number" && Number.isFinite(value) ? Math.max(0, Math.min(100, value)) : undefined;
}

export const stepOf = (progress: any): string | undefined =>
  [progress?.message, progress?.step, progress?.stage].find((text) => typeof text === "string");

export interface Part {
  name: string;
  percent: number;
}

const PARTS_MAX = 12;

/** Parts that report their own: any object within it that has a percent. */
export function partsOf(progress: any): Part[] {
  if (!progress || typeof progress !== "object") return [];
  const parts: Part[] = [];
  const look = (name: string, value: any, depth: number) => {
    if (!value || typeof value !== "object" || parts.length === PARTS_MAX) return;
    const percent = percentOf(value);
    if (percent !== undefined) return void parts.push({ name: typeof value.name === "string" ? value.name : name, percent });
    if (depth === 0) return;
    for (const [key, inner] of Object.entries(value)) look(Array.isArray(value) ? `${name} ${Number(key) + 1}` : key, inner, depth - 1);
  };
  for (const [key, value] of Object.entries(progress)) look(key, value, 1);
  return parts;
}
