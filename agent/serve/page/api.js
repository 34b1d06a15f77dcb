// The gateway's own API: what has not changed is not sent again, and is given as the same object as before.
const TOKEN = "token";
const PATIENCE = 20e3;
const MOST = 200;
const kept = new Map();

export class Refused extends Error {}
export class Gone extends Error {}

export const held = () => sessionStorage.getItem(TOKEN);

export function useToken(token) {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
  kept.clear();
}

export async function get(path) {
  const known = kept.get(path);
  const headers = { Accept: "application/json" };
  if (held()) headers.Authorization = `Bearer ${held()}`;
  if (known?.tag) headers["If-None-Match"] = known.tag;
  const [answer, text] = await asked(path, headers);
  if (answer.status === 304 && known) return known.body;
  const fine = answer.ok || (answer.status === 503 && path === "/readyz");
  if (!fine) throw trouble(path, answer.status, text);
  if (known?.text === text) return known.body;
  const body = JSON.parse(text);
  kept.delete(path);
  kept.set(path, { tag: answer.headers.get("ETag"), text, body });
  if (kept.size > MOST) kept.delete(kept.keys().next().value);
  return body;
}

async function asked(path, headers) {
  try {
    const answer = await fetch(path, {
      headers, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE),
    });
    return [answer, await answer.text()];
  } catch (error) {
    throw new Error(error.name === "TimeoutError" ? `no answer within ${PATIENCE / 1e3} seconds` : "no connection");
  }
}

function trouble(path, status, text) {
  let detail = `${path} answers ${status}`;
  try {
    detail = JSON.parse(text).detail ?? detail;
  } catch {
    // not of this API: the status says enough
  }
  const kind = status === 401 || status === 403 ? Refused : status === 404 || status === 410 ? Gone : Error;
  return new kind(detail);
}
