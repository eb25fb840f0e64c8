// The attempts of a call on one axis: when each began, how long it took, how it ended.

import { h } from '../element.js';
import { duration } from '../format.js';
import { ROLES, words } from '../words.js';

const WIDTH = 100;
const LEAST = 0.6;

export function waterfall(record) {
  if (!record.attempts.length) return h.p({ class: 'empty' }, 'Nobody was asked.');
  const ends = record.attempts.map((attempt) => attempt.started + attempt.duration);
  const whole = Math.max(record.seconds, ...ends, 1e-6);
  return h.ol(
    { class: 'waterfall' },
    record.attempts.map((attempt) => step(attempt, whole)),
  );
}

function step(attempt, whole) {
  const place = (seconds) => (seconds / whole) * WIDTH;
  const failed = attempt.failure_class !== null;
  return h.li(
    { key: attempt.number },
    h.p(
      h.strong(`${attempt.provider}/${attempt.model}`),
      h.span(
        { class: failed ? 'bad' : 'good' },
        failed ? words(attempt.failure_class) : 'answered',
        attempt.status ? ` · ${attempt.status}` : '',
      ),
      h.span({ class: 'number' }, duration(attempt.duration)),
    ),
    h.svg(
      { viewBox: `0 0 ${WIDTH} 4`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      h.rect({ class: 'track', x: 0, y: 0, width: WIDTH, height: 4 }),
      h.rect({
        class: failed ? 'failed' : 'answered',
        x: Math.min(place(attempt.started), WIDTH - LEAST),
        y: 0,
        width: Math.max(LEAST, place(attempt.duration)),
        height: 4,
      }),
    ),
    attempt.message && h.p({ class: 'message' }, attempt.message),
    h.p({ class: 'note' }, notes(attempt).join(' · ')),
  );
}

function notes(attempt) {
  return [
    ROLES[attempt.role],
    `began after ${duration(attempt.started)}`,
    attempt.key !== attempt.provider && `key ${attempt.key}`,
    attempt.request_id && `request ${attempt.request_id}`,
    attempt.failure_class && (attempt.retryable ? 'could be tried again' : 'not worth another try'),
  ].filter(Boolean);
}
