// By job name: how many, how fast, how long, how often it fails.
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type NameStats, statsOf } from "../api.ts";
import { Throughput } from "../chart/throughput.tsx";
import { count, duration, rate } from "../lib/format.ts";
import { quoted } from "../lib/query-language.ts";
import { Card, ErrorNotice, PageTitle, Waiting } from "../ui/basics.tsx";
import { Span } from "./overview.tsx";

export function MetricsPage() {
  const { spaceId } = useParams({ from: "/inside/spaces/$spaceId/metrics" });
  const { data, error } = useQuery(statsOf(spaceId));
  const seconds = data ? (Date.parse(data.to) - Date.parse(data.from)) / 1_000 : 1;
  return (
    <>
      <PageTitle aside={<Span stats={data} />}>Metrics</PageTitle>
      {error && <div className="mb-4"><ErrorNotice error={error} /></div>}
      {!data ? !error && <Waiting /> : (
        <div className="space-y-4">
          <Card title="Throughput"><Throughput stats={data} height={240} /></Card>
          <Card title="By job name" flush>
            {data.names.length === 0 ? <p className="p-4 text-soft">Nothing has happened in the last hour. Rates and durations by job name appear here as workers finish jobs.</p> : (
              <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Metrics by job name">
                <table className="w-full text-right">
                  <thead className="text-soft">
                    <tr className="border-line border-b">
                      <th rowSpan={2} className="px-4 py-2 text-left align-bottom font-medium">Name</th>
                      <th rowSpan={2} className="px-3 py-2 align-bottom font-medium">Completed</th>
                      <th rowSpan={2} className="px-3 py-2 align-bottom font-medium">Rate</th>
                      <th rowSpan={2} className="px-3 py-2 align-bottom font-medium">Failed attempts</th>
                      <th colSpan={3} className="px-3 pt-2 text-center font-medium">Runs for</th>
                      <th colSpan={3} className="px-3 pt-2 text-center font-medium">Waits for</th>
                    </tr>
                    <tr className="border-line border-b text-xs">
                      {["p50", "p95", "p99", "p50", "p95", "p99"].map((name, at) => <th key={at} className="px-3 pb-2 font-normal">{name}</th>)}
                    </tr>
                  </thead>
                  <tbody>{data.names.map((row) => <Row key={row.name} row={row} space={spaceId} seconds={seconds} />)}</tbody>
                </table>
              </div>
            )}
          </Card>
        </div>
      )}
    </>
  );
}

function Row({ row, space, seconds }: { row: NameStats; space: string; seconds: number }) {
  const failed = row.total.retried + row.total.dead;
  const ended = failed + row.total.completed;
  return (
    <tr className="border-line border-b last:border-0 hover:bg-sunken">
      <th scope="row" className="max-w-72 truncate px-4 py-2 text-left font-normal">
        <Link to="/spaces/$spaceId/jobs" params={{ spaceId: space }} search={{ q: `name:${quoted(row.name)}` }} title={row.name}><bdi>{row.name}</bdi></Link>
      </th>
      <td className="px-3">{count(row.total.completed)}</td>
      <td className="px-3">{rate(row.total.completed / seconds)}</td>
      <td className={failed ? "px-3 text-bad" : "px-3 text-soft"}>{failed ? `${count(failed)} (${Math.round((failed / ended) * 100)} %)` : "0"}</td>
      {[row.runSeconds, row.waitSeconds].flatMap((spread, side) =>
        (["p50", "p95", "p99"] as const).map((name) => <td key={side + name} className="whitespace-nowrap px-3">{spread ? duration(spread[name]) : "–"}</td>))}
    </tr>
  );
}
