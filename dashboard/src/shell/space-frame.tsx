// What all pages of a space share: its stream.
import { Outlet, useParams } from "@tanstack/react-router";

export function SpaceFrame() {
  const { spaceId } = useParams({ from: "/inside/spaces/$spaceId" });
  return <Outlet key={spaceId} />;
}
