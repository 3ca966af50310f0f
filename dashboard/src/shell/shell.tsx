// The frame around every page of those who have signed in.
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useParams } from "@tanstack/react-router";
import { Activity, ChartNoAxesColumn, House, KeyRound, LayoutDashboard, ListTree, LogOut, type LucideIcon, Menu, Search, Settings2, SunMoon, TriangleAlert } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { jobOf, spacesList } from "../api.ts";
import { isId, shortId } from "../lib/ids.ts";
import { ConnectionSign, LiveProvider } from "../live/live.tsx";
import { SignIn } from "../pages/sign-in.tsx";
import { may, signOut, useMay, useSession, useSessionState } from "../session.ts";
import { chooseTheme } from "../theme.ts";
import { cx, Kbd } from "../ui/basics.tsx";
import { Mark } from "../ui/mark.tsx";
import { Palette } from "./palette.tsx";

/** Few keys come here, and what they need would be in everybody's first load. */
const Limited = lazy(() => import("../pages/limited.tsx").then(({ Limited }) => ({ default: Limited })));

export function Shell({ children }: { children?: ReactNode }) {
  const { session } = useSessionState();
  if (!session) return <SignIn />;
  if (!may(session.me.scopes, "jobs:read")) return <Suspense><Limited /></Suspense>;
  return <Frame>{children ?? <Outlet />}</Frame>;
}

/** The space that is open: the address's, else that of the job in the address, else the key's own. */
function useOpenSpace(): string | undefined {
  const { me } = useSession();
  const params = useParams({ strict: false }) as { spaceId?: string; jobId?: string };
  const job = useQuery({ ...jobOf(params.jobId ?? ""), enabled: params.jobId !== undefined && isId(params.jobId) });
  const space = params.spaceId ?? job.data?.spaceId ?? me.spaceId;
  return space && isId(space) ? space : undefined;
}

function Frame({ children }: { children: ReactNode }) {
  const space = useOpenSpace();
  const [palette, setPalette] = useState(false);
  const [menu, setMenu] = useState(false);
  const path = useLocation({ select: (location) => location.pathname });
  useEffect(() => setMenu(false), [path]);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key === "Escape") setMenu(false);
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      setPalette((open) => !open);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  return (
    <LiveProvider space={space}><div className="flex min-h-dvh flex-col md:flex-row">
      <a href="#content" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded focus:bg-card focus:p-2">Skip to content</a>
      <header className="sticky top-0 z-20 flex h-12 items-center gap-2 border-line border-b bg-card px-3 md:hidden">
        <button type="button" aria-label="Menu" aria-expanded={menu} onClick={() => setMenu(!menu)} className="rounded-md p-2 hover:bg-sunken"><Menu size={18} aria-hidden /></button>
        <Mark />
        <span className="ml-auto">{space && <ConnectionSign />}</span>
        <button type="button" aria-label="Search and commands" onClick={() => setPalette(true)} className="rounded-md p-2 hover:bg-sunken"><Search size={18} aria-hidden /></button>
      </header>
      <aside className={cx("shrink-0 border-line border-r bg-card md:sticky md:top-0 md:flex md:h-dvh md:w-56 md:flex-col", menu ? "flex flex-col border-b" : "hidden")}>
        <Side space={space} openPalette={() => setPalette(true)} />
      </aside>
      <main id="content" tabIndex={-1} className="min-w-0 flex-1 px-4 py-5 outline-none md:px-7 md:py-6">
        {children}
      </main>
      <Palette open={palette} onClose={() => setPalette(false)} space={space} />
    </div></LiveProvider>
  );
}

function Side({ space, openPalette }: { space: string | undefined; openPalette: () => void }) {
  const mayDo = useMay();
  const admin = mayDo("admin");
  return (
    <>
      <div className="hidden h-14 items-center px-4 md:flex"><Mark /></div>
      <div className="px-3 pt-3 md:pt-0">
        <button type="button" onClick={openPalette} className="flex h-8 w-full items-center gap-2 rounded-md border border-line bg-ground px-2 text-left text-soft hover:border-line-strong">
          <Search size={14} aria-hidden /> Go to… <span className="ml-auto hidden md:inline"><Kbd>{navigator.platform.startsWith("Mac") ? "⌘K" : "Ctrl K"}</Kbd></span>
        </button>
      </div>
      <nav aria-label="Main" className="flex-1 overflow-y-auto px-3 py-3">
        {admin && <ul className="mb-3"><Item to="/" icon={House} exact>All spaces</Item></ul>}
        {space && <SpaceName space={space} admin={admin} />}
        {space && (
          <ul className="space-y-0.5">
            <Item to="/spaces/$spaceId" space={space} icon={LayoutDashboard} exact>Overview</Item>
            <Item to="/spaces/$spaceId/jobs" space={space} icon={ListTree}>Jobs</Item>
            <Item to="/spaces/$spaceId/failures" space={space} icon={TriangleAlert}>Failures</Item>
            <Item to="/spaces/$spaceId/feed" space={space} icon={Activity}>Live feed</Item>
            <Item to="/spaces/$spaceId/metrics" space={space} icon={ChartNoAxesColumn}>Metrics</Item>
            {admin && <Item to="/spaces/$spaceId/tokens" space={space} icon={KeyRound}>Tokens</Item>}
            {admin && <Item to="/spaces/$spaceId/settings" space={space} icon={Settings2}>Settings</Item>}
          </ul>
        )}
      </nav>
      <div className="flex items-center gap-1 border-line border-t p-3">
        {space && <span className="hidden md:inline"><ConnectionSign /></span>}
        <span className="ml-auto" />
        <button type="button" title="Light or dark" aria-label="Light or dark" className="rounded-md p-1.5 text-soft hover:bg-sunken hover:text-ink"
          onClick={() => chooseTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark")}><SunMoon size={16} aria-hidden /></button>
        <button type="button" title="Sign out" aria-label="Sign out" className="rounded-md p-1.5 text-soft hover:bg-sunken hover:text-ink"
          onClick={() => signOut()}><LogOut size={16} aria-hidden /></button>
      </div>
    </>
  );
}

function SpaceName({ space, admin }: { space: string; admin: boolean }) {
  const spaces = useQuery({ ...spacesList(), enabled: admin });
  const name = spaces.data?.find(({ id }) => id === space)?.name;
  return (
    <div className="mb-1 truncate px-2 py-1 font-medium text-soft text-xs uppercase tracking-wide" title={`${name ?? "Space"} ${space}`}>
      {name ? <bdi>{name}</bdi> : `Space ${shortId(space)}`}
    </div>
  );
}

function Item({ to, space, icon: Icon, exact, children }: {
  to: string; space?: string; icon: LucideIcon; exact?: boolean; children: ReactNode;
}) {
  return (
    <li>
      <Link
        to={to} params={{ spaceId: space ?? "" } as never} activeOptions={{ exact: exact ?? false, includeSearch: false }}
        className="flex h-8 items-center gap-2.5 rounded-md px-2 text-soft no-underline hover:bg-sunken hover:text-ink aria-[current=page]:bg-accent-ground aria-[current=page]:font-medium aria-[current=page]:text-ink"
      >
        <Icon size={16} aria-hidden /> {children}
      </Link>
    </li>
  );
}
