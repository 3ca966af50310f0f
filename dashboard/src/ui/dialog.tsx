// A dialog: focus stays in it, Escape closes it, and focus goes back where it was.
import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "./basics.tsx";

export function Dialog({ open, onClose, title, children, wide }: {
  open: boolean; onClose: () => void; title: ReactNode; children: ReactNode; wide?: boolean;
}) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/40" />
        <Base.Popup className={cx("fixed top-[8vh] left-1/2 z-50 max-h-[84vh] w-[calc(100vw-2rem)] -translate-x-1/2 overflow-auto rounded-xl border border-line bg-card p-5 shadow-(--shadow)", wide ? "max-w-2xl" : "max-w-md")}>
          <div className="mb-3 flex items-start justify-between gap-4">
            <Base.Title className="min-w-0 break-words font-semibold text-lg">{title}</Base.Title>
            <Base.Close aria-label="Close" className="-m-1 rounded-md p-1 text-soft hover:bg-sunken hover:text-ink"><X size={18} aria-hidden /></Base.Close>
          </div>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
