// Every page and its address. All but the first are fetched when they are gone to.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { Broken, Nothing } from "./shell/nothing.tsx";
import { Shell } from "./shell/shell.tsx";
import { Home } from "./pages/home.tsx";
import { AdminFrame, SpaceFrame } from "./shell/space-frame.tsx";

const root = createRootRoute({ component: Outlet, notFoundComponent: () => <Shell><Nothing what="page" /></Shell> });

/** Pages for those who have signed in. */
const inside = createRoute({ getParentRoute: () => root, id: "inside", component: Shell });
const home = createRoute({ getParentRoute: () => inside, path: "/", component: Home });
const job = createRoute({
  getParentRoute: () => inside, path: "/jobs/$jobId", component: lazyRouteComponent(() => import("./pages/job/job.tsx"), "JobPage"),
});

const space = createRoute({ getParentRoute: () => inside, path: "/spaces/$spaceId", component: SpaceFrame });
const overview = createRoute({
  getParentRoute: () => space, path: "/", component: lazyRouteComponent(() => import("./pages/overview.tsx"), "Overview"),
});
const jobs = createRoute({
  getParentRoute: () => space,
  path: "/jobs",
  validateSearch: (search: Record<string, unknown>): { q?: string } => (typeof search.q === "string" && search.q ? { q: search.q } : {}),
  component: lazyRouteComponent(() => import("./pages/jobs/jobs.tsx"), "JobsPage"),
});
const failures = createRoute({
  getParentRoute: () => space, path: "/failures", component: lazyRouteComponent(() => import("./pages/failures.tsx"), "FailuresPage"),
});
const feed = createRoute({
  getParentRoute: () => space, path: "/feed", component: lazyRouteComponent(() => import("./pages/feed.tsx"), "FeedPage"),
});
const metrics = createRoute({
  getParentRoute: () => space, path: "/metrics", component: lazyRouteComponent(() => import("./pages/metrics.tsx"), "MetricsPage"),
});
const admins = createRoute({ getParentRoute: () => space, id: "admin", component: AdminFrame });
const tokens = createRoute({
  getParentRoute: () => admins, path: "/tokens", component: lazyRouteComponent(() => import("./pages/tokens/tokens.tsx"), "TokensPage"),
});
const settings = createRoute({
  getParentRoute: () => admins, path: "/settings", component: lazyRouteComponent(() => import("./pages/settings.tsx"), "SettingsPage"),
});

/** For whoever holds a job's link: no sign-in, no shell. */
const watch = createRoute({
  getParentRoute: () => root, path: "/watch/$jobId", component: lazyRouteComponent(() => import("./pages/watch.tsx"), "WatchPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    inside.addChildren([home, job, space.addChildren([overview, jobs, failures, feed, metrics, admins.addChildren([tokens, settings])])]),
    watch,
  ]),
  defaultPreload: "intent",
  defaultErrorComponent: Broken,
  // `q` is text, and stays readable in the address.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(Object.entries(search).filter(([, value]) => value !== undefined) as [string, string][]).toString();
    return text ? `?${text}` : "";
  },
});

// A page begins at its top; going back is the browser's, which knows where it was.
router.history.subscribe(({ action, location }) => {
  if (action.type === "PUSH" && location.pathname !== router.state.location.pathname) scrollTo(0, 0);
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
