// What stands where nothing can: an address that means nothing, a page that broke.
import type { ErrorComponentProps } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { queries } from "../api.ts";
import { Button, ErrorNotice, PageTitle } from "../ui/basics.tsx";

export function Nothing({ what, children }: { what: "page" | "space" | "job"; children?: ReactNode }) {
  return (
    <>
      <PageTitle>{`No such ${what}`}</PageTitle>
      <p className="text-soft">{children ?? `This address names no ${what}.`}</p>
    </>
  );
}

/** One page's mistake is one page's: the frame around it stays. */
export function Broken({ error, reset }: ErrorComponentProps) {
  // What broke it may be an answer that is kept: asked for anew.
  const again = () => (void queries.resetQueries(), reset());
  return (
    <>
      <PageTitle>This page broke</PageTitle>
      <ErrorNotice error={error} />
      <p className="my-4 text-soft">Nothing was changed by that. The rest of the dashboard goes on.</p>
      <Button look="main" onClick={again}>Try again</Button>
    </>
  );
}
