// Failures by the shape of their error, over the newest 10,000 dead jobs.
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { Fragment } from "react";
import { failuresOf } from "../api.ts";
import { ago, count } from "../lib/format.ts";
import { failuresQuery } from "../lib/query-language.ts";
import { Card, ErrorNotice, PageTitle, Waiting } from "../ui/basics.tsx";

export function FailuresPage() {
  const { spaceId } = useParams({ from: "/inside/spaces/$spaceId/failures" });
  const { data, error } = useQuery(failuresOf(spaceId));
  return (
    <>
      <PageTitle aside={data && <span className="text-soft">{data.more ? `the newest ${count(data.looked)} dead jobs` : `all ${count(data.looked)} dead jobs`}</span>}>Failures</PageTitle>
      {error && <ErrorNotice error={error} />}
      {!data ? !error && <Waiting /> : data.groups.length === 0 ? (
        <Card><p className="text-soft">No job of this space has died. When one does, its error stands here, together with those like it.</p></Card>
      ) : (
        <Card flush>
          <ul className="divide-y divide-line">
            {data.groups.map((group) => (
              <li key={group.shape} className="flex flex-col gap-1 px-4 py-3 sm:flex-row sm:items-baseline sm:gap-4">
                <span className="w-20 shrink-0 font-semibold text-bad text-lg tabular-nums sm:text-right">{count(group.count)}</span>
                <div className="min-w-0 flex-1">
                  <Link to="/spaces/$spaceId/jobs" params={{ spaceId }} search={{ q: failuresQuery(group) }} className="block break-words font-mono text-code text-ink no-underline hover:underline">
                    <bdi>{group.shape || "(no error text)"}</bdi>
                  </Link>
                  <p className="mt-0.5 break-words text-soft">{group.names.map((name, at) => <Fragment key={name}>{at > 0 && ", "}<bdi>{name}</bdi></Fragment>)}</p>
                </div>
                <Link to="/jobs/$jobId" params={{ jobId: group.newestJobId }} className="shrink-0">newest{group.newestAt && `, ${ago(group.newestAt)}`}</Link>
              </li>
            ))}
          </ul>
        </Card>
      )}
    </>
  );
}
