/** What log-analysis should find, from all lines at once. */
export function tally(lines: string[]) {
  const pattern = /^(\S+) - - \[(\d+)\/Mar\/2026:(\d+)\S+ \S+ "\w+ ([^ ?]+)\S* \S+ (\d+) (\d+) .* ([\d.]+)$/;
  const requests = lines.map((line) => {
    const [, client, day, hour, path, status, bytes, seconds] = pattern.exec(line)!;
    return {
      ...{ client: client!, hour: `2026-03-${day}T${hour}`, path: path! },
      ...{ status: Number(status), bytes: Number(bytes), ms: Math.round(Number(seconds) * 1000) },
    };
  });
  const by = <Key>(key: (one: (typeof requests)[number]) => Key) => [...Map.groupBy(requests, key)];
  const hours = by(({ hour }) => hour).map(([hour, all]) => ({
    hour,
    requests: all.length,
    errors: all.filter(({ status }) => status >= 500).length,
    bytes: all.reduce((sum, one) => sum + one.bytes, 0),
    p95_ms: all.map(({ ms }) => ms).sort((a, b) => a - b)[Math.ceil(all.length * 0.95) - 1],
  }));
  const statuses = by(({ status }) => status).map(([status, all]) => ({ status, requests: all.length }));
  const paths = by(({ path }) => path).map(([path, all]) => ({ path, requests: all.length }));
  const probing = requests.filter(({ path }) => ['/.env', '/wp-login.php', '/.git/config'].includes(path));
  const suspects = [...Map.groupBy(probing, ({ client }) => client)].sort(
    ([, a], [, b]) => b.length - a.length,
  );
  return {
    hours,
    statuses: statuses.sort((a, b) => a.status - b.status),
    paths: paths.sort((a, b) => b.requests - a.requests || (a.path < b.path ? -1 : 1)).slice(0, 20),
    suspects: suspects.slice(0, 5).map(([client]) => client),
  };
}
