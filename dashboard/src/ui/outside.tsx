// The frame of pages without the shell: the mark above a narrow column.
import type { ReactNode } from "react";
import { cx } from "./basics.tsx";
import { Mark } from "./mark.tsx";

export function Outside({ children, wide }: { children: ReactNode; wide?: boolean }) {
  return (
    <main className={cx("mx-auto flex min-h-dvh w-full flex-col justify-center gap-4 px-4 py-8", wide ? "max-w-lg" : "max-w-md")}>
      <Mark />
      {children}
    </main>
  );
}
