import icon from "../icon.svg";

export function Mark() {
  return <span className="flex items-center gap-2 font-semibold text-[1.07rem] tracking-tight"><img src={icon} alt="" className="size-6" /> Emit</span>;
}
