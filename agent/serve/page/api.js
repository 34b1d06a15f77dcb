// The gateway's own API: each answer is kept with its tag, so that what has not changed is not sent again.
const kept = new Map();

export class Refused extends Error {}

export function useToken(token) {
  sessionStorage.setItem("token", token);
  kept.clear();
}

export async function get(path) {
  const headers = { Accept: "application/json" };
  const token = sessionStorage.getItem("token");
  if (token) headers.Authorization = `Bearer ${token}`;
  const known = kept.get(path);
  if (known) headers["If-None-Match"] = known.tag;
  const answer = await fetch(path, { headers, cache: "no-store", credentials: "same-origin" });
  if (answer.status === 304 && known) return known.body;
  if (answer.status === 401 || answer.status === 403) throw new Refused(path);
  if (!answer.ok && answer.status !== 503) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? `${path} answers ${answer.status}`);
  }
  const body = await answer.json();
  const tag = answer.headers.get("ETag");
  if (tag) kept.set(path, { tag, body });
  return body;
}
