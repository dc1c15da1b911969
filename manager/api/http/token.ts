/**
 * Pages send no headers with an EventSource or a WebSocket: for streams the token may be in the query, where no log of ours
 * looks. A header wins.
 */
export function takeToken(query: URLSearchParams, header: Headers): void {
  const token = query.get('access_token');
  query.delete('access_token');
  if (token !== null) setToken(header, token);
}

export function setToken(header: Headers, token: string): void {
  if (!header.has('authorization')) header.set('authorization', `Bearer ${token}`);
}
