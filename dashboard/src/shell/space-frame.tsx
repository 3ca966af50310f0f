// What all pages of a space share: an id that can be one; and what an admin's pages share.
import { Outlet, useParams } from "@tanstack/react-router";
import { isId } from "../lib/ids.ts";
import { useMay } from "../session.ts";
import { Nothing } from "./nothing.tsx";

export function SpaceFrame() {
  const { spaceId } = useParams({ from: "/inside/spaces/$spaceId" });
  // With its own state for each: what was typed for one space is not saved in another.
  return isId(spaceId) ? <Outlet key={spaceId} /> : <Nothing what="space" />;
}

export function AdminFrame() {
  return useMay()("admin") ? <Outlet /> : <Nothing what="page">Keys and settings of a space are an admin’s: this key is none.</Nothing>;
}
