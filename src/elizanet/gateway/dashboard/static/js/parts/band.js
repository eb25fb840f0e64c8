// What happened to a provider over time, as a band.

import { h } from '../element.js';
import { duration, time } from '../format.js';
import { STATES } from '../words.js';

const WIDTH = 1000;
const LEAST = 3;
const MOST_TOLD = 20;

export function band(provider, overview) {
  const { history, at } = overview;
  if (!history) return null;
  const [since] = history.at;
  const known = Math.max(since, knownSince(overview));
  const spans = history.timelines[provider.name] ?? [];
  const place = (moment) => ((moment - since) / (at - since)) * WIDTH;
  return h.div(
    { class: 'band' },
    h.svg(
      { viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      h.rect({ class: 'idle', x: 0, y: 0, width: WIDTH, height: 10 }),
      wasAsked(provider, history) &&
        h.rect({ class: 'well', x: place(known), y: 0, width: WIDTH - place(known), height: 10 }),
      spans.map(([from, until, state, reason]) =>
        h.rect(
          {
            key: from,
            class: STATES[state].tone,
            x: Math.min(place(from), WIDTH - LEAST),
            y: 0,
            width: Math.max(LEAST, place(until) - place(from)),
            height: 10,
          },
          h.title(told(from, until, state, reason)),
        ),
      ),
    ),
    h.ul(
      { class: 'unseen' },
      spans
        .slice(-MOST_TOLD)
        .map(([from, until, state, reason]) => h.li({ key: from }, told(from, until, state, reason))),
    ),
  );
}

const wasAsked = (provider, history) =>
  provider.state !== 'idle' || provider.names.some((name) => history.asked[name]);

/** Before the first call that is shown, and before the process, nothing is known. */
function knownSince({ history, process }) {
  const first = history.columns.calls.findIndex((calls) => calls > 0);
  return Math.min(process.started, first < 0 ? Infinity : history.at[first]);
}

function told(from, until, state, reason) {
  return `${STATES[state].label} from ${time(from)} to ${time(until)} (${duration(until - from)})${reason ? `: ${reason}` : ''}`;
}
