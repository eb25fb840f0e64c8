// Questions to the gateway, in JSON. Whoever is no longer signed in is sent to the sign-in page,
// and from there back to what they saw.

const PATIENCE_MS = 15_000;

/** What the gateway did not answer; `status` is 0 where it could not be reached. */
export class Problem extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

export const ask = (path, query = {}) => exchange(`/dashboard/data/${path}${written(query)}`);

export const tell = (path, body) =>
  exchange(`/dashboard/data/${path}`, { method: 'POST', body: JSON.stringify(body) });

async function exchange(url, options = {}) {
  let answer;
  let content;
  try {
    answer = await fetch(url, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
    content = await answer.json();
  } catch {
    throw new Problem('the gateway does not answer');
  }
  if (answer.status === 401) location.assign(`/dashboard/sign-in?ended${location.hash}`);
  if (!answer.ok) throw new Problem(content?.error?.message ?? `status ${answer.status}`, answer.status);
  return content;
}

function written(query) {
  const given = Object.entries(query).filter(([, value]) => value);
  return given.length ? `?${new URLSearchParams(given)}` : '';
}
