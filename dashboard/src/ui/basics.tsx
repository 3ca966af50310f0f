// The small things every page is made of.
import { Check, Copy, type LucideIcon } from "lucide-react";
import { type ButtonHTMLAttributes, type InputHTMLAttributes, type ReactNode, useEffect, useState } from "react";
import { useTitle } from "./use-title.ts";

export const cx = (...names: (string | false | undefined | null)[]): string => names.filter(Boolean).join(" ");

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: "plain" | "main" | "bad" | "quiet";
  icon?: LucideIcon;
};

const LOOKS = {
  plain: "border border-line-strong bg-card hover:bg-sunken",
  main: "bg-accent text-on-accent border border-transparent hover:brightness-110",
  bad: "border border-bad-mark/50 text-bad bg-card hover:bg-bad-ground",
  quiet: "border border-transparent text-soft hover:bg-sunken hover:text-ink",
};

export function Button({ look = "plain", icon: Icon, className, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={cx("inline-flex h-8 items-center justify-center gap-1.5 whitespace-nowrap rounded-md px-2.5 font-medium disabled:opacity-50", LOOKS[look], className)}
      {...rest}
    >
      {Icon && <Icon size={15} aria-hidden className="shrink-0" />}
      {children}
    </button>
  );
}

export function Card({ title, aside, children, className, flush }: {
  title?: ReactNode; aside?: ReactNode; children: ReactNode; className?: string; flush?: boolean;
}) {
  return (
    <section className={cx("min-w-0 rounded-xl border border-line bg-card", className)}>
      {title !== undefined && (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-2 border-line border-b px-4 py-1.5">
          <h2 className="font-semibold">{title}</h2>
          {aside}
        </header>
      )}
      <div className={flush ? "" : "p-4"}>{children}</div>
    </section>
  );
}

export const INPUT = "h-8 w-full min-w-0 rounded-md border border-line-strong bg-card px-2.5 placeholder:text-soft";

export function Field({ label, hint, error, children }: { label: string; hint?: ReactNode; error?: string | undefined; children: ReactNode }) {
  return (
    <div>
      <label className="block">
        <span className="mb-1 block font-medium">{label}</span>
        {children}
      </label>
      {hint && <p className="mt-1 text-soft">{hint}</p>}
      {error && <p role="alert" className="mt-1 text-bad">{error}</p>}
    </div>
  );
}

export function Input(props: InputHTMLAttributes<HTMLInputElement>) {
  return <input autoComplete="off" spellCheck={false} {...props} className={cx(INPUT, props.className)} />;
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className="rounded border border-line-strong bg-sunken px-1 font-sans text-soft text-xs">{children}</kbd>;
}

/** Copies a text, and says that it has. */
export function CopyButton({ text, label, look = "quiet", children }: {
  /** Or what makes it, where that is work. */
  text: string | (() => string); label: string; look?: ButtonProps["look"]; children?: ReactNode;
}) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1_500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    await navigator.clipboard.writeText(typeof text === "string" ? text : text()).then(() => setDone(true), () => {});
  };
  return (
    <Button look={look} icon={done ? Check : Copy} onClick={copy} aria-label={label} title={label} className={children ? "" : "w-8 px-0"}>
      {children}
      <span className="sr-only" role="status">{done ? "Copied" : ""}</span>
    </Button>
  );
}

export function Notice({ tone, children }: { tone: "bad" | "warn" | "calm"; children: ReactNode }) {
  const look = { bad: "bg-bad-ground text-bad", warn: "bg-warn-ground text-warn", calm: "bg-accent-ground text-ink" }[tone];
  return <div role={tone === "bad" ? "alert" : "status"} className={cx("rounded-lg px-3 py-2", look)}>{children}</div>;
}

export function ErrorNotice({ error }: { error: unknown }) {
  return <Notice tone="bad">{error instanceof Error ? error.message : String(error)}</Notice>;
}

/** Holds the place of what is on its way, without jumping when it comes. */
export function Waiting({ rows = 3 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="space-y-2">
      {Array.from({ length: rows }, (_, row) => <div key={row} className="h-5 animate-pulse rounded bg-sunken" />)}
    </div>
  );
}

export function PageTitle({ children, aside }: { children: string; aside?: ReactNode }) {
  useTitle(children);
  return (
    <div className="mb-4 flex min-h-8 flex-wrap items-center justify-between gap-x-4 gap-y-2">
      <h1 className="min-w-0 truncate font-semibold text-xl tracking-tight" title={children}><bdi>{children}</bdi></h1>
      {aside && <div className="flex flex-wrap items-center gap-2">{aside}</div>}
    </div>
  );
}
